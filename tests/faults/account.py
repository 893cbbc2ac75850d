"""What came of it: each draft's rows and trail against what the ERP took and what its client was told."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text

from domain.statuses import DraftStatus as S
from domain.transitions import MOVES
from local.child import ROOT
from storage import audit_log
from tests.faults import erp
from tests.faults.crowd import Life
from tests.faults.ground import ORG, ORG_ID, Ground

_ACTION_OF = {
    "create": "DRAFT_CREATED",
    "validate": "DRAFT_VALIDATED",
    "approve": "DRAFT_APPROVED",
    "push": "DRAFT_PUSHED",
}
_MOVES = {(before.value, after.value) for before, after, _ in MOVES}
# Sentences that say what happens, not why it takes so long.
_NO_REASON = {None, "Being delivered to the ERP's dropzone"}
_RETRIES = 3
_LOOKERS = 8


@dataclass
class Count:
    """Everything but `pushes`, `failed` and `unconfirmed` must be 0; `notes` says of which draft what."""

    pushes: int = 0
    failed: int = 0  # exports that were given up
    unconfirmed: int = 0
    lost: int = 0
    duplicate: int = 0
    denied: int = 0  # files of exports that say they were not sent
    torn: int = 0
    commands: int = 0  # acknowledged, then not there; or refused when repeated
    audit: int = 0  # rows of the trail that are missing, double, or follow no allowed move
    stuck: int = 0  # not finished, and the draft does not say why
    conflicts: int = 0  # SequenceConflict
    notes: list[str] = field(default_factory=list)

    def found(self, column: str, note: str, times: int = 1) -> None:
        setattr(self, column, getattr(self, column) + times)
        self.notes.append(f"{column}: {note}")


async def settle(ground: Ground, lives: Sequence[Life], patience_s: float) -> dict[UUID, dict[str, Any]]:
    """Each draft once it is finished, or as it is when patience ends. A failed export that was not sent is
    pushed again, as an operator would: a second file then shows as a duplicate."""
    until = time.monotonic() + patience_s
    found: dict[UUID, dict[str, Any]] = {}
    todo = list(lives)

    async def look() -> None:
        while todo:
            life = todo.pop()
            draft = await _finished(ground, life, until)
            if draft is not None:
                found[life.draft_id] = draft

    async with asyncio.TaskGroup() as group:
        for _ in range(_LOOKERS):
            group.create_task(look())
    return found


async def _finished(ground: Ground, life: Life, until: float) -> dict[str, Any] | None:
    draft: dict[str, Any] | None = None
    while True:
        try:
            answer = await ground.ops.get(f"/draft-orders/{life.draft_id}")
            if answer.status_code == httpx.codes.NOT_FOUND and not life.acknowledged:
                return None
            if answer.is_success:
                draft = answer.json()
            if draft is not None and _is_over(draft, life):
                return draft
            if draft is not None and draft["status"] == S.ERROR:
                key = {"Idempotency-Key": f"{life.name}-retry-{len(draft['exports'])}"}
                await ground.ops.post(f"/draft-orders/{life.draft_id}/retry-push", headers=key)
        except httpx.TransportError:
            pass
        if time.monotonic() > until:
            return draft
        await asyncio.sleep(0.2)


def _is_over(draft: Mapping[str, Any], life: Life) -> bool:
    if draft["status"] == S.ERROR:
        return len(draft["exports"]) > _RETRIES or draft["exports"][0]["may_have_been_sent"]
    return draft["status"] == S.PUSHED or bool(life.refused) or not life.acknowledged


async def counted(
    ground: Ground,
    lives: Sequence[Life],
    drafts: Mapping[UUID, dict[str, Any]],
    logs: Mapping[Any, int],
    count: Count,
) -> Count:
    """`count` with everything about these drafts, now. `logs` are the workers' logs before they lived."""
    taken = erp.by_draft(ground.ledger)
    ids = [life.draft_id for life in lives]
    trails, tries = await _rows(ground, _TRAILS, ids), await _rows(ground, _TRIES, ids)
    for life in lives:
        key, draft = life.draft_id, drafts.get(life.draft_id)
        judge(count, life, draft, trails.get(key, []), tries.get(key, []), taken.get(str(key), []))
    await _verify_chain(ground, count)
    for path in ground.worker_logs():
        with path.open("rb") as log:
            log.seek(logs.get(path, 0))
            conflicts = log.read().count(b"SequenceConflict")
        if conflicts:
            count.found("conflicts", f"in {path}", conflicts)
    return count


def judge(
    count: Count,
    life: Life,
    draft: Mapping[str, Any] | None,
    trail: Sequence[Mapping[str, Any]],
    tries: Sequence[Mapping[str, Any]],
    files: Sequence[erp.Taken],
) -> None:
    """One draft: its row as the API shows it, its audit rows and its push log in order, its files."""
    count.pushes += "push" in life.acknowledged
    _judge_answers(count, life, trail)
    if draft is None:
        if life.acknowledged:
            count.found("commands", f"{life.name} was created and cannot be read")
        return
    _judge_files(count, life, draft, files)
    _judge_end(count, life, draft)
    _judge_trail(count, life, draft, trail)
    _judge_tries(count, life, draft, tries)


def _judge_answers(count: Count, life: Life, trail: Sequence[Mapping[str, Any]]) -> None:
    for step, said in life.refused.items():
        column = "stuck" if said.startswith("no answer") else "commands"
        count.found(column, f"{life.name} ({life.draft_id}) {step}: {said}")
    if life.hung:
        count.found("stuck", f"{life.name} ({life.draft_id}) calls that the API left open", life.hung)
    actions = {row["action"] for row in trail}
    for step in life.acknowledged:
        if _ACTION_OF[step] not in actions:
            count.found("commands", f"{life.name} ({life.draft_id}) {step} was acknowledged and is not there")
    pushed = life.acknowledged.get("push")
    exports = {(row["details"] or {}).get("erp_export_id") for row in trail}
    if pushed is not None and pushed["erp_export_id"] not in exports:
        count.found("commands", f"{life.name} ({life.draft_id}): another export than was acknowledged")


