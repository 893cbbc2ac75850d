"""The mails of one proof, beside its decision: tried for as long as it waits, and said in words meanwhile."""

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities import names
    from domain.canonical import utc_text
    from domain.proof_mails import ProofMail, ProofMailed
    from workflows.policies import SEND_PROOF

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)
_NO_ANSWER = "The worker that mailed it gave no sign of life"


class ProofMailing:
    """`look` has it mailed to whoever has no mail yet; what was mailed is in the message log.

    Each try is an activity of one attempt: its failure is known here, and can be told.
    """

    def __init__(self, order: ProofMail, show: Callable[[], None]) -> None:
        self._order = order
        self._show = show
        self._wanted = False
        self._mailed: ProofMailed | None = None
        self._reason: str | None = None
        self._next_at: datetime | None = None
        self.busy = False

    @property
    def settled(self) -> bool:
        """Nothing is on its way or left to be tried."""
        return not (self._wanted or self.busy or self._reason)

    @property
    def words(self) -> str | None:
        if self._reason is not None:
            when = f"next try {utc_text(self._next_at)}" if self._next_at else "trying again"
            return f"mail not sent: {self._reason}; {when}"
        if self._mailed is None:
            return None
        refused = (
            f", {self._mailed.failed} refused for good: see the message log" if self._mailed.failed else ""
        )
        return f"mails: {self._mailed.sent} sent{refused}"

    def look(self) -> None:
        self._wanted = True

    async def run(self) -> None:
        """Never ends; the workflow's end is its end."""
        pause = FIRST_PAUSE
        while True:
            await workflow.wait_condition(lambda: self._wanted)
            await self._try()
            if self._reason is None:
                pause = FIRST_PAUSE
                continue
            await self._sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            self._wanted = True

    async def _try(self) -> None:
        self._wanted, self._next_at, self.busy = False, None, True
        try:
            self._mailed = await workflow.execute_activity(
                names.SEND_PROOF,
                self._order,
                result_type=ProofMailed,
                summary="mail it to each approver who has no mail yet",
                start_to_close_timeout=SEND_PROOF.start_to_close,
                heartbeat_timeout=SEND_PROOF.heartbeat,
                retry_policy=SEND_PROOF.retry,
            )
            self._reason = None
        except ActivityError as error:
            self._reason = _reason(error)
        finally:
            self.busy = False
        self._show()

    async def _sleep(self, pause: timedelta) -> None:
        """Cut short by whoever wants it looked at: a new approver, a decision."""
        self._next_at = workflow.now() + pause
        self._show()
        try:
            await workflow.wait_condition(
                lambda: self._wanted, timeout=pause, timeout_summary="until the mail is tried again"
            )
        except TimeoutError:
            return


def _reason(error: ActivityError) -> str:
    return error.cause.message if isinstance(error.cause, ApplicationError) else _NO_ANSWER
