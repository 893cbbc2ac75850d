"""ERP connections: list, change, switch on and off. No answer ever holds a secret."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from api.caller import Caller, Integrator
from api.connector_bodies import changes_body, refused, split
from api.connector_types import CONNECTION_ENTITY, connector_of, seal, stored_config, tested_first
from api.connector_views import ConnectorView, view
from api.etags import IfMatch, etag, require_version
from api.idempotency import Answer, once
from api.paging import Page, Paging, write_cursor
from api.problems import NotFound, problems
from api.queries import after_id
from api.requests import ExactRoute
from api.rooms import InRooms
from connectors.configuration import ConfigRefused
from storage import connections
from storage.database import Row

router = APIRouter(
    route_class=ExactRoute, tags=["connectors"], responses=problems(400, 401, 403, 404, 409, 412)
)

# a report stays true when only these change
TEST_HOLDS_WITHOUT = {"connect_timeout_s", "operation_timeout_s"}


@router.get("/connectors", response_model=Page[ConnectorView])
async def list_all(caller: Integrator, page: Paging) -> Page[ConnectorView]:
    """Newest first."""
    async with caller.transaction() as connection:
        rows = await connections.list_all(
            connection, caller.org_id, limit=page.limit + 1, before=after_id(page)
        )
    more, rows = len(rows) > page.limit, rows[: page.limit]
    return Page(
        data=[view(row) for row in rows],
        next_cursor=write_cursor(rows[-1]["created_at"], str(rows[-1]["id"])) if more else None,
    )


@router.get("/connectors/{connection_id}", response_model=ConnectorView)
async def read(connection_id: UUID, caller: Integrator, response: Response) -> ConnectorView:
    async with caller.transaction() as connection:
        row = await required(connection, caller, connection_id)
    response.headers["ETag"] = etag(row["version"])
    return view(row)


async def required(
    connection: AsyncConnection, caller: Caller, connection_id: UUID, *, lock: bool = False
) -> Row:
    row = await connections.get(connection, caller.org_id, connection_id, lock=lock)
    if row is None:
        raise NotFound("connector")
    return row


async def change(
    connection_id: UUID,
    body: dict[str, Any],
    request: Request,
    caller: Integrator,
    rooms: InRooms,
    if_match: IfMatch,
) -> Response:
    """Change fields; what is left out keeps its value, secrets too."""
    fields, test_on_save = split(body)
    async with caller.transaction() as connection:
        row = await required(connection, caller, connection_id)
    # also without If-Match: what was read above is what the changes are merged with
    expected = frozenset({row["version"]}) if "if-match" not in request.headers else if_match
    connector = connector_of(rooms, row["connector_type"])
    old = stored_config(rooms, caller, row)
    try:
        # in a thread: opening a private key takes up to seconds of work
        config = await asyncio.to_thread(connector.merge, old, fields)
        config, tested = await tested_first(row["connector_type"], connector, config, asked=test_on_save)
    except ConfigRefused as error:
        raise refused(error) from None

    async def work(connection: AsyncConnection) -> Answer:
        current = await required(connection, caller, connection_id, lock=True)
        require_version(expected, current["version"])
        public = connector.public_view(config)
        sealed = seal(rooms, caller, connection_id, connector.dump(config))
        now = datetime.now(UTC)
        saved = await connections.save_config(connection, caller.org_id, connection_id, sealed, public, now)
        if tested is not None:
            saved = await connections.save_test(connection, caller.org_id, connection_id, tested, now)
        elif set(fields) - TEST_HOLDS_WITHOUT:
            saved = await connections.forget_test(connection, caller.org_id, connection_id)
        await caller.audit(
            connection,
            "CONNECTION_UPDATED",
            (CONNECTION_ENTITY, connection_id),
            before=current["public_config"],
            after=public,
            details={"fields": sorted(fields)},
        )
        return Answer(view(saved), etag=saved["version"])

    return await once(request, caller, None, work)


change.__annotations__["body"] = changes_body()  # it lists the registered types
router.add_api_route("/connectors/{connection_id}", change, methods=["PATCH"], response_model=ConnectorView)
