"""The demo's eyes and mouth: one HTTP client per person, and a check that prints what it expected."""

import asyncio
import uuid
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

DONE_WITHIN_S = 20


class DemoFailed(Exception):
    """Something was not as it must be; the text says what."""


class Person:
    """Somebody logged in, with one client."""

    def __init__(self, console: Console, base_url: str, email: str) -> None:
        self.email = email
        self._console = console
        self._client = httpx.AsyncClient(base_url=base_url, trust_env=False, timeout=15)

    async def log_in(self, password: str) -> None:
        org = self.email.partition("@")[2].partition(".")[0]
        body = {"org_slug": org, "email": self.email, "password": password}
        answer = await self.call("POST", "/auth/login", 200, json=body)
        self._client.headers["Authorization"] = f"Bearer {answer['access_token']}"

    async def close(self) -> None:
        await self._client.aclose()

    async def call(self, method: str, path: str, *expected: int, quiet: bool = False, **request: Any) -> Any:
        """Send a request, say so unless `quiet`, and return the decoded answer.

        Raises:
            DemoFailed: when the status is none of `expected`.
        """
        response = await self._answer(method, path, expected, quiet, request)
        return response.json() if response.content else None

    async def download(self, path: str) -> bytes:
        """
        Raises:
            DemoFailed: there is no such file.
        """
        return (await self._answer("GET", path, (200,), False, {})).content

    async def _answer(
        self, method: str, path: str, expected: tuple[int, ...], quiet: bool, request: dict[str, Any]
    ) -> httpx.Response:
        response = await self._client.request(method, path, **request)
        if not quiet:
            self._console.print(
                f"  [dim]{self.email.partition('@')[0]:<11}[/dim] {method} {path} → {response.status_code}",
                highlight=False,
            )
        if response.status_code not in expected:
            raise DemoFailed(
                f"{method} {path} answered {response.status_code}, expected "
                f"{' or '.join(map(str, expected))}: {response.text[:600]}"
            )
        return response


def expect(found: object, wanted: object, what: str) -> None:
    """
    Raises:
        DemoFailed: when they differ.
    """
    if found != wanted:
        raise DemoFailed(f"{what}: expected {wanted!r}, found {found!r}")


async def sent(ops: Person, draft_id: str) -> dict[str, Any]:
    """The draft's only export, once it has left."""
    for _ in range(DONE_WITHIN_S * 2):
        exports = (await ops.call("GET", f"/draft-orders/{draft_id}/exports", 200))["data"]
        expect(len(exports), 1, "exports of the draft")
        if exports[0]["status"] != "PENDING":
            break
        await asyncio.sleep(0.5)
    expect(exports[0]["status"], "SENT", f"the export ({exports[0]['error']})")
    found: dict[str, Any] = exports[0]
    return found


def files_of(orders: Path, draft_id: str) -> list[Path]:
    return sorted(orders.glob(f"sales_order_{draft_id}_*"))


def new_key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}
