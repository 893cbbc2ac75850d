"""One SFTP connection, made for one operation: resolved, pinned, authenticated, and closed again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import asyncssh

from connectors.addresses import resolve_allowed
from connectors.dropzone_config import DropzoneConfig
from connectors.policy import ConnectorPolicy
from connectors.sftp_errors import CAUGHT, transport_error
from domain.transport import TransportCode, TransportError

# Certificates are left out: a server that shows one could not be matched with a pinned key.
HOST_KEY_FAMILIES: tuple[tuple[str, ...], ...] = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),
)
CLOSE_TIMEOUT_S = 1.0


@dataclass
class SftpSession:
    client: asyncssh.SFTPClient
    host_key_fingerprint: str


class _PinnedHost(asyncssh.SSHClient):
    """Accepts the pinned host keys; with `accept_any`, whatever is shown, and remembers it."""

    def __init__(self, pinned: list[str], *, accept_any: bool) -> None:
        self._pinned = pinned
        self._accept_any = accept_any
        self.seen: str | None = None
        self.seen_algorithm = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.seen = key.get_fingerprint("sha256")
        self.seen_algorithm = key.get_algorithm()
        return self._accept_any or self.seen in self._pinned


@asynccontextmanager
async def sftp_session(
    config: DropzoneConfig, policy: ConnectorPolicy, *, first_use: bool = False
) -> AsyncIterator[SftpSession]:
    """Open a session.

    Args:
        first_use: a connection test; only then does `trust_on_first_use` let an unpinned server in.

    Raises:
        TransportError: ADDRESS_NOT_ALLOWED, CONNECTION_*, AUTHENTICATION_FAILED, HOST_KEY_MISMATCH (with
            the fingerprint seen), CONFIGURATION_INVALID, SERVER_ERROR.
    """
    try:
        async with asyncio.timeout(config.connect_timeout_s):
            connection, fingerprint = await _connect(config, policy, first_use=first_use)
            try:
                client = await connection.start_sftp_client()
            except BaseException:
                connection.abort()
                raise
    except (*CAUGHT, asyncssh.ChannelOpenError) as error:
        raise transport_error(error, "connecting") from error
    try:
        yield SftpSession(client, fingerprint)
    finally:
        client.exit()
        connection.close()
        with suppress(TimeoutError, OSError, asyncssh.Error):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await connection.wait_closed()
        connection.abort()


async def _connect(
    config: DropzoneConfig, policy: ConnectorPolicy, *, first_use: bool
) -> tuple[asyncssh.SSHClientConnection, str]:
    if config.host is None or config.username is None:
        raise TransportError(TransportCode.CONFIGURATION_INVALID, "host or username is missing")
    try:
        key = await asyncio.to_thread(config.client_key)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError):
        raise TransportError(TransportCode.CONFIGURATION_INVALID, "private_key cannot be read") from None
    addresses = await resolve_allowed(config.host, config.port, policy, config.connect_timeout_s)
    accept_any = first_use and config.trust_on_first_use and not config.host_key_fingerprints
    refused: OSError | None = None
    for address in addresses:
        try:
            return await _connect_to(address, config, key, accept_any=accept_any)
        except TimeoutError:
            raise
        except OSError as error:
            refused = error
    raise refused if refused is not None else TransportError(TransportCode.CONNECTION_REFUSED)


async def _connect_to(
    address: str, config: DropzoneConfig, key: asyncssh.SSHKey | None, *, accept_any: bool
) -> tuple[asyncssh.SSHClientConnection, str]:
    """Try the host key families until the server shows a pinned key; what it shows first is its choice."""
    families = list(HOST_KEY_FAMILIES)
    first_seen: str | None = None
    while families:
        host = _PinnedHost(config.host_key_fingerprints, accept_any=accept_any)
        algorithms = [name for family in families for name in family]
        try:
            connection = await _authenticate(address, config, key, host, algorithms)
        except asyncssh.HostKeyNotVerifiable:
            first_seen = first_seen or host.seen
            remaining = [family for family in families if not _shown(host.seen_algorithm, family)]
            if len(remaining) == len(families):
                break
            families = remaining
        except asyncssh.KeyExchangeFailed:
            if first_seen is None:
                raise
            break
        except asyncssh.PermissionDenied as error:
            refused = transport_error(error, "connecting")
            refused.host_key_fingerprint = host.seen
            raise refused from error
        else:
            return connection, host.seen or ""
    raise TransportError(
        TransportCode.HOST_KEY_MISMATCH, f"the server shows {first_seen}", host_key_fingerprint=first_seen
    )


def _shown(algorithm: str, family: tuple[str, ...]) -> bool:
    return algorithm in family or (algorithm == "ssh-rsa" and family[0].startswith("rsa"))


async def _authenticate(
    address: str,
    config: DropzoneConfig,
    key: asyncssh.SSHKey | None,
    host: _PinnedHost,
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
