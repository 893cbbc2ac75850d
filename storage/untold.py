"""What was kept to be told later, by any org, and has not been told: counts and ages, no names."""

from dataclasses import dataclass

from storage.database import Database


@dataclass(frozen=True)
class Untold:
    what: str  # notice or callback
    untold: int
    oldest_s: float  # 0 when there is none


async def count_untold(database: Database) -> list[Untold]:
    """
    Raises:
        DatabaseUnavailable: the server is down, too slow, or went away.
    """
    rows = await database.call(
        "SELECT what, untold, coalesce(extract(epoch FROM now() - oldest), 0)::float8 AS oldest_s "
        "FROM count_untold()",
        {},
    )
    return [Untold(**row) for row in rows]
