"""Switch a connection on and off, pause it and resume it. The rules are a table: domain/connections.py."""

from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from api.bodies import NoFields
from api.caller import Caller, Integrator
from api.connector_types import CONNECTION_ENTITY, one_active
from api.connector_views import ConnectorView, view
from api.connectors import required
from api.idempotency import Answer, IdempotencyKey
from api.problems import problems, unavailable
from api.requests import ExactRoute
from api.rooms import InRooms, Rooms
from commands.draft_orders import TemporalUnavailable
from domain.connections import ConnectionCommand, ConnectionStatus, moved, releases, releases_again
from storage import connections, held_exports

router = APIRouter(route_class=ExactRoute, tags=["connectors"], responses=problems(401, 403, 404, 409))


_ROUTES = {
    ConnectionCommand.ENABLE: "Make it the org's active connection.",
    ConnectionCommand.DISABLE: (
        "No further export uses it; one that is under way, or waits for the end of a pause, fails."
    ),
    ConnectionCommand.PAUSE: (
        "Pushes are still taken and wait as long as it takes; a file that is being published is finished."
    ),
    ConnectionCommand.RESUME: (
        "What waited is delivered, oldest push first, at COUNTERSIGN_RESUME_PER_S exports a second.\n\n"
        "On an ACTIVE connection it changes nothing; exports that wait although nobody is about to tell them "
        "are\nlet go."
    ),
}


def _add_route(command: ConnectionCommand, description: str) -> None:
    async def carry_out(
        connection_id: UUID,
        request: Request,
        caller: Integrator,
        rooms: InRooms,
        key: IdempotencyKey,
        body: NoFields | None = None,
    ) -> Response:
        return await _carry_out(command, connection_id, request, caller, rooms, key)

    router.add_api_route(
        f"/connectors/{{connection_id}}/{command}",
        carry_out,
        methods=["POST"],
        response_model=ConnectorView,
        name=command.value,
        description=description,
    )


async def _carry_out(
    command: ConnectionCommand,
    connection_id: UUID,
    request: Request,
    caller: Caller,
    rooms: Rooms,
    key: str | None,
) -> Response:
    async def work(connection: AsyncConnection) -> Answer:
        row = await required(connection, caller, connection_id, lock=True)
        status = ConnectionStatus(row["status"])
        move = moved(status, command)
        if move.to is not None and move.action is not None:
            row = await connections.set_status(
                connection, caller.org_id, connection_id, move.to, datetime.now(UTC), caller.email
            )
            entity = (CONNECTION_ENTITY, connection_id)
            await caller.audit(
                connection, move.action, entity, before={"status": status}, after={"status": move.to}
            )
        if releases(status, move):
            await _release(rooms, caller, connection_id)
        elif releases_again(status, command):
            await _release_the_rest(rooms, caller, connection, connection_id)
        return Answer(view(row), etag=row["version"])

    return await one_active(request, caller, key, work)


async def _release(rooms: Rooms, caller: Caller, connection_id: UUID) -> None:
    # before the commit: it waits for that, and a process that dies between the two leaves nobody waiting
    try:
        await rooms.errands.release(caller.org_id, connection_id)
    except TemporalUnavailable:
        raise unavailable("Temporal") from None


async def _release_the_rest(
    rooms: Rooms, caller: Caller, connection: AsyncConnection, connection_id: UUID
) -> None:
    if not await held_exports.held(connection, caller.org_id, connection_id, besides=[], limit=1):
        return
    try:
        await rooms.errands.release_again(caller.org_id, connection_id)
    except TemporalUnavailable:
        raise unavailable("Temporal") from None


for each, said in _ROUTES.items():
    _add_route(each, said)
