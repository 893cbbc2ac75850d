"""The push log of an export that fails: what was tried, why not, and that nothing follows the last try."""

from datetime import datetime, timedelta
from itertools import pairwise

from tests.e2e.conftest import People, Person, draft_in, settled


async def test_tries_say_when_the_next_one_comes_and_the_last_that_none_does(
    ops: Person, people: People
) -> None:
    integrator = await people("integrator")
    row = (await integrator.json("GET", "/connectors"))["data"][-1]
    path = f"/connectors/{row['id']}"
    await integrator.json("PATCH", path, json={"port": 1})
    try:
        draft = await draft_in(ops, "APPROVED")
        export = (await ops.json("POST", f"/draft-orders/{draft['id']}/push"))["erp_export_id"]
        await settled(ops, draft["id"], "ERROR", within_s=90)
    finally:
        await integrator.json("PATCH", path, json={"port": row["port"]})
    tries = (await ops.json("GET", f"/exports/{export}/push-log"))["data"]
    assert len(tries) > 1
    assert [each["attempt_number"] for each in tries] == list(range(1, len(tries) + 1))
    assert [each["status"] for each in tries] == ["RETRYING"] * (len(tries) - 1) + ["FAILED"]
    for each, following in pairwise(tries):
        promised = datetime.fromisoformat(each["next_retry_at"])
        assert datetime.fromisoformat(following["started_at"]) > promised - timedelta(seconds=1)
        assert each["duration_ms"] is not None
        assert each["error"]["message"].startswith("Connection refused")
        assert each["error"]["cause"]
    assert tries[-1]["next_retry_at"] is None
    paged, cursor = [], None
    while cursor is not None or not paged:
        query = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = await ops.json("GET", f"/exports/{export}/push-log", params=query)
        assert len(page["data"]) == 1
        paged, cursor = paged + page["data"], page["next_cursor"]
    assert paged == tries
