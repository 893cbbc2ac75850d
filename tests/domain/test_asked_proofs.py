"""Whom a line waits for, in words."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from domain.asked_proofs import AskedProof, UntakenMail
from domain.draft import Decoration, Line
from domain.line_waiting import line_waiting
from domain.statuses import LineStatus

COLOR_UP = UUID(int=5)
SINCE = datetime(2026, 11, 20, 9, 30, 0, 547_210, tzinfo=UTC)
UNTAKEN = UntakenMail(recipient="jo@muster.example", reason="The mail server hung up")


def asked(*approvers: str, untaken: list[UntakenMail] | None = None) -> AskedProof:
    return AskedProof(color_up_id=COLOR_UP, since=SINCE, approvers=list(approvers), untaken=untaken or [])


def a_line(status: LineStatus, color_up_id: UUID) -> Line:
    return Line(id=UUID(int=1), line_no=1, decoration=Decoration(), status=status, color_up_id=color_up_id)


@pytest.mark.parametrize(
    ("proof", "words"),
    [
        (asked("Jo Muster"), "Jo Muster's decision since 2026-11-20T09:30:00Z"),
        (asked("Jo", "Ada", "Eve"), "the decision of Jo, Ada or Eve since 2026-11-20T09:30:00Z"),
        (asked(), "the customer's decision since 2026-11-20T09:30:00Z"),
        (
            asked("Jo", untaken=[UNTAKEN]),
            "Jo's decision since 2026-11-20T09:30:00Z; "
            "mail to jo@muster.example not sent: The mail server hung up",
        ),
    ],
)
def test_it_names_who_may_decide_and_the_mails_that_nobody_took(proof: AskedProof, words: str) -> None:
    assert proof.words == words


def test_only_lines_that_wait_for_the_proof_say_so() -> None:
    for status in LineStatus:
        line = a_line(status=status, color_up_id=COLOR_UP)
        says = "Jo" in (line_waiting(line, [asked("Jo")]) or "")
        assert says is (status is LineStatus.SENT_FOR_APPROVAL)
    other = a_line(status=LineStatus.SENT_FOR_APPROVAL, color_up_id=UUID(int=6))
    assert line_waiting(other, [asked("Jo")]) == "Waits for the customer's decision on the color-up"
