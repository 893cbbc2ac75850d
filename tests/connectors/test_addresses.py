"""Which hosts and folders a connection may name."""

import asyncio
import hashlib
import os
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from connectors import dropzone_filesystem
from connectors.addresses import address_allowed, folder_within_roots, resolve_allowed
from connectors.configuration import ConfigRefused
from connectors.dropzone import DropzoneConnector
from connectors.dropzone_filesystem import FilesystemFolder
from connectors.handover import Seen
from connectors.policy import ConnectorPolicy
from domain.transport import TransportCode, TransportError
from tests.connectors.conftest import Dropzone, sftp_values

NOTHING_EXTRA = ConnectorPolicy()

REFUSED = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "100.100.100.200", "168.63.129.16", "224.0.0.1", "239.1.1.1", "240.0.0.1",
    "255.255.255.255",    "192.0.2.1", "198.18.0.1",
    "::", "::1", "fe80::1", "fe80::1%2", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "::127.0.0.1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "2002:7f00:1::", "2002:a00:1::",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1",
]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_inside_are_refused(address: str) -> None:
    assert not address_allowed(ip_address(address), NOTHING_EXTRA)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert address_allowed(ip_address(address), NOTHING_EXTRA)


def test_an_allowed_network_opens_itself_only_in_all_its_spellings() -> None:
    policy = ConnectorPolicy(allowed_networks=(ip_network("10.1.0.0/16"),))
    assert address_allowed(ip_address("10.1.2.3"), policy)
    assert address_allowed(ip_address("::ffff:10.1.2.3"), policy)
    assert not address_allowed(ip_address("10.2.0.1"), policy)
    assert not address_allowed(ip_address("::ffff:10.2.0.1"), policy)


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "::1", "::ffff:7f00:1", "0"],
)
async def test_every_spelling_of_loopback_is_refused(host: str) -> None:
    with pytest.raises(TransportError) as caught:
        await resolve_allowed(host, 22, NOTHING_EXTRA, 2)
    assert caught.value.code is TransportCode.ADDRESS_NOT_ALLOWED
    assert "127" not in str(caught.value)


async def test_the_connector_does_not_connect_to_a_refused_address() -> None:
    connector = DropzoneConnector(NOTHING_EXTRA)
    config = connector.parse(
        {
            "mode": "sftp", "host": "169.254.169.254", "username": "u", "password": "p", "export_path": "/o",
            "trust_on_first_use": True,
        }
    )  # fmt: skip
    result = await connector.test_connection(config)
    assert result.code == "ADDRESS_NOT_ALLOWED"


def test_a_symlink_out_of_the_root_is_refused(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "orders").mkdir(parents=True)
    outside.mkdir()
    (root / "link").symlink_to(outside)
    policy = ConnectorPolicy(filesystem_roots=(root,))
    assert folder_within_roots(str(root / "orders"), policy) == root / "orders"
    for path in (root / "link", outside, tmp_path / "root-2", outside / "missing", Path("/")):
        with pytest.raises(TransportError) as caught:
            folder_within_roots(str(path), policy)
        assert caught.value.code is TransportCode.ADDRESS_NOT_ALLOWED


async def test_a_folder_that_becomes_a_symlink_later_is_refused_at_the_next_use(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "orders").mkdir(parents=True)
    outside.mkdir()
    connector = DropzoneConnector(ConnectorPolicy(filesystem_roots=(root,)))
    config = connector.parse({"mode": "filesystem", "export_path": str(root / "orders")})
    assert (await connector.test_connection(config)).success
    (root / "orders").rmdir()
    (root / "orders").symlink_to(outside)
    assert (await connector.test_connection(config)).code == "ADDRESS_NOT_ALLOWED"
    assert list(outside.iterdir()) == []


async def test_no_roots_forbid_filesystem_mode(tmp_path: Path) -> None:
    connector = DropzoneConnector(NOTHING_EXTRA)
    config = connector.parse({"mode": "filesystem", "export_path": str(tmp_path)})
    assert (await connector.test_connection(config)).code == "ADDRESS_NOT_ALLOWED"


# --- names that answer differently, and folders that move ---------------------------------------------


class Rebinding:
    """A resolver whose owner changes the answer after the first question."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [(2, 1, 6, "", (answer, port))]


async def test_a_name_is_resolved_once_and_the_connection_goes_to_the_checked_address(
    sftp: Dropzone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: had anybody asked again, 127.0.0.9 would have been the answer, and nobody is there."""
    resolver = Rebinding("127.0.0.1", "127.0.0.9")
    connected: list[str] = []
    real = asyncssh.create_connection

    async def create_connection(factory: Any, host: str, *args: Any, **options: Any) -> Any:
        connected.append(host)
        return await real(factory, host, *args, **options)

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolver, raising=False)
    monkeypatch.setattr("connectors.sftp_session.asyncssh.create_connection", create_connection)
    config = sftp.connector.parse(sftp_values(sftp.config.port, str(sftp.fingerprint), host="erp.example"))
    assert (await sftp.connector.test_connection(config)).success
    assert set(connected) == {"127.0.0.1"}
    assert config.host not in connected


