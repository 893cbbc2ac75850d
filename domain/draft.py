"""The draft order as data: what a workflow carries and what every rule reads."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from domain.statuses import DraftStatus, ExportStatus, LineStatus
from domain.values import Code, Currency, LineNo, Name, Number, Price, Sha256, Text


class Address(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name | None = None
    street: Name | None = None
    zip: Code | None = None
    city: Name | None = None
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None


class SourceDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    document_id: Code
    file_name: Name
    sha256: Sha256


class Decoration(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    logo_id: UUID | None = None
    netsuite_file_cabinet_id: Code | None = None
    style_number: Code | None = None
    style_name: Name | None = None
    color_code: Code | None = None
    placement: Code | None = None
    size_quantities: dict[Code, Annotated[int, Field(ge=0, le=1_000_000)]] = Field(
        default_factory=dict, max_length=100
    )
    send_for_approval: bool = False


class Header(BaseModel):
    """What may be said of a draft as a whole. Everything may be missing: that is what validation is for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    customer_id: UUID | None = None
    external_order_number: Code | None = None
    currency: Currency | None = None
    order_date: date | None = None
    requested_delivery_date: date | None = None
    notes: Text | None = None
    ship_to: Address | None = None
    internal_review: bool | None = None
    source_document: SourceDocument | None = None


class LineContent(BaseModel):
    """A line as a person enters it, without its number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    customer_sku_raw: Code | None = None
    internal_sku: Code | None = None
    description: Text | None = None
    qty: Number | None = None
    uom: Code | None = None
    unit_price: Price | None = None
    requested_delivery_date: date | None = None
    notes: Text | None = None
    decoration: Decoration | None = None


class LineInput(LineContent):
    line_no: LineNo | None = None


class Line(LineContent):
    id: UUID
    line_no: LineNo
    status: LineStatus | None = None  # decorated lines only, as all that follows
    color_up_id: UUID | None = None  # the version that was decided on, or is to be
    production_approved_at: datetime | None = None
    production_approved_by_user_id: UUID | None = None

    def content(self) -> LineContent:
        return LineContent.model_validate({name: getattr(self, name) for name in LineContent.model_fields})


class ReadyCheck(BaseModel):
    is_ready: bool
    blocking_reasons: list[str]
    checked_at: datetime


class Issue(BaseModel):
    type: str
    severity: str
    status: str = "OPEN"
    line_no: int | None = None
    message: str


class ExportError(BaseModel):
    code: str
    message: str
    at: datetime


class Export(BaseModel):
    """One attempt to hand one document over. `attempt` counts from 1 within the draft."""

    id: UUID
    attempt: int
    status: ExportStatus
    connection_id: UUID
    connector_type: str
    file_name: str
    dropzone_path: str | None = None
    sha256: str
    size_bytes: int
    storage_key: str
    ack_expected: bool
    erp_order_id: str | None = None
    unconfirmed: bool = False
    may_have_been_sent: bool = False
    refused_by_erp: bool = False
    error: ExportError | None = None
    created_at: datetime
    sent_at: datetime | None = None
    acked_at: datetime | None = None


class Draft(BaseModel):
    """State of one draft order. `version` is the sequence of the last decision."""

    org_id: UUID
    org_slug: str
    id: UUID
    number: str
    status: DraftStatus = DraftStatus.NEW
    version: int = 0
    header: Header = Field(default_factory=Header)
    customer_name: str | None = None
    lines: list[Line] = Field(default_factory=list)
    created_at: datetime
    updated_at: datetime
    created_by_user_id: UUID | None = None
    last_edited_by_user_id: UUID | None = None
    approved_at: datetime | None = None
    approved_by_user_id: UUID | None = None
    approved_by_email: str | None = None
    production_approved_at: datetime | None = None
    production_approved_by_user_id: UUID | None = None
    ready_check: ReadyCheck | None = None
    issues: list[Issue] = Field(default_factory=list)
    exports: list[Export] = Field(default_factory=list)
    erp_order_id: str | None = None
    reject_reason: str | None = None
    floor_closed_at: datetime | None = None  # nobody waits for the floor any more

    @property
    def last_export(self) -> Export | None:
        return self.exports[-1] if self.exports else None

    @property
    def decorated_lines(self) -> list[Line]:
        return [line for line in self.lines if line.decoration is not None]

    def export(self, export_id: UUID) -> Export | None:
        return next((export for export in self.exports if export.id == export_id), None)

    def line(self, line_no: int) -> Line | None:
        return next((line for line in self.lines if line.line_no == line_no), None)
