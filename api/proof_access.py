"""What a link opens, and why it opens nothing any more."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from api.rooms import Rooms
from domain.color_ups import Decision
from domain.mails import Language
from storage import proof_links, proof_sheets
from storage.database import Row
from storage.proof_sheets import Proof


class Closed(StrEnum):
    """Names of words, too."""

    UNKNOWN = "unknown"
    EXPIRED = "expired"
    REVOKED = "revoked"
    NEWER = "newer"

    @property
    def status(self) -> int:
        return 404 if self is Closed.UNKNOWN else 410


class LinkClosed(Exception):
    """`renewable`: the approver may have a new link mailed. `version`: the newest one, for NEWER."""

    def __init__(
        self,
        why: Closed,
        *,
        language: Language | None = None,
        renewable: bool = False,
        version: int | None = None,
    ) -> None:
        self.why, self.language, self.renewable, self.version = why, language, renewable, version
        super().__init__(why)


@dataclass(frozen=True)
class Opened:
    org_id: UUID
    link: Row
    proof: Proof
    people: list[Row]  # who may decide: id, name, email

    @property
    def language(self) -> Language:
        return Language(self.proof.customer["language"])


async def open_link(rooms: Rooms, token: str, at: datetime) -> Opened:
    """
    Raises:
        LinkClosed
    """
    found = await proof_links.find(rooms.database, token)
    if found is None:
        raise LinkClosed(Closed.UNKNOWN)
    org_id, link_id = found
    structlog.contextvars.bind_contextvars(org_id=str(org_id), link_id=str(link_id))
    async with rooms.database.transaction(org_id) as connection:
        return await _opened(connection, org_id, link_id, at)


async def _opened(connection: AsyncConnection, org_id: UUID, link_id: UUID, at: datetime) -> Opened:
    link = await proof_links.get(connection, org_id, link_id)
    proof = None if link is None else await proof_sheets.read(connection, org_id, link["color_up_id"])
    if link is None or proof is None:
        raise LinkClosed(Closed.UNKNOWN)
    why = _why_closed(link, proof, at)
    if why is not None:
        raise LinkClosed(
            why,
            language=Language(proof.customer["language"]),
            renewable=link["approver_active"],
            version=proof.newest_version,
        )
    people = await proof_sheets.approvers(connection, org_id, proof.customer["id"])
    return Opened(org_id, link, proof, people)


def _why_closed(link: Row, proof: Proof, at: datetime) -> Closed | None:
    if not link["approver_active"]:
        return Closed.REVOKED
    overtaken = proof.newest_version > proof.row["version"]
    if proof.row["decision"] == Decision.SUPERSEDED or (link["revoked_at"] is not None and overtaken):
        return Closed.NEWER
    if link["revoked_at"] is not None:
        return Closed.REVOKED
    return Closed.EXPIRED if link["expires_at"] <= at else None
