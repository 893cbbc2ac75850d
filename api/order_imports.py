"""Make drafts of imported orders, a few at a time, each at most once.

Without a key an order is known by its content. One whose draft was rejected may come again: it gets a draft
of its own, and the next one too should that be rejected.
"""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import text

from api.caller import Caller
from api.draft_creation import create_draft
from api.order_rows import ImportedOrder
from api.problems import unavailable
from api.rooms import Rooms
from domain.canonical import sha256_hex
from domain.messages import draft_id_for_key
from domain.statuses import DraftStatus
from storage.database import Row

_AT_ONCE = 8


class PassedOver(BaseModel):
    """An order of the file whose draft is there already."""

    external_order_number: str | None
    draft_order_id: UUID
    number: str
    status: DraftStatus


async def import_orders(
    rooms: Rooms, caller: Caller, orders: Sequence[ImportedOrder], *, key: str | None, dry_run: bool
) -> tuple[int, list[PassedOver]]:
    """How many drafts were made, or would be; and what an earlier import had made.

    Raises:
        Problem: 503, when Temporal or the database did not answer; a repeat makes the rest.
    """
    new, passed_over = await _sorted_out(caller, orders, key)
    if dry_run:
        return len(new), passed_over
    created = 0
    for start in range(0, len(new), _AT_ONCE):
        some = [_create(rooms, caller, name, order) for name, order in new[start : start + _AT_ONCE]]
        # all of them come to an end before one's error does
        results = await asyncio.gather(*some, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
            created += result
    return created, passed_over


async def _sorted_out(
    caller: Caller, orders: Sequence[ImportedOrder], key: str | None
) -> tuple[list[tuple[str, ImportedOrder]], list[PassedOver]]:
    """Orders to make drafts of, each with its draft's key; and those that have one already. In file order."""
    new: list[tuple[str, ImportedOrder]] = []
    passed_over: list[PassedOver] = []
    left, turn = list(orders), 1
    while left:
        named = {_draft_key(order, key, turn): order for order in left}
        known = await _known(caller, list(named))
        left, turn = [], turn + 1
        for name, order in named.items():
            row = known.get(name)
            if row is None:
                new.append((name, order))
            elif key is None and row["status"] == DraftStatus.REJECTED:
                left.append(order)
            else:
                passed_over.append(
                    PassedOver(
                        external_order_number=order.header.external_order_number,
                        draft_order_id=row["id"],
                        number=row["number"],
                        status=row["status"],
                    )
                )
    place = {order.header.external_order_number: n for n, order in enumerate(orders)}
    new.sort(key=lambda each: place[each[1].header.external_order_number])
    passed_over.sort(key=lambda each: place[each.external_order_number])
    return new, passed_over


def _draft_key(order: ImportedOrder, key: str | None, turn: int) -> str:
    what = order.digest() if key is None else f"{key}\n{order.header.external_order_number}"
    if turn > 1:
        what += f"\n{turn}"
    return f"import:{sha256_hex(what)}"


async def _known(caller: Caller, names: list[str]) -> dict[str, Row]:
    """Rows (id, number, status) by the key that made them."""
    ids = {draft_id_for_key(caller.org_id, name): name for name in names}
    query = text("SELECT id, number, status FROM draft_order WHERE org_id = :org AND id = ANY(:ids)")
    async with caller.transaction() as connection:
        found = await connection.execute(query, {"org": caller.org_id, "ids": list(ids)})
        return {ids[row["id"]]: row for row in found.mappings()}


async def _create(rooms: Rooms, caller: Caller, name: str, order: ImportedOrder) -> bool:
    try:
        async with asyncio.timeout(rooms.settings.answer_within_s):
            _draft, made = await create_draft(
                rooms, caller, order.header, order.lines, key=name, digest=order.digest()
            )
    except TimeoutError:
        raise unavailable("Temporal") from None
    return made
