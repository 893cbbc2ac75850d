"""How many drafts wait for what, over all orgs: counts and ages, no names."""

from dataclasses import dataclass

from storage.database import Database


@dataclass(frozen=True)
class OpenDrafts:
    waiting_for: str
    drafts: int
    oldest_s: float  # since the last decision about the one that has rested longest
    acks_overdue: int


async def count_open_drafts(database: Database) -> list[OpenDrafts]:
    """
    Raises:
        DatabaseUnavailable: the server is down, too slow, or went away.
    """
    rows = await database.call(
        "SELECT waiting_for, sum(drafts)::bigint AS drafts, sum(acks_overdue)::bigint AS acks_overdue, "
        "greatest(0, extract(epoch FROM now() - min(oldest)))::float8 AS oldest_s "
        "FROM count_open_drafts() GROUP BY waiting_for",
        {},
    )
    return [OpenDrafts(**row) for row in rows]
