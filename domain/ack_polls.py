"""Which connections' ack folders are read, and under which names that is done."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from pydantic import BaseModel

ACK_POLL_WORKFLOW = "AckPollWorkflow"
ACK_SCHEDULES_WORKFLOW = "AckSchedulesWorkflow"
ACK_SCHEDULES_ID = "ack-schedules"
_PREFIX = "ack-poll/"

# PAUSED holds deliveries back; answers to what was sent before still count. DISABLED connects to nothing.
_POLLED = ("ACTIVE", "PAUSED")
_PLACE = ("mode", "host", "port", "ack_path")


class AckPollOrder(BaseModel):
    org_id: UUID
    connection_id: UUID


class AckPollReport(BaseModel):
    """What one poll did; shown in the Web UI. `left` files have their turn in the next polls."""

    listed: int = 0
    read: int = 0
    told: int = 0
    moved: int = 0
    left: int = 0
    skipped: str | None = None


class Connection(BaseModel):
    """As much of a connection as decides whether it is polled."""

    id: UUID
    org_id: UUID
    status: str
    public_config: dict[str, Any]


def ack_poll_id(connection_id: UUID) -> str:
    return f"{_PREFIX}{connection_id}"


def is_ack_poll(schedule_id: str) -> bool:
    return schedule_id.startswith(_PREFIX)


def same_place(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Two connections that read the same ack folder, as after one was made anew."""
    return one.get("ack_path") is not None and all(one.get(name) == other.get(name) for name in _PLACE)


def polled(connections: Iterable[Connection]) -> list[AckPollOrder]:
    """One poll for each connection that may be used and has an ack folder."""
    return [
        AckPollOrder(org_id=one.org_id, connection_id=one.id)
        for one in connections
        if one.status in _POLLED and _answered(one.public_config)
    ]


def _answered(public_config: dict[str, Any]) -> bool:
    """As storage/facts.py has it: what makes an export expect an answer."""
    return bool(public_config.get("ack_expected", public_config.get("ack_path") is not None))
