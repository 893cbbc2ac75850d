"""What is known of a logo's embroidery design, as `logo.design` keeps it. Lengths in millimetres."""

import hashlib
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from domain.values import Name, Sha256


class DesignFacts(BaseModel):
    """Read from the file. A stop is what the machine sews between two changes of thread."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stitches: int = Field(description="needle penetrations; jumps and trims are none")
    colors: int = Field(description="stops that hold stitches: threads that the design needs")
    color_changes: int
    stops: int = Field(description="color_changes + 1: thread_sequence names them from 1")
    trims: int = Field(description="three jumps in a row after a stitch, as machines take them")
    width_mm: float
    height_mm: float


class Design(DesignFacts):
    """The facts together with where they come from."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "file_name": "hansen-crest.dst",
                    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                    "size_bytes": 25_120,
                    "stitches": 8_123,
                    "colors": 3,
                    "color_changes": 2,
                    "stops": 3,
                    "trims": 11,
                    "width_mm": 84.2,
                    "height_mm": 61.0,
                    "uploaded_at": "2026-11-20T09:30:00Z",
                }
            ]
        },
    )

    file_name: Name | None = None
    sha256: Sha256
    size_bytes: int
    uploaded_at: datetime

    @classmethod
    def of(cls, facts: DesignFacts, content: bytes, file_name: str | None, at: datetime) -> "Design":
        return cls(
            **facts.model_dump(),
            file_name=file_name,
            sha256=hashlib.sha256(content).hexdigest(),
            size_bytes=len(content),
            uploaded_at=at,
        )


def design_key(org_id: UUID, sha256: str) -> str:
    """Where the document store keeps the file. Named by its content, so that nothing is ever overwritten."""
    return f"designs/{org_id}/{sha256}.dst"
