"""A connection as it is answered: never a secret."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from storage.database import Row


class ConnectorView(BaseModel):
    """The public part of the configuration lies at the top level, beside these."""

    model_config = {"extra": "allow"}

    id: UUID
    connector_type: str
    status: str
    capabilities: dict[str, bool] | None
    last_test_at: datetime | None
    last_test_result: str | None
    test_result: dict[str, Any] | None
    last_ack_poll_at: datetime | None
    last_ack_poll_error: dict[str, Any] | None
    version: int
    created_at: datetime
    updated_at: datetime
    paused_at: datetime | None = None
    paused_by: str | None = None


def view(row: Row) -> ConnectorView:
    own = {name: row[name] for name in ConnectorView.model_fields}
    return ConnectorView.model_validate({**row["public_config"], **own})
