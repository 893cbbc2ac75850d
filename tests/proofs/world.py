"""Proofs' workflows on real servers, with stand-ins for drafts that only note what they are told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError

from activities.mailing import Mailer
from activities.proof_mails import ProofMails
from activities.proofs import ProofActivities
from commands.draft_orders import DraftOrders
from commands.proofs import Proofs
from connectors.mail_server import MailServer
from domain.color_ups import ColorUpDecided
from domain.mails import Letter
from domain.messages import DRAFT_ORDER_WORKFLOW, draft_workflow_id
from domain.proofs import proof_workflow_id
from storage.database import Database
from tests.proofs.stand_in import HEARD, StandInDraft
from tests.queues import OwnQueue
from tests.storage.proof_ground import Ground
from workflows.proof import ProofApprovalWorkflow


@dataclass
class Post:
    """A mail server: takes mails, after it has raised what it was told to raise."""

    fails: list[Exception] = field(default_factory=list)
    taken: list[tuple[str, str]] = field(default_factory=list)  # recipient and key
    asked: int = 0

    async def send(self, letter: Letter, key: str) -> None:
        self.asked += 1
        if self.fails:
            raise self.fails.pop(0)
        self.taken.append((letter.recipient, key))


class World(OwnQueue):
    def __init__(self, client: Client, database: Database, org: UUID, queue: str) -> None:
        super().__init__(client, database, org, queue)
        self.proofs = Proofs(client, queue, 20)

    def mails(self, server: MailServer | None = None) -> ProofMails:
        return ProofMails(
            self.database, Mailer(self.database, server or Post()), "https://orders.example.com"
        )

    def activities(self, drafts: DraftOrders | None = None) -> ProofActivities:
        return ProofActivities(self.database, drafts or self.drafts, self.proofs)

    @asynccontextmanager
    async def worker(
        self, activities: ProofActivities | None = None, mails: ProofMails | None = None
    ) -> AsyncIterator[None]:
        own = activities or self.activities()
        steps = [own.decide, own.tell, (mails or self.mails()).send_proof]
        async with self.serving([ProofApprovalWorkflow, StandInDraft], steps):
            yield

    async def ground(self, versions: int = 1) -> Ground:
        return await Ground(self.database, self.org).lay(versions)

    async def draft(self) -> UUID:
        draft_id = uuid4()
        await self.client.start_workflow(
            DRAFT_ORDER_WORKFLOW, id=draft_workflow_id(self.org, draft_id), task_queue=self.queue
        )
        return draft_id

    async def waiting(self, ground: Ground, color_up_id: UUID) -> UUID:
        """A draft that waits for the version, as `look_up_lines` has it: subscribed, the proof sent."""
        draft_id = await self.draft()
        if await ground.subscribe(color_up_id, draft_id) is None:
            await self.proofs.start(self.org, color_up_id)
        return draft_id

    async def heard(self, draft_id: UUID) -> list[ColorUpDecided]:
        handle = self.client.get_workflow_handle(draft_workflow_id(self.org, draft_id))
        told: list[ColorUpDecided] = await handle.query(HEARD, result_type=list[ColorUpDecided])
        return told

    async def words(self, color_up_id: UUID) -> str:
        """What the Web UI shows of it now; empty before it has shown anything."""
        handle = self.client.get_workflow_handle(proof_workflow_id(color_up_id))
        with suppress(RPCError, WorkflowQueryFailedError):
            return str(await handle.query("__temporal_workflow_metadata"))
        return ""

    async def says(self, color_up_id: UUID, text: str, within_s: float = 20) -> str:
        """The words, once `text` is in them."""
        async with asyncio.timeout(within_s):
            while text not in (words := await self.words(color_up_id)):
                await asyncio.sleep(0.05)
        return words

    async def ended(self, color_up_id: UUID, within_s: float = 30) -> None:
        """The proof's workflow has ended, so everyone is told."""
        handle = self.client.get_workflow_handle(proof_workflow_id(color_up_id))
        async with asyncio.timeout(within_s):
            await handle.result()
