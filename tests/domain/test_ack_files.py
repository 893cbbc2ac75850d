"""Ack files: which names count, and what a content says, whatever is thrown at it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ack_files import AckContent, UnreadableAck, answered_file, read_ack
from domain.ack_polls import Connection, ack_poll_id, is_ack_poll, polled, same_place
from domain.acknowledgements import overdue
from domain.messages import Acknowledgement
from domain.statuses import ExportStatus
from tests.domain.orders import AT, export

NAME, MOST = "ack_x.json", 64 * 1024


def read(name: str = NAME, **said: Any) -> AckContent:
    return read_ack(name, json.dumps(said).encode(), MOST)


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("ack_sales_order_1.json", "sales_order_1.json"),
        ("error_sales_order_1.json", "sales_order_1.json"),
        ("ack_error_x.json", "error_x.json"),
        ("ack_.json", ".json"),
        ("Ack_x.json", None),
        ("ack_x.json.tmp", None),
        ("ack_x.txt", None),
        ("xack_x.json", None),
        ("processed", None),
        ("", None),
    ],
)
def test_a_name_tells_which_file_is_answered(name: str, answers: str | None) -> None:
    assert answered_file(name) == answers


def test_both_kinds_say_what_the_page_promises() -> None:
    said = read(status="ACKED", erp_order_id="SO-1", processed_at="2026-11-21T08:00:00+01:00")
    at = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
    assert said == AckContent(status="ACKED", erp_order_id="SO-1", processed_at=at)
    said = read("error_x.json", status="FAILED", error_code="E1", message="no such item")
    assert said == AckContent(status="FAILED", error_code="E1", message="no such item")


def test_a_time_without_a_zone_is_taken_as_utc_and_no_time_is_left_out_with_a_note() -> None:
    assert read(status="ACKED", processed_at="2026-11-21T07:00:00").processed_at == datetime(
        2026, 11, 21, 7, 0, tzinfo=UTC
    )
    strange = read(status="ACKED", processed_at="soon")
    assert strange.processed_at is None
    assert strange.notes == ['its "processed_at" is no time and was left out']


def test_a_long_message_is_cut_and_a_long_order_number_is_refused() -> None:
    said = read("error_x.json", status="FAILED", message="x" * 3000, error_code="c" * 300)
    assert said.message is not None
    assert said.error_code is not None
    assert (len(said.message), said.message[-1], len(said.error_code)) == (2000, "…", 200)
    with pytest.raises(UnreadableAck, match="longer than 200"):
        read(status="ACKED", erp_order_id="x" * 201)


texts = st.text(max_size=30)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=3,
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["ACKED", "FAILED", "acked", 1, None]),
        "erp_order_id": values,
        "error_code": values,
        "message": values,
        "processed_at": values,
        "other": values,
    },
)


@given(name=st.sampled_from([NAME, "error_x.json"]), said=fields)
def test_whatever_is_read_can_be_told_to_a_draft(name: str, said: dict[str, Any]) -> None:
    try:
        content = read_ack(name, json.dumps(said).encode(), MOST)
    except UnreadableAck:
        return
    told = content.model_dump(exclude={"notes"})
    ack = Acknowledgement(ack_id=uuid4(), file_name=name, export_id=uuid4(), **told)
    assert Acknowledgement.model_validate_json(ack.model_dump_json()) == ack
    # it goes into a JSON column: no NUL, no lone surrogate
    assert "\\u0000" not in content.model_dump_json()
    content.model_dump_json().encode()


@given(st.binary(max_size=200))
def test_no_bytes_are_worse_than_unreadable(content: bytes) -> None:
    with pytest.raises(UnreadableAck):
        read_ack(NAME, content, MOST)


# --- which connections are polled --------------------------------------------------------------------


def connection(status: str = "ACTIVE", **public: Any) -> Connection:
    return Connection(id=uuid4(), org_id=uuid4(), status=status, public_config=public)


def test_connections_that_may_be_used_and_have_an_ack_folder_are_polled() -> None:
    active, paused = connection(ack_path="/acks"), connection("PAUSED", ack_path="/acks")
    scripted = connection(ack_expected=True)
    others = [connection("DISABLED", ack_path="/acks"), connection(ack_path=None), connection()]
    orders = polled([active, paused, scripted, *others, connection(ack_expected=False)])
    assert [order.connection_id for order in orders] == [active.id, paused.id, scripted.id]
    assert is_ack_poll(ack_poll_id(active.id))
    assert not is_ack_poll("ack-schedules")


def test_the_same_place_is_the_same_folder_on_the_same_server() -> None:
    here = {"mode": "sftp", "host": "erp", "port": 22, "ack_path": "/acks", "username": "a"}
    assert same_place(here, {**here, "username": "b"})
    for change in ({"host": "x"}, {"port": 23}, {"ack_path": "/b"}, {"mode": "filesystem"}):
        assert not same_place(here, {**here, **change})
    assert not same_place({"ack_path": None}, {"ack_path": None})


# --- overdue -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", list(ExportStatus))
@pytest.mark.parametrize("expected", [True, False])
@pytest.mark.parametrize(("hours", "late"), [(23, False), (24, False), (25, True)])
def test_an_ack_is_overdue_when_it_is_expected_and_the_orgs_time_is_over(
    status: ExportStatus, expected: bool, hours: int, late: bool
) -> None:
    sent = export(status=status, ack_expected=expected, sent_at=AT)
    waits = expected and status is ExportStatus.SENT
    assert overdue(sent, AT + timedelta(hours=hours), 24) is (late and waits)
