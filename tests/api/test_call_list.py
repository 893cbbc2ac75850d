"""The list of proofs, and of the customers that are to be called."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.color_ups import Decision
from domain.statuses import Role
from storage.database import Database
from tests.api.conftest import ClientFor, TestOrg
from tests.reminders.world import World

AT = datetime(2026, 11, 23, 7, tzinfo=UTC)


class Nobody:
    async def send(self, letter: object, key: str) -> None:
        raise AssertionError("no mail is sent here")


@pytest.fixture
def world(database: Database, fresh_org: TestOrg) -> World:
    return World(database, Nobody(), fresh_org.id)


async def calls(world: World, *proofs: UUID) -> None:
    """Five reminders each, and on the call list one after the other."""
    for number, proof in enumerate(proofs):
        await world.run(
            "INSERT INTO proof_reminder SELECT id, date '2026-11-15' + n, org_id, customer_id, "
            "timestamptz '2026-11-15 07:00Z' + make_interval(days => n) "
            "FROM color_up, generate_series(1, 5) n WHERE id = :id AND org_id = :org",
            id=proof,
        )
        await world.run(
            "INSERT INTO proof_phone_call VALUES (:id, :org, :since)",
            id=proof,
            since=AT + timedelta(minutes=number),
        )
        await world.run(
            "UPDATE draft_order_line SET status = 'Phone Call' WHERE color_up_id = :id AND org_id = :org",
            id=proof,
        )


async def listed(client_for: ClientFor, org: TestOrg, **wanted: str) -> list[dict[str, Any]]:
    answer = await client_for(Role.VIEWER, org).get("/proofs", params=wanted)
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


async def test_the_call_list_says_whom_to_call_about_what_since_when(
    client_for: ClientFor, fresh_org: TestOrg, world: World
) -> None:
    customer = await world.customer(people=2)
    proof, other = await world.proof(customer, drafts=2, logo="Wappen"), await world.proof(customer)
    await calls(world, proof)
    (found,) = await listed(client_for, fresh_org, status="phone_call")
    assert (found["color_up_id"], found["status"], found["reminders_sent"]) == (
        str(proof),
        "phone_call",
        5,
    )
    assert found["phone_call_since"] == "2026-11-23T07:00:00Z"
    assert found["last_reminded_at"] == "2026-11-20T07:00:00Z"
    assert (found["logo"]["name"], found["style_number"], found["color_code"]) == ("Wappen", "14728", "BLK")
    assert found["customer"]["id"] == str(customer)
    assert [each["phone"] for each in found["approvers"]] == ["+49 40 123456"] * 2
    assert {each["id"] for each in found["drafts"]} == {str(each) for each in world.drafts[proof]}
    assert [each["lines"] for each in found["drafts"]] == [[{"line_no": 1, "status": "Phone Call"}]] * 2
    assert [each["color_up_id"] for each in await listed(client_for, fresh_org, status="pending")] == [
        str(other)
    ]


async def test_each_status_lists_its_proofs_and_without_one_all_that_were_sent(
    client_for: ClientFor, fresh_org: TestOrg, world: World
) -> None:
    customer = await world.customer()
    names = ("pending", "phone_call", "approved", "changes_requested")
    proofs = {name: await world.proof(customer) for name in names}
    await calls(world, proofs["phone_call"])
    await world.decide(proofs["approved"])
    await world.decide(proofs["changes_requested"], Decision.REQUEST_CHANGES)
    for name in names:
        found = await listed(client_for, fresh_org, status=name)
        assert [(each["color_up_id"], each["status"]) for each in found] == [(str(proofs[name]), name)]
        assert bool(found[0]["drafts"]) is (name in {"pending", "phone_call"})
    assert await listed(client_for, fresh_org, status="superseded") == []
    everything = await listed(client_for, fresh_org)
    assert {(each["color_up_id"], each["status"]) for each in everything} == {
        (str(proof), name) for name, proof in proofs.items()
    }


async def test_a_customer_who_decides_or_whose_orders_are_rejected_is_not_called(
    client_for: ClientFor, fresh_org: TestOrg, world: World
) -> None:
    customer = await world.customer()
    decided, rejected = await world.proof(customer), await world.proof(customer)
    await calls(world, decided, rejected)
    assert len(await listed(client_for, fresh_org, status="phone_call")) == 2
    await world.decide(decided)
    await world.run("UPDATE draft_order SET status = 'REJECTED' WHERE id = :id", id=world.drafts[rejected][0])
    assert await listed(client_for, fresh_org, status="phone_call") == []


async def test_who_waits_longest_comes_first_and_pages_do_not_overlap(
    client_for: ClientFor, fresh_org: TestOrg, world: World
) -> None:
    customer = await world.customer()
    proofs = [await world.proof(customer) for _ in range(5)]
    await calls(world, *proofs)
    seen, cursor = [], None
    while True:
        params = {"status": "phone_call", "limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await client_for(Role.OPS, fresh_org).get("/proofs", params=params)).json()
        seen += [each["color_up_id"] for each in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [str(each) for each in proofs]


async def test_a_customers_proofs_are_listed_alone(
    client_for: ClientFor, fresh_org: TestOrg, world: World
) -> None:
    first, second = await world.customer(), await world.customer()
    proof = await world.proof(first)
    await world.proof(second)
    found = await listed(client_for, fresh_org, customer_id=str(first))
    assert [each["color_up_id"] for each in found] == [str(proof)]
    assert found[0]["next_reminder_at"] is None  # nobody has planned it yet


async def test_another_orgs_proofs_are_not_listed(client_for: ClientFor, world: World) -> None:
    customer = await world.customer()
    await calls(world, await world.proof(customer))
    for status in ("phone_call", "pending"):
        answer = await client_for(Role.OPS, "other").get("/proofs", params={"status": status})
        assert str(customer) not in answer.text
    answer = await client_for(Role.OPS, "other").get("/proofs", params={"customer_id": str(customer)})
    assert answer.json()["data"] == []


@pytest.mark.parametrize(
    "wrong", [{"status": "calling"}, {"cursor": "x"}, {"limit": "0"}, {"customer_id": "1"}]
)
async def test_a_question_that_cannot_be_read_is_refused(
    client_for: ClientFor, wrong: dict[str, str]
) -> None:
    assert (await client_for(Role.OPS).get("/proofs", params=wrong)).status_code == 422
