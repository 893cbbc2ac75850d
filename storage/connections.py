"""ERP connections: public facts in the clear, the whole configuration encrypted."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.connections import ConnectionStatus
from domain.delivery import TestResult
from storage.database import Row

PUBLIC = (
    "id, connector_type, status, public_config, capabilities, last_test_at, last_test_result, test_result, "
    "last_ack_poll_at, last_ack_poll_error, version, created_at, updated_at, paused_at, paused_by"
)


async def insert(connection: AsyncConnection, values: dict[str, Any], at: datetime) -> Row:
    """Insert an ACTIVE connection; beside one that is not DISABLED it breaks `erp_connection_one_active`."""
    statement = text(
        "INSERT INTO erp_connection (id, org_id, connector_type, status, config_encrypted, public_config, "
        "created_at, updated_at) VALUES (:id, :org, :connector_type, 'ACTIVE', :config_encrypted, "
        f"cast(:public_config AS jsonb), :at, :at) RETURNING {PUBLIC}"
    )
    values = {**values, "public_config": json.dumps(values["public_config"]), "at": at}
    return (await connection.execute(statement, values)).mappings().one()


async def get(
    connection: AsyncConnection, org_id: UUID, connection_id: UUID, *, lock: bool = False
) -> Row | None:
    statement = "SELECT * FROM erp_connection WHERE org_id = :org AND id = :id"
    statement += " FOR UPDATE" if lock else ""
    return (
        (await connection.execute(text(statement), {"org": org_id, "id": connection_id})).mappings().first()
    )


async def active(connection: AsyncConnection, org_id: UUID) -> Row | None:
    """The one that pushes go through, paused or not."""
    statement = text("SELECT * FROM erp_connection WHERE org_id = :org AND status <> 'DISABLED'")
    return (await connection.execute(statement, {"org": org_id})).mappings().first()


async def for_polls(connection: AsyncConnection, org_id: UUID) -> list[Row]:
    statement = text("SELECT id, org_id, status, public_config FROM erp_connection WHERE org_id = :org")
    return list((await connection.execute(statement, {"org": org_id})).mappings())


async def list_all(
    connection: AsyncConnection, org_id: UUID, *, limit: int, before: tuple[datetime, UUID] | None
) -> list[Row]:
    """Newest first."""
    page = "AND (created_at, id) < (:before_at, :before_id)" if before else ""
    statement = text(
        f"SELECT {PUBLIC} FROM erp_connection WHERE org_id = :org {page} "
        "ORDER BY created_at DESC, id DESC LIMIT :limit"
    )
    values: dict[str, Any] = {"org": org_id, "limit": limit}
    if before:
        values["before_at"], values["before_id"] = before
    return list((await connection.execute(statement, values)).mappings())


async def set_status(
    connection: AsyncConnection,
    org_id: UUID,
    connection_id: UUID,
    status: str,
    at: datetime,
    by: str | None = None,
) -> Row:
    """`by` is who did it, as an e-mail address; kept for as long as the connection is paused."""
    statement = text(
        "UPDATE erp_connection SET status = :status, version = version + 1, updated_at = :at, "
        "paused_at = :paused_at, paused_by = :paused_by "
        f"WHERE org_id = :org AND id = :id RETURNING {PUBLIC}"
    )
    values: dict[str, Any] = {"org": org_id, "id": connection_id, "status": status, "at": at}
    values |= {"paused_at": None, "paused_by": None}
    if status == ConnectionStatus.PAUSED:
        values |= {"paused_at": at, "paused_by": by}
    return (await connection.execute(statement, values)).mappings().one()


async def save_config(
    connection: AsyncConnection,
    org_id: UUID,
    connection_id: UUID,
    config_encrypted: bytes,
    public_config: dict[str, Any],
    at: datetime,
) -> Row:
    statement = text(
        "UPDATE erp_connection SET config_encrypted = :config, public_config = cast(:public AS jsonb), "
        f"version = version + 1, updated_at = :at WHERE org_id = :org AND id = :id RETURNING {PUBLIC}"
    )
    values = {
        "org": org_id,
        "id": connection_id,
        "config": config_encrypted,
        "public": json.dumps(public_config),
        "at": at,
    }
    return (await connection.execute(statement, values)).mappings().one()


async def save_test(
    connection: AsyncConnection, org_id: UUID, connection_id: UUID, result: TestResult, at: datetime
) -> Row:
    statement = text(
        "UPDATE erp_connection SET last_test_at = :at, last_test_result = :outcome, "
        "test_result = cast(:result AS jsonb), "
        "capabilities = coalesce(cast(:capabilities AS jsonb), capabilities) "
        f"WHERE org_id = :org AND id = :id RETURNING {PUBLIC}"
    )
    capabilities = result.capabilities
    values = {
        "org": org_id,
        "id": connection_id,
        "at": at,
        "outcome": "SUCCESS" if result.success else "FAILED",
        "result": result.model_dump_json(),
        "capabilities": None if capabilities is None else capabilities.model_dump_json(),
    }
    return (await connection.execute(statement, values)).mappings().one()


async def forget_test(connection: AsyncConnection, org_id: UUID, connection_id: UUID) -> Row:
    """The configuration has changed: what a test saw of the old one says nothing about it."""
    statement = text(
        "UPDATE erp_connection SET last_test_at = NULL, last_test_result = NULL, test_result = NULL, "
        f"capabilities = NULL WHERE org_id = :org AND id = :id RETURNING {PUBLIC}"
    )
    return (await connection.execute(statement, {"org": org_id, "id": connection_id})).mappings().one()
