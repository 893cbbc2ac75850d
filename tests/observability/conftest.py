"""A draft carried through the real stack by one person, with request ids that can be searched for."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest_asyncio

from local.seed import demo_password
from local.stack import Stack


async def log_in(client: httpx.AsyncClient) -> None:
    body = {"org_slug": "demo", "email": "ops@demo.example", "password": demo_password()}
    answer = await client.post("/auth/login", json=body)
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


@pytest_asyncio.fixture(loop_scope="session")
async def ops(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.base_url, timeout=30, trust_env=False) as client:
        await log_in(client)
        yield client


async def approved(client: httpx.AsyncClient) -> str:
    """The id of a new draft that can be pushed."""
    customer = (await client.get("/customers")).json()["data"][0]
    product = (await client.get("/products")).json()["data"][0]
    line = {"internal_sku": product["internal_sku"], "qty": "10", "uom": product["base_uom"]}
    body = {
        "customer_id": customer["id"],
        "external_order_number": f"PO-{uuid4().hex[:10]}",
        "currency": "EUR",
        "order_date": "2026-11-20",
        "lines": [{**line, "unit_price": "1.2300"}],
    }
    made = await client.post("/draft-orders", json=body)
    assert made.status_code == 201, made.text
    draft_id: str = made.json()["id"]
    for command in ("validate", "approve"):
        answer = await client.post(f"/draft-orders/{draft_id}/{command}")
        assert answer.status_code == 200, answer.text
    return draft_id
