"""Temporal is not there, or hangs: reading goes on with a word about it, commands are 503, nothing hangs."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from api import stuck
from api.app import create_app
from commands import lookout, pulses
from config.settings import Settings, load_settings
from local.stack import Stack
from tests.e2e.conftest import Body, People, draft_in

ANSWER_WITHIN_S = 1.5
STREAMS = ("/draft-orders/{draft_id}/events", "/events")


@contextmanager
def nobody_listens() -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield free.getsockname()[1]


@contextmanager
def nobody_answers() -> Iterator[int]:
    """As a server that was stopped with SIGSTOP: the kernel takes the connection."""
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(100)
        yield hole.getsockname()[1]


WAYS = {"nobody listens": nobody_listens, "nobody answers": nobody_answers}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest_asyncio.fixture
async def settings(stack: Stack, way: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Settings]:
    """Of the stack, but for Temporal's address."""
    with WAYS[way]() as port:
        changed = {
            "TEMPORAL_ADDRESS": f"127.0.0.1:{port}",
            "COUNTERSIGN_ANSWER_WITHIN_S": str(ANSWER_WITHIN_S),
        }
        for name, value in {**stack.environment, **changed}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(lookout, "_LIMIT_S", 0.2)
        monkeypatch.setattr(lookout.Lookout, "start", lambda _: None)  # it looks when a test says so
        if way == "nobody listens":
            monkeypatch.setattr(pulses, "_WITHIN_S", 1.0)  # a busy machine is slow to refuse, too
        monkeypatch.setattr(stuck, "_FRESH", stuck.timedelta(0))
        yield load_settings()


@pytest_asyncio.fixture
async def draft(people: People) -> Body:
    return await draft_in(await people("ops"), "READY")


@asynccontextmanager
async def served(settings: Settings, people: People) -> AsyncIterator[tuple[Any, httpx.AsyncClient]]:
    """The application in this process, and an ADMIN of the stack as its client."""
    app = create_app(settings)
    token = (await people("admin")).http.headers["Authorization"]
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=transport, base_url="http://away", headers={"Authorization": token}
        ) as http,
    ):
        yield app, http


_documents: dict[str, Any] = {}


def operations(app: Any, *methods: str) -> list[tuple[str, str, Any]]:
    """Method, path, and the example of its body."""
    found = []
    _documents.update(_documents or app.openapi())
    for path, item in _documents["paths"].items():
        for method in set(item) & set(methods):
            content = item[method].get("requestBody", {}).get("content", {})
            found.append((method, path, content.get("application/json", {}).get("example")))
    return sorted(found, key=str)


async def test_reading_goes_on_and_says_that_temporal_is_away(
    settings: Settings, people: People, draft: Body, way: str
) -> None:
    async with served(settings, people) as (app, http):
        path = f"/draft-orders/{draft['id']}"
        first = await http.get(path)
        assert first.status_code == 200
        if way == "nobody listens":
            assert first.json()["waiting_message"] == stuck.TEMPORAL_AWAY
        else:  # it may only be slow
            assert first.json()["waiting_message"] == draft["waiting_message"]
        for _ in range(2):
            await app.state.rooms.lookout.look()
        later = (await http.get(path)).json()
        assert later["waiting_message"] == stuck.TEMPORAL_AWAY
        assert later["waiting_for"] == "operator_approval"
        same = {"waiting_message": None}
        assert later | same == draft | same
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.json()["checks"]["temporal"]) == (503, "does not answer")
        assert ready.json()["checks"]["workers"] == "not known"
        assert "countersign_temporal_up 0.0" in (await http.get("/metrics")).text


@pytest.mark.parametrize("way", ["nobody answers"], indirect=True)
async def test_no_page_fails_for_want_of_temporal(settings: Settings, people: People, draft: Body) -> None:
    async with served(settings, people) as (app, http):
        known = {"{draft_id}": draft["id"]}

        async def read(template: str) -> tuple[str, int]:
            path = template.replace("{draft_id}", known["{draft_id}"])
            while "{" in path:
                path = path[: path.index("{")] + str(uuid4()) + path[path.index("}") + 1 :]
            return template, (await http.get(path)).status_code

        pages = [path for _, path, _ in operations(app, "get") if path not in (*STREAMS, "/readyz")]
        answers = dict([await read(path) for path in pages])
        assert len(answers) > 30
        assert {path: status for path, status in answers.items() if status >= 500} == {}
        assert answers["/draft-orders"] == answers["/draft-orders/{draft_id}/exports"] == 200


# Refused by what the API itself knows, before any workflow is asked.
ELSEWHERE = {400, 404, 409, 422}


async def test_commands_are_503_with_a_sentence_and_when_to_come_back(
    settings: Settings, people: People, draft: Body
) -> None:
    async with served(settings, people) as (app, http):

        async def send(method: str, template: str, body: Any) -> tuple[str, httpx.Response]:
            path = template.replace("{draft_id}", draft["id"]).replace("{line_no}", "1")
            headers = {"Idempotency-Key": uuid4().hex} if method == "post" else {}
            return f"{method} {template}", await http.request(method, path, json=body, headers=headers)

        commands = [
            each for each in operations(app, "post", "patch", "delete") if each[1].startswith("/draft-orders")
        ]
        answers = dict(await asyncio.gather(*(send(*each) for each in commands)))
        for command, answer in answers.items():
            assert answer.status_code in {503} | ELSEWHERE, (command, answer.text)
        away = {command: answer for command, answer in answers.items() if answer.status_code == 503}
        assert len(away) > 12, {command: answer.status_code for command, answer in answers.items()}
        for command, answer in away.items():
            problem = answer.json()
            assert problem["code"] == "DEPENDENCY_ERROR", command
            assert problem["detail"].endswith("repeat the request with the same Idempotency-Key"), command
            assert int(answer.headers["Retry-After"]) > 0, command
        assert "post /draft-orders/{draft_id}/approve" in away
        assert "post /draft-orders" in away
    assert (await (await people("ops")).json("GET", f"/draft-orders/{draft['id']}"))["version"] == draft[
        "version"
    ]
