"""Which pushes this process is putting on record, so that a stage need not ask PostgreSQL in vain."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID

_REMEMBERED = 1000
_BEGINS_WITHIN_S = 0.02
_ENDS_WITHIN_S = 1.0


@dataclass(frozen=True)
class _Record:
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Recorded:
    """A push's record and its stage are scheduled together, and begin in the same worker, if it has room.

    Whatever is heard here, the rows decide: another worker may write the record, or fail to.
    """

    def __init__(self) -> None:
        self._records: dict[UUID, _Record] = {}

    @contextmanager
    def being_written(self, export_ids: Iterable[UUID]) -> Iterator[None]:
        records = [self._record(each) for each in export_ids]
        for record in records:
            record.begun.set()
        try:
            yield
        finally:
            for record in records:
                record.ended.set()

    async def wait(self, export_id: UUID) -> None:
        """Return when its record has been written here, or is not being written here: look at the rows."""
        record = self._record(export_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(_BEGINS_WITHIN_S):
                await record.begun.wait()
            async with asyncio.timeout(_ENDS_WITHIN_S):
                await record.ended.wait()

    def _record(self, export_id: UUID) -> _Record:
        record = self._records.setdefault(export_id, _Record())
        if len(self._records) > _REMEMBERED:
            del self._records[next(iter(self._records))]
        return record
