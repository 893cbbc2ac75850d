"""Sends CSV files to the imports."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

PRODUCTS = "internal_sku,name,base_uom,uom_conversions_json,active\n"


@dataclass
class Importer:
    ops: httpx.AsyncClient

    async def __call__(self, kind: str, content: str | bytes, **options: Any) -> dict[str, Any]:
        answer = await self.send(kind, content, **options)
        assert answer.status_code == 200, answer.text
        report: dict[str, Any] = answer.json()
        return report

    async def send(
        self, kind: str, content: str | bytes, headers: Mapping[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        all_headers = {"Content-Type": "text/csv", **(headers or {})}
        return await self.ops.post(f"/imports/{kind}", content=content, params=options, headers=all_headers)

    async def skus(self) -> set[str]:
        listed = (await self.ops.get("/products", params={"limit": 200})).json()
        return {product["internal_sku"] for product in listed["data"]}


def faults(report: dict[str, Any]) -> list[tuple[int, str | None]]:
    return [(each["row"], each["column"]) for each in report["errors"]]


async def make_customer(importer: Importer, name: str, number: str | None = None) -> str:
    sent = {"name": name, "erp_customer_number": number}
    customer_id: str = (await importer.ops.post("/customers", json=sent)).json()["id"]
    return customer_id
