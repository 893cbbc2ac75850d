"""What lines may wait for is noted with it, and told after the answer."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from api.rooms import Rooms
from domain.notices import NoticeOrder
from domain.statuses import Role
from storage.database import Database
from tests.api.conftest import ClientFor, TestOrg
from tests.api.test_color_ups import STOP, make_color_up, make_logo, make_version
from tests.api.test_customers import make_customer

Noted = Callable[[], Awaitable[list[tuple[str, str]]]]
JO = {"name": "Jo", "email": "jo@hansen.example"}


@pytest.fixture
def noted(database: Database, fresh_org: TestOrg) -> Noted:
    """Kind and entity of the org's notices, oldest first."""

    async def read() -> list[tuple[str, str]]:
        query = text("SELECT kind, entity_id FROM line_notice WHERE told_at IS NULL ORDER BY created_at")
        async with database.transaction(fresh_org.id) as connection:
            return [(row.kind, str(row.entity_id)) for row in await connection.execute(query)]

    return read


async def approver(client_for: ClientFor, org: TestOrg, **fields: Any) -> tuple[str, dict[str, Any]]:
    address = f"/customers/{(await make_customer(client_for, org))['id']}/approvers"
    made = await client_for(Role.OPS, org).post(address, json={**JO, **fields})
    assert made.status_code == 201, made.text
    return made.headers["location"], made.json()


async def test_a_logo_with_a_file_cabinet_id_is_noted_and_told(
    client_for: ClientFor, fresh_org: TestOrg, rooms: Rooms, noted: Noted
) -> None:
    await make_logo(client_for, fresh_org)
    assert await noted() == []
    logo = await make_logo(client_for, fresh_org, netsuite_file_cabinet_id=uuid4().hex)
    assert await noted() == [("logo", logo["id"])]
    assert [each.org_id for each in rooms.errands.notices] == [fresh_org.id]  # type: ignore[attr-defined]


async def test_an_approver_is_noted_when_it_becomes_active(
    client_for: ClientFor, fresh_org: TestOrg, noted: Noted
) -> None:
    location, known = await approver(client_for, fresh_org, active=False)
    ops = client_for(Role.OPS, fresh_org)
    for change in ({"name": "Jo Hansen"}, {"active": False}):
        assert (await ops.patch(location, json=change)).status_code == 200
    assert await noted() == []
    for change in ({"active": True}, {"active": True}, {"phone": "+49 40 1"}):
        assert (await ops.patch(location, json=change)).status_code == 200
    assert await noted() == [("approver", known["id"])]
    await ops.patch(location, json={"active": False})
    await ops.patch(location, json={"active": True})
    assert await noted() == [("approver", known["id"])] * 2
    _location, active = await approver(client_for, fresh_org)
    assert (await noted())[2:] == [("approver", active["id"])]


async def test_a_version_is_noted_and_a_first_one_is_not(
    client_for: ClientFor, fresh_org: TestOrg, noted: Noted
) -> None:
    first = await make_color_up(client_for, fresh_org)
    assert await noted() == []
    second = await make_version(client_for, first["id"], fresh_org)
    assert await noted() == [("color_up", second["id"])]


async def test_what_was_refused_or_repeated_is_not_noted_again(
    client_for: ClientFor, fresh_org: TestOrg, rooms: Rooms, noted: Noted
) -> None:
    ops, file = client_for(Role.OPS, fresh_org), uuid4().hex
    logo = await make_logo(client_for, fresh_org, netsuite_file_cabinet_id=file)
    body = {"customer_id": logo["customer_id"], "name": "Other", "netsuite_file_cabinet_id": file}
    assert (await ops.post("/logos", json=body)).status_code == 409
    color_up, key = await make_color_up(client_for, fresh_org), {"Idempotency-Key": "k-1"}
    versions = f"/color-ups/{color_up['id']}/versions"
    answers = [await ops.post(versions, json={"thread_sequence": [STOP]}, headers=key) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert await noted() == [("logo", logo["id"]), ("color_up", answers[0].json()["id"])]
    assert len(rooms.errands.notices) == 2  # type: ignore[attr-defined]


async def test_the_answer_does_not_depend_on_temporal_and_the_notice_stays_for_the_relay(
    client_for: ClientFor, fresh_org: TestOrg, rooms: Rooms, noted: Noted
) -> None:
    rooms.errands.away = True  # type: ignore[attr-defined]
    logo = await make_logo(client_for, fresh_org, netsuite_file_cabinet_id=uuid4().hex)
    version = await make_version(client_for, (await make_color_up(client_for, fresh_org))["id"], fresh_org)
    location, jo = await approver(client_for, fresh_org)
    ops = client_for(Role.OPS, fresh_org)
    for active in (False, True):
        assert (await ops.patch(location, json={"active": active})).status_code == 200
    assert await noted() == [
        ("logo", logo["id"]),
        ("color_up", version["id"]),
        ("approver", jo["id"]),
        ("approver", jo["id"]),
    ]
    assert rooms.errands.notices == []  # type: ignore[attr-defined]


async def test_a_notice_is_told_only_after_its_commit(
    client_for: ClientFor,
    fresh_org: TestOrg,
    rooms: Rooms,
    noted: Noted,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[list[tuple[str, str]]] = []

    async def tell(_order: NoticeOrder) -> None:
        seen.append(await noted())

    monkeypatch.setattr(rooms.errands, "tell_notice", tell)
    logo = await make_logo(client_for, fresh_org, netsuite_file_cabinet_id=uuid4().hex)
    assert seen == [[("logo", logo["id"])]]
