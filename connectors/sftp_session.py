"""One SFTP session: resolved, pinned, authenticated, watched by keepalives, and closed again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import asyncssh

from connectors.addresses import resolve_allowed
from connectors.dropzone_config import DropzoneConfig
from connectors.pinned_host import PinnedHost, Trace, no_trace
from connectors.policy import ConnectorPolicy
from connectors.private_key import KeyRefused
from connectors.sftp_errors import CAUGHT, transport_error
from domain.transport import HostKeyMismatch, TransportCode, TransportError

# Certificates are left out: a server that shows one could not be matched with a pinned key.
HOST_KEY_FAMILIES: tuple[tuple[str, ...], ...] = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),
)
CLOSE_TIMEOUT_S = 1.0
LOST = (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.SFTPBadMessage)

T = TypeVar("T")


class SftpSession:
    """An open session. Every request goes through `request`, which knows when the session is spoilt."""

    def __init__(
        self, connection: asyncssh.SSHClientConnection, client: asyncssh.SFTPClient, fingerprint: str
    ) -> None:
        self.client = client
        self.host_key_fingerprint = fingerprint
        self.spoilt = False  # an answer is missing: what comes later may belong to an earlier question
        self._connection = connection

    async def request(self, operation: Awaitable[T], timeout_s: float) -> T:
        """
        Raises:
            TimeoutError, asyncssh.Error, OSError: as the operation does.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await operation
        except asyncssh.SFTPError as error:
            self.spoilt = self.spoilt or isinstance(error, LOST)
            raise
        except BaseException:
            self.spoilt = True
            raise

    async def alive(self, timeout_s: float) -> bool:
        """Whether the SFTP server behind the session still answers; one round trip."""
        if self.spoilt or self._connection.is_closed():
            return False
        try:
            await self.request(self.client.realpath("."), timeout_s)
        except asyncssh.SFTPError:
            return not self.spoilt
        except CAUGHT:
            return False
        return True

    def discard(self) -> None:
        """Say good-bye and don't wait; a peer that is gone is given up by the keepalive."""
        self.client.exit()
        self._connection.close()

    async def close(self) -> None:
        """Say good-bye and wait a moment for it to be heard."""
        self.discard()
        with suppress(TimeoutError, OSError, asyncssh.Error):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._connection.wait_closed()
        self._connection.abort()


async def open_session(
    config: DropzoneConfig, policy: ConnectorPolicy, *, first_use: bool = False, trace: Trace = no_trace
) -> SftpSession:
    """Resolve, connect, compare the host key, log in, start SFTP; all within `connect_timeout_s`.

    A server that cannot be reached, or says nothing, is given up after `FIRST_LINE_S` already.

    Args:
        first_use: a connection test; only then does `trust_on_first_use` let an unpinned server in.

    Raises:
        TransportError: ADDRESS_NOT_ALLOWED, CONNECTION_*, AUTHENTICATION_FAILED, HOST_KEY_MISMATCH (with
            the fingerprint seen), CONFIGURATION_INVALID, SERVER_ERROR.
    """
    seen: str | None = None
    try:
        async with asyncio.timeout(config.connect_timeout_s):
            connection, seen = await _connect(config, policy, first_use=first_use, trace=trace)
            try:
                client = await connection.start_sftp_client()
            except BaseException:
                connection.abort()
                raise
    except CAUGHT as error:
        failed = transport_error(error, "connecting")
        failed.host_key_fingerprint = seen
        raise failed from error
    trace("sftp", "")
    return SftpSession(connection, client, seen)


@asynccontextmanager
async def sftp_session(
    config: DropzoneConfig, policy: ConnectorPolicy, *, first_use: bool = False, trace: Trace = no_trace
) -> AsyncIterator[SftpSession]:
    """A session of its own for one operation; see `open_session`."""
    session = await open_session(config, policy, first_use=first_use, trace=trace)
    try:
        yield session
    finally:
        await session.close()


async def _connect(
    config: DropzoneConfig, policy: ConnectorPolicy, *, first_use: bool, trace: Trace
) -> tuple[asyncssh.SSHClientConnection, str]:
    if config.host is None or config.username is None:
        raise TransportError(TransportCode.CONFIGURATION_INVALID, "host or username is missing")
    try:
        key = await asyncio.to_thread(config.client_key)
    except KeyRefused as error:
        raise TransportError(TransportCode.CONFIGURATION_INVALID, str(error)) from None
    addresses = await resolve_allowed(config.host, config.port, policy, config.connect_timeout_s)
    trace("address", "")
    accept_any = first_use and config.trust_on_first_use and not config.host_key_fingerprints
    refused: OSError | None = None
    for address in addresses:
        try:
            return await _connect_to(address, config, key, accept_any=accept_any, trace=trace)
        except OSError as error:  # of a silent server, too: the next address may be alive
            refused = error
    raise refused if refused is not None else TransportError(TransportCode.CONNECTION_REFUSED)


async def _connect_to(
    address: str,
    config: DropzoneConfig,
    key: asyncssh.SSHKey | None,
    *,
    accept_any: bool,
    trace: Trace,
) -> tuple[asyncssh.SSHClientConnection, str]:
    """Try the host key families until the server shows a pinned key; what it shows first is its choice."""
    families = list(HOST_KEY_FAMILIES)
    first_seen: str | None = None
    while families:
        host = PinnedHost(config.host_key_fingerprints, accept_any=accept_any, trace=trace)
        algorithms = [name for family in families for name in family]
        try:
            async with host.speaks_soon():
                connection = await _authenticate(address, config, key, host, algorithms)
        except asyncssh.HostKeyNotVerifiable:
            first_seen = first_seen or host.seen
            remaining = [family for family in families if not _shown(host.seen_algorithm, family)]
            if len(remaining) == len(families):
                break
            families = remaining
        except asyncssh.PermissionDenied as error:
            refused = transport_error(error, "connecting")
            refused.host_key_fingerprint = host.seen
            raise refused from error
        except (asyncssh.DisconnectError, OSError):
            # A server without a key of the remaining families hangs up or falls silent, or we hang up first.
            if first_seen is None:
                raise
            break
        else:
            return connection, host.seen or ""
    raise HostKeyMismatch(first_seen, config.host_key_fingerprints)


def _shown(algorithm: str, family: tuple[str, ...]) -> bool:
    return algorithm in family or (algorithm == "ssh-rsa" and family[0].startswith("rsa"))


async def _authenticate(
    address: str,
    config: DropzoneConfig,
    key: asyncssh.SSHKey | None,
    host: PinnedHost,
    host_key_algorithms: list[str],
) -> asyncssh.SSHClientConnection:
    # `client_keys=[]` would load the process owner's keys from ~/.ssh: None is what switches them off.
    # `known_hosts=None` would accept any host: three empty lists send every key to validate_host_public_key.
    connection, _ = await asyncssh.create_connection(
        lambda: host,
        address,
        config.port,
        config=None,
        username=config.username,
        password=config.password.get_secret_value() if config.password else None,
        client_keys=[key] if key is not None else None,
        agent_path=None,
        known_hosts=([], [], []),
        x509_trusted_certs=None,
        server_host_key_algs=host_key_algorithms,
        preferred_auth=["publickey"] if key is not None else ["password", "keyboard-interactive"],
        host_based_auth=False,
        gss_host=None,
        gss_auth=False,
        gss_kex=False,
        compression_algs=None,
        connect_timeout=config.connect_timeout_s,
        login_timeout=config.connect_timeout_s,
        keepalive_interval=1,
        keepalive_count_max=3,
    )
    return connection
