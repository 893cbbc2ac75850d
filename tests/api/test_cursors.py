"""Cursors that somebody made: never taken for an outage, and nothing is read with them."""

import base64
import json
from typing import Any

import pytest
from fastapi import FastAPI

from api import audit, draft_orders
from domain.statuses import Role
from tests.api.conftest import ClientFor, TestOrg

ID = "7b1f4c52-2c0e-4d3a-9a55-0d7f7f0b9e11"
LISTS = [
    "/audit-log",
    "/callback-refusals",
    "/callback-secrets",
    "/callbacks",
    "/color-ups",
    "/customers",
    "/draft-orders",
    "/logos",
    "/messages",
    "/products",
    "/production/batches",
    "/proofs",
    "/users",
]
MADE: list[list[Any]] = [
    [],
    [ID],
    ["2026-11-20T00:00:00+00:00"],
    ["0001-01-01T00:00:00+14:00", ID],
    ["9999-12-31T23:59:59-14:00", ID],
    ["0001-01-01T00:00:00+14:00", 7],
    ["9999-12-31T23:59:59-14:00", 7],
    ["2026-11-20T00:00:00", ID],
    ["2026-11-20T00:00:00+00:00", "\x00"],
    [7, 7],
    [0, ID],
    [None, None],
    ["2026-11-20T00:00:00+00:00", [ID]],
    ["2026-11-20T00:00:00+00:00", ID, ID],
    [2**70, 2**70],
    [True],
]


@pytest.mark.parametrize("path", LISTS)
async def test_a_cursor_of_ones_own_is_refused(
    app: FastAPI, client_for: ClientFor, fresh_org: TestOrg, path: str
) -> None:
    for router in (draft_orders.router, audit.router):
        app.include_router(router)
    admin = client_for(Role.ADMIN, fresh_org)
    for values in MADE:
        cursor = base64.urlsafe_b64encode(json.dumps(values).encode()).decode()
        answer = await admin.get(path, params={"cursor": cursor})
        assert answer.status_code == 422, (values, answer.text)


async def test_another_offset_names_the_same_instant(client_for: ClientFor, fresh_org: TestOrg) -> None:
    admin = client_for(Role.ADMIN, fresh_org)
    for hours in ("+00:00", "+14:00"):
        values = [f"2099-11-20T00:00:00{hours}", ID]
        cursor = base64.urlsafe_b64encode(json.dumps(values).encode()).decode()
        answer = await admin.get("/users", params={"cursor": cursor})
        assert len(answer.json()["data"]) == len(Role)
