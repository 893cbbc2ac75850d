"""Servers that drop our packets, or accept and say nothing, are given up long before a log-in would be."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import asyncssh
import pytest

from connectors import http_json, pinned_host
from connectors.certification_report import FAILED
from connectors.http_json import HttpJsonConnector
from connectors.port import Attempt, no_progress
from domain.transport import TRANSPORT_RULES, TransportCode, TransportError
from tests.connectors.conftest import make_delivery
from tests.connectors.http_receiver import SIGNING_SECRET, Endpoint, raw_endpoint, status
from tests.connectors.proxy import Mode, tcp_proxy
from tests.connectors.senders import TRYING

PATIENT_S = 30  # what the connection allows: whoever waits for half of it fails the test
LIMITS_S = (pinned_host.FIRST_LINE_S, http_json.REACHED_S)
TIMEOUT = TransportCode.CONNECTION_TIMEOUT


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinned_host, "FIRST_LINE_S", 0.2)
    monkeypatch.setattr(http_json, "REACHED_S", 0.2)


@asynccontextmanager
async def drops_our_packets(address: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """A port whose backlog is full: further SYNs are dropped."""
    waiting = []
    with socket.socket() as full:
        full.bind((address, port))
        full.listen(0)
        try:
            for _ in range(4):
                client = socket.socket()
                client.setblocking(False)
                client.connect_ex(full.getsockname())
                waiting.append(client)
            yield full.getsockname()[1]
        finally:
            for client in waiting:
                client.close()


@asynccontextmanager
async def says_for_ever(line: bytes) -> AsyncIterator[int]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def until_hung_up() -> None:
            with suppress(OSError):
                await reader.read()

        gone = asyncio.ensure_future(until_hung_up())
        while not gone.done():
            writer.write(line)
            await asyncio.wait([gone], timeout=0.02)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


Silent = Callable[[], AbstractAsyncContextManager[int]]
SILENT: dict[str, tuple[Silent, str, str]] = {
    "drops our packets": (drops_our_packets, "connect", TRANSPORT_RULES[TIMEOUT].sentence),
    "accepts and says nothing": (lambda: says_for_ever(b""), "host_key", FAILED["host_key", TIMEOUT]),
    "talks and never says that it is an SSH server": (
        lambda: says_for_ever(b"Please wait\r\n"),
        "host_key",
        FAILED["host_key", TIMEOUT],
    ),
}


@pytest.mark.parametrize("kind", sorted(SILENT))
async def test_a_silent_server_is_given_up_before_the_time_for_a_log_in_is_over(sftp: Any, kind: str) -> None:
    silent, step, sentence = SILENT[kind]
    async with silent() as port, asyncio.timeout(PATIENT_S / 2):
        config = sftp.connector.merge(sftp.config, {"port": port, "connect_timeout_s": PATIENT_S})
        with pytest.raises(TransportError) as caught:
            await sftp.connector.stage(sftp.delivery, config, no_progress)
        assert caught.value.code is TIMEOUT
        assert caught.value.retryable
        result = await sftp.connector.test_connection(config)
        assert (result.steps[-1].step, result.code) == (step, TIMEOUT)
        assert result.error_message == sentence


class Unhurried(asyncssh.SSHServer):
    """Speaks at once and takes its time over the log-in, as one that looks our name up."""

    def password_auth_supported(self) -> bool:
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        await asyncio.sleep(0.5)
        return True


async def test_a_server_that_has_spoken_has_the_whole_time_for_the_log_in(sftp: Any) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen(
        "127.0.0.1", 0, config=None, server_factory=Unhurried, server_host_keys=[key], gss_host=None
    )
    try:
        changes = {
            "port": server.get_port(),
            "host_key_fingerprints": [key.get_fingerprint("sha256")],
            "connect_timeout_s": PATIENT_S,
        }
        result = await sftp.connector.test_connection(sftp.connector.merge(sftp.config, changes))
        assert "authentication" in [step.step for step in result.steps if step.ok]
    finally:
        server.close()


async def test_a_mismatch_stays_one_when_the_server_is_silent_on_the_second_look(sftp: Any) -> None:
    async with tcp_proxy(sftp.config.port) as proxy, asyncio.timeout(PATIENT_S / 2):
        proxy.reply = lambda _port: Mode.SWALLOW if proxy.opened > 1 else Mode.PASS
        other = {"port": proxy.port, "host_key_fingerprints": ["SHA256:" + "A" * 43]}
        config = sftp.connector.merge(sftp.config, other | {"connect_timeout_s": PATIENT_S})
        with pytest.raises(TransportError) as caught:
            await sftp.connector.stage(sftp.delivery, config, no_progress)
        assert proxy.opened == 2
        assert caught.value.code is TransportCode.HOST_KEY_MISMATCH
        assert caught.value.host_key_fingerprint == sftp.fingerprint


DEAD = "127.0.0.99"


@pytest.fixture
def _two_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    async def both(host: str, port: int, policy: Any, timeout_s: float) -> list[str]:
        return [DEAD, "127.0.0.1"]

    for place in ("http_json", "sftp_session"):
        monkeypatch.setattr(f"connectors.{place}.resolve_allowed", both)


@pytest.mark.usefixtures("_two_addresses")
async def test_a_silent_address_does_not_hide_the_living_one_behind_it(sftp: Any) -> None:
    async with drops_our_packets(DEAD, sftp.config.port):
        await sftp.connector.stage(sftp.delivery, sftp.config, no_progress)
        assert len(sftp.files.names()) == 1
    async with raw_endpoint(status(200)) as endpoint:
        port = port_of(endpoint)
        async with drops_our_packets(DEAD, port):
            await post(port)
        assert len(endpoint.orders()) == 1


def port_of(endpoint: Endpoint) -> int:
    return int(endpoint.url.split(":")[2].split("/")[0])


async def post(port: int) -> None:
    values = {
        "url": f"http://127.0.0.1:{port}/orders",
        "signing_secret": SIGNING_SECRET,
        "connect_timeout_s": PATIENT_S,
        "answer_timeout_s": PATIENT_S,
    }
    connector = HttpJsonConnector(TRYING)
    await connector.send(make_delivery(), connector.parse(values), Attempt(), no_progress)


async def test_an_endpoint_that_cannot_be_reached_is_given_up_before_the_time_for_tls_is_over() -> None:
    async with drops_our_packets() as port, asyncio.timeout(PATIENT_S / 2):
        with pytest.raises(TransportError) as caught:
            await post(port)
    assert caught.value.code is TIMEOUT
    assert caught.value.unsent


async def test_an_endpoint_that_was_reached_has_the_whole_time_for_its_answer() -> None:
    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.5)
        await status(200)(writer)

    async with raw_endpoint(slow) as endpoint:
        await post(port_of(endpoint))
    assert len(endpoint.orders()) == 1


def test_what_is_silent_is_noticed_within_five_seconds() -> None:
    assert max(LIMITS_S) < 5
