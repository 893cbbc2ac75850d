"""When a failed export may be followed by another: the whole table, late answers of the ERP included."""

from collections.abc import Callable
from uuid import UUID

import pytest

from domain.acknowledgements import acknowledged
from domain.decisions import admit
from domain.draft import Draft
from domain.messages import Acknowledgement
from domain.refusals import MayHaveBeenSent, TransitionRejected
from domain.statuses import DraftStatus, ExportStatus
from domain.transitions import Command
from tests.domain.orders import AT, LATER, after, draft, export, failed, message

FIRST, SECOND = UUID(int=501), UUID(int=502)


def of(*exports: object, status: DraftStatus = DraftStatus.ERROR) -> Draft:
    return draft(status, exports=list(exports))


def answer(of: Draft, status: str, export_id: UUID = FIRST) -> Draft:
    ack = Acknowledgement(export_id=export_id, status=status, error_code="E", erp_order_id="SO-1")
    return after(of, *acknowledged(of, ack, LATER))


def sent() -> Draft:
    return of(export(1, ExportStatus.SENT, sent_at=AT), status=DraftStatus.PUSHED)


def doubt() -> Draft:
    return of(failed(may_have_been_sent=True))


GOES, ASKS, DONE = "goes ahead", "asks for a confirmation", "is over"
CASES: dict[str, tuple[Callable[[], Draft], str]] = {
    "failed, not sent": (lambda: of(failed()), GOES),
    "failed, may have been sent": (doubt, ASKS),
    "may have been sent, then a FAILED ack": (lambda: answer(doubt(), "FAILED"), GOES),
    "may have been sent, then a late ACKED": (lambda: answer(doubt(), "ACKED"), DONE),
    "sent, then a FAILED ack": (lambda: answer(sent(), "FAILED"), GOES),
    "sent, a FAILED ack, then a contradicting ACKED": (
        lambda: answer(answer(sent(), "FAILED"), "ACKED"),
        GOES,
    ),
    "a doubt that was confirmed, and the next export not sent": (
        lambda: of(failed(may_have_been_sent=True), failed(2)),
        GOES,
    ),
    "a doubt that was confirmed, and the next export in doubt": (
        lambda: of(failed(may_have_been_sent=True), failed(2, may_have_been_sent=True)),
        ASKS,
    ),
    "a doubt that was confirmed, the next not sent, then the first one's late ACKED": (
        lambda: answer(of(failed(may_have_been_sent=True), failed(2)), "ACKED"),
        DONE,
    ),
    "in doubt, and the FAILED ack is of the export before": (
        lambda: answer(of(failed(may_have_been_sent=True), failed(2, may_have_been_sent=True)), "FAILED"),
        ASKS,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_retry_goes_ahead_asks_or_is_over(case: str) -> None:
    make, wanted = CASES[case]
    plain, confirmed = (message(Command.RETRY_PUSH, confirm_may_duplicate=yes) for yes in (False, True))
    if wanted is DONE:
        for each in (plain, confirmed):
            with pytest.raises(TransitionRejected, match="Export already succeeded"):
                admit(make(), Command.RETRY_PUSH, each)
        return
    admit(make(), Command.RETRY_PUSH, confirmed)
    if wanted is GOES:
        admit(make(), Command.RETRY_PUSH, plain)
        return
    with pytest.raises(MayHaveBeenSent) as refused:
        admit(make(), Command.RETRY_PUSH, plain)
    assert refused.value.http_status == 409
    assert refused.value.details["may_have_been_sent"] is True
    assert refused.value.details["erp_export_id"] == str(make().exports[-1].id)
