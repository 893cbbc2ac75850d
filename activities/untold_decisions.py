"""The look for decisions whose drafts were not told, whatever became of whoever was to tell them."""

from datetime import UTC, datetime, timedelta

import structlog

from commands.proofs import Proofs
from storage import subscriptions
from storage.database import Database

log = structlog.get_logger(__name__)

_AT_ONCE = 200


class UntoldDecisions:
    """`left_after`: younger decisions are still in the hands of their workflow."""

    def __init__(
        self, database: Database, proofs: Proofs, left_after: timedelta = timedelta(seconds=10)
    ) -> None:
        self._database = database
        self._proofs = proofs
        self._left_after = left_after

    async def relay(self) -> int:
        """Have the proofs' workflows look; how many of them.

        Raises:
            DatabaseUnavailable, TemporalUnavailable: the rest is left to the next time.
        """
        before = datetime.now(UTC) - self._left_after
        woken = 0
        for row in await subscriptions.untold_of_all(self._database, before, _AT_ONCE):
            if await self._proofs.wake(row["org_id"], row["color_up_id"]):
                woken += 1
                log.warning("decision_untold", color_up_id=str(row["color_up_id"]))
        return woken
