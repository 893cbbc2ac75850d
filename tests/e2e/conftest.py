"""A client of the real stack: everything over HTTP, as somebody outside would."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from local.seed import demo_password
from local.stack import Stack

Body = dict[str, Any]


class Person:
    """One logged-in person. `json` answers with the body and fails on another status."""

    def __init__(self, client: httpx.AsyncClient, login: str, org: str) -> None:
        self.http = client
        self.login = login
        self.org = org
        self._catalog: dict[str, Body] = {}

    async def first(self, path: str) -> Body:
        """Of a list of the catalogue: the newest when it is first asked for, and that one ever after."""
        if path not in self._catalog:
            self._catalog[path] = (await self.json("GET", path))["data"][0]
        return self._catalog[path]

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        return await self.http.request(method, path, **options)

    async def json(self, method: str, path: str, status: int = 200, **options: Any) -> Body:
        """Repeated while the answer is 503, with one Idempotency-Key, as the contract has clients do."""
        if method == "POST" and status < 300:
            options["headers"] = {"Idempotency-Key": uuid4().hex, **(options.get("headers") or {})}
        for _ in range(10):
            response = await self.call(method, path, **options)
            if response.status_code != 503 or status == 503:
                break
            await asyncio.sleep(0.5)
        assert response.status_code == status, f"{method} {path}: {response.status_code} {response.text}"
        body: Body = response.json()
        return body


People = Callable[..., Awaitable[Person]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def people(stack: Stack) -> AsyncIterator[People]:
    """`await people("ops")`, `await people("ops", "other")`."""
    known: dict[tuple[str, str], Person] = {}

    async def person(login: str, org: str = "demo") -> Person:
        if (login, org) not in known:
            client = httpx.AsyncClient(base_url=stack.base_url, timeout=30)
            body = {"org_slug": org, "email": f"{login}@{org}.example", "password": demo_password()}
            answer = await client.post("/auth/login", json=body)
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            known[login, org] = Person(client, login, org)
        return known[login, org]

    yield person
    for one in known.values():
        await one.http.aclose()


@pytest_asyncio.fixture
async def ops(people: People) -> Person:
    return await people("ops")


@pytest.fixture(scope="session")
def orders_folder(stack: Stack) -> Path:
    return stack.var / "dropzone" / "demo" / "orders"


async def order(person: Person, **changes: Any) -> Body:
    """A draft that validates as it stands; `changes` go to its header."""
    return {
        "customer_id": (await person.first("/customers"))["id"],
        "external_order_number": f"PO-{uuid4().hex[:10]}",
        "currency": "EUR",
        "order_date": "2026-11-20",
        "lines": [await good_line(person)],
        **changes,
    }


async def good_line(person: Person) -> Body:
    product = await person.first("/products")
    return {
        "internal_sku": product["internal_sku"],
        "qty": "10",
        "uom": product["base_uom"],
        "unit_price": "1.2300",
    }


async def draft_in(person: Person, status: str, **changes: Any) -> Body:
    """A draft brought to `status` by its own commands."""
    body = await order(person, **changes)
    if status == "NEEDS_REVIEW":
        body["currency"] = None
    draft = await person.json("POST", "/draft-orders", 201, json=body)
    path = f"/draft-orders/{draft['id']}"
    steps = {
        "EXTRACTED": [],
        "NEEDS_REVIEW": [("validate", {})],
        "READY": [("validate", {})],
        "REJECTED": [("validate", {}), ("reject", {"json": {"reason": "ordered twice"}})],
        "APPROVED": [("validate", {}), ("approve", {})],
        "PUSHED": [("validate", {}), ("approve", {}), ("push", {})],
        "ERROR": [("validate", {}), ("approve", {}), ("push", {})],
    }[status]
    for command, options in steps:
        await person.json("POST", f"{path}/{command}", **options)
    return await settled(person, draft["id"], status)


async def settled(person: Person, draft_id: str, status: str, within_s: float = 20) -> Body:
    """The draft, once it shows `status`."""
    until = asyncio.get_running_loop().time() + within_s
    while True:
        draft = await person.json("GET", f"/draft-orders/{draft_id}")
        if draft["status"] == status:
            return draft
        assert asyncio.get_running_loop().time() < until, f"still {draft['status']}, not {status}: {draft}"
        await asyncio.sleep(0.02)


def files_of(folder: Path, draft_id: str) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if draft_id in path.name)
