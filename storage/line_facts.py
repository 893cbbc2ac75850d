"""What decorated lines wait for, in one statement. Source: domain/line_facts.py."""

import json
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.line_facts import LineFacts, LinesRequest

# A line that names a logo gets that one; one that names none gets the one with its file-cabinet id.
# `newer`: the newest version that may still be used, of the key of the line's own color-up.
_FACTS = text(
    """
    WITH asked AS (
        SELECT * FROM jsonb_to_recordset(cast(:lines AS jsonb)) AS q(
            line_no integer, logo_id uuid, netsuite_file_cabinet_id text, style_number text,
            color_code text, color_up_id uuid, wanted_color_up_id uuid)
    ), found AS (
        SELECT q.line_no, l.id AS logo_id, l.customer_id AS logo_customer_id,
            (SELECT id FROM color_up a WHERE a.org_id = :org AND a.logo_id = l.id
             AND a.style_number = q.style_number AND a.color_code = q.color_code
             AND a.status = 'Approved') AS approved_color_up_id,
            m.status AS color_up_status, m.version AS color_up_version,
            (SELECT id FROM color_up n WHERE n.org_id = :org AND n.logo_id = m.logo_id
             AND n.style_number = m.style_number AND n.color_code = m.color_code
             AND n.version > m.version AND n.status <> 'Retired'
             ORDER BY n.version DESC LIMIT 1) AS newer_color_up_id,
            (SELECT jsonb_build_object('id', w.id, 'logo_id', w.logo_id, 'style_number', w.style_number,
                 'color_code', w.color_code, 'version', w.version, 'status', w.status)
             FROM color_up w WHERE w.org_id = :org AND w.id = q.wanted_color_up_id) AS wanted
        FROM asked q
        LEFT JOIN logo l ON l.org_id = :org AND l.id = coalesce(q.logo_id, (
            SELECT c.id FROM logo c
            WHERE c.org_id = :org AND c.netsuite_file_cabinet_id = q.netsuite_file_cabinet_id))
        LEFT JOIN color_up m ON m.org_id = :org AND m.id = q.color_up_id
    )
    SELECT
        coalesce((SELECT internal_review_default FROM customer WHERE org_id = :org AND id = :customer),
                 false) AS customer_internal_review,
        EXISTS (SELECT 1 FROM approver WHERE org_id = :org AND customer_id = :customer AND active)
            AS has_active_approver,
        coalesce((SELECT jsonb_object_agg(line_no, to_jsonb(found)) FROM found), '{}') AS lines
    """
)


async def read_line_facts(connection: AsyncConnection, request: LinesRequest) -> LineFacts:
    """Everything but decisions, which are read under a lock (storage/subscriptions.py)."""
    asked: list[dict[str, Any]] = [each.model_dump(mode="json") for each in request.lines]
    values = {"org": request.org_id, "customer": request.customer_id, "lines": json.dumps(asked)}
    row = (await connection.execute(_FACTS, values)).mappings().one()
    return LineFacts.model_validate(dict(row))
