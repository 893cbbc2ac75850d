"""The API as an ASGI factory: `uvicorn api.app:create_app --factory`. The one place that makes its parts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from api import (
    approvers,
    audit,
    bulk,
    call_list,
    callback_door,
    callback_lists,
    callback_secrets,
    color_up_decisions,
    color_ups,
    connection_life,
    connector_answers,
    connector_types,
    connectors,
    customers,
    designs,
    draft_commands,
    draft_edits,
    draft_orders,
    events,
    export_retries,
    exports,
    health,
    imports,
    line_commands,
    logins,
    logos,
    me,
    messages,
    metrics,
    organization,
    production,
    products,
    proof_pages,
    proof_resends,
    reference,
    terms,
    trim_sheets,
    users,
)
from api.answer_headers import AnswerHeaders
from api.login_limits import LoginLimits
from api.openapi import complete
from api.problems import install
from api.request_limits import RequestLimits
from api.requests import RequestGuard
from api.rooms import Rooms
from api.tokens import Tokens
from commands.draft_orders import DraftOrders
from commands.errands import Errands
from commands.lookout import Lookout
from commands.open_drafts import OpenDrafts
from commands.proofs import Proofs
from commands.pulses import Pulses
from config.keys import KeyRing
from config.logs import configure_logs
from config.metrics import ApiMetrics
from config.settings import Settings, load_settings
from config.telemetry import Tracing, tracing
from config.temporal import connect
from connectors.policy import ConnectorPolicy
from connectors.registry import CONNECTOR_TYPES, build_connectors, slug
from storage.changes import Bell
from storage.database import Database
from storage.documents import Documents

# These wait for a customer's server or read a whole file; they bound their own time.
# Patterns of method and path.
OWN_TIME = (
    r"GET .*/events",
    r"POST .*/test",
    *(f"POST /connectors/{slug(connector_type)}" for connector_type in CONNECTOR_TYPES),
    r"PATCH /connectors/[^/]+",
    r"POST /imports/(products|customer-prices|draft-orders)",
    r"POST /logos/[^/]+/design",
    r"GET /logos/[^/]+/design/preview\.(svg|png)",
    r"GET /proofs/[^/]+/picture\.png",
    r"GET /production/batches/[^/]+/trim-sheet\.pdf",
)

DESCRIPTION = """
Holds every B2B draft order until everyone who must sign has signed, then hands it to the ERP exactly once.

Log in at `POST /auth/login`, then send `Authorization: Bearer <access_token>`. Errors are
`application/problem+json`. Every POST takes an `Idempotency-Key`.
"""

ROUTERS = (
    logins.router,
    me.router,
    users.router,
    organization.router,
    terms.router,
    customers.router,
    approvers.router,
    products.router,
    logos.router,
    designs.router,
    color_ups.router,
    production.router,
    trim_sheets.router,
    color_up_decisions.router,
    imports.router,
    draft_orders.router,
    draft_commands.router,
    draft_edits.router,
    line_commands.router,
    exports.router,
    export_retries.router,
    bulk.router,
    messages.router,
    proof_pages.router,
    proof_resends.router,
    call_list.router,
    events.router,
    audit.router,
    connector_types.router,
    connector_answers.router,
    connectors.router,
    connection_life.router,
    callback_secrets.router,
    callback_door.router,
    callback_lists.router,
    health.router,
    reference.router,
    metrics.router,
)


def take_routes(app: FastAPI) -> None:
    """All routes, how they answer errors, and the document that describes them."""
    for router in ROUTERS:
        app.include_router(router)
    app.state.routes = [route for router in ROUTERS for route in router.routes]
    install(app)
    complete(app)


async def build_rooms(
    settings: Settings, counted: ApiMetrics | None = None, traced: Tracing | None = None
) -> Rooms:
    """Everything the API holds. Connects to nothing yet: each part does so at its first use."""
    keys = KeyRing.from_settings(settings)
    client = await connect(keys, lazy=True, interceptors=[traced.interceptor] if traced else [])
    return Rooms(
        settings=settings,
        database=Database(settings.database_url.get_secret_value(), tracer=traced.tracer if traced else None),
        drafts=DraftOrders(client, settings.task_queue, settings.answer_within_s - 0.3),
        proofs=Proofs(client, settings.task_queue, settings.answer_within_s - 0.3),
        errands=Errands(client, settings.task_queue, settings.answer_within_s / 2),
        pulses=Pulses(OpenDrafts(client)),
        lookout=Lookout(client, settings.task_queue),
        tokens=Tokens(settings),
        keys=keys,
        connectors=build_connectors(ConnectorPolicy.from_settings(settings)),
        documents=Documents(settings.documents_url),
        bell=Bell(settings.database_url.get_secret_value()),
        login_limits=LoginLimits(),
        metrics=counted or ApiMetrics(),
    )


def create_app(settings: Settings | None = None, traced: Tracing | None = None) -> FastAPI:
    """`traced` is for tests; the environment says it otherwise.

    Raises:
        SettingsError: a setting is missing or wrong.
    """
    known = settings or load_settings()
    configure_logs(known.log_level)
    traced = traced or tracing(known, "countersign-api")
    counted = ApiMetrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        rooms = await build_rooms(known, counted, traced)
        app.state.rooms = rooms
        rooms.bell.start()
        rooms.lookout.start()
        yield
        await rooms.lookout.close()
        await rooms.bell.close()
        await rooms.database.dispose()
        if traced is not None:
            traced.shutdown()

    app = FastAPI(
        title="Countersign",
        version="0.1.0",
        description=DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,  # api/reference.py
        redoc_url=None,
    )
    take_routes(app)
    app.add_middleware(RequestLimits)
    app.add_middleware(
        RequestGuard, answer_within_s=known.answer_within_s, exempt=OWN_TIME, counted=counted.requests
    )
    app.add_middleware(AnswerHeaders, hsts_s=known.hsts_s)
    if traced is not None:
        traced.follow(app)
    return app
