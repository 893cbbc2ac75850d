"""ERP connections: configure, test, switch on and off. No answer ever holds a secret."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Body, Request, Response
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from api.bodies import NoFields
from api.caller import Caller, Integrator
from api.connector_tests import probe, test_answer, test_problem
from api.idempotency import Answer, IdempotencyKey, claim, once
from api.paging import Page, Paging, bad_cursor, write_cursor
from api.problems import NotFound, Problem, problems
from api.requests import ExactRoute
from api.rooms import InRooms, Rooms
from config.keys import connection_owner
from connectors.port import ConfigRefused, ERPConnectorPort
from storage import connections
from storage.database import Row, constraint

router = APIRouter(
    route_class=ExactRoute, tags=["connectors"], responses=problems(400, 401, 403, 404, 409, 412)
)

DROPZONE = "DROPZONE_JSON_V1"
CONNECTION_ENTITY = "erp_connection"
ONE_ACTIVE = "Only one active connector per org"


class ConnectorView(BaseModel):
    """The public part of the configuration lies at the top level, beside these."""

    model_config = {"extra": "allow"}

    id: UUID
    connector_type: str
    status: str
    capabilities: dict[str, bool] | None
    last_test_at: datetime | None
    last_test_result: str | None
    test_result: dict[str, Any] | None
    version: int
    created_at: datetime
    updated_at: datetime


def view(row: Row) -> ConnectorView:
    own = {name: row[name] for name in ConnectorView.model_fields}
    return ConnectorView.model_validate({**row["public_config"], **own})


def refused(error: ConfigRefused) -> Problem:
    """A configuration's problems as 422; they hold no value of it."""
    errors = [{"loc": ["body", *filter(None, [field])], "msg": text} for field, text in error.problems]
    return Problem(422, str(error), errors=errors)


def connector_of(rooms: Rooms, connector_type: str = DROPZONE) -> ERPConnectorPort[Any]:
    return rooms.connectors[connector_type]


_EXAMPLE = {
    "mode": "sftp",
    "host": "sftp.example.com",
    "port": 22,
    "username": "countersign",
    "password": "…",
    "host_key_fingerprints": ["SHA256:" + "A" * 43],
    "export_path": "/orders",
    "ack_path": "/acks",
    "test_on_save": True,
}
# read by the connector itself, so that its sentences and not pydantic's reach the caller
Given = Annotated[dict[str, Any], Body(examples=[_EXAMPLE])]


