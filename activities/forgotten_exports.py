"""Exports that wait for the end of a pause that is over, while nobody is about to tell their drafts.

A release that was terminated leaves them behind. Of one that runs nothing is said: it is on its way.
"""

from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from uuid import UUID

from commands.draft_orders import TemporalUnavailable
from commands.errands import Errands
from domain.reconciliation import Difference, Finding
from storage import held_exports
from storage.database import Database, Row

_BY_CONNECTION = itemgetter("connection_id")


class ForgottenExports:
    def __init__(self, database: Database, errands: Errands) -> None:
        self._database = database
        self._errands = errands

    async def find(self, org_id: UUID, slug: str, *, dry_run: bool) -> list[Finding]:
        """One finding a draft; without `dry_run` their release is started, which is the repair."""
        async with self._database.transaction(org_id) as connection:
            rows = await held_exports.forgotten(connection, org_id)
        found: list[Finding] = []
        for connection_id, held in groupby(sorted(rows, key=_BY_CONNECTION), _BY_CONNECTION):
            found += await self._of_connection(org_id, slug, connection_id, held, dry_run=dry_run)
        return found

    async def _of_connection(
        self, org_id: UUID, slug: str, connection_id: UUID, held: Iterable[Row], *, dry_run: bool
    ) -> list[Finding]:
        repaired, detail = False, f"connection {connection_id}"
        try:
            if dry_run:
                under_way = await self._errands.releases_now(org_id, connection_id)
            else:
                repaired = await self._errands.release_again(org_id, connection_id)
                under_way = not repaired
        except TemporalUnavailable as error:
            under_way, detail = False, f"{detail}: {error}"
        if under_way:
            return []
        return [
            Finding(
                org=slug,
                draft_id=str(row["draft_order_id"]),
                number=row["number"],
                difference=Difference.HELD_AFTER_PAUSE,
                detail=detail,
                repaired=repaired,
            )
            for row in held
        ]
