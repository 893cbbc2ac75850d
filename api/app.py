"""The API as an ASGI factory: `uvicorn api.app:create_app --factory`. The one place that makes its parts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from api import (
    approvers,
    audit,
    connectors,
    customers,
    draft_commands,
    draft_orders,
    events,
    exports,
    health,
    imports,
    logins,
    me,
    organization,
    products,
    reference,
    users,
)
from api.answer_headers import AnswerHeaders
from api.login_limits import LoginLimits
from api.problems import install
from api.request_limits import RequestLimits
from api.requests import RequestGuard
from api.rooms import Rooms
from api.tokens import Tokens
from commands.draft_orders import DraftOrders
from config.keys import KeyRing
from config.logs import configure_logs
from config.settings import Settings, load_settings
from config.temporal import connect
from connectors.policy import ConnectorPolicy
from connectors.registry import build_connectors
from storage.changes import Bell
from storage.database import Database
from storage.documents import Documents

# These wait for a customer's server or read a whole file; they bound their own time.
OWN_TIME = (
    "/events",
    "/test",
    "/connectors/dropzone-json-v1",
    "/imports/products",
    "/imports/customer-prices",
    "/imports/draft-orders",
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
    customers.router,
    approvers.router,
    products.router,
    imports.router,
    draft_orders.router,
    draft_commands.router,
    exports.router,
    events.router,
    audit.router,
    connectors.router,
    health.router,
    reference.router,
)


async def build_rooms(settings: Settings) -> Rooms:
    """Everything the API holds. Connects to nothing yet: each part does so at its first use."""
    keys = KeyRing.from_settings(settings)
    client = await connect(keys, lazy=True)
    return Rooms(
        settings=settings,
        database=Database(settings.database_url.get_secret_value()),
        drafts=DraftOrders(client, settings.task_queue, settings.answer_within_s - 0.3),
        tokens=Tokens(settings),
        keys=keys,
        connectors=build_connectors(ConnectorPolicy.from_settings(settings)),
        documents=Documents(settings.documents_url),
        bell=Bell(settings.database_url.get_secret_value()),
        login_limits=LoginLimits(),
    )


def create_app(settings: Settings | None = None) -> FastAPI:
    """
    Raises:
        SettingsError: a setting is missing or wrong.
    """
    known = settings or load_settings()
    configure_logs(known.log_level)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        rooms = await build_rooms(known)
        app.state.rooms = rooms
        yield
        await rooms.bell.close()
        await rooms.database.dispose()

    app = FastAPI(
        title="Countersign",
        version="0.1.0",
        description=DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,  # api/reference.py
        redoc_url=None,
    )
    for router in ROUTERS:
        app.include_router(router)
    install(app)
    app.add_middleware(RequestLimits)
    app.add_middleware(RequestGuard, answer_within_s=known.answer_within_s, exempt=OWN_TIME)
    app.add_middleware(AnswerHeaders, hsts_s=known.hsts_s)
    return app
