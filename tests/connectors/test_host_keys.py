"""The server's host key is compared before anything is sent, the user's name included."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from connectors.port import no_progress
from domain.transport import HostKeyMismatch, TransportCode, TransportError
from local.sftp_server import sftp_server
from tests.connectors.proxy import tcp_proxy

OTHER = "SHA256:" + "A" * 43
THIRD = "SHA256:" + "B" * 43


class Watching(asyncssh.SSHServer):
    """Notes how far each client came, and lets nobody in."""

    def __init__(self, reached: list[str]) -> None:
        self.reached = reached

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.reached.append("connected")

    def begin_auth(self, username: str) -> bool:
        self.reached.append(f"user {username}")
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self.reached.append("password")
        return False


@asynccontextmanager
async def watched(*kinds: str) -> AsyncIterator[tuple[int, list[asyncssh.SSHKey], list[str]]]:
    keys = [asyncssh.generate_private_key(kind) for kind in kinds]
    reached: list[str] = []
    server = await asyncssh.listen(
        "127.0.0.1", 0, config=None, server_factory=lambda: Watching(reached), server_host_keys=keys,
        gss_host=None,
    )  # fmt: skip
    try:
        yield server.get_port(), keys, reached
    finally:
        server.close()
        await server.wait_closed()


async def failed_stage(zone: Any) -> TransportError:
    with pytest.raises(TransportError) as caught:
        await zone.connector.stage(zone.delivery, zone.config, no_progress)
    return caught.value


@pytest.mark.parametrize("kinds", [["ssh-ed25519"], ["ssh-ed25519", "ecdsa-sha2-nistp256"]])
async def test_a_server_with_a_wrong_host_key_is_sent_nothing(sftp: Any, kinds: list[str]) -> None:
    async with watched(*kinds) as (port, _, reached):
        sftp.config = sftp.connector.merge(sftp.config, {"port": port, "host_key_fingerprints": [OTHER]})
        assert (await failed_stage(sftp)).code is TransportCode.HOST_KEY_MISMATCH
        assert not (await sftp.connector.test_connection(sftp.config)).success
        assert set(reached) == {"connected"}


async def test_the_watching_server_would_have_seen_an_attempt(sftp: Any) -> None:
    async with watched("ssh-ed25519") as (port, keys, reached):
        pinned = [keys[0].get_fingerprint("sha256")]
        sftp.config = sftp.connector.merge(sftp.config, {"port": port, "host_key_fingerprints": pinned})
        assert (await failed_stage(sftp)).code is TransportCode.AUTHENTICATION_FAILED
        assert {"connected", "user demo", "password"} <= set(reached)


async def test_a_mismatch_names_the_expected_and_the_seen_fingerprint(sftp: Any) -> None:
    sftp.config = sftp.connector.merge(sftp.config, {"host_key_fingerprints": [OTHER, THIRD]})
    error = await failed_stage(sftp)
    assert isinstance(error, HostKeyMismatch)
    assert error.sentence.startswith("Host key mismatch")
    assert f"(expected {OTHER} or {THIRD}; seen {sftp.fingerprint})" in error.sentence
    assert not error.retryable
    result = await sftp.connector.test_connection(sftp.config)
    assert result.code == "HOST_KEY_MISMATCH"
    assert result.host_key_fingerprint == sftp.fingerprint
    assert result.expected_host_keys == [OTHER, THIRD]
    assert [(step.step, step.ok) for step in result.steps] == [
        ("address", True),
        ("connect", True),
        ("host_key", False),
    ]
    assert result.error_message == error.sentence


async def test_a_mismatch_stays_one_when_the_server_hangs_up_on_the_second_look(sftp: Any) -> None:
    """The client asks again for the other kinds of key; what a server without them does is its own affair."""
    async with tcp_proxy(sftp.config.port) as proxy:
        proxy.lose_reply_when = lambda: proxy.opened > 1
        changes = {"port": proxy.port, "host_key_fingerprints": [OTHER]}
        sftp.config = sftp.connector.merge(sftp.config, changes)
        error = await failed_stage(sftp)
        assert proxy.lost == 1
        assert error.code is TransportCode.HOST_KEY_MISMATCH
        assert error.host_key_fingerprint == sftp.fingerprint


async def test_during_a_rotation_the_old_and_the_new_key_are_both_accepted(tmp_path: Path, sftp: Any) -> None:
    secret = sftp.config.password.get_secret_value()
    old, new = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    pins = [key.get_fingerprint("sha256") for key in (old, new)]
    for key, accepted in ((old, pins), (new, pins), (new, pins[1:])):
        async with sftp_server(root=tmp_path / "r", user="demo", password=secret, host_keys=[key]) as server:
            changes = {"port": server.port, "host_key_fingerprints": accepted}
            config = sftp.connector.merge(sftp.config, changes)
            result = await sftp.connector.test_connection(config)
            assert result.success, result.error_message
            assert result.host_key_fingerprint == key.get_fingerprint("sha256")
    async with sftp_server(root=tmp_path / "r", user="demo", password=secret, host_keys=[old]) as server:
        changes = {"port": server.port, "host_key_fingerprints": pins[1:]}
        sftp.config = sftp.connector.merge(sftp.config, changes)
        assert (await failed_stage(sftp)).code is TransportCode.HOST_KEY_MISMATCH


async def test_first_use_trusts_in_a_test_only_until_it_is_pinned(sftp: Any) -> None:
    unpinned = sftp.connector.merge(sftp.config, {"host_key_fingerprints": [], "trust_on_first_use": True})
    result = await sftp.connector.test_connection(unpinned)
    assert result.success
    sftp.config = unpinned
    assert (await failed_stage(sftp)).code is TransportCode.HOST_KEY_MISMATCH
    sftp.config = unpinned.pinned(result.host_key_fingerprint)
    await sftp.connector.stage(sftp.delivery, sftp.config, no_progress)


async def test_any_of_the_servers_host_keys_may_be_pinned(tmp_path: Path, sftp: Any) -> None:
    keys = [
        asyncssh.generate_private_key("ssh-ed25519"),
        asyncssh.generate_private_key("ecdsa-sha2-nistp256"),
        asyncssh.generate_private_key("ssh-rsa", key_size=2048),
    ]
    secret = sftp.config.password.get_secret_value()
    async with sftp_server(root=tmp_path / "b", user="demo", password=secret, host_keys=keys) as server:
        for key in keys:
            config = sftp.connector.merge(
                sftp.config,
                {"port": server.port, "host_key_fingerprints": [key.get_fingerprint("sha256")]},
            )
            result = await sftp.connector.test_connection(config)
            assert result.success, result.error_message
            assert result.host_key_fingerprint == key.get_fingerprint("sha256")
