"""Mail a new link in place of one that ended, as often as the mail server needs to be asked."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities import names
    from domain.proof_mails import LINK_RENEWAL_WORKFLOW, LinkRenewal, ProofMailed


@workflow.defn(name=LINK_RENEWAL_WORKFLOW)
class ProofLinkWorkflow:
    @workflow.run
    async def run(self, order: LinkRenewal) -> ProofMailed:
        """Gives up after a day: whoever still wants the link asks again."""
        mailed: ProofMailed = await workflow.execute_activity(
            names.RENEW_LINK,
            order,
            result_type=ProofMailed,
            summary="mail a new link to the approver's own address",
            start_to_close_timeout=timedelta(minutes=10),  # the mail server has minutes to answer
            heartbeat_timeout=timedelta(seconds=20),
            schedule_to_close_timeout=timedelta(days=1),
            retry_policy=RetryPolicy(
                initial_interval=timedelta(seconds=2), maximum_interval=timedelta(minutes=5)
            ),
        )
        return mailed
