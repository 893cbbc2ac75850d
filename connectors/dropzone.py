"""`DROPZONE_JSON_V1`: JSON files in a folder that the ERP reads, over SFTP or a file system."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from connectors.ack_folder import OpenAckFolder
from connectors.certification import old_probes
from connectors.connector import Traits
from connectors.dropzone_certification import certified
from connectors.dropzone_config import DropzoneConfig
from connectors.dropzone_filesystem import FilesystemFolder
from connectors.dropzone_sftp import SftpFolder
from connectors.filesystem_acks import filesystem_ack_folder
from connectors.folder_connector import FolderConnector
from connectors.handover import DropFolder
from connectors.policy import ConnectorPolicy
from connectors.port import Attempt, OnProgress
from connectors.sftp_acks import sftp_ack_folder
from connectors.sftp_pool import SftpPool
from domain.delivery import Delivery, FenceOutcome, PublishOutcome, StagedFile, TestResult
from domain.sweeping import Leftover, leftover
from domain.transport import TransportCode, TransportError

# Whatever the connection's own timeouts add up to, a try ends by itself before Temporal ends it, so that
# the push log names the cause. A test holds these against the activities' limits.
LIMITS_S = {"stage": 100.0, "publish": 100.0, "fence": 40.0}

_EXAMPLE = {
    "mode": "sftp",
    "host": "sftp.example.com",
    "port": 22,
    "username": "countersign",
    "password": "…",
    "host_key_fingerprints": ["SHA256:" + "A" * 43],
    "export_path": "/orders",
    "ack_path": "/acks",
}


class DropzoneConnector(FolderConnector[DropzoneConfig]):
    """Each step looks for itself; SFTP sessions are kept between steps, see `SftpPool`."""

    config_model = DropzoneConfig
    traits = Traits(title="A folder that the ERP reads, over SFTP or a file system", example=_EXAMPLE)

    def __init__(self, policy: ConnectorPolicy) -> None:
        super().__init__(policy)
        self._pool = SftpPool(policy)

    async def close(self) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def open_folder(self, config: DropzoneConfig) -> AsyncIterator[DropFolder]:
        if config.mode == "filesystem":
            yield FilesystemFolder(config.export_path, self.policy, config.operation_timeout_s)
            return
        able = config.known.capabilities if config.known else None
        async with self._pool.session(config) as session:
            folder = SftpFolder(session, config.export_path, config.operation_timeout_s, able)
            try:
                yield folder
            except TransportError as error:
                raise await folder.explained(error) from error

    async def stage(
        self,
        delivery: Delivery,
        config: DropzoneConfig,
        on_progress: OnProgress,
        attempt: Attempt | None = None,
    ) -> StagedFile:
        async with _limited("stage"):
            return await super().stage(delivery, config, on_progress, attempt)

    async def publish(
        self,
        staged: StagedFile,
        config: DropzoneConfig,
        *,
        first_try: bool,
        on_progress: OnProgress,
        attempt: Attempt | None = None,
    ) -> PublishOutcome:
        async with _limited("publish"):
            return await super().publish(
                staged, config, first_try=first_try, on_progress=on_progress, attempt=attempt
            )

    async def fence(
        self, staged: StagedFile, config: DropzoneConfig, *, surely_unsent: bool = False
    ) -> FenceOutcome:
        async with _limited("fence"):
            return await super().fence(staged, config, surely_unsent=surely_unsent)

    def settle(self, config: DropzoneConfig, tested: TestResult) -> DropzoneConfig:
        """Trust on first use: from now on only the host key that this test saw."""
        if not config.trust_on_first_use or tested.host_key_fingerprint is None:
            return config
        return config.pinned(tested.host_key_fingerprint)

    def ack_folder(self, config: DropzoneConfig) -> OpenAckFolder | None:
        if config.ack_path is None:
            return None
        if config.mode == "sftp":
            return sftp_ack_folder(config, config.ack_path, self.policy)
        return filesystem_ack_folder(config, config.ack_path, self.policy)

    async def leftovers(self, config: DropzoneConfig) -> list[Leftover]:
        if config.mode == "sftp":
            opened: OpenAckFolder = sftp_ack_folder(config, config.export_path, self.policy)
        else:
            opened = filesystem_ack_folder(config, config.export_path, self.policy)
        async with opened as folder:  # only its listing is used here, never its trays
            files = await folder.files()
        dead_probes = old_probes(file.name for file in files)
        if dead_probes:  # of connection tests: no export's, so nobody need be asked
            await self.discard(dead_probes, config)
        found = [leftover(file.name, file.modified_at) for file in files if file.regular]
        return [each for each in found if each is not None]

    async def discard(self, names: Sequence[str], config: DropzoneConfig) -> int:
        async with self.open_folder(config) as folder:
            return sum([await folder.remove(name) for name in names])

    async def test_connection(self, config: DropzoneConfig) -> TestResult:
        """Always with a session of its own: logging in is part of the test."""
        return await certified(config, self.policy)


@asynccontextmanager
async def _limited(step: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(LIMITS_S[step]):
            yield
    except TimeoutError:
        technical = f"{step} took more than {LIMITS_S[step]} s"
        raise TransportError(TransportCode.CONNECTION_TIMEOUT, technical) from None
