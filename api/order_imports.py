"""Make drafts of imported orders, a few at a time, each at most once."""

import asyncio
from collections.abc import Sequence

from sqlalchemy import text

from api.caller import Caller
from api.draft_creation import create_draft
from api.order_rows import ImportedOrder
from api.problems import unavailable
from api.rooms import Rooms
from domain.canonical import sha256_hex
from domain.messages import draft_id_for_key

_AT_ONCE = 8


async def import_orders(
    rooms: Rooms, caller: Caller, orders: Sequence[ImportedOrder], *, key: str | None, dry_run: bool
) -> int:
    """How many drafts were made, or would be. What an earlier import made is passed over.

    Raises:
        Problem: 503, when Temporal or the database did not answer; a repeat makes the rest.
    """
    named = {_draft_key(order, key): order for order in orders}
    known = await _known(caller, list(named))
    new = [(name, order) for name, order in named.items() if name not in known]
    if dry_run:
        return len(new)
    created = 0
    for start in range(0, len(new), _AT_ONCE):
        some = [_create(rooms, caller, name, order) for name, order in new[start : start + _AT_ONCE]]
        # all of them come to an end before one's error does
        results = await asyncio.gather(*some, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
            created += result
    return created


def _draft_key(order: ImportedOrder, key: str | None) -> str:
    what = order.digest() if key is None else f"{key}\n{order.header.external_order_number}"
    return f"import:{sha256_hex(what)}"


async def _known(caller: Caller, names: list[str]) -> set[str]:
    ids = {draft_id_for_key(caller.org_id, name): name for name in names}
    query = text("SELECT id FROM draft_order WHERE org_id = :org AND id = ANY(:ids)")
    async with caller.transaction() as connection:
        found = (await connection.execute(query, {"org": caller.org_id, "ids": list(ids)})).scalars()
        return {ids[each] for each in found}


async def _create(rooms: Rooms, caller: Caller, name: str, order: ImportedOrder) -> bool:
    try:
        async with asyncio.timeout(rooms.settings.answer_within_s):
            _draft, made = await create_draft(
                rooms, caller, order.header, order.lines, key=name, digest=order.digest()
            )
    except TimeoutError:
        raise unavailable("Temporal") from None
    return made
