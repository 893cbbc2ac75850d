"""CSV imports. A file with errors writes nothing unless `?partial=true`; `?dry_run=true` never writes.

A repeated import of draft orders makes no second draft: each draft is keyed by the Idempotency-Key and the
order's number, or, without a key, by the order's content, unless that draft was rejected. What is there
already counts neither as created nor as an error; `passed_over` names it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from api.caller import Caller, Ops
from api.csv_rows import RowProblem, Table, read_upload
from api.idempotency import Answer, IdempotencyKey, once, once_in_steps
from api.import_batches import Batch
from api.order_imports import PassedOver, import_orders
from api.order_rows import read_orders
from api.price_rows import read_prices, settle_prices
from api.problems import problems
from api.product_rows import read_products, settle_products
from api.requests import ExactRoute
from api.rooms import InRooms
from domain.canonical import sha256_hex
from storage.customers import ids_by_number
from storage.prices import import_prices
from storage.products import Written, import_products

router = APIRouter(route_class=ExactRoute, tags=["imports"])


class ImportReport(BaseModel):
    rows: int  # data rows in the file
    created: int
    updated: int
    errors: list[RowProblem]
    dry_run: bool


class OrderImportReport(ImportReport):
    passed_over: list[PassedOver]  # orders of the file whose drafts were there already


DryRun = Annotated[bool, Query(description="report, and write nothing")]
Partial = Annotated[bool, Query(description="write what is right, even when other rows are wrong")]


@dataclass(frozen=True)
class Options:
    dry_run: bool
    partial: bool

    def may_write(self, table: Table) -> bool:
        return self.partial or not table.problems

    def report(self, table: Table, written: Written) -> ImportReport:
        return ImportReport(
            rows=table.count,
            created=written.created,
            updated=written.updated,
            errors=sorted(table.problems, key=lambda problem: problem.row),
            dry_run=self.dry_run,
        )


def _documented(example: str) -> dict[str, Any]:
    """OpenAPI's request body: FastAPI cannot derive it, since the file is read by hand."""
    form = {
        "type": "object",
        "properties": {"file": {"type": "string", "format": "binary"}},
        "required": ["file"],
    }
    text = {"schema": {"type": "string"}, "example": example}
    content = {"text/csv": text, "multipart/form-data": {"schema": form}}
    return {"requestBody": {"required": True, "content": content}}


_ERRORS = problems(401, 403, 413, 415)
_PRODUCTS = 'internal_sku;name;base_uom;uom_conversions_json;active\nINT-1;Polo;PCE;"{""KAR"":12}";true\n'
_PRICES = "erp_customer_number,internal_sku,currency,uom,unit_price,min_qty,valid_from,valid_to\n"
_ORDERS = "external_order_number,erp_customer_number,currency,internal_sku,qty,uom,unit_price\n"


@router.post(
    "/imports/products",
    response_model=ImportReport,
    responses=_ERRORS,
    openapi_extra=_documented(_PRODUCTS),
)
async def import_product_file(
    request: Request, caller: Ops, key: IdempotencyKey, dry_run: DryRun = False, partial: Partial = False
) -> JSONResponse:
    """Columns `internal_sku,name,base_uom` and, if wanted, `uom_conversions_json,active`."""
    job = _Job("PRODUCTS_IMPORTED", read_products, settle_products, import_products)
    return await _import(request, caller, key, Options(dry_run, partial), job)


@router.post(
    "/imports/customer-prices",
    response_model=ImportReport,
    responses=_ERRORS,
    openapi_extra=_documented(_PRICES + "C-1001,INT-1,EUR,PCE,12.50,1,2026-01-01,\n"),
)
async def import_price_file(
    request: Request, caller: Ops, key: IdempotencyKey, dry_run: DryRun = False, partial: Partial = False
) -> JSONResponse:
    """Columns `internal_sku,currency,uom,unit_price`, the customer by `erp_customer_number` or
    `customer_name` and, if wanted, `min_qty,valid_from,valid_to`."""
    job = _Job("CUSTOMER_PRICES_IMPORTED", read_prices, settle_prices, import_prices)
    return await _import(request, caller, key, Options(dry_run, partial), job)


@dataclass(frozen=True)
class _Job:
    action: str
    read: Callable[[str], Batch]
    settle: Callable[[AsyncConnection, UUID, Batch], Awaitable[Batch]]
    write: Callable[[AsyncConnection, UUID, list[dict[str, Any]], datetime], Awaitable[Written]]


async def _import(
    request: Request, caller: Caller, key: str | None, options: Options, job: _Job
) -> JSONResponse:
    content = await read_upload(request)
    digest = sha256_hex(f"{request.url.query}\n{content}")
    read = await asyncio.to_thread(job.read, content)

    async def work(connection: AsyncConnection) -> Answer:
        batch = await job.settle(connection, caller.org_id, read)
        written = Written(0, 0)
        if batch.values and options.may_write(batch.table):
            trial = await connection.begin_nested() if options.dry_run else None
            written = await job.write(connection, caller.org_id, batch.values, datetime.now(UTC))
            if trial is not None:
                await trial.rollback()
        report = options.report(batch.table, written)
        await _record(connection, caller, job.action, report, content)
        return Answer(report)

    return await once(request, caller, key, work, digest=digest)


async def _record(
    connection: AsyncConnection, caller: Caller, action: str, report: ImportReport, content: str
) -> None:
    """One row in the trail per import that wrote something."""
    if report.dry_run or not report.created + report.updated:
        return
    details = {
        "rows": report.rows,
        "created": report.created,
        "updated": report.updated,
        "errors": len(report.errors),
        "sha256": sha256_hex(content),
    }
    await caller.audit(connection, action, ("import", uuid4()), details=details)


@router.post(
    "/imports/draft-orders",
    response_model=OrderImportReport,
    responses=_ERRORS,
    openapi_extra=_documented(_ORDERS + "PO-12345,C-1001,EUR,INT-1,10,PCE,12.50\n"),
)
async def import_order_file(
    request: Request,
    caller: Ops,
    rooms: InRooms,
    key: IdempotencyKey,
    dry_run: DryRun = False,
    partial: Partial = False,
) -> JSONResponse:
    """One row per line, grouped by `external_order_number`; `created` counts drafts.

    An order with an error in one row is left out as a whole. One whose draft an earlier import of the same
    content made is passed over, unless that draft was rejected.
    """
    options = Options(dry_run, partial)
    content = await read_upload(request)
    file = await asyncio.to_thread(read_orders, content)

    async def work() -> Answer:
        numbers = file.customer_numbers()
        async with caller.transaction() as connection:
            customers = await ids_by_number(connection, caller.org_id, numbers)
        orders = file.settle(customers)
        created, passed_over = 0, list[PassedOver]()
        if options.may_write(file.table):
            created, passed_over = await import_orders(rooms, caller, orders, key=key, dry_run=dry_run)
        report = OrderImportReport(
            **dict(options.report(file.table, Written(created, 0))), passed_over=passed_over
        )
        async with caller.transaction() as connection:
            await _record(connection, caller, "DRAFT_ORDERS_IMPORTED", report, content)
        return Answer(report)

    digest = sha256_hex(f"{request.url.query}\n{content}")
    return await once_in_steps(request, caller, key, work, digest=digest)
