"""One export on its way, step by step as its workflow takes it, through a connection that can be changed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.connection_slots import ConnectionSlots
from activities.delivery import DeliveryActivities
from config.keys import connection_owner
from connectors.dropzone import DropzoneConnector
from connectors.policy import ConnectorPolicy
from connectors.port import Attempt, OnProgress
from domain.delivery import (
    Delivery,
    DeliveryOrder,
    FenceOrder,
    FenceOutcome,
    PublishOrder,
    PublishOutcome,
    PublishResult,
    StagedFile,
    StageResult,
)
from domain.draft import Export
from domain.transport import TransportCode, TransportError
from storage import connections, exports, push_log
from storage.database import Database, Row
from storage.documents import Documents
from tests.activities.ack_world import KEYS, AckWorld
from tests.storage.conftest import new_org


class Shaky(DropzoneConnector):
    """Loses the connection in publishes: `before` the rename, or `after` it."""

    def __init__(self, policy: ConnectorPolicy) -> None:
        super().__init__(policy)
        self.lose: list[str] = []

    async def publish(
        self,
        staged: StagedFile,
        config: Any,
        *,
        first_try: bool,
        on_progress: OnProgress,
        attempt: Attempt | None = None,
    ) -> PublishOutcome:
        lost = self.lose.pop(0) if self.lose else None
        if lost == "before":
            raise TransportError(TransportCode.CONNECTION_LOST)
        done = await super().publish(
            staged, config, first_try=first_try, on_progress=on_progress, attempt=attempt
        )
        if lost == "after":
            raise TransportError(TransportCode.CONNECTION_LOST)
        return done


class DeliveryWorld(AckWorld):
    """`connector` is of the type DROPZONE_JSON_V1, whatever its class."""

    export: Export
    draft_id: UUID
    slots: ConnectionSlots | None = None

    @property
    def delivery(self) -> DeliveryActivities:
        documents = Documents((self.root / "documents").as_uri())
        connectors = {"DROPZONE_JSON_V1": self.connector}
        return DeliveryActivities(self.database, documents, KEYS, connectors, slots=self.slots)

    async def pushed(self) -> None:
        """A push on record; its export is the world's."""
        played = await self.draft("PENDING")
        self.export, self.draft_id = played.export, played.draft.id

    async def point_to(self, **changes: Any) -> None:
        """As PATCH does."""
        self.values = {**self.values, **changes}
        config = self.connector.parse(self.values)
        sealed = KEYS.encrypt(self.connector.dump(config), connection_owner(self.org, self.connection))
        public = self.connector.public_view(config)
        async with self.database.transaction(self.org) as connection:
            now = datetime.now(UTC)
            await connections.save_config(connection, self.org, self.connection, sealed, public, now)

    async def stage(self) -> StageResult:
        async with self.database.transaction(self.org) as connection:
            document = await exports.document(connection, self.org, self.export.id)
        assert document is not None
        delivery = Delivery(
            export_id=self.export.id,
            file_name=self.export.file_name,
            document=document,
            sha256=self.export.sha256,
            size_bytes=self.export.size_bytes,
        )
        order = DeliveryOrder(
            org_id=self.org,
            draft_id=self.draft_id,
            connection_id=self.connection,
            storage_key=self.export.storage_key,
            delivery=delivery,
        )
        result: StageResult = await ActivityEnvironment().run(self.delivery.stage, order)
        return result

    async def publish(self, staged: StageResult) -> PublishResult:
        order = PublishOrder(**self._what, staged=staged.staged, log_row=staged.log_row)
        result: PublishResult = await ActivityEnvironment().run(self.delivery.publish, order)
        return result

    async def fence(self, staged: StageResult | None, error: ApplicationError) -> FenceOutcome:
        order = FenceOrder(
            **self._what,
            staged=staged.staged if staged else None,
            code=error.type or "",
            message=error.message,
        )
        outcome: FenceOutcome = await ActivityEnvironment().run(self.delivery.fence, order)
        return outcome

    @property
    def _what(self) -> dict[str, Any]:
        return {"org_id": self.org, "connection_id": self.connection, "export_id": self.export.id}

    async def log(self) -> list[Row]:
        async with self.database.transaction(self.org) as connection:
            return await push_log.rows(connection, self.org, self.export.id)

    def files(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.root / folder).iterdir())


@asynccontextmanager
async def delivery_world(
    database: Database, root: Path, connector: Any = None, **values: Any
) -> AsyncIterator[DeliveryWorld]:
    """With the folders `orders`, which the connection points to, and `elsewhere`."""
    for name in ("orders", "elsewhere", "documents"):
        (root / name).mkdir(exist_ok=True)
    policy = ConnectorPolicy(filesystem_roots=(root,))
    values = values or {"mode": "filesystem", "export_path": str(root / "orders")}
    world = DeliveryWorld(database, root, connector or Shaky(policy), values, 0.0)
    world.org = await new_org(database)
    world.connection = await world.connect(world.org)
    await world.pushed()
    yield world
    await world.connector.close()
