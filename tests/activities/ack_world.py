"""An org with a connection and drafts, whose workflows are played by the rules that the real ones follow."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncssh
from sqlalchemy import text

from activities.ack_poll import AckPoller
from activities.projection import ProjectionActivities
from commands.draft_orders import TemporalUnavailable, WorkflowGone
from config.keys import KeyRing, connection_owner
from config.metrics import WorkerMetrics
from connectors.dropzone import DropzoneConnector
from connectors.policy import ConnectorPolicy
from domain import events as ev
from domain.ack_polls import AckPollOrder, AckPollReport
from domain.acknowledgements import acknowledged, heard
from domain.draft import Export, ExportError
from domain.messages import Acknowledgement, Actor, Origin
from domain.statuses import DraftStatus, ExportStatus, Via, WaitingFor
from domain.transitions import Command
from storage import connections
from storage.database import Database
from tests.connectors.conftest import LOOPBACK, sftp_dropzone
from tests.domain.orders import AT, CONNECTION, decided, facts
from tests.storage.conftest import new_org
from tests.storage.test_projection import Story

KEYS = KeyRing("ab" * 32)
Body = dict[str, Any]


class Played(Story):
    """A draft and the part of its workflow that hears acks."""

    def __init__(self, org_id: UUID, connection_id: UUID, projection: ProjectionActivities) -> None:
        super().__init__(org_id, uuid4())
        self._connection_id = connection_id
        self._projection = projection
        self._early: list[Acknowledgement] = []
        self.heard: list[Acknowledgement] = []
        self.terminated = False
        self._recording = asyncio.Lock()

    @property
    def export(self) -> Export:
        assert self.draft.last_export is not None
        return self.draft.last_export

    @property
    def closed(self) -> bool:
        """A workflow ends when all it decided is recorded, not before."""
        if self.ledger.outbox:
            return False
        pushed = self.draft.status is DraftStatus.PUSHED and self.ledger.waiting_for is not WaitingFor.ACK
        return self.terminated or pushed or self.draft.status is DraftStatus.REJECTED

    async def recorded(self) -> "Played":
        async with self._recording:
            if self.ledger.outbox:
                batch = list(self.ledger.outbox)
                await self._projection.record(batch)
                self.ledger.recorded(batch[-1].sequence)
        return self

    async def pushed(self, *, ack_expected: bool = True) -> "Played":
        """APPROVED and pushed; its export is PENDING."""
        connection = CONNECTION.model_copy(update={"id": self._connection_id, "ack_expected": ack_expected})
        known = facts(connection=connection)
        for command in (Command.VALIDATE, Command.APPROVE, Command.PUSH):
            self.happened(*decided(command, self.draft, known=known))
        return await self.recorded()

    async def then(self, *events: ev.Event) -> "Played":
        self.happened(*events)
        early, self._early = self._early, []
        for ack in early:
            self._hear(ack)
        return await self.recorded()

    async def in_status(self, name: str) -> "Played":
        """Brought to one of `STATES`."""
        await self.pushed()
        for step in STATES[name]:
            await self.then(step(self.export))
        return self

    async def acknowledge(self, ack: Acknowledgement) -> None:
        if self.closed:
            raise WorkflowGone
        self.heard.append(ack)
        self._hear(ack)
        await self.recorded()

    def _hear(self, ack: Acknowledgement) -> None:
        if ack.ack_id in self.ledger.heard_acks:
            return
        if self.export.status is ExportStatus.PENDING:
            self._early.append(ack)
            return
        (event,) = acknowledged(self.draft, ack, AT)
        sequence = self.ledger.apply([event], AT, Actor(), Origin(via=Via.SYSTEM))
        assert ack.ack_id is not None
        self.ledger.hear(heard(ack.ack_id, event), sequence)


def sent(export: Export) -> ev.Event:
    return ev.ExportSent(export_id=export.id, dropzone_path="/orders/x.json", unconfirmed=False)


def acked(export: Export) -> ev.Event:
    return ev.ExportAcked(export_id=export.id, erp_order_id="SO-0", late=False)


def refused(export: Export) -> ev.Event:
    error = ExportError(code="E1", message="no", at=AT)
    return ev.ExportRejected(export_id=export.id, error=error)


def window_over(export: Export) -> ev.Event:
    return ev.AckWindowEnded(export_id=export.id)


def failed(*, may_have_been_sent: bool) -> Callable[[Export], ev.Event]:
    def event(export: Export) -> ev.Event:
        error = ExportError(code="CONNECTION_LOST", message="lost", at=AT)
        return ev.ExportFailed(export_id=export.id, error=error, may_have_been_sent=may_have_been_sent)

    return event


# Every state of an export that an ack can meet, by the events that lead there from PENDING.
STATES: dict[str, list[Callable[[Export], ev.Event]]] = {
    "PENDING": [],
    "SENT": [sent],
    "SENT, window over": [sent, window_over],
    "ACKED": [sent, acked],
    "FAILED, not sent": [failed(may_have_been_sent=False)],
    "FAILED, may have been sent": [failed(may_have_been_sent=True)],
    "FAILED, refused": [sent, refused],
}


@dataclass
class PlayedDrafts:
    """Stands for `commands.draft_orders.DraftOrders`. `away`: Temporal does not answer."""

    known: dict[UUID, Played] = field(default_factory=dict)
    away: bool = False
    before: Callable[[], Any] | None = None
    after: Callable[[], Any] | None = None

    async def acknowledge(self, org_id: UUID, draft_id: UUID, ack: Acknowledgement) -> None:
        if self.before is not None:
            self.before()
        if self.away:
            raise TemporalUnavailable("Temporal did not answer in time")
        draft = self.known[draft_id]
        assert draft.draft.org_id == org_id, "told across organisations"
        await draft.acknowledge(ack)
        if self.after is not None:
            self.after()


class AckWorld:
    """`acks` is the folder as the ERP sees it."""

    def __init__(self, database: Database, root: Path, connector: Any, values: Body, settle_s: float) -> None:
        self.database = database
        self.root = root
        self.acks = root / "acks"
        self.connector = connector
        self.values = values
        self.drafts = PlayedDrafts()
        self.counted = WorkerMetrics()
        self.settle_s = settle_s
        self.org: UUID = UUID(int=0)
        self.connection: UUID = UUID(int=0)

    @property
    def poller(self) -> AckPoller:
        types = {"DROPZONE_JSON_V1": self.connector}
        drafts: Any = self.drafts
        return AckPoller(self.database, KEYS, types, drafts, self.settle_s, self.counted)

    async def switch(self, status: str) -> None:
        async with self.database.transaction(self.org) as connection:
            await connections.set_status(connection, self.org, self.connection, status, AT)

    async def connect(self, org: UUID, *, status: str = "ACTIVE", **changes: Any) -> UUID:
        connection_id = uuid4()
        config = self.connector.parse({**self.values, **changes})
        values = {
            "id": connection_id,
            "org": org,
            "connector_type": "DROPZONE_JSON_V1",
            "config_encrypted": KEYS.encrypt(
                self.connector.dump(config), connection_owner(org, connection_id)
            ),
            "public_config": self.connector.public_view(config),
        }
        now = datetime.now(UTC)
        async with self.database.transaction(org) as connection:
            await connections.insert(connection, values, now)
            if status != "ACTIVE":
                await connections.set_status(connection, org, connection_id, status, now)
        return connection_id

    async def draft(self, state: str = "SENT", **of: UUID) -> Played:
        """A draft of this world, or of another `org` and `connection`."""
        projection = ProjectionActivities(self.database, 1800, self.counted)
        played = Played(of.get("org", self.org), of.get("connection", self.connection), projection)
        self.drafts.known[played.draft.id] = played
        return await played.in_status(state)

    async def poll(self, connection: UUID | None = None, org: UUID | None = None) -> AckPollReport:
        order = AckPollOrder(org_id=org or self.org, connection_id=connection or self.connection)
        return await self.poller.poll(order)

    def put(self, name: str, content: Body | bytes | str, *, at: float | None = None) -> Path:
        path = self.acks / name
        if isinstance(content, dict):
            content = json.dumps(content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        if at is not None:
            os.utime(path, (at, at))
        return path

    def answer(self, of: Export, status: str = "ACKED", **fields: Any) -> str:
        """The ERP's answer as it should be; its name."""
        name = f"{'ack' if status == 'ACKED' else 'error'}_{of.file_name}"
        told = (
            {"erp_order_id": "SO-1"} if status == "ACKED" else {"error_code": "E7", "message": "no such SKU"}
        )
        self.put(name, {"status": status, **told, "processed_at": "2026-11-21T07:00:00Z", **fields})
        return name

    def names(self) -> dict[str, list[str]]:
        found = {"acks": sorted(path.name for path in self.acks.iterdir() if path.name not in TRAYS)}
        for tray in TRAYS:
            folder = self.acks / tray
            found[tray] = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        return found

    async def ledger(self, org: UUID | None = None) -> list[Body]:
        return await self.rows("SELECT * FROM erp_ack ORDER BY seen_at, id", org)

    async def trail(self, of: Played) -> list[tuple[str, bool]]:
        """The ERP's answers in the draft's audit trail: action, and whether it changed anything."""
        rows = await self.rows(
            f"SELECT action, details FROM audit_log WHERE entity_id = '{of.draft.id}' ORDER BY entity_seq",
            of.draft.org_id,
        )
        of_erp = [row for row in rows if row["action"] in {"EXPORT_ACKED", "EXPORT_REJECTED"}]
        return [(row["action"], row["details"].get("changed", True)) for row in of_erp]

    async def rows(self, query: str, org: UUID | None = None) -> list[Body]:
        async with self.database.transaction(org or self.org) as connection:
            return [dict(row) for row in (await connection.execute(text(query))).mappings()]

    async def state_of(self, of: Played) -> tuple[str, str]:
        """Status of draft and last export, as PostgreSQL has them."""
        (row,) = await self.rows(
            "SELECT d.status AS draft, e.status AS export FROM draft_order d JOIN erp_export e "
            f"ON e.draft_order_id = d.id WHERE d.id = '{of.draft.id}' ORDER BY e.attempt DESC LIMIT 1",
            of.draft.org_id,
        )
        return row["draft"], row["export"]


TRAYS = ("processed", "error")


@asynccontextmanager
async def ack_world(
    database: Database,
    root: Path,
    kind: str = "filesystem",
    *,
    settle_s: float = 0.0,
    sftp_class: type[asyncssh.SFTPServer] = asyncssh.SFTPServer,
) -> AsyncIterator[AckWorld]:
    for name in ("acks", "orders"):
        (root / name).mkdir(exist_ok=True)
    if kind == "filesystem":
        connector = DropzoneConnector(ConnectorPolicy(filesystem_roots=(root,)))
        values = {"mode": "filesystem", "export_path": str(root / "orders"), "ack_path": str(root / "acks")}
        yield await _settled_in(AckWorld(database, root, connector, values, settle_s))
        return
    async with sftp_dropzone(root, sftp_class=sftp_class, ack_path="/acks") as zone:
        connector = DropzoneConnector(ConnectorPolicy(allowed_networks=LOOPBACK))
        values = json.loads(connector.dump(zone.config))
        yield await _settled_in(AckWorld(database, root, connector, values, settle_s))


async def _settled_in(world: AckWorld) -> AckWorld:
    world.org = await new_org(world.database)
    world.connection = await world.connect(world.org)
    return world
