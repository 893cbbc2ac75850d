"""Rows of the push log that show a try as running although its export is over.

Recording an export's end ends its tries. One that begins afterwards and dies is left, and rows from before
recording did so.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from domain.reconciliation import Difference, Finding
from storage import push_log
from storage.database import Database

# A publish may take two minutes (workflows/policies.py).
_LEFT_AFTER = timedelta(minutes=5)


async def find_open_tries(database: Database, org_id: UUID, slug: str, *, dry_run: bool) -> list[Finding]:
    """One finding an export; without `dry_run` its tries are ended."""
    async with database.transaction(org_id) as connection:
        rows = await push_log.left_open(connection, org_id, datetime.now(UTC) - _LEFT_AFTER)
        if not dry_run:
            for row in rows:
                await push_log.end_tries(connection, row["export_id"])
    return [
        Finding(
            org=slug,
            draft_id=str(row["draft_order_id"]),
            number=row["number"],
            difference=Difference.TRY_LEFT_OPEN,
            detail=f"export {row['export_id']}",
            repaired=not dry_run,
        )
        for row in rows
    ]
