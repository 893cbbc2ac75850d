"""Make a draft: number, workflow, and its row; each step safe to repeat under the same key."""

from uuid import UUID, uuid4

from sqlalchemy import text

from api.caller import Caller
from api.draft_sending import LOOK_AGAIN_S
from api.problems import unavailable
from api.rooms import Rooms
from commands.draft_orders import TemporalUnavailable
from domain.draft import Header, LineInput
from domain.draft_size import too_long
from domain.edits import numbered
from domain.messages import CreateDraft, draft_id_for_key
from domain.refusals import InputRefused, KeyReused
from storage.changes import Watch
from storage.draft_orders import StoredDraft, get_draft

_REUSED = "This Idempotency-Key was used before with another body; use a new key for a new request"


async def create_draft(
    rooms: Rooms,
    caller: Caller,
    header: Header,
    lines: list[LineInput],
    *,
    key: str | None,
    digest: str,
) -> tuple[StoredDraft, bool]:
    """The draft as recorded, and whether this call made it.

    Raises:
        InputRefused: line numbers clash, or it is too long.
        KeyReused: the key made a draft from another body.
        Problem: 503, when Temporal or the database didn't answer; a repeat with the key is safe.
    """
    draft_id = draft_id_for_key(caller.org_id, key) if key is not None else uuid4()
    placed = numbered(draft_id, lines)
    excess = too_long(header, placed)
    if excess is not None:
        raise InputRefused(excess)
    if key is not None:
        known = await _stored(caller, draft_id)
        if known is not None:
            return _same(known, digest), False
    message = CreateDraft(
        org_id=caller.org_id,
        org_slug=caller.org_slug,
        draft_id=draft_id,
        number=await _reserve_number(rooms, caller.org_id, draft_id),
        actor=caller.actor,
        origin=caller.origin,
        key=key,
        digest=digest,
        token=uuid4().hex,
        header=header,
        lines=placed,
        customer_name=await _customer_name(caller, header.customer_id),
        policy=caller.policy,
    )
    with rooms.bell.watching(draft_id) as watch:
        try:
            started = await rooms.drafts.create(message)
        except TemporalUnavailable:
            raise unavailable("Temporal") from None
        stored = await _recorded(caller, draft_id, watch, started=started)
    return _same(stored, digest), started


def _same(stored: StoredDraft, digest: str) -> StoredDraft:
    if stored.creation_digest != digest:
        raise KeyReused(_REUSED)
    return stored


async def _reserve_number(rooms: Rooms, org_id: UUID, draft_id: UUID) -> str:
    rows = await rooms.database.call(
        "SELECT reserve_draft_number(:org, :draft) AS number", {"org": org_id, "draft": draft_id}
    )
    return f"D-{rows[0]['number']:06d}"


async def _customer_name(caller: Caller, customer_id: UUID | None) -> str | None:
    if customer_id is None:
        return None
    async with caller.transaction() as connection:
        name: str | None = await connection.scalar(
            text("SELECT name FROM customer WHERE org_id = :org AND id = :id"),
            {"org": caller.org_id, "id": customer_id},
        )
    return name


async def _stored(caller: Caller, draft_id: UUID) -> StoredDraft | None:
    async with caller.transaction() as connection:
        return await get_draft(connection, caller.org_id, draft_id, caller.policy.production_gate)


async def _recorded(caller: Caller, draft_id: UUID, watch: Watch, *, started: bool) -> StoredDraft:
    """Wait for the workflow's first record. The request's own deadline ends this as a 503."""
    patience_s = LOOK_AGAIN_S if started else 0
    while True:
        await watch.reached(1, patience_s)
        stored = await _stored(caller, draft_id)
        if stored is not None:
            return stored
        patience_s = LOOK_AGAIN_S
