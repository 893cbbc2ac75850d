"""Decisions on color-ups: taken once, under a lock on all versions of the key."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.color_ups import ColorUpDecided, ColorUpStatus, Decision
from domain.messages import Actor, Origin
from domain.proof_sheets import ProofSheet
from domain.proofs import (
    PROOF_CHANGED,
    DecideProof,
    ProofDecided,
    ProofStanding,
    VersionState,
    refusal,
    trail,
)
from domain.refusals import KeyReused, ProofChanged, TransitionRejected
from domain.statuses import Via
from storage import audit_log, proof_sheets
from storage.color_ups import COLUMNS, get_color_up, lock_versions
from storage.database import Row
from storage.logos import get_logo

_KEY_REUSED = "This Idempotency-Key was used before with another body; use a new key for a new request"
_OUTCOME = {
    Decision.APPROVE: (ColorUpStatus.APPROVED, "PROOF_APPROVED"),
    Decision.REQUEST_CHANGES: (ColorUpStatus.RETIRED, "PROOF_CHANGES_REQUESTED"),
}


class ColorUpMissing(Exception):
    """The org has no such color-up."""


def decided_of(row: Row) -> ColorUpDecided | None:
    """What was decided about a version; None while nothing was."""
    if row["decision"] is None:
        return None
    return ColorUpDecided(
        color_up_id=row["id"],
        decision=Decision(row["decision"]),
        team_proxy=row["team_proxy"],
        by_user_id=row["decided_by_user_id"],
        by_approver_id=row["decided_by_approver_id"],
        by_email=row["decided_by_email"],
        note=row["decision_note"],
        via=Via(row["decided_via"]),
        decided_at=row["decided_at"],
    )


def state_of(row: Row) -> VersionState:
    return VersionState(version=row["version"], status=row["status"], decision=row["decision"])


async def decide(
    connection: AsyncConnection, org_id: UUID, color_up_id: UUID, message: DecideProof, at: datetime
) -> ProofDecided:
    """Write the decision, close older versions, append to the trail. The same request again changes nothing.

    What was decided on is kept whole, and its hash is in the trail.

    Raises:
        ColorUpMissing
        TransitionRejected: it is decided, or out of date.
        ProofChanged: it is no longer what the decision says was seen.
        KeyReused: the decision was made with this key and another body.
    """
    versions = await lock_versions(connection, org_id, color_up_id)
    this = next((row for row in versions if row["id"] == color_up_id), None)
    if this is None:
        raise ColorUpMissing(color_up_id)
    known = await _repeat_of(connection, this, message)
    if known is not None:
        return ProofDecided(decided=known, repeated=True)
    sentence = refusal(state_of(this), [state_of(row) for row in versions])
    if sentence is not None:
        raise TransitionRejected(sentence, current_status=this["status"])
    sheet = await _sheet(connection, org_id, color_up_id, message)
    await _close_older(connection, org_id, versions, this, message, at)
    row = await _write(connection, org_id, this, message, sheet, at)
    decided = decided_of(row)
    if decided is None:
        raise AssertionError("a decision was written and is not there")
    return ProofDecided(decided=decided)


async def _sheet(
    connection: AsyncConnection, org_id: UUID, color_up_id: UUID, message: DecideProof
) -> ProofSheet:
    proof = await proof_sheets.read(connection, org_id, color_up_id)
    if proof is None:
        raise ColorUpMissing(color_up_id)
    if message.sheet_sha256 not in {None, proof.sheet.sha256()}:
        raise ProofChanged(PROOF_CHANGED, sheet_sha256=proof.sheet.sha256())
    return proof.sheet


async def _repeat_of(connection: AsyncConnection, row: Row, message: DecideProof) -> ColorUpDecided | None:
    decided = decided_of(row)
    if decided is None:
        return None
    token = await connection.scalar(
        text("SELECT decision_token FROM color_up WHERE id = :id"), {"id": row["id"]}
    )
    who, what = message.mark
    if token is None or token.partition(":")[0] != who:
        return None
    if token.partition(":")[2] != what:
        raise KeyReused(_KEY_REUSED)
    return decided


async def _write(
    connection: AsyncConnection,
    org_id: UUID,
    this: Row,
    message: DecideProof,
    sheet: ProofSheet,
    at: datetime,
) -> Row:
    await proof_sheets.keep(connection, org_id, sheet, at)
    status, action = _OUTCOME[message.decision]
    values: dict[str, Any] = {
        "org": org_id,
        "id": this["id"],
        "status": status.value,
        "decision": message.decision.value,
        "note": message.note,
        "token": ":".join(message.mark),
        "user": message.actor.user_id,
        "approver": message.approver_id,
        "email": message.actor.email,
        "via": message.origin.via.value,
        "proxy": message.team_proxy,
        "at": at,
        "approved_at": at if status is ColorUpStatus.APPROVED else None,
    }
    statement = text(
        "UPDATE color_up SET status = :status, decision = :decision, decision_note = :note, "
        "decision_token = :token, decided_at = :at, decided_by_user_id = :user, "
        "decided_by_approver_id = :approver, decided_by_email = :email, decided_via = :via, "
        "team_proxy = :proxy, approved_at = :approved_at, updated_at = :at "
        f"WHERE org_id = :org AND id = :id RETURNING {COLUMNS}"
    )
    row = (await connection.execute(statement, values)).mappings().one()
    details = {
        **_named(row),
        "note": message.note,
        "team_proxy": message.team_proxy,
        "by_approver_id": None if message.approver_id is None else str(message.approver_id),
        "sheet_sha256": sheet.sha256(),
    }
    change = ({"status": this["status"]}, {"status": row["status"]})
    who = (message.actor, message.origin)
    await audit_log.append(connection, trail(org_id, row["id"], action, change, details, *who, at))
    return row


async def _close_older(
    connection: AsyncConnection,
    org_id: UUID,
    versions: Sequence[Row],
    this: Row,
    message: DecideProof,
    at: datetime,
) -> None:
    older = [row for row in versions if row["version"] < this["version"]]
    for row in older:
        if row["status"] == ColorUpStatus.PENDING and message.decision is Decision.APPROVE:
            await supersede(connection, org_id, row, this["version"], message.actor, message.origin, at)
        elif row["status"] == ColorUpStatus.APPROVED and message.decision is Decision.APPROVE:
            await _retire(connection, org_id, row, this["version"], message, at)


async def _retire(
    connection: AsyncConnection, org_id: UUID, row: Row, by_version: int, message: DecideProof, at: datetime
) -> None:
    """An Approved version whose successor is approved; its decision stays what it was."""
    await connection.execute(
        text("UPDATE color_up SET status = :status, updated_at = :at WHERE org_id = :org AND id = :id"),
        {"org": org_id, "id": row["id"], "status": ColorUpStatus.RETIRED.value, "at": at},
    )
    await _append_retired(connection, org_id, row, by_version, message.actor, message.origin, at)


async def supersede(
    connection: AsyncConnection,
    org_id: UUID,
    row: Row,
    by_version: int,
    actor: Actor,
    origin: Origin,
    at: datetime,
) -> ColorUpDecided:
    """Close a version that nobody decided: version `by_version` took its place. Its lock is held."""
    statement = text(
        "UPDATE color_up SET status = :status, decision = :decision, decided_at = :at, decided_via = :via, "
        f"updated_at = :at WHERE org_id = :org AND id = :id RETURNING {COLUMNS}"
    )
    values = {
        "org": org_id,
        "id": row["id"],
        "status": ColorUpStatus.RETIRED.value,
        "decision": Decision.SUPERSEDED.value,
        "via": Via.SYSTEM.value,
        "at": at,
    }
    closed = (await connection.execute(statement, values)).mappings().one()
    await _append_retired(connection, org_id, row, by_version, actor, origin, at)
    return ColorUpDecided(
        color_up_id=closed["id"],
        decision=Decision.SUPERSEDED,
        team_proxy=False,
        via=Via.SYSTEM,
        decided_at=closed["decided_at"],
    )


async def _append_retired(
    connection: AsyncConnection,
    org_id: UUID,
    row: Row,
    by_version: int,
    actor: Actor,
    origin: Origin,
    at: datetime,
) -> None:
    change = ({"status": row["status"]}, {"status": ColorUpStatus.RETIRED.value})
    details = {**_named(row), "by_version": by_version}
    await audit_log.append(
        connection, trail(org_id, row["id"], "COLOR_UP_RETIRED", change, details, actor, origin, at)
    )


def _named(row: Row) -> dict[str, Any]:
    return {
        "logo_id": str(row["logo_id"]),
        "style_number": row["style_number"],
        "color_code": row["color_code"],
        "version": row["version"],
    }


async def decision(connection: AsyncConnection, org_id: UUID, color_up_id: UUID) -> ColorUpDecided:
    """
    Raises:
        ColorUpMissing: there is no such color-up, or nothing is decided about it.
    """
    row = await get_color_up(connection, org_id, color_up_id)
    decided = None if row is None else decided_of(row)
    if decided is None:
        raise ColorUpMissing(color_up_id)
    return decided


async def standing(connection: AsyncConnection, org_id: UUID, color_up_id: UUID, told: int) -> ProofStanding:
    """How the version stands, with a title that people know it by.

    Raises:
        ColorUpMissing
    """
    row = await get_color_up(connection, org_id, color_up_id)
    if row is None:
        raise ColorUpMissing(color_up_id)
    logo = await get_logo(connection, org_id, row["logo_id"])
    name = "logo" if logo is None else logo["name"]
    waits = row["status"] == ColorUpStatus.PENDING
    people = await proof_sheets.approvers(connection, org_id, row["customer_id"]) if waits else []
    title = f"{name} on style {row['style_number']}, colour {row['color_code']}, version {row['version']}"
    return ProofStanding(
        title=title,
        status=row["status"],
        sent_at=row["sent_at"],
        decided=decided_of(row),
        told=told,
        approvers=[each["name"] for each in people],
    )
