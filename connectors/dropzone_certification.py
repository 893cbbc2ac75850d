"""The connection test of a dropzone: log in where that is needed, then its folders."""

import asyncio
import time
from collections.abc import Callable

from connectors.ack_folder import AckFolder
from connectors.certification import Certification, Probe
from connectors.certification_report import ACK_FOLDER, EXPORT_FOLDER, LOG_IN, Report
from connectors.dropzone_config import DropzoneConfig
from connectors.dropzone_filesystem import FilesystemProbe
from connectors.filesystem_acks import FilesystemAckFolder
from connectors.policy import ConnectorPolicy
from connectors.sftp_acks import SftpAckFolder
from connectors.sftp_probe import SftpProbe
from connectors.sftp_session import sftp_session
from domain.delivery import Capabilities, TestResult
from domain.transport import HostKeyMismatch, TransportCode, TransportError

LIMIT_S = 50  # below the API's own limit, so that the report of a slow server is not lost


async def certified(config: DropzoneConfig, policy: ConnectorPolicy) -> TestResult:
    """Run the test; its failure is a result too."""
    run = _Run(config, policy)
    started = time.perf_counter()
    failure: TransportError | None = None
    message: str | None = None
    try:
        async with asyncio.timeout(LIMIT_S):
            await run.walk()
    except TransportError as error:
        failure = error
    except TimeoutError:
        failure = TransportError(TransportCode.CONNECTION_TIMEOUT, f"the test took more than {LIMIT_S} s")
    if failure is not None:
        message = run.report.failed(failure)
    return TestResult(
        success=failure is None,
        error_message=message,
        code=failure.code if failure else None,
        latency_ms=round((time.perf_counter() - started) * 1000),
        host_key_fingerprint=(failure.host_key_fingerprint if failure else None) or run.host_key,
        expected_host_keys=failure.expected if isinstance(failure, HostKeyMismatch) else [],
        capabilities=run.capabilities,
        steps=run.report.steps,
    )


class _Run:
    def __init__(self, config: DropzoneConfig, policy: ConnectorPolicy) -> None:
        first = LOG_IN if config.mode == "sftp" else ()
        self.report = Report((*first, *EXPORT_FOLDER, *(ACK_FOLDER if config.ack_path else ())))
        self.host_key: str | None = None
        self.capabilities: Capabilities | None = None
        self._config = config
        self._policy = policy

    async def walk(self) -> None:
        config, policy = self._config, self._policy
        timeout_s = config.operation_timeout_s
        if config.mode == "filesystem":
            await self._folders(
                lambda path: FilesystemProbe(path, policy, timeout_s),
                lambda path: FilesystemAckFolder(path, policy, timeout_s),
            )
            return
        async with sftp_session(config, policy, first_use=True, trace=self._logged_in) as session:
            await self._folders(
                lambda path: SftpProbe(session, path, timeout_s),
                lambda path: SftpAckFolder(session.client, path, timeout_s),
            )

    async def _folders(self, probe: Callable[[str], Probe], acks: Callable[[str], AckFolder]) -> None:
        certification = Certification(self.report)
        ack_path = self._config.ack_path
        try:
            capabilities = await certification.export_folder(probe(self._config.export_path))
            if ack_path is not None:
                await certification.ack_folder(probe(ack_path), acks(ack_path))
        finally:
            await certification.clean_up()
        self.capabilities = capabilities

    def _logged_in(self, step: str, seen: str) -> None:
        note = ""
        if step == "host_key":
            self.host_key = seen
            known = seen in self._config.host_key_fingerprints
            note = f"{seen}, one of the pinned" if known else f"{seen}, trusted on first use"
        self.report.passed(step, note)
