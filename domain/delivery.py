"""What the export hands to a connector and what it gets back.

Source: docs/design.md, "Exactly once to the ERP".
"""

from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Delivery(BaseModel):
    """One document on its way to the dropzone; a pure function of (draft, attempt)."""

    model_config = ConfigDict(frozen=True)

    export_id: UUID
    file_name: str
    document: str = Field(description="the exact text of the file; UTF-8 when written")
    sha256: str = Field(description="lower-case hex digest of the UTF-8 bytes")
    size_bytes: int


class StagedFile(BaseModel):
    """A verified upload under a name that no other try uses, in the folder of the final file."""

    model_config = ConfigDict(frozen=True)

    temp_name: str
    file_name: str
    sha256: str
    size_bytes: int
    place: str | None = None  # where the connection pointed then; files staged by older versions say nothing


class PublishOutcome(StrEnum):
    PUBLISHED = "published"  # this try renamed the file
    ALREADY_THERE = "already_there"  # an earlier try had renamed it
    UNCONFIRMED = "unconfirmed"  # both names are gone: an earlier try published and the ERP took the file


class FenceOutcome(StrEnum):
    NOT_SENT = "not_sent"  # the ERP cannot have seen the document, now or later
    MAY_HAVE_BEEN_SENT = "may_have_been_sent"  # nobody can say; a person or the ack decides


class DeliveryOrder(BaseModel):
    """All that staging is told; never a secret: each try reads the connection afresh."""

    org_id: UUID
    draft_id: UUID
    connection_id: UUID
    storage_key: str
    delivery: Delivery
    request_id: str | None = None  # which request asked for the push; histories before it have none


class StageNote(BaseModel):
    """How staging went, for the push log: written with the mark of the publish, which saves a transaction."""

    duration_ms: int
    response: dict[str, Any]


class StageResult(BaseModel):
    staged: StagedFile
    log_row: int  # the push-log row that publish goes on with
    note: StageNote | None = None  # absent where an older version staged: it has written it itself


class PublishOrder(BaseModel):
    org_id: UUID
    connection_id: UUID
    export_id: UUID
    staged: StagedFile
    log_row: int
    stage_note: StageNote | None = None
    request_id: str | None = None


class PublishResult(BaseModel):
    outcome: PublishOutcome
    dropzone_path: str


class FenceOrder(BaseModel):
    """`staged` is None when publish never started, or when nothing may be touched."""

    org_id: UUID
    connection_id: UUID
    export_id: UUID
    staged: StagedFile | None
    code: str
    message: str
    request_id: str | None = None


class Capabilities(BaseModel):
    """What a dropzone's server was seen to do."""

    exclusive_create: bool = False
    rename: bool = False
    posix_rename: bool = False
    fsync: bool = False
    rename_refuses_existing: bool = False  # the plain rename; a posix-rename always replaces


class TestStep(BaseModel):
    """One step of a connection test; `message` is for people."""

    __test__ = False  # the name is the product's, not pytest's

    step: str
    ok: bool
    message: str
    duration_ms: int


class TestResult(BaseModel):
    """Outcome of "test connection". `code` is a `TransportCode` when it failed."""

    __test__ = False  # the name is the product's, not pytest's

    success: bool
    error_message: str | None = None
    code: str | None = None
    latency_ms: int
    host_key_fingerprint: str | None = None
    expected_host_keys: list[str] = Field(default_factory=list, description="on a mismatch: the pinned ones")
    capabilities: Capabilities | None = None
    steps: list[TestStep] = Field(
        default_factory=list, description="those taken, in order; the last may fail"
    )


class ExportResult(BaseModel):
    """Outcome of a whole hand-over through `ERPConnectorPort.export`."""

    success: bool
    export_id: UUID
    error_message: str | None = None
    storage_key: str | None = None
    connector_metadata: dict[str, str] = Field(default_factory=dict)
