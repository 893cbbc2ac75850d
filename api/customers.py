"""Customers of the org: whom drafts are for, and in which time zone their mornings begin."""

from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated, Any
from uuid import UUID, uuid4
from zoneinfo import available_timezones

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from api.caller import AnyRole, Caller, Ops
from api.days import Day
from api.etags import IfMatch, etag, require_version
from api.idempotency import Answer, IdempotencyKey, once
from api.json_types import Truth
from api.paging import Page, Paging, page_of
from api.patches import Patch, left_out
from api.problems import NotFound, Problem, problems
from api.queries import Search, after_id
from api.requests import ExactRoute
from domain.codes import CURRENCIES
from domain.mails import Language
from domain.reminders import MAX_HOLIDAYS, WEEK, Weekday
from domain.values import Code, Name
from storage import customers
from storage.database import Row
from storage.uniqueness import Taken

router = APIRouter(route_class=ExactRoute, tags=["customers"])


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _known_zone(text: str) -> str:
    if text not in _zones():
        raise ValueError("must be an IANA time zone, like Europe/Berlin")
    return text


def known_currency(text: str) -> str:
    if text not in CURRENCIES:
        raise ValueError("must be an ISO 4217 currency, like EUR")
    return text


def _in_order(days: list[Weekday]) -> list[Weekday]:
    return [day for day in WEEK if day in days]


TimeZone = Annotated[str, AfterValidator(_known_zone)]
KnownCurrency = Annotated[str, AfterValidator(known_currency)]
ReminderDays = Annotated[list[Weekday], Field(min_length=1, max_length=7), AfterValidator(_in_order)]
Holidays = Annotated[
    list[Day], Field(max_length=MAX_HOLIDAYS), AfterValidator(lambda days: sorted(set(days)))
]


class Customer(BaseModel):
    id: UUID
    name: str
    erp_customer_number: str | None
    default_currency: str | None
    time_zone: str
    language: Language
    internal_review_default: bool
    reminder_days: list[Weekday]
    holidays: list[date]
    version: int
    created_at: datetime
    updated_at: datetime


class NewCustomer(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "Hansen Golf GmbH",
                    "erp_customer_number": "C-1001",
                    "default_currency": "EUR",
                    "time_zone": "Europe/Berlin",
                    "language": "de",
                    "reminder_days": ["mon", "tue", "wed", "thu", "fri"],
                    "holidays": ["2026-12-25"],
                }
            ]
        },
    )

    name: Name
    erp_customer_number: Code | None = None
    default_currency: KnownCurrency | None = None
    time_zone: TimeZone = "UTC"
    language: Language = Field(Language.EN, description="of mails and proof pages")
    internal_review_default: Truth = False
    reminder_days: ReminderDays = Field(
        default_factory=lambda: list(WEEK), description="days of the week with a reminder of open proofs"
    )
    holidays: Holidays = Field(default_factory=list, description="days without one")


class CustomerPatch(Patch):
    model_config = ConfigDict(json_schema_extra={"examples": [{"time_zone": "Europe/Lisbon"}]})

    name: Name = Field(default_factory=left_out)
    erp_customer_number: Code | None = Field(default_factory=left_out)
    default_currency: KnownCurrency | None = Field(default_factory=left_out)
    time_zone: TimeZone = Field(default_factory=left_out)
    language: Language = Field(default_factory=left_out)
    internal_review_default: Truth = Field(default_factory=left_out)
    reminder_days: ReminderDays = Field(default_factory=left_out)
    holidays: Holidays = Field(default_factory=left_out)


def _shown(row: Row) -> Customer:
    return Customer.model_validate(dict(row))


def _facts(customer: Customer) -> dict[str, Any]:
    return customer.model_dump(mode="json", include=set(NewCustomer.model_fields))


def _number_taken(number: str | None) -> Problem:
    return Problem(409, f"Another customer has the ERP customer number {number}")


@router.get("/customers", responses=problems(401))
async def list_customers(caller: AnyRole, paging: Paging, q: Search = None) -> Page[Customer]:
    """Newest first; `q` looks in name and ERP customer number."""
    async with caller.transaction() as connection:
        rows = await customers.list_customers(
            connection, caller.org_id, q=q, limit=paging.limit + 1, after=after_id(paging)
        )
    return page_of(paging, rows, _shown)


@router.post("/customers", status_code=201, response_model=Customer, responses=problems(401, 403, 409))
async def create_customer(
    new: NewCustomer, request: Request, caller: Ops, key: IdempotencyKey
) -> JSONResponse:
    async def create(connection: AsyncConnection) -> Answer:
        row = await customers.create_customer(
            connection, caller.org_id, uuid4(), new.model_dump(), datetime.now(UTC)
        )
        customer = _shown(row)
        await caller.audit(connection, "CUSTOMER_CREATED", ("customer", customer.id), after=_facts(customer))
        return Answer(customer, status=201, location=f"/customers/{customer.id}", etag=customer.version)

    try:
        return await once(request, caller, key, create)
    except Taken:
        raise _number_taken(new.erp_customer_number) from None


@router.get("/customers/{customer_id}", responses=problems(401, 404))
async def get_customer(customer_id: UUID, caller: AnyRole, response: Response) -> Customer:
    async with caller.transaction() as connection:
        row = await customers.get_customer(connection, caller.org_id, customer_id)
    if row is None:
        raise NotFound("customer")
    response.headers["ETag"] = etag(row["version"])
    return _shown(row)


@router.patch("/customers/{customer_id}", responses=problems(401, 403, 404, 409, 412))
async def change_customer(
    customer_id: UUID, patch: CustomerPatch, caller: Ops, if_match: IfMatch, response: Response
) -> Customer:
    """Change some fields; null empties the ERP number or the currency."""
    try:
        async with caller.transaction() as connection:
            row = await customers.get_customer(connection, caller.org_id, customer_id, lock=True)
            if row is None:
                raise NotFound("customer")
            require_version(if_match, row["version"])
            changes = patch.changes(dict(row))
            customer = await _changed(connection, caller, row, changes) if changes else _shown(row)
    except Taken:
        raise _number_taken(patch.erp_customer_number) from None
    response.headers["ETag"] = etag(customer.version)
    return customer


async def _changed(
    connection: AsyncConnection, caller: Caller, row: Row, changes: dict[str, Any]
) -> Customer:
    at = datetime.now(UTC)
    customer = _shown(await customers.update_customer(connection, caller.org_id, row, changes, at))
    before, after = _facts(_shown(row)), _facts(customer)
    await caller.audit(
        connection,
        "CUSTOMER_UPDATED",
        ("customer", customer.id),
        before={name: before[name] for name in changes},
        after={name: after[name] for name in changes},
    )
    return customer
