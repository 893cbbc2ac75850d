"""What a decision needs from outside the draft, in one statement. Source: domain/facts.py."""

from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.facts import Facts, FactsRequest

# Numbers travel as text inside JSON, so that no decimal becomes a float. A field that the draft lacks
# arrives as NULL, and nothing equals NULL.
# Any unit that a product names is known. The whole catalog is read for units only that neither we nor the
# draft's own products know, and then once for all of them: an org may have 50,000 products.
_FACTS = text(
    """
    WITH own AS MATERIALIZED (
        SELECT base_uom AS uom FROM product WHERE org_id = :org AND internal_sku = ANY(:skus)
        UNION SELECT jsonb_object_keys(uom_conversions)
        FROM product WHERE org_id = :org AND internal_sku = ANY(:skus)
    ), unfamiliar AS MATERIALIZED (
        SELECT unnest(cast(:uoms AS text[])) AS uom EXCEPT SELECT uom FROM own
    )
    SELECT
        (SELECT settings FROM org WHERE id = :org) AS policy,
        (SELECT jsonb_build_object('id', id, 'name', name, 'erp_customer_number', erp_customer_number)
         FROM customer WHERE org_id = :org AND id = :customer) AS customer,
        (SELECT jsonb_object_agg(internal_sku, jsonb_build_object(
            'base_uom', base_uom, 'active', active,
            'uoms', ARRAY(SELECT jsonb_object_keys(uom_conversions))))
         FROM product WHERE org_id = :org AND internal_sku = ANY(:skus)) AS products,
        ARRAY(SELECT uom FROM own WHERE uom = ANY(:uoms)
              UNION SELECT uom FROM product CROSS JOIN LATERAL (
                  SELECT base_uom UNION ALL SELECT jsonb_object_keys(uom_conversions)) AS named (uom)
              WHERE org_id = :org AND EXISTS (SELECT 1 FROM unfamiliar)
              AND uom IN (SELECT uom FROM unfamiliar)
              ORDER BY uom) AS known_uoms,
        (SELECT jsonb_agg(jsonb_build_object(
            'internal_sku', internal_sku, 'currency', currency, 'uom', uom,
            'unit_price', cast(unit_price AS text), 'min_qty', cast(min_qty AS text),
            'valid_from', valid_from, 'valid_to', valid_to))
         FROM customer_price WHERE org_id = :org AND customer_id = :customer
         AND currency = :currency AND internal_sku = ANY(:skus)) AS prices,
        ARRAY(SELECT number FROM draft_order WHERE org_id = :org AND customer_id = :customer
              AND external_order_number = :number AND id <> :draft AND status <> 'REJECTED'
              ORDER BY number LIMIT 10) AS duplicates,
        (SELECT jsonb_build_object('id', id, 'connector_type', connector_type,
            'export_path', coalesce(public_config->>'destination', public_config->>'export_path', ''),
            'ack_expected', coalesce(public_config->'ack_expected' = 'true',
                                     public_config->>'ack_path' IS NOT NULL),
            'paused', status = 'PAUSED')
         FROM erp_connection WHERE org_id = :org AND status <> 'DISABLED') AS connection,
        (SELECT email FROM app_user WHERE org_id = :org AND id = :actor AND active) AS actor_email,
        jsonb_build_object(
            'logos', (SELECT coalesce(jsonb_object_agg(id, jsonb_build_object(
                'name', name, 'design_number', design_number)), '{}')
             FROM logo WHERE org_id = :org AND id = ANY(:logos)),
            'color_ups', (SELECT coalesce(jsonb_object_agg(id, jsonb_build_object(
                'version', version, 'thread_sequence', thread_sequence)), '{}')
             FROM color_up WHERE org_id = :org AND id = ANY(:color_ups))) AS artwork
    """
)


def facts_query(request: FactsRequest) -> tuple[TextClause, dict[str, Any]]:
    """The statement and its values."""
    values = {
        "org": request.org_id,
        "draft": request.draft_id,
        "customer": request.customer_id,
        "number": request.external_order_number,
        "currency": request.currency,
        "skus": request.skus,
        "uoms": request.uoms,
        "actor": request.actor_user_id,
        "logos": request.logo_ids,
        "color_ups": request.color_up_ids,
    }
    return _FACTS, values


async def read_facts(connection: AsyncConnection, request: FactsRequest, delivery_window_s: int) -> Facts:
    row = (await connection.execute(*facts_query(request))).mappings().one()
    empty: dict[str, Any] = {"policy": {}, "products": {}, "prices": []}
    found = {name: empty.get(name) if value is None else value for name, value in row.items()}
    return Facts.model_validate({**found, "delivery_window_s": delivery_window_s})