def split(body: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """The configuration's fields, and whether to test before saving."""
    fields = dict(body)
    test_on_save = fields.pop("test_on_save", False)
    if not isinstance(test_on_save, bool):
        raise Problem(422, "test_on_save: must be true or false", errors=[])
    return fields, test_on_save


@router.get("/connectors", response_model=Page[ConnectorView])
async def list_all(caller: Integrator, page: Paging) -> Page[ConnectorView]:
    """Newest first."""
    before = None
    if page.after is not None:
        try:
            at, last = page.after
            before = datetime.fromisoformat(at), UUID(last)
        except (ValueError, TypeError, AttributeError):
            raise bad_cursor() from None
    async with caller.transaction() as connection:
        rows = await connections.list_all(connection, caller.org_id, limit=page.limit + 1, before=before)
    more, rows = len(rows) > page.limit, rows[: page.limit]
    return Page(
        data=[view(row) for row in rows],
        next_cursor=write_cursor(rows[-1]["created_at"], str(rows[-1]["id"])) if more else None,
    )


@router.get("/connectors/{connection_id}", response_model=ConnectorView)
async def read(connection_id: UUID, caller: Integrator, response: Response) -> ConnectorView:
    async with caller.transaction() as connection:
        row = await _required(connection, caller, connection_id)
    response.headers["ETag"] = f'"{row["version"]}"'
    return view(row)


async def _required(
    connection: AsyncConnection, caller: Caller, connection_id: UUID, *, lock: bool = False
) -> Row:
    row = await connections.get(connection, caller.org_id, connection_id, lock=lock)
    if row is None:
        raise NotFound("connector")
    return row


@router.post("/connectors/dropzone-json-v1", status_code=201, response_model=ConnectorView)
async def create(
    body: Given, request: Request, caller: Integrator, rooms: InRooms, key: IdempotencyKey
) -> Response:
    """Save a dropzone as the org's active connection; `test_on_save` tests it first and saves only success.

    With `trust_on_first_use` the test runs as well, and pins the host key that it saw.
    """
    fields, test_on_save = split(body)
    connector = connector_of(rooms)
    try:
        config = connector.parse(fields)
        tested = None
        if test_on_save or getattr(config, "trust_on_first_use", False):
            tested = await probe(connector, config)
            if not tested.success:
                raise test_problem(tested)
            config = pinned(connector, config, tested.host_key_fingerprint)
    except ConfigRefused as error:
        raise refused(error) from None
    connection_id = uuid4()

    async def work(connection: AsyncConnection) -> Answer:
        now = datetime.now(UTC)
        values: dict[str, Any] = {
            "id": connection_id,
            "org": caller.org_id,
            "connector_type": DROPZONE,
            "config_encrypted": seal(rooms, caller, connection_id, connector.dump(config)),
            "public_config": connector.public_view(config),
        }
        row = await connections.insert(connection, values, now)
        if tested is not None:
            row = await connections.save_test(connection, caller.org_id, connection_id, tested, now)
        entity = (CONNECTION_ENTITY, connection_id)
        await caller.audit(connection, "CONNECTION_CREATED", entity, after=values["public_config"])
        return Answer(view(row), 201, location=f"/connectors/{connection_id}", etag=row["version"])

    return await _one_active(request, caller, key, work)


def pinned(connector: ERPConnectorPort[Any], config: Any, seen: str | None) -> Any:
    """Trust on first use: from now on only the host key that this test saw."""
    if not getattr(config, "trust_on_first_use", False) or seen is None:
        return config
    return connector.merge(config, {"host_key_fingerprints": [seen], "trust_on_first_use": False})


def seal(rooms: Rooms, caller: Caller, connection_id: UUID, plain: bytes) -> bytes:
    return rooms.keys.encrypt(plain, connection_owner(caller.org_id, connection_id))


async def _one_active(request: Request, caller: Caller, key: str | None, work: Any) -> Response:
    try:
        return await once(request, caller, key, work)
    except IntegrityError as error:
        if constraint(error) == "erp_connection_one_active":
            raise Problem(409, ONE_ACTIVE) from None
        raise


@router.patch("/connectors/{connection_id}", response_model=ConnectorView)
async def change(
    connection_id: UUID, body: Given, request: Request, caller: Integrator, rooms: InRooms
) -> Response:
    """Change fields; what is left out keeps its value, secrets too."""
    fields, test_on_save = split(body)
    async with caller.transaction() as connection:
        row = await _required(connection, caller, connection_id)
    connector = connector_of(rooms, row["connector_type"])
    old = connector.load(
        rooms.keys.decrypt(row["config_encrypted"], connection_owner(caller.org_id, row["id"]))
    )
    try:
        config = connector.merge(old, fields)
        if test_on_save or getattr(config, "trust_on_first_use", False):
            tested = await probe(connector, config)
            if not tested.success:
                raise test_problem(tested)
            config = pinned(connector, config, tested.host_key_fingerprint)
    except ConfigRefused as error:
        raise refused(error) from None

    async def work(connection: AsyncConnection) -> Answer:
        current = await _required(connection, caller, connection_id, lock=True)
        wanted = request.headers.get("if-match", f'"{row["version"]}"')
        if wanted.strip() not in {"*", f'"{current["version"]}"'}:
            raise Problem(412, "The connector has changed since it was read; read it again")
        public = connector.public_view(config)
        sealed = seal(rooms, caller, connection_id, connector.dump(config))
        saved = await connections.save_config(
            connection, caller.org_id, connection_id, sealed, public, datetime.now(UTC)
        )
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


@router.post("/connectors/{connection_id}/enable", response_model=ConnectorView)
async def enable(
    connection_id: UUID,
    request: Request,
    caller: Integrator,
    key: IdempotencyKey,
    body: NoFields | None = None,
) -> Response:
    """Make it the org's active connection."""
    return await _switch(connection_id, "ACTIVE", request, caller, key)


@router.post("/connectors/{connection_id}/disable", response_model=ConnectorView)
async def disable(
    connection_id: UUID,
    request: Request,
    caller: Integrator,
    key: IdempotencyKey,
    body: NoFields | None = None,
) -> Response:
    """No further export uses it; one that is under way fails."""
    return await _switch(connection_id, "DISABLED", request, caller, key)


async def _switch(
    connection_id: UUID, status: str, request: Request, caller: Caller, key: str | None
) -> Response:
    async def work(connection: AsyncConnection) -> Answer:
        row = await _required(connection, caller, connection_id, lock=True)
        if row["status"] != status:
            old = row["status"]
            row = await connections.set_status(
                connection, caller.org_id, connection_id, status, datetime.now(UTC)
            )
            action = "CONNECTION_ENABLED" if status == "ACTIVE" else "CONNECTION_DISABLED"
            entity = (CONNECTION_ENTITY, connection_id)
            await caller.audit(connection, action, entity, before={"status": old}, after={"status": status})
        return Answer(view(row), etag=row["version"])

    return await _one_active(request, caller, key, work)


@router.post("/connectors/dropzone-json-v1/test")
async def test_unsaved(
    request: Request, caller: Integrator, rooms: InRooms, key: IdempotencyKey, body: Given | None = None
) -> dict[str, Any]:
    """With a body: test that configuration and save nothing. Without: test the active connection."""
    await claim(request, caller, key)
    if body is None:
        async with caller.transaction() as connection:
            row = await connections.active(connection, caller.org_id)
        if row is None:
            raise Problem(400, "No active ERP connector configured", code="NO_ACTIVE_CONNECTOR")
        return await _test_stored(rooms, caller, row)
    fields, _ = split(body)
    connector = connector_of(rooms)
    try:
        config = connector.parse(fields)
    except ConfigRefused as error:
        raise refused(error) from None
    return test_answer(await probe(connector, config))


@router.post("/connectors/{connection_id}/test")
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
        row = await _required(connection, caller, connection_id)
    return await _test_stored(rooms, caller, row)


async def _test_stored(rooms: Rooms, caller: Caller, row: Row) -> dict[str, Any]:
    connector = connector_of(rooms, row["connector_type"])
    stored = rooms.keys.decrypt(row["config_encrypted"], connection_owner(caller.org_id, row["id"]))
    result = await probe(connector, connector.load(stored))
    async with caller.transaction() as connection:
        await connections.save_test(connection, caller.org_id, row["id"], result, datetime.now(UTC))
        await caller.audit(
            connection,
            "CONNECTION_TESTED",
            (CONNECTION_ENTITY, row["id"]),
            details={"success": result.success, "code": result.code},
        )
    return test_answer(result)
