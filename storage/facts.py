"""What a decision needs from outside the draft, in one transaction. Source: domain/facts.py."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.facts import ConnectionFact, CustomerFact, Facts, FactsRequest, PriceFact, ProductFact
from domain.policy import OrgPolicy


async def read_facts(connection: AsyncConnection, request: FactsRequest, delivery_window_s: int) -> Facts:
    org = {"org": request.org_id}
    settings = await connection.scalar(text("SELECT settings FROM org WHERE id = :org"), org)
    return Facts(
        policy=OrgPolicy.model_validate(settings or {}),
        customer=await _customer(connection, request),
        products=await _products(connection, request),
        known_uoms=await _uoms(connection, request.org_id),
        prices=await _prices(connection, request),
        duplicates=await _duplicates(connection, request),
        connection=await _active_connection(connection, request.org_id),
        delivery_window_s=delivery_window_s,
    )


async def _customer(connection: AsyncConnection, request: FactsRequest) -> CustomerFact | None:
    if request.customer_id is None:
        return None
    row = (
        (
            await connection.execute(
                text("SELECT id, name, erp_customer_number FROM customer WHERE org_id = :org AND id = :id"),
                {"org": request.org_id, "id": request.customer_id},
            )
        )
        .mappings()
        .first()
    )
    return CustomerFact.model_validate(dict(row)) if row else None


async def _products(connection: AsyncConnection, request: FactsRequest) -> dict[str, ProductFact]:
    rows = await connection.execute(
        text(
            "SELECT internal_sku, base_uom, uom_conversions, active FROM product "
            "WHERE org_id = :org AND internal_sku = ANY(:skus)"
        ),
        {"org": request.org_id, "skus": request.skus},
    )
    return {
        row["internal_sku"]: ProductFact(
            base_uom=row["base_uom"], uoms=list(row["uom_conversions"]), active=row["active"]
        )
        for row in rows.mappings()
    }


async def _uoms(connection: AsyncConnection, org_id: UUID) -> list[str]:
    rows = await connection.execute(
        text(
            "SELECT base_uom AS uom FROM product WHERE org_id = :org UNION "
            "SELECT jsonb_object_keys(uom_conversions) FROM product WHERE org_id = :org ORDER BY uom"
        ),
        {"org": org_id},
    )
    return list(rows.scalars())


async def _prices(connection: AsyncConnection, request: FactsRequest) -> list[PriceFact]:
    if request.customer_id is None or request.currency is None:
        return []
    rows = await connection.execute(
        text(
            "SELECT internal_sku, currency, uom, unit_price, min_qty, valid_from, valid_to "
            "FROM customer_price WHERE org_id = :org AND customer_id = :customer "
            "AND currency = :currency AND internal_sku = ANY(:skus)"
        ),
        {
            "org": request.org_id,
            "customer": request.customer_id,
            "currency": request.currency,
            "skus": request.skus,
        },
    )
    return [PriceFact.model_validate(dict(row)) for row in rows.mappings()]


async def _duplicates(connection: AsyncConnection, request: FactsRequest) -> list[str]:
    if request.customer_id is None or request.external_order_number is None:
        return []
    rows = await connection.execute(
        text(
            "SELECT number FROM draft_order WHERE org_id = :org AND customer_id = :customer "
            "AND external_order_number = :number AND id <> :draft AND status <> 'REJECTED' "
            "ORDER BY number LIMIT 10"
        ),
        {
            "org": request.org_id,
            "customer": request.customer_id,
            "number": request.external_order_number,
            "draft": request.draft_id,
        },
    )
    return list(rows.scalars())


async def _active_connection(connection: AsyncConnection, org_id: UUID) -> ConnectionFact | None:
    row = (
        (
            await connection.execute(
                text(
                    "SELECT id, connector_type, public_config->>'export_path' AS export_path, "
                    "public_config->>'ack_path' IS NOT NULL AS ack_expected "
                    "FROM erp_connection WHERE org_id = :org AND status = 'ACTIVE'"
                ),
                {"org": org_id},
            )
        )
        .mappings()
        .first()
    )
    return ConnectionFact.model_validate(dict(row)) if row else None
