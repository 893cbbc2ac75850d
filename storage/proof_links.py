"""Links to proofs: 256 random bits each, of which only the hash is kept. For one version and one approver."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Database, Row

LIFETIME = timedelta(days=30)
_TOKEN_BYTES = 32
# token_urlsafe of 32 bytes; what is longer is none of ours and need not be hashed
_TOKEN_LENGTH = 43


@dataclass(frozen=True)
class NewLink:
    """`token` exists here and in the mail, nowhere else."""

    id: UUID
    token: str = field(repr=False)


async def create(
    connection: AsyncConnection, org_id: UUID, color_up_id: UUID, approver_id: UUID, at: datetime
) -> NewLink:
    link = NewLink(uuid4(), secrets.token_urlsafe(_TOKEN_BYTES))
    await connection.execute(
        text(
            "INSERT INTO proof_link (id, org_id, color_up_id, approver_id, token_sha256, created_at, "
            "expires_at) VALUES (:id, :org, :color_up, :approver, :sha256, :at, :expires)"
        ),
        {
            "id": link.id,
            "org": org_id,
            "color_up": color_up_id,
            "approver": approver_id,
            "sha256": _hashed(link.token),
            "at": at,
            "expires": at + LIFETIME,
        },
    )
    return link


async def forget(connection: AsyncConnection, org_id: UUID, links: Sequence[UUID]) -> None:
    """Remove links whose mail nobody took."""
    await connection.execute(
        text("DELETE FROM proof_link WHERE org_id = :org AND id = ANY(:ids)"),
        {"org": org_id, "ids": list(links)},
    )


async def find(database: Database, token: str) -> tuple[UUID, UUID] | None:
    """Org and id of the link with this token, whatever became of it; None when there is none."""
    if len(token) != _TOKEN_LENGTH:
        return None
    rows = await database.call("SELECT * FROM find_proof_link(:sha256)", {"sha256": _hashed(token)})
    return (rows[0]["org_id"], rows[0]["link_id"]) if rows else None


async def get(connection: AsyncConnection, org_id: UUID, link_id: UUID) -> Row | None:
    """The link together with its approver: `approver_active`, `customer_id`."""
    query = text(
        "SELECT l.id, l.color_up_id, l.approver_id, l.created_at, l.expires_at, l.revoked_at, "
        "a.active AS approver_active, a.customer_id "
        "FROM proof_link l JOIN approver a ON a.id = l.approver_id "
        "WHERE l.org_id = :org AND a.org_id = :org AND l.id = :id"
    )
    return (await connection.execute(query, {"org": org_id, "id": link_id})).mappings().first()


async def revoke(
    connection: AsyncConnection, org_id: UUID, color_up_id: UUID, at: datetime, *, older: bool = False
) -> int:
    """End the links to a version, or with `older` those to older versions of its key; how many there were."""
    versions = (
        "SELECT o.id FROM color_up c JOIN color_up o ON (o.logo_id, o.style_number, o.color_code) "
        "= (c.logo_id, c.style_number, c.color_code) AND o.version < c.version WHERE c.id = :color_up"
        if older
        else "SELECT cast(:color_up AS uuid)"
    )
    ended = await connection.execute(
        text(
            "UPDATE proof_link SET revoked_at = :at WHERE org_id = :org AND revoked_at IS NULL "
            f"AND color_up_id IN ({versions})"
        ),
        {"org": org_id, "color_up": color_up_id, "at": at},
    )
    return ended.rowcount


async def made_since(
    connection: AsyncConnection, org_id: UUID, color_up_id: UUID, approver_id: UUID, since: datetime
) -> int:
    """How many links the approver got to this version."""
    query = text(
        "SELECT count(*) FROM proof_link WHERE org_id = :org AND color_up_id = :color_up "
        "AND approver_id = :approver AND created_at > :since"
    )
    values = {"org": org_id, "color_up": color_up_id, "approver": approver_id, "since": since}
    return int(await connection.scalar(query, values) or 0)


def _hashed(token: str) -> str:
    # plain: 256 random bits need no salt and no slow hash
    return hashlib.sha256(token.encode()).hexdigest()
