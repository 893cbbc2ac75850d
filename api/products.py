"""The org's catalog. A product is what an order line may name; its units decide what can be ordered."""

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID, uuid5

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from api.caller import AnyRole, Caller, Ops
from api.etags import IfMatch, Versions, etag, require_version
from api.idempotency import Answer, IdempotencyKey, once
from api.json_types import Truth
from api.paging import Page, Paging, page_of
from api.problems import NotFound, Problem, problems
from api.queries import Search, after_text
from api.requests import ExactRoute
from domain.values import Code, Name, Number, Price
from storage import products
from storage.database import Row

router = APIRouter(route_class=ExactRoute, tags=["products"])


def _positive(value: Number) -> Number:
    if value <= 0:
        raise ValueError("must be more than 0")
    return value


Factor = Annotated[Number, AfterValidator(_positive)]  # base units in one of this unit
Conversions = Annotated[dict[Code, Factor], Field(max_length=50)]
# SKUs with slashes arrive percent-encoded and are decoded before routing, hence `:path`
Sku = Annotated[Code, Path(description="percent-encoded; it may contain slashes")]


class Product(BaseModel):
    internal_sku: str
    name: str
    base_uom: str
    uom_conversions: dict[str, str]
    active: bool
    price: Price | None
    version: int
    created_at: datetime
    updated_at: datetime


class ProductContent(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "Olympic Polo", "base_uom": "PCE", "uom_conversions": {"KAR": "12"}}]
        },
    )

    internal_sku: Code | None = None  # in PUT: the address says it, the body may repeat it
    name: Name
    base_uom: Code
    uom_conversions: Conversions = Field(default_factory=dict)
    active: Truth = True
    price: Price | None = None

    def values(self, sku: str) -> dict[str, Any]:
        """As the storage writes it: conversions as text, the price a decimal."""
        conversions = self.model_dump(mode="json")["uom_conversions"]
        return {**self.model_dump(), "internal_sku": sku, "uom_conversions": conversions}


class NewProduct(ProductContent):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "internal_sku": "INT-999",
                    "name": "Olympic Polo",
                    "base_uom": "PCE",
                    "uom_conversions": {"KAR": "12"},
                }
            ]
        }
    )

    internal_sku: Code


def _shown(row: Row) -> Product:
    return Product.model_validate(dict(row))


def _facts(product: Product) -> dict[str, Any]:
    return product.model_dump(mode="json", include=set(ProductContent.model_fields))


def _entity(caller: Caller, sku: str) -> tuple[str, UUID]:
    return "product", uuid5(caller.org_id, sku)


def _address(sku: str) -> str:
    return f"/products/{quote(sku, safe='')}"


@router.get("/products", responses=problems(401))
async def list_products(caller: AnyRole, paging: Paging, q: Search = None) -> Page[Product]:
    """Newest first, those of one import by SKU; `q` looks in SKU and name."""
    async with caller.transaction() as connection:
        rows = await products.list_products(
            connection, caller.org_id, q=q, limit=paging.limit + 1, after=after_text(paging)
        )
    return page_of(paging, rows, _shown, ("created_at", "internal_sku"))


@router.post("/products", status_code=201, response_model=Product, responses=problems(401, 403, 409))
async def create_product(new: NewProduct, request: Request, caller: Ops, key: IdempotencyKey) -> JSONResponse:
    async def create(connection: AsyncConnection) -> Answer:
        product = await _inserted(connection, caller, new.values(new.internal_sku))
        if product is None:
            raise Problem(409, f"A product with the SKU {new.internal_sku} exists already; PUT replaces it")
        location = _address(product.internal_sku)
        return Answer(product, status=201, location=location, etag=product.version)

    return await once(request, caller, key, create)


@router.get("/products/{internal_sku:path}", responses=problems(401, 404))
async def get_product(internal_sku: Sku, caller: AnyRole, response: Response) -> Product:
    async with caller.transaction() as connection:
        row = await products.get_product(connection, caller.org_id, internal_sku)
    if row is None:
        raise NotFound("product")
    response.headers["ETag"] = etag(row["version"])
    return _shown(row)


@router.put(
    "/products/{internal_sku:path}",
    responses={**problems(401, 403, 412), 201: {"model": Product, "description": "Created"}},
)
async def put_product(
    internal_sku: Sku, content: ProductContent, caller: Ops, if_match: IfMatch, response: Response
) -> Product:
    """Create (201) or replace (200). Fields that are left out take their defaults."""
    if content.internal_sku not in {None, internal_sku}:
        raise Problem(422, "internal_sku: must be the one in the address, or be left out")
    values = content.values(internal_sku)
    async with caller.transaction() as connection:
        # an insert first: two PUTs of a new SKU then queue, and the second one replaces
        product = await _inserted(connection, caller, values) if if_match is None else None
        if product is None:
            product = await _replaced(connection, caller, values, if_match)
        else:
            response.status_code = 201
            response.headers["Location"] = _address(internal_sku)
    response.headers["ETag"] = etag(product.version)
    return product


async def _inserted(connection: AsyncConnection, caller: Caller, values: dict[str, Any]) -> Product | None:
    row = await products.insert_product(connection, caller.org_id, values, datetime.now(UTC))
    if row is None:
        return None
    product = _shown(row)
    entity = _entity(caller, product.internal_sku)
    await caller.audit(connection, "PRODUCT_CREATED", entity, after=_facts(product))
    return product


async def _replaced(
    connection: AsyncConnection, caller: Caller, values: dict[str, Any], if_match: Versions
) -> Product:
    sku = values["internal_sku"]
    row = await products.get_product(connection, caller.org_id, sku, lock=True)
    if row is None:
        raise Problem(412, "There is no such product, so it has no version that If-Match could name")
    require_version(if_match, row["version"])
    before = _shown(row)
    product = _shown(await products.replace_product(connection, caller.org_id, values, datetime.now(UTC)))
    if _facts(before) != _facts(product):
        await caller.audit(
            connection,
            "PRODUCT_UPDATED",
            _entity(caller, sku),
            before=_facts(before),
            after=_facts(product),
        )
    return product
