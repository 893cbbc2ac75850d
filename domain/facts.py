"""What a decision needs to know from outside the draft: read by one activity, then judged here."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from pydantic import BaseModel, Field

from domain.codes import UOMS
from domain.draft import Draft
from domain.policy import OrgPolicy


class FactsRequest(BaseModel):
    org_id: UUID
    draft_id: UUID
    customer_id: UUID | None = None
    external_order_number: str | None = None
    currency: str | None = None
    skus: list[str] = Field(default_factory=list)
    uoms: list[str] = Field(default_factory=list)  # those that not everybody knows
    order_date: date | None = None
    actor_user_id: UUID | None = None
    logo_ids: list[UUID] = Field(default_factory=list)
    color_up_ids: list[UUID] = Field(default_factory=list)


class CustomerFact(BaseModel):
    id: UUID
    name: str
    erp_customer_number: str | None = None


class ProductFact(BaseModel):
    base_uom: str
    uoms: list[str]  # convertible to the base uom
    active: bool


class PriceFact(BaseModel):
    internal_sku: str
    currency: str
    uom: str
    unit_price: Decimal
    min_qty: Decimal
    valid_from: date | None = None
    valid_to: date | None = None


class ConnectionFact(BaseModel):
    id: UUID
    connector_type: str
    export_path: str
    ack_expected: bool
    paused: bool = False


class LogoFact(BaseModel):
    name: str
    design_number: str | None = None


class ColorUpThreads(BaseModel):
    version: int
    thread_sequence: list[dict[str, str | int | None]]


class Artwork(BaseModel):
    """Names and threads of what the draft's lines carry; the draft itself holds the ids."""

    logos: dict[UUID, LogoFact] = Field(default_factory=dict)
    color_ups: dict[UUID, ColorUpThreads] = Field(default_factory=dict)


class Facts(BaseModel):
    policy: OrgPolicy
    customer: CustomerFact | None = None
    products: dict[str, ProductFact] = Field(default_factory=dict)
    known_uoms: list[str] = Field(default_factory=list)  # of those asked for; older versions read all
    prices: list[PriceFact] = Field(default_factory=list)
    duplicates: list[str] = Field(default_factory=list)  # numbers of other drafts with the same order number
    connection: ConnectionFact | None = None
    delivery_window_s: int = 1800
    actor_email: str | None = None
    artwork: Artwork = Field(default_factory=Artwork)  # absent in what older versions read


def facts_request(
    draft: Draft, actor_user_id: UUID | None = None, *, for_document: bool = False
) -> FactsRequest:
    """What a decision on `draft` asks for. Artwork is read for the export document only: it may be large."""
    header, lines = draft.header, draft.lines
    pictured = draft.decorated_lines if for_document else []
    return FactsRequest(
        org_id=draft.org_id,
        draft_id=draft.id,
        customer_id=header.customer_id,
        external_order_number=header.external_order_number,
        currency=header.currency,
        skus=sorted({line.internal_sku for line in lines if line.internal_sku}),
        uoms=sorted({line.uom for line in lines if line.uom and line.uom not in UOMS}),
        order_date=header.order_date,
        actor_user_id=actor_user_id,
        logo_ids=sorted(
            {line.decoration.logo_id for line in pictured if line.decoration and line.decoration.logo_id}
        ),
        color_up_ids=sorted({line.color_up_id for line in pictured if line.color_up_id}),
    )
