"""Tomorrow's workflows beside the drafts', changed the wrong way: one more timer, and open runs not asked.

Imported by the workflow sandbox.
"""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.ack_polls import ACK_POLL_WORKFLOW, ACK_SCHEDULES_WORKFLOW, AckPollOrder, AckPollReport
    from domain.bulk import BULK_WORKFLOW, BulkOrder, BulkProgress
    from domain.callbacks import (
        CALLBACK_RELAY_WORKFLOW,
        CALLBACK_WORKFLOW,
        CallbackOrder,
        CallbackSettled,
        CallbacksRelayed,
    )
    from domain.color_ups import ColorUpStatus
    from domain.digests import REMINDER_CHECK_WORKFLOW, REMINDER_WORKFLOW, ReminderOrder, RemindersEnded
    from domain.notices import (
        NOTICE_RELAY_WORKFLOW,
        NOTICE_WORKFLOW,
        NoticeOrder,
        NoticesRelayed,
        NoticeTold,
    )
    from domain.proof_mails import LINK_RENEWAL_WORKFLOW, LinkRenewal, ProofMailed
    from domain.proofs import PROOF_WORKFLOW, ProofInput
    from domain.reconciliation import Finding
    from domain.releases import RELEASE_WORKFLOW, Released, ReleaseOrder
    from domain.sweeping import SWEEP_WORKFLOW, Swept
    from workflows.acks import AckPollWorkflow, AckSchedulesWorkflow
    from workflows.bulk import BulkCommandWorkflow
    from workflows.callbacks import RelayCallbacksWorkflow, SettleCallbackWorkflow
    from workflows.notices import LineNoticeWorkflow, RelayNoticesWorkflow
    from workflows.proof import ProofApprovalWorkflow
    from workflows.proof_links import ProofLinkWorkflow
    from workflows.reconciliation import ReconcileWorkflow
    from workflows.release import ReleaseWorkflow
    from workflows.reminders import ReminderCheckWorkflow, ReminderDigestWorkflow
    from workflows.sweep import SweepWorkflow


@workflow.defn(name=BULK_WORKFLOW)
class LateBulk(BulkCommandWorkflow):
    @workflow.init
    def __init__(self, order: BulkOrder) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: BulkOrder) -> BulkProgress:
        await workflow.sleep(1)
        return await super().run(order)


@workflow.defn(name=RELEASE_WORKFLOW)
class LateRelease(ReleaseWorkflow):
    @workflow.run
    async def run(self, order: ReleaseOrder) -> Released:
        await workflow.sleep(1)
        return await super().run(order)


@workflow.defn(name=SWEEP_WORKFLOW)
class LateSweep(SweepWorkflow):
    @workflow.run
    async def run(self) -> list[Swept]:
        await workflow.sleep(1)
        return await super().run()


@workflow.defn(name="ReconcileWorkflow")
class LateReconcile(ReconcileWorkflow):
    @workflow.run
    async def run(self) -> list[Finding]:
        await workflow.sleep(1)
        return await super().run()


@workflow.defn(name=ACK_POLL_WORKFLOW)
class LateAckPoll(AckPollWorkflow):
    @workflow.run
    async def run(self, order: AckPollOrder) -> AckPollReport:
        await workflow.sleep(1)
        return await super().run(order)


@workflow.defn(name=ACK_SCHEDULES_WORKFLOW)
class LateAckSchedules(AckSchedulesWorkflow):
    @workflow.run
    async def run(self) -> list[str]:
        await workflow.sleep(1)
        return await super().run()


@workflow.defn(name=REMINDER_WORKFLOW)
class LateReminders(ReminderDigestWorkflow):
    @workflow.init
    def __init__(self, order: ReminderOrder) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: ReminderOrder) -> RemindersEnded:
        await workflow.sleep(1)
        return await super().run(order)


@workflow.defn(name=REMINDER_CHECK_WORKFLOW)
class LateReminderCheck(ReminderCheckWorkflow):
    @workflow.run
    async def run(self) -> list[str]:
        await workflow.sleep(1)
        return await super().run()


@workflow.defn(name=CALLBACK_WORKFLOW)
class LateCallback(SettleCallbackWorkflow):
    @workflow.run
    async def run(self, order: CallbackOrder) -> CallbackSettled:
        await workflow.sleep(1)
        return await super().run(order)


@workflow.defn(name=CALLBACK_RELAY_WORKFLOW)
class LateCallbackRelay(RelayCallbacksWorkflow):
    @workflow.run
    async def run(self) -> CallbacksRelayed:
        await workflow.sleep(1)
        return await super().run()


@workflow.defn(name=LINK_RENEWAL_WORKFLOW)
class LateProofLink(ProofLinkWorkflow):
    @workflow.run
    async def run(self, order: LinkRenewal) -> ProofMailed:
        await workflow.sleep(1)
        return await super().run(order)


@workflow.defn(name=NOTICE_WORKFLOW)
class LateNotice(LineNoticeWorkflow):
    @workflow.run
    async def run(self, order: NoticeOrder) -> NoticeTold:
        await workflow.sleep(1)
        return await super().run(order)


@workflow.defn(name=NOTICE_RELAY_WORKFLOW)
class LateNoticeRelay(RelayNoticesWorkflow):
    @workflow.run
    async def run(self) -> NoticesRelayed:
        await workflow.sleep(1)
        return await super().run()


@workflow.defn(name=PROOF_WORKFLOW)
class LateProof(ProofApprovalWorkflow):
    @workflow.init
    def __init__(self, given: ProofInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: ProofInput) -> ColorUpStatus | None:
        await workflow.sleep(1)
        return await super().run(given)
