"""Remove temporary files that dead tries left in the dropzones, and old rows; report what was done."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import names
from config.keys import EncryptionError, KeyRing, connection_owner
from config.metrics import WorkerMetrics
from connectors.leftovers import KeepsLeftovers
from connectors.port import ERPConnectorPort
from domain.sweeping import KEYS_KEPT, NOTICES_KEPT, Swept
from domain.transport import TransportError
from storage import idempotency_keys, notices, sweeping
from storage.database import Database, DatabaseUnavailable, Row

log = structlog.get_logger(__name__)

_CONNECTION_LIMIT_S = 60.0
_AT_ONCE = 500  # files of one connection a sweep
_ROWS_AT_ONCE = 500  # in one transaction
_BATCHES_AT_ONCE = 200  # of one org a sweep


# connection, org, before, how many at most -> how many
RemoveOld = Callable[[AsyncConnection, UUID, datetime, int], Awaitable[int]]


class Sweeper:
    """`age_s`: younger files are left alone, whatever they are."""

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        connectors: Mapping[str, ERPConnectorPort[Any]],
        age_s: int,
        counted: WorkerMetrics | None = None,
    ) -> None:
        self._database = database
        self._keys = keys
        self._connectors = connectors
        self._age_s = age_s
        self._counted = counted or WorkerMetrics()

    @activity.defn(name=names.SWEEP)
    async def run(self) -> list[Swept]:
        """All organisations; what one dropzone does holds up no other. Returns what there is to say."""
        said: list[Swept] = []
        try:
            for row in await self._database.call("SELECT * FROM list_orgs()", {}):
                activity.heartbeat(row["slug"])
                await self.forget_keys(row["org_id"], row["slug"])
                await self.forget_notices(row["org_id"], row["slug"])
                said += [each for each in await self.sweep(row["org_id"], row["slug"]) if each.says_something]
        except DatabaseUnavailable as error:
            raise ApplicationError(str(error), type="DatabaseUnavailable") from None
        return said

    async def forget_keys(self, org_id: UUID, slug: str) -> None:
        """Idempotency keys that nobody will send again."""
        removed = await self._forget(idempotency_keys.remove_old, org_id, slug, KEYS_KEPT)
        if removed:
            log.info("keys_forgotten", org=slug, removed=removed)

    async def forget_notices(self, org_id: UUID, slug: str) -> None:
        """Notices that were told long ago."""
        removed = await self._forget(notices.remove_told, org_id, slug, NOTICES_KEPT)
        if removed:
            log.info("notices_forgotten", org=slug, removed=removed)

    async def _forget(self, remove: RemoveOld, org_id: UUID, slug: str, kept: timedelta) -> int:
        """Few at a time, so that no request waits; return how many."""
        before, removed = datetime.now(UTC) - kept, 0
        for _ in range(_BATCHES_AT_ONCE):
            async with self._database.transaction(org_id, flushed=False) as connection:
                batch = await remove(connection, org_id, before, _ROWS_AT_ONCE)
            removed += batch
            if batch < _ROWS_AT_ONCE:
                break
            if activity.in_activity():
                activity.heartbeat(slug)
        return removed

    async def sweep(self, org_id: UUID, slug: str) -> list[Swept]:
        async with self._database.transaction(org_id) as connection:
            rows = await sweeping.swept_connections(connection, org_id)
        done = []
        for row in rows:
            swept = Swept(org=slug, connection_id=row["id"])
            try:
                async with asyncio.timeout(_CONNECTION_LIMIT_S):
                    await self._sweep(org_id, row, swept)
            except TransportError as error:
                swept.error = error.code.value
            except EncryptionError:
                swept.error = "CONFIGURATION_INVALID"
            except TimeoutError:
                swept.error = "CONNECTION_TIMEOUT"
            self._tell(swept)
            done.append(swept)
            if activity.in_activity():
                activity.heartbeat(slug)
        return done

    async def _sweep(self, org_id: UUID, row: Row, swept: Swept) -> None:
        connector = self._connectors.get(row["connector_type"])
        if connector is None or not isinstance(connector, KeepsLeftovers):
            return
        stored = self._keys.decrypt(row["config_encrypted"], connection_owner(org_id, row["id"]))
        config = connector.load(stored)
        found = await connector.leftovers(config)
        now = datetime.now(UTC)
        old = [each for each in found if each.is_older_than(self._age_s, now)][:_AT_ONCE]
        swept.young = len(found) - len(old)
        if not old:
            return
        # asked after the listing: an export that is over by now was not begun in between
        async with self._database.transaction(org_id) as connection:
            over = await sweeping.orphans(connection, org_id, old)
        orphans = [each.name for each in old if each.file_name in over]
        swept.kept = len(old) - len(orphans)
        if orphans:
            swept.removed = await connector.discard(orphans, config)

    def _tell(self, swept: Swept) -> None:
        self._counted.swept.labels("removed").inc(swept.removed)
        self._counted.swept.labels("kept").inc(swept.kept)
        if swept.error:
            self._counted.swept.labels("failed").inc()
        if swept.says_something:
            log.info("swept", **swept.model_dump(mode="json"))
