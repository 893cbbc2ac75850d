"""Mail a new link in place of one that ended, as often as the mail server needs to be asked."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities import names
    from domain.proof_mails import LINK_RENEWAL_WORKFLOW, LinkRenewal, ProofMailed
    from workflows import policies
    from workflows.steps import step


@workflow.defn(name=LINK_RENEWAL_WORKFLOW)
class ProofLinkWorkflow:
    @workflow.run
    async def run(self, order: LinkRenewal) -> ProofMailed:
        return await step(
            names.RENEW_LINK,
            order,
            gives=ProofMailed,
            policy=policies.RENEW_LINK,
            summary="mail a new link to the approver's own address",
        )