async def test_a_name_with_a_public_and_a_private_address_is_used_at_the_public_one_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def both(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        addresses = ("10.0.0.1", "8.8.8.8", "::ffff:127.0.0.1", "fe80::1%lo")
        return [(2, 1, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both, raising=False)
    assert await resolve_allowed("erp.example", 22, NOTHING_EXTRA, 2) == ["8.8.8.8"]


@pytest.mark.parametrize(
    "host", ["fe80::1%lo", "fe80::1%1", "::1%lo", "::ffff:127.0.0.1%lo", "::ffff:7f00:1%1"]
)
async def test_a_zone_id_does_not_hide_an_address(host: str) -> None:
    with pytest.raises(TransportError) as caught:
        await resolve_allowed(host, 22, NOTHING_EXTRA, 2)
    assert caught.value.code in {TransportCode.ADDRESS_NOT_ALLOWED, TransportCode.CONNECTION_REFUSED}


def test_a_zone_id_changes_nothing_about_an_address() -> None:
    assert address_allowed(ip_address("2606:4700:4700::1111%2"), NOTHING_EXTRA)
    assert not address_allowed(
        ip_address("fd00::1%2"), ConnectorPolicy(allowed_networks=(ip_network("fe80::/10"),))
    )


@pytest.mark.parametrize(
    "host", ["http://127.0.0.1", "127.0.0.1/", "a@127.0.0.1", "127.0.0.1#", "[::1]", "a b", "-oProxy"]
)
def test_a_host_is_a_name_or_an_address_and_nothing_else(host: str) -> None:
    values = sftp_values(22, "SHA256:" + "A" * 43, host=host)
    with pytest.raises(ConfigRefused):
        DropzoneConnector(NOTHING_EXTRA).parse(values)


async def test_a_resolver_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object, **__: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never, raising=False)
    with pytest.raises(TransportError) as caught:
        await resolve_allowed("erp.example", 22, NOTHING_EXTRA, 0.05)
    assert caught.value.code is TransportCode.CONNECTION_TIMEOUT


async def test_a_folder_swapped_for_a_symlink_between_check_and_use_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race itself: the parent becomes a symlink after the check, before the open."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "customer" / "orders").mkdir(parents=True)
    (outside / "orders").mkdir(parents=True)
    real_open = os.open
    swapped = False

    def open_after_swap(path: Any, flags: int, *args: Any, **options: Any) -> int:
        nonlocal swapped
        if not swapped and str(path).endswith("orders"):
            swapped = True
            (root / "customer").rename(root / "moved")
            (root / "customer").symlink_to(outside)
        return real_open(path, flags, *args, **options)

    monkeypatch.setattr("connectors.dropzone_filesystem.os.open", open_after_swap)
    connector = DropzoneConnector(ConnectorPolicy(filesystem_roots=(root,)))
    config = connector.parse({"mode": "filesystem", "export_path": str(root / "customer" / "orders")})
    assert (await connector.test_connection(config)).code == "ADDRESS_NOT_ALLOWED"
    assert swapped
    assert list((outside / "orders").iterdir()) == []


async def test_a_folder_swapped_while_it_is_open_gets_nothing_into_the_new_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "orders").mkdir(parents=True)
    outside.mkdir()
    real = dropzone_filesystem._create

    def create_after_swap(folder: int, name: str, content: bytes) -> None:
        if not (root / "orders").is_symlink():
            (root / "orders").rename(root / "moved")
            (root / "orders").symlink_to(outside)
        real(folder, name, content)

    monkeypatch.setattr(dropzone_filesystem, "_create", create_after_swap)
    folder = FilesystemFolder(str(root / "orders"), ConnectorPolicy(filesystem_roots=(root,)), 5)
    await folder.create("one.json", b"{}", lambda: None)
    assert list(outside.iterdir()) == []
    assert (root / "moved" / "one.json").read_bytes() == b"{}"


@pytest.mark.parametrize("name", ["final.json", "staged.tmp"])
async def test_a_symlink_under_the_files_name_is_neither_read_nor_written_through(
    tmp_path: Path, name: str
) -> None:
    root, secret = tmp_path / "root", tmp_path / "secret"
    root.mkdir()
    secret.write_bytes(b"{}")
    (root / name).symlink_to(secret)
    folder = FilesystemFolder(str(root), ConnectorPolicy(filesystem_roots=(root,)), 5)
    seen = await folder.look(name, hashlib.sha256(b"{}").hexdigest(), 2, lambda: None)
    assert seen is Seen.OTHER
    with pytest.raises(TransportError):
        await folder.create(name, b"overwritten", lambda: None)
    assert secret.read_bytes() == b"{}"


async def test_a_folder_or_a_pipe_under_the_files_name_is_another_file_and_is_closed_again(
    tmp_path: Path,
) -> None:
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    folder = FilesystemFolder(str(tmp_path), ConnectorPolicy(filesystem_roots=(tmp_path,)), 5)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for name in ("folder.json", "pipe.json") * 20:
        assert await folder.look(name, hashlib.sha256(b"{}").hexdigest(), 2, lambda: None) is Seen.OTHER
    assert len(list(Path("/proc/self/fd").iterdir())) < before + 10
