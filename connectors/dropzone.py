"""`DROPZONE_JSON_V1`: JSON files in a folder that the ERP reads, over SFTP or a file system."""

import time

from connectors.ack_folder import OpenAckFolder
from connectors.connector import Traits
from connectors.dropzone_config import DropzoneConfig
from connectors.dropzone_filesystem import filesystem_folder, probe_filesystem
from connectors.dropzone_sftp import probe_sftp, sftp_folder
from connectors.filesystem_acks import filesystem_ack_folder
from connectors.folder_connector import FolderConnector
from connectors.handover import OpenFolder
from connectors.sftp_acks import sftp_ack_folder
from domain.delivery import Capabilities, TestResult
from domain.transport import TransportError

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
    """One session per operation, nothing is pooled."""

    config_model = DropzoneConfig
    traits = Traits(title="A folder that the ERP reads, over SFTP or a file system", example=_EXAMPLE)

    def open_folder(self, config: DropzoneConfig) -> OpenFolder:
        if config.mode == "sftp":
            return sftp_folder(config, self.policy)
        return filesystem_folder(config, self.policy)

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

    async def test_connection(self, config: DropzoneConfig) -> TestResult:
        started = time.perf_counter()
        capabilities: Capabilities | None = None
        fingerprint: str | None = None
        failure: TransportError | None = None
        try:
            if config.mode == "sftp":
                capabilities, fingerprint = await probe_sftp(config, self.policy)
            else:
                capabilities = await probe_filesystem(config, self.policy)
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