def _judge_files(count: Count, life: Life, draft: Mapping[str, Any], files: Sequence[erp.Taken]) -> None:
    exports = {export["file_name"]: export for export in draft["exports"]}
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        count.found("duplicate", f"{life.name} ({life.draft_id}): {names}", len(files) - 1)
    for file in files:
        export = exports.get(file.name)
        if not file.whole or export is None or export["sha256"] != file.sha256:
            count.found("torn", f"{life.name} ({life.draft_id}): {file.name}, {file.sha256[:12]}")
        elif export["status"] == "FAILED" and not export["may_have_been_sent"]:
            count.found("denied", f"{life.name} ({life.draft_id}): {file.name} was taken, and is not sent")
    count.failed += sum(export["status"] == "FAILED" for export in draft["exports"])
    if draft["status"] == S.PUSHED:
        count.unconfirmed += draft["exports"][0]["unconfirmed"]
        if not files:
            count.found("lost", f"{life.name} ({life.draft_id}) is PUSHED and the ERP has no file")


def _judge_end(count: Count, life: Life, draft: Mapping[str, Any]) -> None:
    if draft["status"] in {S.PUSHED, S.ERROR} or "push" not in life.acknowledged:
        return
    said = f"{draft['status']}, waits for {draft['waiting_for']}: {draft['waiting_message']}"
    if draft["status"] != S.PUSHING or draft["waiting_message"] in _NO_REASON:
        count.found("stuck", f"{life.name} ({life.draft_id}) {said}")
    else:
        count.notes.append(f"unfinished, with a reason: {life.name} ({life.draft_id}) {said}")


def _judge_trail(
    count: Count, life: Life, draft: Mapping[str, Any], trail: Sequence[Mapping[str, Any]]
) -> None:
    """Exactly one row for each transition: the statuses make one path, from creation to today's."""
    at: str | None = S.NEW.value
    moves = 0
    for number, row in enumerate(trail, 1):
        before = S.NEW.value if row["action"] == "DRAFT_CREATED" else (row["before"] or {}).get("status")
        after = (row["after"] or {}).get("status")
        if row["entity_seq"] != number or before != at or (before, after) not in _MOVES:
            count.found(
                "audit", f"{life.name} ({life.draft_id}) row {number}: {row['action']} {before} → {after}"
            )
        at, moves = after, moves + 1
    if at != draft["status"]:
        count.found("audit", f"{life.name} ({life.draft_id}) ends with {at}, the draft is {draft['status']}")
    if moves != draft["version"]:
        count.found("audit", f"{life.name} ({life.draft_id}): {moves} rows for {draft['version']} decisions")
    ends = Counter(
        row["details"]["erp_export_id"]
        for row in trail
        if row["action"] in {"EXPORT_SENT", "DRAFT_PUSH_FAILED"}
    )
    for export in draft["exports"]:
        if export["status"] != "PENDING" and ends[export["id"]] != 1:
            count.found("audit", f"{life.name} ({life.draft_id}): {ends[export['id']]} ends of one export")


def _judge_tries(
    count: Count, life: Life, draft: Mapping[str, Any], tries: Sequence[Mapping[str, Any]]
) -> None:
    """A finished export has no try that looks as if it ran, and one that succeeded if it was sent."""
    for export in draft["exports"]:
        rows = {
            row["attempt_number"]: row["status"] for row in tries if str(row["export_id"]) == export["id"]
        }
        waiting = [number for number, status in rows.items() if status == "PENDING"]
        if export["status"] != "PENDING" and waiting:
            count.found(
                "stuck", f"{life.name} ({life.draft_id}) push log: {waiting} for ever PENDING, {rows}"
            )
        if export["status"] == "SENT" and "SUCCESS" not in rows.values():
            count.found("audit", f"{life.name} ({life.draft_id}) push log without a SUCCESS: {rows}")


_TRAILS = """
    SELECT entity_id AS draft_id, entity_seq, action, before, after, details FROM audit_log
    WHERE entity_id = ANY(:ids) ORDER BY entity_seq
"""
_TRIES = """
    SELECT e.draft_order_id AS draft_id, l.export_id, l.attempt_number, l.status FROM erp_push_log l
    JOIN erp_export e ON e.id = l.export_id WHERE e.draft_order_id = ANY(:ids) ORDER BY l.attempt_number
"""


async def _rows(ground: Ground, query: str, ids: Sequence[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """By draft, in order."""
    found: dict[UUID, list[dict[str, Any]]] = {}
    async with ground.database.transaction(ORG_ID) as connection:
        for row in (await connection.execute(text(query), {"ids": list(ids)})).mappings():
            found.setdefault(row["draft_id"], []).append(dict(row))
    return found


async def _verify_chain(ground: Ground, count: Count) -> None:
    """What `countersign audit verify` does, over everything that this stack has ever recorded."""
    async for found in audit_log.verified(ground.database, ORG_ID):
        if not isinstance(found, int):
            count.found("audit", f"{found.entity_id} row {found.entity_seq}: {found.problem}")


async def verified(ground: Ground, count: Count) -> None:
    """`countersign audit verify` itself, once for all that was recorded."""
    command = [sys.executable, "cli.py", "audit", "verify", "--org", ORG]
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env=ground.stack.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    if process.returncode != 0:
        count.found("audit", f"audit verify: {said.decode(errors='replace').strip()[-600:]}")
