"""Letting go of the orders that waited for the end of a connection's pause: what is asked, what is told."""

from uuid import UUID

from pydantic import BaseModel

RELEASE_WORKFLOW = "ReleaseWorkflow"


def release_workflow_id(org_id: UUID, connection_id: UUID) -> str:
    return f"release/{org_id}/{connection_id}"


class ReleaseOrder(BaseModel):
    org_id: UUID
    connection_id: UUID


class Released(BaseModel):
    """`paused_again`: the rest waits for the next resume."""

    told: int
    paused_again: bool
