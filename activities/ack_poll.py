"""One look into a connection's ack folder: write down what is there, tell the drafts, put files away.

The ledger (storage/acks.py) says how far each file has come, and the next poll goes on where one died:
written down before anybody is told, told under the row's id, which a draft hears once, moved last.
"""

from collections.abc import Iterator
from time import monotonic

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import names
from activities.ack_intake import Intake, chosen
from activities.ack_round import Problem, Round
from activities.ack_telling import Telling
from activities.ack_trays import put_away
from activities.configured import Connectors, configured
from activities.heartbeats import heartbeats
from commands.draft_orders import DraftOrders
from config.keys import KeyRing
from config.metrics import WorkerMetrics
from connectors.ack_folder import AckFile, AckFolder, OpenAckFolder
from domain.ack_files import answered_file
from domain.ack_polls import AckPollOrder, AckPollReport
from domain.transport import ACK_FOLDER_SENTENCES, TransportError
from storage import acks, connections
from storage.database import Database, DatabaseUnavailable, Row

log = structlog.get_logger(__name__)

READS_A_POLL = 500
WORK_S = 40.0  # no new files are begun after this
_CHUNK = 50


class AckPoller:
    """`settle_s`: how long a file that cannot be read must rest before it counts as malformed."""

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        connectors: Connectors,
        drafts: DraftOrders,
        settle_s: float,
        counted: WorkerMetrics | None = None,
    ) -> None:
        self._database = database
        self._keys = keys
        self._connectors = connectors
        self._drafts = drafts
        self._settle_s = settle_s
        self._counted = counted or WorkerMetrics()

    @activity.defn(name=names.POLL_ACKS)
    async def run(self, order: AckPollOrder) -> AckPollReport:
        """Fails with a code and a sentence, which the connection shows too; no draft is hurt by that."""
        try:
            async with heartbeats():
                report = await self.poll(order)
        except Problem as problem:
            raise self._failed(problem.code, problem.sentence) from None
        except DatabaseUnavailable:
            raise self._failed("DatabaseUnavailable", "PostgreSQL did not answer in time") from None
        self._counted.ack_polls.labels("skipped" if report.skipped else "ok").inc()
        return report

    def _failed(self, code: str, sentence: str) -> ApplicationError:
        self._counted.ack_polls.labels(code).inc()
        return ApplicationError(sentence, type=code, non_retryable=True)

    async def poll(self, order: AckPollOrder) -> AckPollReport:
        """
        Raises:
            Problem: something could not be done; it is noted at the connection.
            DatabaseUnavailable: nothing could be noted.
        """
        async with self._database.transaction(order.org_id) as connection:
            row = await connections.get(connection, order.org_id, order.connection_id)
            started_at = await acks.clock(connection)
        if row is None or row["status"] == "DISABLED":
            return AckPollReport(skipped="the connection is disabled or gone")
        this = Round(
            order.org_id, order.connection_id, row["public_config"], started_at, self._database, self._counted
        )
        try:
            opened = self._opened(order, row)
            if opened is None:
                return AckPollReport(skipped="the connection has no ack folder")
            async with opened as folder:
                await self._work(this, folder)
        except TransportError as error:
            this.note(Problem(error.code.value, ACK_FOLDER_SENTENCES[error.code]))
            log.info("ack_poll_failed", connection_id=str(order.connection_id), technical=error.technical)
        await self._note(this)
        if this.problem is not None:
            raise this.problem
        return this.report

    def _opened(self, order: AckPollOrder, row: Row) -> OpenAckFolder | None:
        connector, config = configured(self._connectors, self._keys, order.org_id, row)
        return connector.ack_folder(config)

    async def _work(self, this: Round, folder: AckFolder) -> None:
        """
        Raises:
            TransportError: the folder could not be listed, read, or cleared.
        """
        until = monotonic() + WORK_S
        intake, telling = Intake(this, self._settle_s), Telling(this, self._drafts)
        listing = [file for file in await folder.files() if answered_file(file.name) is not None]
        this.report.listed = len(listing)
        async with self._database.transaction(this.org_id) as connection:
            known = await acks.in_folder(connection, this.org_id, this.connection_id)
        await intake.note_gone(listing, known)
        wanted = chosen(listing, known, READS_A_POLL)
        this.report.left = len(wanted.left)
        # what earlier polls left undone comes first
        await telling.tell()
        refused = await put_away(this, folder)
        for chunk in _chunks(wanted.now, _CHUNK):
            if monotonic() > until:
                this.report.left += len(chunk)
                continue
            await intake.take_in(folder, chunk)
            await telling.tell()
            # answers are heard although their files cannot be moved
            refused = refused or await put_away(this, folder)
        if refused is not None:
            raise refused

    async def _note(self, this: Round) -> None:
        problem = this.problem
        error = None if problem is None else {"code": problem.code, "message": problem.sentence}
        async with self._database.transaction(this.org_id) as connection:
            await acks.save_poll(connection, this.org_id, this.connection_id, this.started_at, error)


def _chunks(files: list[AckFile], size: int) -> Iterator[list[AckFile]]:
    for start in range(0, len(files), size):
        yield files[start : start + size]
