"""What a draft says it waits for, and why, as far as its row knows: each way to stand still has its words."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.draft_views import shown_waiting
from api.waiting_words import SILENT_AFTER, draft_waiting_message
from domain.asked_proofs import AskedProof, UntakenMail
from domain.connections import ConnectionStatus, UsedConnection
from domain.draft import ExportError, ReadyCheck
from domain.gates import gates, waiting_for
from domain.policy import OrgPolicy
from domain.statuses import DraftStatus, ExportStatus, LineStatus, ProductionGate, WaitingFor
from storage.draft_orders import StoredDraft
from tests.domain.orders import COLOR_UP, decorated, draft, export, line

POLICY = OrgPolicy(production_gate=ProductionGate.ALWAYS)
NOW = timedelta(0)
OLD = SILENT_AFTER + timedelta(seconds=5)
A_MINUTE = timedelta(minutes=1)
DAYS = timedelta(days=3)
Row = dict[str, Any]


def ago(age: timedelta) -> datetime:
    return datetime.now(UTC) - age


def used(status: str = "ACTIVE", **fields: Any) -> UsedConnection:
    return UsedConnection(status=ConnectionStatus(status), **fields)


PAUSED = {"paused_at": datetime(2026, 11, 20, 9, 0, tzinfo=UTC), "paused_by": "ines@demo.example"}


def pushing(age: timedelta, began: timedelta | None = None, **row: Any) -> Row:
    """Pushed `age` ago; its newest try began `began` ago."""
    at = {"created_at": ago(age), "updated_at": ago(age)}
    row.setdefault("used", used())
    return {
        "draft": draft(DraftStatus.PUSHING, exports=[export(created_at=ago(age))], **at),
        "delivery_began_at": None if began is None else ago(began),
        **row,
    }


def retried(next_in: timedelta, **row: Any) -> Row:
    refused = {"delivery_error": "Connection refused", "delivery_next_at": ago(-next_in)}
    return pushing(OLD, OLD + timedelta(seconds=60), **{**refused, **row})


def failed(**fields: Any) -> list[Any]:
    error = ExportError(code="FOLDER_NOT_FOUND", message="Folder not found", at=ago(NOW))
    return [export(status=ExportStatus.FAILED, error=error, **fields)]


def sent(age: timedelta, **row: Any) -> Row:
    of = draft(DraftStatus.PUSHED, exports=[export(status=ExportStatus.SENT, sent_at=ago(age))])
    return {"draft": of, "used": used(), **row}


def asked(*untaken: UntakenMail) -> list[AskedProof]:
    since = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    return [AskedProof(color_up_id=COLOR_UP, since=since, approvers=["Jo Muster"], untaken=list(untaken))]


def approved(*statuses: LineStatus, **row: Any) -> Row:
    lines = [decorated(no, status, color_up_id=COLOR_UP) for no, status in enumerate(statuses, 1)]
    return {"draft": draft(DraftStatus.APPROVED, lines=lines), **row}


SENT_FOR = LineStatus.SENT_FOR_APPROVAL
NO_MAIL = UntakenMail(recipient="jo@muster.example", reason="Mailbox full")

INCOMPLETE = ReadyCheck(is_ready=False, blocking_reasons=["MISSING_CURRENCY"], checked_at=ago(NOW))

# How it stands still: the row, and what is said.
# Each row is made anew when it is looked at: a moment ago is not when the tests were collected.
WAYS: dict[str, Callable[[], tuple[Row, list[str]]]] = {
    "nobody has validated it": lambda: ({"draft": draft(DraftStatus.EXTRACTED)}, ["Waiting for validation"]),
    "it is incomplete": lambda: (
        {"draft": draft(DraftStatus.NEEDS_REVIEW, ready_check=INCOMPLETE)},
        ["Waiting for corrections"],
    ),
    "it was changed after an approval": lambda: (
        {"draft": draft(DraftStatus.NEEDS_REVIEW)},
        ["validate again"],
    ),
    "nobody has approved it": lambda: (
        {"draft": draft(DraftStatus.READY)},
        ["Waiting for an operator's approval"],
    ),
    "the customer has not decided": lambda: (
        approved(SENT_FOR, asked=asked()),
        ["Waiting for Jo Muster's decision since 2026-11-20T09:00:00Z"],
    ),
    "the proof's mail is not taken": lambda: (
        approved(SENT_FOR, asked=asked(NO_MAIL)),
        ["mail to jo@muster.example not sent: Mailbox full"],
    ),
    "a line is not before the customer yet": lambda: (
        approved(LineStatus.AWAITING_LOGO),
        ["artwork approval of 1 line", "line 1: waits for a logo: link one"],
    ),
    "one line is before the customer and others are not": lambda: (
        approved(SENT_FOR, LineStatus.NEEDS_APPROVER, LineStatus.PHONE_CALL, asked=asked()),
        ["Jo Muster's decision", "line 2: waits for an approver", "1 more are not before the customer"],
    ),
    "production has not approved it": lambda: (
        {"draft": draft(DraftStatus.APPROVED, lines=[line()])},
        ["Waiting for production approval"],
    ),
    "nobody has pushed it": lambda: (
        approved(LineStatus.PRODUCTION_READY),
        ["Waiting for a push to the ERP"],
    ),
    "there is no connection to push to": lambda: (
        approved(LineStatus.PRODUCTION_READY, connection_status=None),
        ["Waiting for a push to the ERP", "No active ERP connector configured"],
    ),
    "the connection is paused before the push": lambda: (
        approved(LineStatus.PRODUCTION_READY, connection_status="PAUSED"),
        ["Waiting for a push to the ERP", "connector is paused"],
    ),
    "the duplicate guard holds the push": lambda: (
        {
            "draft": draft(
                DraftStatus.APPROVED,
                lines=[decorated(1, LineStatus.PRODUCTION_READY)],
                exports=failed(may_have_been_sent=True),
            )
        },
        ["Export 1 may already have reached the ERP", "confirm_may_duplicate=true"],
    ),
    "the ERP has it already and it was edited": lambda: (
        {
            "draft": draft(
                DraftStatus.APPROVED,
                lines=[decorated(1, LineStatus.PRODUCTION_READY)],
                exports=[export(status=ExportStatus.ACKED)],
            )
        },
        ["The ERP has confirmed export 1", "confirm_may_duplicate=true"],
    ),
    "it was pushed a moment ago": lambda: (pushing(NOW), ["Being delivered"]),
    "a try is under way": lambda: (pushing(OLD, NOW), ["Being delivered"]),
    "no worker takes the delivery up": lambda: (pushing(OLD), ["No worker has taken up the delivery"]),
    "a try shows no result": lambda: (pushing(OLD, OLD), ["shows no result"]),
    "tries fail": lambda: (retried(A_MINUTE), ["Connection refused", "next try at 20"]),
    "tries fail and no worker is left": lambda: (
        retried(-OLD),
        ["Connection refused", "no worker has taken up the try of 20"],
    ),
    "tries fail and the connection was paused": lambda: (
        retried(A_MINUTE, used=used("PAUSED", **PAUSED)),
        ["Connection refused", "the connection is paused since 2026-11-20T09:00:00Z, by ines@demo.example"],
    ),
    "tries fail and the connection was disabled": lambda: (
        retried(A_MINUTE, used=used("DISABLED"), connection_status=None),
        ["Connection refused", "the connection was disabled, so the next try ends the export"],
    ),
    "the connection is paused": lambda: (
        pushing(OLD, OLD, is_held=True, used=used("PAUSED", **PAUSED)),
        ["The connection is paused since 2026-11-20T09:00:00Z, by ines@demo.example"],
    ),
    "the pause is over": lambda: (pushing(OLD, OLD, is_held=True), ["waiting orders follow in the order"]),
    "the connection was disabled during the pause": lambda: (
        pushing(OLD, OLD, is_held=True, used=used("DISABLED"), connection_status=None),
        ["The connection was disabled while the order waited"],
    ),
    "the ERP has not answered": lambda: (sent(A_MINUTE), ["waiting for the ERP's acknowledgement"]),
    "the ERP's answer is overdue": lambda: (sent(DAYS), ["overdue: ask its operators"]),
    "the ERP's answers cannot be read": lambda: (
        sent(DAYS, used=used(ack_error="Permission denied")),
        ["overdue", "the ERP's answers cannot be read: Permission denied"],
    ),
    "the connection is disabled while the ERP has not answered": lambda: (
        sent(A_MINUTE, used=used("DISABLED"), connection_status=None),
        ["acknowledgement", "no answer is heard, its connection is disabled"],
    ),
    "another connection hears the disabled one's answers": lambda: (
        sent(A_MINUTE, used=used("DISABLED")),
        ["waiting for the ERP's acknowledgement"],
    ),
    "the export failed": lambda: (
        {"draft": draft(DraftStatus.ERROR, exports=failed())},
        ["The export failed: Folder not found"],
    ),
    "the export failed in doubt": lambda: (
        {"draft": draft(DraftStatus.ERROR, exports=failed(may_have_been_sent=True))},
        ["The export failed: Folder not found", "Export 1 may already have reached the ERP"],
    ),
    "the export failed and there is no connection": lambda: (
        {"draft": draft(DraftStatus.ERROR, exports=failed()), "connection_status": None},
        ["The export failed: Folder not found", "No active ERP connector configured"],
    ),
    "production is at work on it": lambda: (
        {
            "draft": draft(
                DraftStatus.PUSHED,
                lines=[decorated(1, LineStatus.IN_PRODUCTION)],
                exports=[export(status=ExportStatus.ACKED)],
            )
        },
        ["production has not finished"],
    ),
}
# … and what is not
NOT_SAID = {
    "nobody has pushed it": "reached",
    "another connection hears the disabled one's answers": "disabled",
}


def stored(row: Row) -> StoredDraft:
    waits = waiting_for(row["draft"], POLICY)
    known: Row = {
        "waiting_for": waits.value if waits else None,
        "creation_digest": None,
        "run_id": None,
        "connection_status": "ACTIVE",
        "delivery_error": None,
        "delivery_began_at": None,
    }
    return StoredDraft(**{**known, **row})


def said(row: Row) -> str:
    of = stored(row)
    judged = gates(of.draft, POLICY, has_connection=of.has_connection)
    return draft_waiting_message(of, judged, POLICY) or ""


@pytest.mark.parametrize("way", WAYS)
def test_a_draft_that_stands_still_says_what_it_waits_for_and_why(way: str) -> None:
    row, words = WAYS[way]()
    message = said(row)
    assert [each for each in words if each not in message] == []
    assert NOT_SAID.get(way, "nothing of this") not in message


def test_the_ways_come_by_everything_that_a_draft_can_wait_for() -> None:
    shown = {stored(way()[0]).waiting_for for way in WAYS.values()}
    assert shown == {each.value for each in WaitingFor}


@pytest.mark.parametrize("status", DraftStatus)
def test_every_open_status_has_words_and_a_closed_one_has_none(status: DraftStatus) -> None:
    message = said({"draft": draft(status, lines=[line()])})
    assert bool(message) == (waiting_for(draft(status, lines=[line()]), POLICY) is not None)


def test_a_silent_delivery_is_told_within_a_minute() -> None:
    assert timedelta(seconds=60) > SILENT_AFTER


def test_clients_hear_only_what_the_contract_lists() -> None:
    listed = set(WaitingFor) - {WaitingFor.FLOOR}
    assert {shown_waiting(each.value) for each in WaitingFor} == {*listed, None}
    assert shown_waiting(None) is None
