"""`MOCK`: a dropzone in memory that can be made to fail. Ships with the product, for tests and trials.

It runs the same hand-over as the real ones; only the folder is a dictionary.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from connectors.configuration import ConnectorConfig
from connectors.connector import Probed, Traits
from connectors.folder_connector import FolderConnector
from connectors.handover import Seen
from connectors.policy import ConnectorPolicy
from connectors.port import OnProgress
from domain.delivery import Capabilities
from domain.transport import TransportCode, TransportError

Step = Literal["connect", "look", "create", "rename", "remove"]


class MockConfig(ConnectorConfig):
    folder: str = Field("orders", min_length=1, max_length=255)

    @property
    def destination(self) -> str:
        return self.folder

    def path_of(self, file_name: str) -> str:
        return f"{self.folder}/{file_name}"


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


class MockConnector(FolderConnector[MockConfig]):
    """Tests reach the files and the faults through `dropzone`."""

    config_model = MockConfig
    traits = Traits(title="A folder in memory, for trials", example={"folder": "orders"}, for_trials=True)

    def __init__(self, policy: ConnectorPolicy) -> None:
        super().__init__(policy)
        self.dropzone = MockDropzone()

    @asynccontextmanager
    async def open_folder(self, config: MockConfig) -> AsyncIterator[MockFolder]:
        self.dropzone.raise_fault("connect", after=False)
        yield MockFolder(self.dropzone, config.folder)

    async def probe(self, config: MockConfig) -> Probed:
        async with self.open_folder(config) as folder:
            await folder.require()
        return Probed(Capabilities(exclusive_create=True, rename=True, posix_rename=True, fsync=True))
