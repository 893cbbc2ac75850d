"""What a draft says it waits for, when its delivery is stuck."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from api.draft_views import SILENT_AFTER, draft_waiting_message, shown_waiting
from domain.draft import Draft, Export
from domain.gates import gates
from domain.policy import OrgPolicy
from domain.statuses import DraftStatus, ExportStatus, WaitingFor
from storage.draft_orders import StoredDraft

# ages, so that a test that runs long after its import means the same
NEW = timedelta(0)
OLD = SILENT_AFTER + timedelta(seconds=5)


def test_clients_hear_only_what_the_contract_lists() -> None:
    listed = set(WaitingFor) - {WaitingFor.FLOOR}
    assert {shown_waiting(each.value) for each in WaitingFor} == {*listed, None}
    assert shown_waiting(None) is None


def stored(age: timedelta, began: timedelta | None, error: str | None) -> StoredDraft:
    """A delivery pushed `age` ago, whose newest try began `began` ago."""
    now = datetime.now(UTC)
    export = Export(
        id=UUID(int=1),
        attempt=1,
        status=ExportStatus.PENDING,
        connection_id=UUID(int=2),
        connector_type="MOCK",
        file_name="f.json",
        sha256="0" * 64,
        size_bytes=1,
        storage_key="k",
        ack_expected=False,
        created_at=now - age,
    )
    draft = Draft(
        org_id=UUID(int=3),
        org_slug="demo",
        id=UUID(int=4),
        number="D-000001",
        status=DraftStatus.PUSHING,
        created_at=now - age,
        updated_at=now - age,
        exports=[export],
    )
    return StoredDraft(
        draft=draft,
        waiting_for="export",
        creation_digest=None,
        run_id=None,
        connection_status="ACTIVE",
        delivery_error=error,
        delivery_began_at=None if began is None else now - began,
    )


@pytest.mark.parametrize(
    ("age", "began", "error", "said"),
    [
        (NEW, None, None, "Being delivered"),
        (NEW, NEW, None, "Being delivered"),
        (OLD, None, None, "No worker has taken up the delivery"),
        (OLD, OLD, None, "shows no result"),
        (OLD, OLD, "Connection refused", "Connection refused"),
    ],
)
def test_a_stuck_delivery_says_why_within_a_minute(
    age: timedelta, began: timedelta | None, error: str | None, said: str
) -> None:
    message = draft_waiting_message(stored(age, began, error), [], OrgPolicy())
    assert message is not None
    assert said in message
    assert timedelta(seconds=60) > SILENT_AFTER


@pytest.mark.parametrize("waiting", WaitingFor)
def test_everything_that_a_draft_waits_for_has_a_sentence(waiting: WaitingFor) -> None:
    of = replace(stored(NEW, NEW, None), waiting_for=waiting.value)
    assert draft_waiting_message(of, gates(of.draft, OrgPolicy(), has_connection=True), OrgPolicy())
