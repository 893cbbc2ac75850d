"""The core of the contract against OpenSSH's own sshd: log-in, host keys, hand-over, acks, many at once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncssh
import pytest
import pytest_asyncio

from connectors.ack_folder import Moved, Tray
from connectors.certification_report import ACK_FOLDER, EXPORT_FOLDER, LOG_IN
from connectors.configuration import Known
from connectors.dropzone import DropzoneConnector
from connectors.policy import ConnectorPolicy
from connectors.port import no_progress
from connectors.sftp_pool import OPEN_PER_OWNER
from domain.delivery import FenceOutcome, PublishOutcome
from domain.transport import HostKeyMismatch, TransportCode, TransportError
from tests.connectors.conftest import LOOPBACK, Dropzone, FolderFiles, make_delivery, sftp_values
from tests.connectors.sshd import Sshd, openssh_sshd

PASSPHRASE = "planted-passphrase-17"
OUR_KEY, STRANGER = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
LOCKED = OUR_KEY.export_private_key(passphrase=PASSPHRASE, rounds=2, ignore_few_rounds=True).decode()
HOST_KEYS = [
    asyncssh.generate_private_key("ssh-ed25519"),
    asyncssh.generate_private_key("ecdsa-sha2-nistp256"),
    asyncssh.generate_private_key("ssh-rsa", key_size=2048),
]
PINS = [key.get_fingerprint("sha256") for key in HOST_KEYS]
OTHER = "SHA256:" + "A" * 43


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sshd() -> AsyncIterator[Sshd]:
    async with openssh_sshd(host_keys=HOST_KEYS, authorized=[OUR_KEY]) as running:
        yield running


@pytest.fixture
async def zone(sshd: Sshd) -> AsyncIterator[Dropzone]:
    connector = DropzoneConnector(ConnectorPolicy(allowed_networks=LOOPBACK))
    values = sftp_values(
        sshd.port,
        PINS[0],
        username=sshd.user,
        password=None,
        private_key=LOCKED,
        passphrase=PASSPHRASE,
        export_path="orders",
        ack_path="acks",
        connect_timeout_s=10,
        operation_timeout_s=10,
    )
    yield Dropzone(connector, connector.parse(values), FolderFiles(sshd.root / "orders"))
    await connector.close()
    for folder in ("orders", "acks"):
        for left in (sshd.root / folder).rglob("*.json*"):
            left.unlink()


async def failed(zone: Dropzone, **changes: Any) -> TransportError:
    with pytest.raises(TransportError) as caught:
        await zone.connector.stage(zone.delivery, zone.connector.merge(zone.config, changes), no_progress)
    assert zone.files.names() == set()
    return caught.value


async def test_the_connection_test_passes_every_step_and_keeps_nothing(zone: Dropzone) -> None:
    result = await zone.connector.test_connection(zone.config)
    assert result.success, result.error_message
    assert [step.step for step in result.steps] == [*LOG_IN, *EXPORT_FOLDER, *ACK_FOLDER]
    assert result.capabilities.model_dump() == {
        "exclusive_create": True,
        "rename": True,
        "posix_rename": True,
        "fsync": True,
        "rename_refuses_existing": True,
    }
    assert zone.files.names() == set()


@pytest.mark.parametrize("pin", PINS, ids=["ed25519", "ecdsa", "rsa"])
async def test_any_of_its_host_keys_may_be_pinned(zone: Dropzone, pin: str) -> None:
    config = zone.connector.merge(zone.config, {"host_key_fingerprints": [OTHER, pin]})
    result = await zone.connector.test_connection(config)
    assert result.success, result.error_message
    assert result.host_key_fingerprint == pin


async def test_another_host_key_is_refused_with_both_fingerprints(zone: Dropzone) -> None:
    error = await failed(zone, host_key_fingerprints=[OTHER])
    assert isinstance(error, HostKeyMismatch)
    assert f"(expected {OTHER}; seen {PINS[0]})" in error.sentence


async def test_an_unknown_key_and_a_password_are_refused_in_words(zone: Dropzone) -> None:
    stranger = STRANGER.export_private_key().decode()
    for changes in ({"private_key": stranger}, {"password": "planted-4711"}, {"username": "nobody-4711"}):
        error = await failed(zone, **changes)
        assert error.code is TransportCode.AUTHENTICATION_FAILED
        assert not error.retryable


@pytest.mark.parametrize("size", [0, 300_000])
async def test_an_order_is_written_read_back_and_published_once(zone: Dropzone, size: int) -> None:
    delivery = make_delivery('{"größe": 1.2300}' + " " * size)
    staged = await zone.connector.stage(delivery, zone.config, no_progress)
    assert zone.files.names() == {staged.temp_name}
    publish = zone.connector.publish
    first = await publish(staged, zone.config, first_try=True, on_progress=no_progress)
    again = await publish(staged, zone.config, first_try=False, on_progress=no_progress)
    assert (first, again) == (PublishOutcome.PUBLISHED, PublishOutcome.ALREADY_THERE)
    assert zone.files.read(delivery.file_name) == delivery.document.encode()
    assert await zone.connector.fence(staged, zone.config) is FenceOutcome.MAY_HAVE_BEEN_SENT
    assert zone.files.names() == {delivery.file_name}


async def test_a_fence_takes_back_what_was_not_published(zone: Dropzone) -> None:
    staged = await zone.connector.stage(zone.delivery, zone.config, no_progress)
    assert await zone.connector.fence(staged, zone.config) is FenceOutcome.NOT_SENT
    assert zone.files.names() == set()


async def test_an_answer_is_listed_read_and_put_away(zone: Dropzone, sshd: Sshd) -> None:
    name, content = f"ack_{zone.delivery.file_name}", b'{"status": "ACKED"}'
    (sshd.root / "acks" / name).write_bytes(content)
    async with zone.connector.ack_folder(zone.config) as acks:
        assert [file.name for file in await acks.files() if file.regular] == [name]
        assert (await acks.read(name))[1] == content
        assert await acks.move(name, Tray.PROCESSED, name) is Moved.MOVED
        assert [file for file in await acks.files() if file.regular] == []
    assert (sshd.root / "acks" / "processed" / name).read_bytes() == content


def saved(zone: Dropzone) -> Any:
    """The configuration of a saved connection: its sessions are kept open."""
    return zone.connector.load(zone.connector.dump(zone.config), Known("org/connection"))


async def test_many_orders_at_once_are_not_turned_away(zone: Dropzone) -> None:
    """sshd drops clients at random from the tenth that has not logged in yet."""
    config = saved(zone)
    orders = [
        make_delivery().model_copy(update={"file_name": f"sales_order_{number}.json"})
        for number in range(3 * OPEN_PER_OWNER)
    ]
    await asyncio.gather(*(zone.connector.stage(order, config, no_progress) for order in orders))
    assert len(zone.files.names()) == len(orders)


async def test_a_session_that_the_server_ended_costs_no_try(zone: Dropzone, sshd: Sshd) -> None:
    config = saved(zone)
    staged = await zone.connector.stage(zone.delivery, config, no_progress)
    assert sshd.serving()
    await sshd.drop_clients()
    outcome = await zone.connector.publish(staged, config, first_try=True, on_progress=no_progress)
    assert outcome is PublishOutcome.PUBLISHED
