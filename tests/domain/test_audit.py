"""What the trail proves: the content of each row and its place in the chain."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import audit
from domain import events as ev
from domain.audit import GENESIS, AuditEntry, chain_hash
from domain.messages import Origin
from domain.statuses import DraftStatus, Via
from domain.transitions import Command
from tests.domain.orders import ANNA, AT, LATER, after, decided, draft, facts

CONTENT: dict[str, Any] = {
    "org_id": UUID(int=1),
    "entity_type": "draft_order",
    "entity_id": UUID(int=2),
    "action": "DRAFT_APPROVED",
    "actor_user_id": UUID(int=3),
    "actor_email": "anna@demo.example",
    "before": {"status": "READY"},
    "after": {"status": "APPROVED"},
    "details": None,
    "via": Via.API,
    "request_id": "r-1",
    "ip": "127.0.0.1",
    "user_agent": "pytest",
    "created_at": AT,
}
OTHER: dict[str, Any] = {
    "org_id": UUID(int=9),
    "entity_type": "connection",
    "entity_id": UUID(int=9),
    "action": "DRAFT_REJECTED",
    "actor_user_id": None,
    "actor_email": None,
    "before": None,
    "after": {"status": "READY"},
    "details": {},
    "via": Via.TEMPORAL,
    "request_id": None,
    "ip": None,
    "user_agent": None,
    "created_at": AT + timedelta(microseconds=1),
}


@pytest.mark.parametrize("field", list(AuditEntry.model_fields))
def test_the_content_hash_covers_every_field(field: str) -> None:
    changed = AuditEntry(**{**CONTENT, field: OTHER[field]})
    assert changed.content_hash() != AuditEntry(**CONTENT).content_hash()


def test_the_content_hash_is_the_same_for_ever() -> None:
    assert AuditEntry(**CONTENT).content_hash() == (
        "0097c8d5fc5a4dfdf248ae5ea5f051e04059c0ade3c313ec6196589c9d5ee0d1"
    )


@given(st.integers(-14 * 60, 14 * 60), st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001
def test_the_content_hash_does_not_depend_on_the_time_zone_of_its_writer(
    minutes: int, moment: datetime
) -> None:
    utc = moment.replace(tzinfo=UTC)
    local = utc.astimezone(timezone(timedelta(minutes=minutes)))
    hashes = {AuditEntry(**{**CONTENT, "created_at": each}).content_hash() for each in (utc, local)}
    assert len(hashes) == 1


def _chained(contents: list[str]) -> str:
    head = GENESIS
    for seq, content in enumerate(contents, start=1):
        head = chain_hash(head, seq, content)
    return head


hashes = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(st.lists(hashes, max_size=5), st.lists(hashes, max_size=5))
def test_two_chains_with_one_head_say_the_same(one: list[str], other: list[str]) -> None:
    assert (_chained(one) == _chained(other)) is (one == other)


@given(st.lists(hashes, min_size=2, max_size=5, unique=True), st.data())
def test_a_row_changed_moved_or_taken_out_changes_the_head(rows: list[str], data: st.DataObject) -> None:
    head = _chained(rows)
    at = data.draw(st.integers(0, len(rows) - 2))
    assert _chained([*rows[:at], *rows[at + 1 :]]) != head
    assert _chained([*rows[:at], rows[at + 1], rows[at], *rows[at + 2 :]]) != head
    assert _chained([*rows[:at], "f" * 65, *rows[at + 1 :]]) != head


def test_every_event_has_its_place_in_the_trail() -> None:
    kinds = {kind for kind in vars(ev).values() if isinstance(kind, type) and issubclass(kind, ev.Event)}
    assert set(audit._SAYS) == kinds - {ev.Event}


def _said(command: Command, of: Any, **fields: Any) -> list[AuditEntry]:
    entries = []
    for event in decided(command, of, **fields):
        now = after(of, event)
        what = audit.said(of, now, event)
        if what is not None:
            entries.append(audit.entry(now, what, ANNA, Origin(via=Via.API, request_id="r-1"), LATER))
        of = now
    return entries


def test_an_edit_that_takes_an_approval_back_is_two_rows() -> None:
    edit, revoked = _said(Command.EDIT, draft(DraftStatus.APPROVED))
    assert (edit.action, revoked.action) == ("DRAFT_UPDATED", "DRAFT_APPROVAL_REVOKED")
    assert edit.before == {"status": "APPROVED", "notes": None}
    assert edit.after == {"status": "APPROVED", "notes": "call first"}
    assert (revoked.before, revoked.after) == ({"status": "APPROVED"}, {"status": "NEEDS_REVIEW"})


def test_a_validation_that_nobody_asked_for_leaves_no_row() -> None:
    assert [entry.action for entry in _said(Command.EDIT, draft(DraftStatus.READY))] == ["DRAFT_UPDATED"]
    (asked,) = _said(Command.VALIDATE, draft(DraftStatus.READY), known=facts(customer=None))
    assert (asked.action, asked.after) == ("DRAFT_VALIDATED", {"status": "NEEDS_REVIEW"})


@pytest.mark.parametrize(
    ("status", "command", "action"),
    [
        (DraftStatus.APPROVED, Command.PUSH, "DRAFT_PUSHED"),
        (DraftStatus.ERROR, Command.RETRY_PUSH, "DRAFT_PUSH_RETRIED"),
    ],
)
def test_a_push_is_on_record_with_its_file_but_without_the_document(
    status: DraftStatus, command: Command, action: str
) -> None:
    (pushed,) = _said(command, draft(status))
    assert pushed.action == action
    assert pushed.details is not None
    assert set(pushed.details) == {
        "erp_export_id",
        "attempt",
        "file_name",
        "sha256",
        "connection_id",
        "confirmed_may_duplicate",
    }


def test_who_and_where_from_is_on_record() -> None:
    (entry,) = _said(Command.REJECT, draft(DraftStatus.READY))
    assert (entry.actor_user_id, entry.actor_email) == (ANNA.user_id, ANNA.email)
    assert (entry.via, entry.request_id, entry.created_at) == (Via.API, "r-1", LATER)
    assert entry.details == {"reason": "duplicate"}
