"""What a draft says it waits for, when its delivery is stuck."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from api.draft_views import SILENT_AFTER, draft_waiting_message
from domain.draft import Draft, Export
from domain.policy import OrgPolicy
from domain.statuses import DraftStatus, ExportStatus
from storage.draft_orders import StoredDraft

NOW = datetime.now(UTC)
LONG_AGO = NOW - SILENT_AFTER - timedelta(seconds=5)


def stored(created_at: datetime, began_at: datetime | None, error: str | None) -> StoredDraft:
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
        created_at=created_at,
    )
    draft = Draft(
        org_id=UUID(int=3),
        org_slug="demo",
        id=UUID(int=4),
        number="D-000001",
        status=DraftStatus.PUSHING,
        created_at=NOW,
        updated_at=NOW,
        exports=[export],
    )
    return StoredDraft(
        draft=draft,
        waiting_for="export",
        creation_digest=None,
        run_id=None,
        connection_status="ACTIVE",
        delivery_error=error,
        delivery_began_at=began_at,
    )


@pytest.mark.parametrize(
    ("created_at", "began_at", "error", "said"),
    [
        (NOW, None, None, "Being delivered"),
        (NOW, NOW, None, "Being delivered"),
        (LONG_AGO, None, None, "No worker has taken up the delivery"),
        (LONG_AGO, LONG_AGO, None, "shows no result"),
        (LONG_AGO, LONG_AGO, "Connection refused", "Connection refused"),
    ],
)
def test_a_stuck_delivery_says_why_within_a_minute(
    created_at: datetime, began_at: datetime | None, error: str | None, said: str
) -> None:
    message = draft_waiting_message(stored(created_at, began_at, error), [], OrgPolicy())
    assert message is not None
    assert said in message
    assert timedelta(seconds=60) > SILENT_AFTER
