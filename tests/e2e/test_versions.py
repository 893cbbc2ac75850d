"""What a draft and a connection make of `If-Match`, and which lists of a draft are paged."""

import base64
import json
from typing import Any

import pytest

from tests.e2e.conftest import People, Person, draft_in

TAKEN = ['"{}"', "{}", 'W/"{}"', '"0", "{}"', "*"]
FORMS = [*((form, 200) for form in TAKEN), ('"0"', 412), ('"x"', 412)]


@pytest.mark.parametrize(("form", "status"), FORMS)
async def test_drafts_and_connections_read_if_match_alike(
    ops: Person, people: People, form: str, status: int
) -> None:
    draft = await draft_in(ops, "EXTRACTED")
    headers = {"If-Match": form.format(draft["version"])}
    await ops.json("PATCH", f"/draft-orders/{draft['id']}", status, json={"notes": "n"}, headers=headers)
    integrator = await people("integrator")
    row = (await integrator.json("GET", "/connectors"))["data"][-1]
    path = f"/connectors/{row['id']}"
    version = (await integrator.call("GET", path)).headers["etag"].strip('"')
    headers = {"If-Match": form.format(version)}
    await integrator.json("PATCH", path, status, json={"operation_timeout_s": 30}, headers=headers)


BAD: list[dict[str, Any]] = [
    {"limit": 0},
    {"limit": "x"},
    {"cursor": "x"},
    {"cursor": [0]},
    {"cursor": ["1"]},
    {"cursor": [2**31]},
    {"cursor": [1, 2]},
]


async def test_the_lists_of_a_drafts_deliveries_refuse_a_bad_query(ops: Person) -> None:
    draft = await draft_in(ops, "PUSHED")
    for query in BAD:
        asked = dict(query)
        if isinstance(asked.get("cursor"), list):
            asked["cursor"] = base64.urlsafe_b64encode(json.dumps(asked["cursor"]).encode()).decode()
        await ops.json("GET", f"/draft-orders/{draft['id']}/exports", 422, params=asked)
        await ops.json("GET", f"/exports/{draft['exports'][0]['id']}/push-log", 422, params=asked)
