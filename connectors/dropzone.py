"""`DROPZONE_JSON_V1`: JSON files in a folder that the ERP reads, over SFTP or a file system."""

import time
from collections.abc import Mapping
from typing import Any

from connectors import handover
from connectors.ack_folder import OpenAckFolder
from connectors.dropzone_config import DropzoneConfig
from connectors.dropzone_filesystem import filesystem_folder, probe_filesystem
from connectors.dropzone_sftp import probe_sftp, sftp_folder
from connectors.filesystem_acks import filesystem_ack_folder
from connectors.handover import OpenFolder
from connectors.policy import ConnectorPolicy
from connectors.port import Known, OnProgress
from connectors.sftp_acks import sftp_ack_folder
from domain.delivery import (
    Capabilities,
    Delivery,
    ExportResult,
    FenceOutcome,
    PublishOutcome,
    StagedFile,
    TestResult,
)
from domain.transport import TransportError


class DropzoneConnector:
    """Implements `ERPConnectorPort[DropzoneConfig]`; one session per operation, nothing is pooled."""

    def __init__(self, policy: ConnectorPolicy) -> None:
        self._policy = policy

    def parse(self, values: Mapping[str, Any]) -> DropzoneConfig:
        return DropzoneConfig.parse(values)

    def dump(self, config: DropzoneConfig) -> bytes:
        return config.dump()

    def load(self, stored: bytes, known: Known | None = None) -> DropzoneConfig:
        return DropzoneConfig.load(stored, known)

    def merge(self, config: DropzoneConfig, changes: Mapping[str, Any]) -> DropzoneConfig:
        return config.merged(changes)

    def public_view(self, config: DropzoneConfig) -> dict[str, Any]:
        return config.public_view()

    async def stage(self, delivery: Delivery, config: DropzoneConfig, on_progress: OnProgress) -> StagedFile:
        async with self._folder(config) as folder:
            return await handover.stage(folder, delivery, on_progress)

    async def publish(
        self, staged: StagedFile, config: DropzoneConfig, *, first_try: bool, on_progress: OnProgress
    ) -> PublishOutcome:
        async with self._folder(config) as folder:
            return await handover.publish(folder, staged, first_try=first_try, on_progress=on_progress)

    async def fence(self, staged: StagedFile, config: DropzoneConfig) -> FenceOutcome:
        async with self._folder(config) as folder:
            return await handover.fence(folder, staged)

    def ack_folder(self, config: DropzoneConfig) -> OpenAckFolder | None:
        if config.ack_path is None:
            return None
        if config.mode == "sftp":
            return sftp_ack_folder(config, config.ack_path, self._policy)
        return filesystem_ack_folder(config, config.ack_path, self._policy)

    async def test_connection(self, config: DropzoneConfig) -> TestResult:
        started = time.perf_counter()
        capabilities: Capabilities | None = None
        fingerprint: str | None = None
        failure: TransportError | None = None
        try:
            if config.mode == "sftp":
                capabilities, fingerprint = await probe_sftp(config, self._policy)
            else:
                capabilities = await probe_filesystem(config, self._policy)
        except TransportError as error:
            failure, fingerprint = error, error.host_key_fingerprint
        return TestResult(
            success=failure is None,
            error_message=failure.sentence if failure else None,
            code=failure.code if failure else None,
            latency_ms=round((time.perf_counter() - started) * 1000),
            host_key_fingerprint=fingerprint,
            capabilities=capabilities,
        )

    async def export(self, delivery: Delivery, config: DropzoneConfig) -> ExportResult:
        return await handover.export(self, delivery, config)

    def _folder(self, config: DropzoneConfig) -> OpenFolder:
        if config.mode == "sftp":
            return sftp_folder(config, self._policy)
        return filesystem_folder(config, self._policy)
