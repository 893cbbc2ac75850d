"""What a decision needs to know from outside the draft: read by one activity, then judged here."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from pydantic import BaseModel, Field

from domain.policy import OrgPolicy


class FactsRequest(BaseModel):
    org_id: UUID
    draft_id: UUID
    customer_id: UUID | None = None
    external_order_number: str | None = None
    currency: str | None = None
    skus: list[str] = Field(default_factory=list)
    order_date: date | None = None
    actor_user_id: UUID | None = None


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


class Facts(BaseModel):
    policy: OrgPolicy
    customer: CustomerFact | None = None
    products: dict[str, ProductFact] = Field(default_factory=dict)
    known_uoms: list[str] = Field(default_factory=list)
    prices: list[PriceFact] = Field(default_factory=list)
    duplicates: list[str] = Field(default_factory=list)  # numbers of other drafts with the same order number
    connection: ConnectionFact | None = None
    delivery_window_s: int = 1800
    actor_email: str | None = None
