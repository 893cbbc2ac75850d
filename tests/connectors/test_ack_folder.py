"""The ack folder of each kind keeps the same promises, whatever lies in it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh
import pytest

from connectors.ack_folder import MAX_ACK_BYTES, AckFolder, Moved, Tray, plain_name
from connectors.dropzone import DropzoneConnector
from connectors.policy import ConnectorPolicy
from domain.transport import TransportCode, TransportError
from tests.connectors.conftest import profile_dropzone, sftp_dropzone
from tests.connectors.servers import PROFILES

FILE = "ack_sales_order_1_20261121T080000Z_0a0b0c0d.json"
FOLDERS = [*(name for name in ("asyncssh", "openssh") if PROFILES[name].available), "filesystem"]


@asynccontextmanager
async def ack_folder(kind: str, root: Path) -> AsyncIterator[AckFolder]:
    (root / "acks").mkdir(exist_ok=True)
    if kind == "filesystem":
        connector = DropzoneConnector(ConnectorPolicy(filesystem_roots=(root,)))
        values = {"mode": "filesystem", "export_path": str(root / "orders"), "ack_path": str(root / "acks")}
        opened = connector.ack_folder(connector.parse(values))
        assert opened is not None
        async with opened as folder:
            yield folder
        return
    async with profile_dropzone(root, profile=kind) as zone:
        opened = zone.connector.ack_folder(zone.connector.merge(zone.config, {"ack_path": "acks"}))
        assert opened is not None
        async with opened as folder:
            yield folder


@pytest.fixture(params=FOLDERS)
async def acks(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AckFolder]:
    async with ack_folder(request.param, tmp_path) as folder:
        yield folder


@pytest.fixture
def there(acks: AckFolder, tmp_path: Path) -> Path:
    """The folder as the ERP sees it."""
    return tmp_path / "acks"


def put(folder: Path, name: str, content: bytes = b"{}", *, at: float = 1_000_000_000) -> None:
    (folder / name).write_bytes(content)
    os.utime(folder / name, (at, at))


async def names(acks: AckFolder) -> list[str]:
    return [file.name for file in await acks.files()]


async def test_a_listing_is_oldest_first_with_sizes_and_times(acks: AckFolder, there: Path) -> None:
    put(there, "b.json", b"{}", at=2_000_000_000)
    put(there, "a.json", b"{ }", at=1_900_000_000)
    listed = await acks.files()
    assert [(file.name, file.size_bytes, file.modified_at.timestamp()) for file in listed] == [
        ("a.json", 3, 1_900_000_000),
        ("b.json", 2, 2_000_000_000),
    ]
    assert all(file.regular for file in listed)


async def test_an_empty_folder_lists_nothing(acks: AckFolder) -> None:
    assert await acks.files() == []


async def test_a_missing_folder_is_an_error_and_not_an_empty_one(acks: AckFolder, there: Path) -> None:
    there.rmdir()
    with pytest.raises(TransportError) as caught:
        await acks.files()
    assert caught.value.code is TransportCode.FOLDER_NOT_FOUND


async def test_names_that_nobody_can_say_are_left_out(acks: AckFolder, there: Path) -> None:
    put(there, FILE)
    for bad in (
        b"ack_\xff.json",
        b"ack_\n.json",
        b"ack_\x1b[2J.json",
        "ack_\u202e.json".encode(),
        b"ack_\\.json",
    ):
        Path(os.fsdecode(os.fsencode(there) + b"/" + bad)).write_bytes(b"{}")
    assert await names(acks) == [FILE]


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a/b", "", ".", "..", "nul\x00", "line\n", "a\\b"])
async def test_a_name_that_is_a_path_is_refused(acks: AckFolder, there: Path, name: str) -> None:
    put(there, FILE)
    assert plain_name(name) is None
    with pytest.raises(TransportError):
        await acks.read(name)
    with pytest.raises(TransportError):
        await acks.move(name, Tray.PROCESSED, FILE)
    with pytest.raises(TransportError):
        await acks.move(FILE, Tray.PROCESSED, name)
    assert await names(acks) == [FILE]


async def test_a_file_is_read_with_a_fresh_look_at_it(acks: AckFolder, there: Path) -> None:
    put(there, FILE, b'{"status": "ACKED"}')
    (listed,) = await acks.files()
    assert await acks.read(FILE) == (listed, b'{"status": "ACKED"}')
    assert await acks.read("gone.json") is None


async def test_no_more_is_read_than_an_ack_can_hold_and_one_byte(acks: AckFolder, there: Path) -> None:
    put(there, FILE, b"x" * 3_000_000)
    read = await acks.read(FILE)
    assert read is not None
    assert (read[0].size_bytes, len(read[1])) == (3_000_000, MAX_ACK_BYTES + 1)
    put(there, "fits.json", b"y" * MAX_ACK_BYTES)
    fits = await acks.read("fits.json")
    assert fits is not None
    assert fits[1] == b"y" * MAX_ACK_BYTES


@pytest.mark.parametrize("what", ["link", "dangling link", "folder", "pipe"])
async def test_what_is_no_regular_file_is_seen_and_never_opened(
    acks: AckFolder, there: Path, tmp_path: Path, what: str
) -> None:
    (tmp_path / "secret").write_text("not for anybody")
    if what == "folder":
        (there / FILE).mkdir()
    elif what == "pipe":
        os.mkfifo(there / FILE)
    else:
        (there / FILE).symlink_to(tmp_path / "secret" if what == "link" else "nowhere")
    assert [(file.name, file.regular) for file in await acks.files()] == [(FILE, False)]
    assert await acks.read(FILE) is None


@pytest.mark.parametrize("tray", list(Tray))
async def test_a_file_is_moved_into_a_tray_that_is_made_for_it_and_again_says_gone(
    acks: AckFolder, there: Path, tray: Tray
) -> None:
    put(there, FILE, b"kept")
    assert await acks.move(FILE, tray, FILE) is Moved.MOVED
    assert await acks.move(FILE, tray, FILE) is Moved.GONE
    assert (there / tray / FILE).read_bytes() == b"kept"
    assert [(file.name, file.regular) for file in await acks.files()] == [(tray, False)]


async def test_a_move_never_replaces_what_is_in_the_tray(acks: AckFolder, there: Path) -> None:
    put(there, FILE, b"first")
    await acks.move(FILE, Tray.PROCESSED, FILE)
    put(there, FILE, b"second")
    assert await acks.move(FILE, Tray.PROCESSED, FILE) is Moved.TAKEN
    assert (there / FILE).read_bytes() == b"second"
    assert await acks.move(FILE, Tray.PROCESSED, f"{FILE}.2") is Moved.MOVED
    assert sorted(path.read_bytes() for path in (there / "processed").iterdir()) == [b"first", b"second"]


async def test_a_link_is_moved_itself_and_not_what_it_points_to(
    acks: AckFolder, there: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("stays")
    (there / FILE).symlink_to(tmp_path / "secret")
    assert await acks.move(FILE, Tray.ERROR, FILE) is Moved.MOVED
    assert (there / "error" / FILE).is_symlink()
    assert (tmp_path / "secret").read_text() == "stays"


async def test_a_tray_that_is_a_link_leads_nowhere(acks: AckFolder, there: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (there / "processed").symlink_to(tmp_path / "elsewhere")
    put(there, FILE)
    with pytest.raises(TransportError) as caught:
        await acks.move(FILE, Tray.PROCESSED, FILE)
    assert caught.value.code is TransportCode.ADDRESS_NOT_ALLOWED
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (there / FILE).exists()


async def test_a_folder_outside_the_roots_is_refused(tmp_path: Path) -> None:
    connector = DropzoneConnector(ConnectorPolicy(filesystem_roots=(tmp_path / "roots",)))
    values = {"mode": "filesystem", "export_path": "/orders", "ack_path": str(tmp_path)}
    opened = connector.ack_folder(connector.parse(values))
    assert opened is not None
    async with opened as folder:
        with pytest.raises(TransportError) as caught:
            await folder.files()
    assert caught.value.code is TransportCode.ADDRESS_NOT_ALLOWED


async def test_a_connection_without_ack_path_has_no_ack_folder(tmp_path: Path) -> None:
    connector = DropzoneConnector(ConnectorPolicy())
    assert connector.ack_folder(connector.parse({"mode": "filesystem", "export_path": "/orders"})) is None


class Hostile(asyncssh.SFTPServer):
    """Lists names that lead out of the folder."""

    def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        async def listing() -> AsyncIterator[asyncssh.SFTPName]:
            for name in (b"ack_../../etc/passwd.json", b"..", b"ack_x/../y.json", b"", b"ack_" + b"n" * 300):
                yield asyncssh.SFTPName(name, attrs=asyncssh.SFTPAttrs(size=1, mtime=2**32 - 1))
            yield asyncssh.SFTPName(FILE.encode(), attrs=asyncssh.SFTPAttrs())

        return listing()


async def test_a_hostile_server_can_name_no_file_outside_the_folder(tmp_path: Path) -> None:
    hostile = sftp_dropzone(tmp_path, sftp_class=Hostile, ack_path="/acks")
    async with hostile as zone, zone.connector.ack_folder(zone.config) as folder:
        (file,) = await folder.files()
    assert (file.name, file.size_bytes, file.modified_at.timestamp()) == (FILE, 0, 0)


class Endless(asyncssh.SFTPServer):
    """Never comes to the end of its listing."""

    def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        async def listing() -> AsyncIterator[asyncssh.SFTPName]:
            number = 0
            while True:
                number += 1
                yield asyncssh.SFTPName(f"ack_{number}.json".encode(), attrs=asyncssh.SFTPAttrs(size=1))

        return listing()


async def test_an_endless_listing_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sftp_acks.MAX_LISTED", 1000)
    endless = sftp_dropzone(tmp_path, sftp_class=Endless, ack_path="/acks")
    async with endless as zone, zone.connector.ack_folder(zone.config) as folder:
        assert len(await folder.files()) == 1000


def test_both_sftp_servers_were_tried() -> None:
    assert PROFILES["openssh"].available is ("openssh" in FOLDERS)
