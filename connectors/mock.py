"""`MOCK`: a dropzone in memory that can be made to fail. Ships with the product, for tests and trials.

It runs the same hand-over as the real ones; only the folder is a dictionary.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from connectors import handover
from connectors.ack_folder import OpenAckFolder
from connectors.handover import Seen
from connectors.policy import ConnectorPolicy
from connectors.port import Known, OnProgress, loaded, parsed
from domain.delivery import (
    Capabilities,
    Delivery,
    ExportResult,
    FenceOutcome,
    PublishOutcome,
    StagedFile,
    TestResult,
)
from domain.transport import TransportCode, TransportError

Step = Literal["connect", "look", "create", "rename", "remove"]


class MockConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    folder: str = Field("orders", min_length=1, max_length=255)


@dataclass(frozen=True)
class Fault:
    """The next call of `step` raises `code`; with `after`, once it has taken effect (a lost reply)."""

    step: Step
    code: TransportCode
    after: bool = False


class MockDropzone:
    """What the mock's server holds, and the faults waiting to happen, in order."""

    def __init__(self) -> None:
        self.folders: dict[str, dict[str, bytes]] = {"orders": {}}
        self.faults: list[Fault] = []
        self.truncate_next_write_to: int | None = None

    def fail(self, step: Step, code: TransportCode, *, after: bool = False) -> None:
        self.faults.append(Fault(step, code, after))

    def raise_fault(self, step: Step, *, after: bool) -> None:
        """
        Raises:
            TransportError: when a fault for this moment waits; it is used up.
        """
        for fault in self.faults:
            if fault.step == step and fault.after == after:
                self.faults.remove(fault)
                raise TransportError(fault.code, f"mock fault in {step}")


class MockFolder:
    """A `DropFolder` over one of the dropzone's folders."""

    def __init__(self, dropzone: MockDropzone, name: str) -> None:
        self._dropzone = dropzone
        self._name = name

    def _files(self) -> dict[str, bytes]:
        if self._name not in self._dropzone.folders:
            raise TransportError(TransportCode.FOLDER_NOT_FOUND, self._name)
        return self._dropzone.folders[self._name]

    async def look(self, name: str, sha256: str, size_bytes: int, on_progress: OnProgress) -> Seen:
        self._dropzone.raise_fault("look", after=False)
        on_progress()
        content = self._dropzone.folders.get(self._name, {}).get(name)
        if content is None:
            return Seen.ABSENT
        same = len(content) == size_bytes and hashlib.sha256(content).hexdigest() == sha256
        return Seen.SAME if same else Seen.OTHER

    async def create(self, name: str, content: bytes, on_progress: OnProgress) -> None:
        self._dropzone.raise_fault("create", after=False)
        files = self._files()
        if name in files:
            raise TransportError(TransportCode.SERVER_ERROR, "the file exists")
        files[name] = content[: self._dropzone.truncate_next_write_to]
        self._dropzone.truncate_next_write_to = None
        on_progress()
        self._dropzone.raise_fault("create", after=True)

    async def rename(self, source: str, target: str) -> None:
        self._dropzone.raise_fault("rename", after=False)
        files = self._files()
        if source not in files or target in files:
            raise TransportError(TransportCode.SERVER_ERROR, "no source, or the target exists")
        files[target] = files.pop(source)
        self._dropzone.raise_fault("rename", after=True)

    async def remove(self, name: str) -> bool:
        self._dropzone.raise_fault("remove", after=False)
        removed = self._dropzone.folders.get(self._name, {}).pop(name, None) is not None
        self._dropzone.raise_fault("remove", after=True)
        return removed

    async def require(self) -> None:
        self._files()


class MockConnector:
    """Implements `ERPConnectorPort[MockConfig]`. Tests reach the files and the faults through `dropzone`."""

    def __init__(self, policy: ConnectorPolicy) -> None:
        self.dropzone = MockDropzone()

    def parse(self, values: Mapping[str, Any]) -> MockConfig:
        return parsed(MockConfig, values)

    def dump(self, config: MockConfig) -> bytes:
        return json.dumps(config.model_dump(mode="json")).encode()

    def load(self, stored: bytes, known: Known | None = None) -> MockConfig:
        return loaded(MockConfig, stored)

    def merge(self, config: MockConfig, changes: Mapping[str, Any]) -> MockConfig:
        return parsed(MockConfig, {**config.model_dump(), **changes})

    def public_view(self, config: MockConfig) -> dict[str, Any]:
        flags = {"has_password": False, "has_private_key": False, "has_passphrase": False}
        return config.model_dump(mode="json") | flags

    async def stage(self, delivery: Delivery, config: MockConfig, on_progress: OnProgress) -> StagedFile:
        async with self._folder(config) as folder:
            return await handover.stage(folder, delivery, on_progress)

    async def publish(
        self, staged: StagedFile, config: MockConfig, *, first_try: bool, on_progress: OnProgress
    ) -> PublishOutcome:
        async with self._folder(config) as folder:
            return await handover.publish(folder, staged, first_try=first_try, on_progress=on_progress)

    async def fence(self, staged: StagedFile, config: MockConfig) -> FenceOutcome:
        async with self._folder(config) as folder:
            return await handover.fence(folder, staged)

    def ack_folder(self, config: MockConfig) -> OpenAckFolder | None:
        """The mock's ERP does not answer."""
        return None

    async def test_connection(self, config: MockConfig) -> TestResult:
        try:
            async with self._folder(config) as folder:
                await folder.require()
        except TransportError as error:
            return TestResult(success=False, error_message=str(error), code=error.code, latency_ms=0)
        everything = Capabilities(exclusive_create=True, rename=True, posix_rename=True, fsync=True)
        return TestResult(success=True, latency_ms=0, capabilities=everything)

    async def export(self, delivery: Delivery, config: MockConfig) -> ExportResult:
        return await handover.export(self, delivery, config)

    @asynccontextmanager
    async def _folder(self, config: MockConfig) -> AsyncIterator[MockFolder]:
        self.dropzone.raise_fault("connect", after=False)
        yield MockFolder(self.dropzone, config.folder)
