"""A task queue of the shared Temporal for one test, and its worker."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from temporalio.client import Client
from temporalio.worker import Worker

from commands.draft_orders import DraftOrders
from config.sandbox import runner
from storage.database import Database


class OwnQueue:
    """Of an org, with PostgreSQL behind it; payloads as `client` has them."""

    def __init__(self, client: Client, database: Database, org: UUID, queue: str) -> None:
        self.client = client
        self.database = database
        self.org = org
        self.queue = queue
        self.drafts = DraftOrders(client, queue, 5)

    def serving(self, workflows: Sequence[type], activities: Sequence[Callable[..., Any]]) -> Worker:
        """Stops without grace: what its activities do is cut, as by a kill."""
        return Worker(
            self.client,
            task_queue=self.queue,
            workflows=workflows,
            activities=activities,
            workflow_runner=runner(),
            max_cached_workflows=0,  # every task replays: what is not deterministic shows
        )
