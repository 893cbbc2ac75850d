"""A stack to break: its own, because others must not see it broken."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest_asyncio

from local.seed import demo_password
from local.stack import Stack
from tests.e2e.conftest import Person


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def fragile(stack_folder: Path) -> AsyncIterator[Stack]:
    async with Stack(stack_folder / "fragile", restart=False) as running:
        yield running


@asynccontextmanager
async def person(stack: Stack, login: str, org: str = "demo") -> AsyncIterator[Person]:
    async with httpx.AsyncClient(base_url=stack.base_url, timeout=30) as client:
        body = {"org_slug": org, "email": f"{login}@{org}.example", "password": demo_password()}
        token = (await client.post("/auth/login", json=body)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield Person(client, login, org)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def clerk(fragile: Stack) -> AsyncIterator[Person]:
    async with person(fragile, "admin") as one:
        yield one
