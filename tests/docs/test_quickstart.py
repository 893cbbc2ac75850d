"""docs/quickstart.md as one bash script, run against the stack; every answer it shows is compared.

A ```json block must be contained in what the ```bash block before it printed; a ```text block must be
its last lines. `…` in either stands for any value.
"""

import asyncio
import json
import os
import re
import shlex
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio

from local.postgres import socket_folder
from local.seed import demo_password
from local.stack import Stack

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "quickstart.md"
BLOCK = re.compile(r"^```(bash|json|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LONGEST_S = 120


@dataclass(frozen=True)
class Step:
    command: str
    line: int
    expected: tuple[str, str] | None  # language and content


def steps() -> list[Step]:
    page = PAGE.read_text()
    found: list[Step] = []
    for block in BLOCK.finditer(page):
        language, content = block.groups()
        if language == "bash":
            found.append(Step(content, page.count("\n", 0, block.start()) + 1, None))
        else:
            last = found.pop()
            assert last.expected is None, f"two answers follow the command of line {last.line}"
            found.append(Step(last.command, last.line, (language, content)))
    return found


def shape(text: str) -> str:
    """A regular expression for text in which `…` stands for anything."""
    return ".*".join(re.escape(part) for part in text.split("…"))


def difference(wanted: Any, got: Any, at: str = "$") -> str | None:
    """Where `got` does not hold what `wanted` shows; None when it does."""
    if isinstance(wanted, str) and "…" in wanted:
        shown = wanted == "…" or (isinstance(got, str) and re.fullmatch(shape(wanted), got, re.DOTALL))
        return None if shown else f"{at} is {got!r}, the page shows {wanted!r}"
    if isinstance(wanted, dict) and isinstance(got, dict):
        found = (difference(value, got.get(name), f"{at}.{name}") for name, value in wanted.items())
        missing = [f"{at}.{name} is missing" for name in wanted if name not in got]
        return next((each for each in [*missing, *found] if each), None)
    if isinstance(wanted, list) and isinstance(got, list):
        if len(wanted) != len(got):
            return f"{at} has {len(got)} items, the page shows {len(wanted)}"
        pairs = enumerate(zip(wanted, got, strict=True))
        return next((each for n, (w, g) in pairs if (each := difference(w, g, f"{at}[{n}]"))), None)
    return None if wanted == got else f"{at} is {got!r}, the page shows {wanted!r}"


def check(step: Step, printed: str) -> None:
    if step.expected is None:
        return
    language, content = step.expected
    where = f"{PAGE.name}, line {step.line}"
    if language == "json":
        problem = difference(json.loads(content), json.loads(printed))
        assert problem is None, f"{where}: {problem}\n{printed}"
    else:
        last_lines = re.search(rf"(^|\n){shape(content.strip())}$", printed.strip())
        assert last_lines, f"{where} printed:\n{printed}"


@pytest_asyncio.fixture(loop_scope="session")
async def unchanged_connection(stack: Stack) -> AsyncIterator[None]:
    """The page changes the demo connection; put it back however the page ends."""
    yield
    async with httpx.AsyncClient(base_url=stack.base_url, trust_env=False, timeout=15) as client:
        body = {"org_slug": "demo", "email": "integrator@demo.example", "password": demo_password()}
        token = (await client.post("/auth/login", json=body)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        for connection in (await client.get("/connectors")).json()["data"]:
            if connection["export_path"] == "/no-such-folder":
                path = f"/connectors/{connection['id']}"
                assert (await client.patch(path, json={"export_path": "/orders"})).status_code == 200
        states = [one["status"] for one in (await client.get("/connectors")).json()["data"]]
        if "ACTIVE" not in states:
            first = (await client.get("/connectors")).json()["data"][0]["id"]
            assert (await client.post(f"/connectors/{first}/enable")).status_code == 200


async def test_every_command_of_the_quickstart_answers_what_the_page_shows(
    stack: Stack, unchanged_connection: None, tmp_path: Path
) -> None:
    outputs = [tmp_path / f"{number}.out" for number, _ in enumerate(steps())]
    script = ["set -euo pipefail"]
    for step, output in zip(steps(), outputs, strict=True):
        script += [f"exec >{shlex.quote(str(output))}", step.command]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("COUNTERSIGN_")},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "BASE": stack.base_url,
        "COUNTERSIGN_VAR": str(stack.var),
        "COUNTERSIGN_DEMO_PASSWORD": demo_password(),
        "SOCKET": str(socket_folder(stack.var / "postgres")),
        "no_proxy": "*",
    }
    # from the repository's folder but without its .venv first on the path: this Python has the packages
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        "\n".join(script).replace('export PATH="$PWD/.venv/bin:$PATH"', ":"),
        cwd=ROOT,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, errors = await asyncio.wait_for(process.communicate(), LONGEST_S)
    finally:
        if process.returncode is None:
            process.kill()
    for step, output in zip(steps(), outputs, strict=True):
        assert output.exists(), f"line {step.line} was not reached:\n{errors.decode()}"
        check(step, output.read_text())
    assert process.returncode == 0, errors.decode()


def test_every_answer_on_the_page_belongs_to_a_command() -> None:
    found = steps()
    assert sum(step.expected is not None for step in found) == len(
        re.findall(r"^```(?:json|text)$", PAGE.read_text(), re.M)
    )
    assert len(found) > 15


def test_a_wrong_answer_would_be_noticed() -> None:
    assert difference({"a": [{"b": "…", "c": 1}]}, {"a": [{"b": 7, "c": 1, "d": 2}], "e": 0}) is None
    assert difference({"a": "b…d"}, {"a": "b c d"}) is None
    assert difference({"a": "b…d"}, {"a": "b c"}) == "$.a is 'b c', the page shows 'b…d'"
    assert difference({"a": 1}, {}) == "$.a is missing"
    assert difference({"a": [1]}, {"a": [1, 2]}) == "$.a has 2 items, the page shows 1"
    assert difference({"a": {"b": "x"}}, {"a": {"b": "y"}}) == "$.a.b is 'y', the page shows 'x'"
