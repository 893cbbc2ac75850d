"""What has an address of its own for each registered connector type: create one, and test one unsaved."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from api.bodies import NoFields
from api.caller import Caller, Integrator
from api.connector_bodies import body_of, refused, split
from api.connector_tests import TestAnswer, probe, require_test, test_answer, test_problem
from api.connector_views import ConnectorView, view
from api.idempotency import Answer, IdempotencyKey, Work, claim, once
from api.problems import NotFound, Problem, problems
from api.requests import ExactRoute
from api.rooms import InRooms, Rooms
from config.keys import EncryptionError, connection_owner
from connectors.configuration import ConfigRefused
from connectors.port import ERPConnectorPort
from connectors.registry import CONNECTOR_TYPES, slug
from domain.delivery import TestResult
from domain.transport import TransportError
from storage import connections
from storage.database import Row, constraint

router = APIRouter(
    route_class=ExactRoute, tags=["connectors"], responses=problems(400, 401, 403, 404, 409, 412)
)

CONNECTION_ENTITY = "erp_connection"
ONE_ACTIVE = "Only one active connector per org"


def connector_of(rooms: Rooms, connector_type: str) -> ERPConnectorPort[Any]:
    """
    Raises:
        Problem: 409, for a connection whose type a later version has taken away.
    """
    connector = rooms.connectors.get(connector_type)
    if connector is None:
        raise Problem(409, f"This version has no connector of type {connector_type}; disable the connection")
    return connector


def seal(rooms: Rooms, caller: Caller, connection_id: UUID, plain: bytes) -> bytes:
    return rooms.keys.encrypt(plain, connection_owner(caller.org_id, connection_id))


def stored_config(rooms: Rooms, caller: Caller, row: Row) -> Any:
    """
    Raises:
        Problem: 409, when it cannot be read: a key is missing, or a later version wrote it.
    """
    connector = connector_of(rooms, row["connector_type"])
    try:
        stored = rooms.keys.decrypt(row["config_encrypted"], connection_owner(caller.org_id, row["id"]))
        return connector.load(stored)
    except (EncryptionError, TransportError):
        raise Problem(
            409,
            "The connection's stored configuration cannot be read; an administrator of the deployment can"
            " say more (countersign keys check), or disable it and make a new connection",
        ) from None


async def tested_first(
    connector_type: str, connector: ERPConnectorPort[Any], config: Any, *, asked: bool
) -> tuple[Any, TestResult | None]:
    """The configuration to save, and its test, when one was asked for or is needed.

    Raises:
        Problem: 400, the test failed; nothing is saved.
        ConfigRefused: what the test taught does not fit.
    """
    if not (asked or config.test_before_saving):
        return config, None
    require_test(connector_type)
    tested = await probe(connector, config)
    if not tested.success:
        raise test_problem(tested)
    return connector.settle(config, tested), tested


async def one_active(request: Request, caller: Caller, key: str | None, work: Work) -> Response:
    """Do `work` once; a second ACTIVE connection is 409."""
    try:
        return await once(request, caller, key, work)
    except IntegrityError as error:
        if constraint(error) == "erp_connection_one_active":
            raise Problem(409, ONE_ACTIVE) from None
        raise


async def _create(
    connector_type: str, body: dict[str, Any], request: Request, caller: Caller, rooms: Rooms, key: str | None
) -> Response:
    fields, test_on_save = split(body)
    connector = connector_of(rooms, connector_type)
    try:
        # in a thread: opening a private key takes up to seconds of work
        config = await asyncio.to_thread(connector.parse, fields)
        config, tested = await tested_first(connector_type, connector, config, asked=test_on_save)
    except ConfigRefused as error:
        raise refused(error) from None
    connection_id = uuid4()

    async def work(connection: AsyncConnection) -> Answer:
        now = datetime.now(UTC)
        values: dict[str, Any] = {
            "id": connection_id,
            "org": caller.org_id,
            "connector_type": connector_type,
            "config_encrypted": seal(rooms, caller, connection_id, connector.dump(config)),
            "public_config": connector.public_view(config),
        }
        row = await connections.insert(connection, values, now)
        if tested is not None:
            row = await connections.save_test(connection, caller.org_id, connection_id, tested, now)
        entity = (CONNECTION_ENTITY, connection_id)
        await caller.audit(connection, "CONNECTION_CREATED", entity, after=values["public_config"])
        return Answer(view(row), 201, location=f"/connectors/{connection_id}", etag=row["version"])

    return await one_active(request, caller, key, work)


async def _test(
    connector_type: str,
    body: dict[str, Any] | None,
    request: Request,
    caller: Caller,
    rooms: Rooms,
    key: str | None,
) -> dict[str, Any]:
    await claim(request, caller, key)
    if body is None:
        async with caller.transaction() as connection:
            row = await connections.active(connection, caller.org_id)
        if row is None:
            raise Problem(400, "No active ERP connector configured", code="NO_ACTIVE_CONNECTOR")
        return await _test_stored(rooms, caller, row)
    require_test(connector_type)
    fields, _ = split(body)
    connector = connector_of(rooms, connector_type)
    try:
        config = await asyncio.to_thread(connector.parse, fields)
    except ConfigRefused as error:
        raise refused(error) from None
    return test_answer(await probe(connector, config))


def _add_routes(connector_type: str) -> None:
    title = CONNECTOR_TYPES[connector_type].traits.title
    given = body_of(connector_type)

    async def create(
        body: dict[str, Any], request: Request, caller: Integrator, rooms: InRooms, key: IdempotencyKey
    ) -> Response:
        return await _create(connector_type, body, request, caller, rooms, key)

    async def test(
        request: Request,
        caller: Integrator,
        rooms: InRooms,
        key: IdempotencyKey,
        body: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        return await _test(connector_type, body, request, caller, rooms, key)

    # the framework reads the annotation; it differs from type to type
    create.__annotations__["body"] = given
    test.__annotations__["body"] = given | None
    path = f"/connectors/{slug(connector_type)}"
    router.add_api_route(
        path,
        create,
        methods=["POST"],
        status_code=201,
        response_model=ConnectorView,
        name=f"create_{connector_type.lower()}",
        summary=f"Create {connector_type}",
        description=f"{title}.\n\nSaves it as the org's active connection. `test_on_save` tests it first and "
        "saves only success.",
    )
    router.add_api_route(
        f"{path}/test",
        test,
        methods=["POST"],
        response_model=TestAnswer,
        name=f"test_{connector_type.lower()}",
        summary=f"Test {connector_type}",
        description="With a body: test that configuration and save nothing. Without one: test the active "
        "connection.",
    )


for registered in CONNECTOR_TYPES:
    _add_routes(registered)


@router.post("/connectors/{connection_id:uuid}/test", response_model=TestAnswer)
async def test_saved(
    connection_id: UUID,
    request: Request,
    caller: Integrator,
    rooms: InRooms,
    key: IdempotencyKey,
    body: NoFields | None = None,
) -> dict[str, Any]:
    """Test a saved connection and keep the result."""
    await claim(request, caller, key)
    async with caller.transaction() as connection:
        row = await connections.get(connection, caller.org_id, connection_id)
    if row is None:
        raise NotFound("connector")
    return await _test_stored(rooms, caller, row)


async def _test_stored(rooms: Rooms, caller: Caller, row: Row) -> dict[str, Any]:
    connector = connector_of(rooms, row["connector_type"])
    require_test(row["connector_type"])
    result = await probe(connector, stored_config(rooms, caller, row))
    async with caller.transaction() as connection:
        await connections.save_test(connection, caller.org_id, row["id"], result, datetime.now(UTC))
        await caller.audit(
            connection,
            "CONNECTION_TESTED",
            (CONNECTION_ENTITY, row["id"]),
            details={"success": result.success, "code": result.code},
        )
    return test_answer(result)


@router.post("/connectors/{connector_type}", include_in_schema=False)
@router.post("/connectors/{connector_type}/test", include_in_schema=False)
async def unregistered(connector_type: str, caller: Integrator) -> None:
    """
    Raises:
        Problem: 404, which names the types there are.
    """
    known = ", ".join(slug(each) for each in CONNECTOR_TYPES)
    raise Problem(404, f"There is no connector type of that name; there are {known}")
