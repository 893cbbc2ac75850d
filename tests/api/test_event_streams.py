"""A stream of events ends for whoever may no longer be here."""

import asyncio

import pytest
from fastapi import FastAPI

from api import events
from api.rooms import Rooms
from domain.statuses import Role
from tests.api.conftest import ClientFor, TestOrg


async def test_a_stream_ends_soon_after_its_person_was_deactivated(
    app: FastAPI, rooms: Rooms, client_for: ClientFor, fresh_org: TestOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.05)
    app.include_router(events.router)
    viewer = client_for(Role.VIEWER, fresh_org)
    stream = asyncio.create_task(viewer.get("/events"))
    await asyncio.sleep(0.2)
    assert not stream.done()
    path = f"/users/{fresh_org.users[Role.VIEWER]}"
    switched_off = await client_for(Role.ADMIN, fresh_org).patch(path, json={"active": False})
    assert switched_off.status_code == 200
    async with asyncio.timeout(20):
        assert (await stream).status_code == 200
    await rooms.bell.close()
