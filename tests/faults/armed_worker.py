"""The product's worker, from its own root, with parts that tell a fuse where they are.

`python -m tests.faults.armed_worker` in an environment made by `local.stack`. The stand-ins add nothing but
`fuse.passed(point)` before or after the real step.
"""

import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch
from uuid import UUID

from pydantic import BaseModel
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, WorkflowRunner

import worker
from activities import names
from activities.observed import ActivityLog
from commands.draft_orders import DraftOrders
from commands.proofs import Proofs
from connectors.dropzone import DropzoneConnector
from connectors.dropzone_config import DropzoneConfig
from connectors.handover import DropFolder, Seen
from connectors.mail_server import SmtpServer
from connectors.policy import ConnectorPolicy
from connectors.port import ERPConnectorPort, OnProgress
from domain.mails import Letter
from domain.proofs import DecideProof, ProofDecided
from storage import push_log
from storage.database import Database, Row
from storage.documents import Documents
from tests.faults.points import Fuse

_fuse = Fuse(os.environ)
_BEFORE = {names.STAGE: "before stage", names.PUBLISH: "before mark", names.RECORD: "before record"}
_AFTER = {names.STAGE: "after stage", names.PUBLISH: "after publish", names.RECORD: "after record"}


class ArmedLog(ActivityLog):
    """Around each activity: it has been handed out, it has ended and nobody knows."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _ArmedActivity(super().intercept_activity(next))


class _ArmedActivity(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        kind = activity.info().activity_type
        _fuse.passed(_BEFORE.get(kind, ""))
        result = await super().execute_activity(input)
        _fuse.passed(_AFTER.get(kind, ""))
        return result


class ArmedDatabase(Database):
    """Knows the statement that begins a try; of a publish it is the mark, and is cut before its commit."""

    async def call(self, statement: str, values: Mapping[str, Any]) -> list[Row]:
        if "begin_try" not in statement:
            return await super().call(statement, values)
        if activity.info().activity_type == names.PUBLISH:
            async with self.transaction(values["org"]) as connection:
                rows = await push_log.within(connection)(statement, values)
                _fuse.passed("in mark")
            return rows
        rows = await super().call(statement, values)
        if rows[0]["try_number"] and not rows[0]["held"]:
            _fuse.passed("after log row")
        return rows


class ArmedDocuments(Documents):
    async def put(self, key: str, document: str) -> None:
        await super().put(key, document)
        _fuse.passed("after object copy")


class ArmedFolder:
    """A `DropFolder` around the real one."""

    def __init__(self, folder: DropFolder) -> None:
        self._folder = folder

    async def look(self, name: str, sha256: str, size_bytes: int, on_progress: OnProgress) -> Seen:
        return await self._folder.look(name, sha256, size_bytes, on_progress)

    async def create(self, name: str, content: bytes, on_progress: OnProgress) -> None:
        await self._folder.create(name, content, on_progress)
        _fuse.passed("after create")

    async def rename(self, source: str, target: str) -> None:
        _fuse.passed("before rename")
        await self._folder.rename(source, target)
        _fuse.passed("after rename")

    async def remove(self, name: str) -> bool:
        return await self._folder.remove(name)

    async def require(self) -> None:
        await self._folder.require()


class ArmedConnector(DropzoneConnector):
    @asynccontextmanager
    async def open_folder(self, config: DropzoneConfig) -> AsyncIterator[DropFolder]:
        async with super().open_folder(config) as folder:
            yield ArmedFolder(folder)


def _connectors(policy: ConnectorPolicy) -> dict[str, ERPConnectorPort[Any]]:
    return {"DROPZONE_JSON_V1": ArmedConnector(policy)}


class ArmedDrafts(DraftOrders):
    async def tell(self, signal: str, org_id: UUID, draft_id: UUID, message: BaseModel | None = None) -> None:
        await super().tell(signal, org_id, draft_id, message)
        _fuse.passed(f"after {signal}")


class ArmedProofs(Proofs):
    """In a worker only callbacks decide."""

    async def decide(self, org_id: UUID, color_up_id: UUID, message: DecideProof) -> ProofDecided:
        decided = await super().decide(org_id, color_up_id, message)
        _fuse.passed("after a callback's decision")
        return decided


class ArmedMailServer(SmtpServer):
    async def send(self, letter: Letter, key: str) -> None:
        await super().send(letter, key)
        _fuse.passed("after a mail")


class ArmedRunner(WorkflowRunner):
    """The product's sandbox; the fuse hears of a decision before the server does."""

    def __init__(self, runner: WorkflowRunner) -> None:
        self._runner = runner

    def prepare_workflow(self, defn: Any) -> None:
        self._runner.prepare_workflow(defn)

    def set_worker_level_failure_exception_types(self, types: Any) -> None:
        self._runner.set_worker_level_failure_exception_types(types)

    def create_instance(self, det: Any) -> Any:
        return _ArmedInstance(self._runner.create_instance(det))


class _ArmedInstance:
    def __init__(self, instance: Any) -> None:
        self._instance = instance

    def __getattr__(self, name: str) -> Any:
        return getattr(self._instance, name)

    def activate(self, activation: Any) -> Any:
        completion = self._instance.activate(activation)
        if completion.successful.commands:
            _fuse.passed("after the decision")
        return completion


def main() -> int:
    sandboxed = worker.runner
    with (
        patch.object(worker, "ActivityLog", ArmedLog),
        patch.object(worker, "Database", ArmedDatabase),
        patch.object(worker, "Documents", ArmedDocuments),
        patch.object(worker, "DraftOrders", ArmedDrafts),
        patch.object(worker, "Proofs", ArmedProofs),
        patch.object(worker, "SmtpServer", ArmedMailServer),
        patch.object(worker, "build_connectors", _connectors),
        patch.object(worker, "runner", lambda: ArmedRunner(sandboxed())),
    ):
        return worker.main()


if __name__ == "__main__":
    sys.exit(main())
