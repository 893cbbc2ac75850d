"""The child process: what it answers, what happens when it hangs or dies, and what it cannot see."""

import asyncio
import sys

import pytest

from drawings.refusals import DrawingFailed, UnreadableDesign
from drawings.studio import Studio
from tests.drawings.designs_of import crest


async def test_facts_and_pictures_come_from_the_child() -> None:
    studio, content = Studio(), crest()
    assert (await studio.facts(content)).stops == 3
    svg = await studio.picture(content, {1: "#112233"}, "svg")
    assert b"#112233" in svg
    assert (await studio.picture(None, {}, "png")).startswith(b"\x89PNG")


async def test_a_refused_file_comes_back_with_its_sentence() -> None:
    with pytest.raises(UnreadableDesign, match="end mark is missing"):
        await Studio().facts(crest()[:-30])


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


async def test_a_child_that_hangs_is_killed() -> None:
    studio = Studio(
        within_s=1.0, command=python("import os,time; print(os.getpid(), flush=True); time.sleep(60)")
    )
    before = asyncio.all_tasks()
    with pytest.raises(DrawingFailed, match="too long"):
        await studio.facts(b"x")
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize(
    "code", ["import os; os.abort()", "raise SystemExit(1)", "import os; os.kill(os.getpid(), 9)"]
)
async def test_a_child_that_dies_is_a_failure_that_may_be_repeated(code: str) -> None:
    with pytest.raises(DrawingFailed, match="failed"):
        await Studio(command=python(code)).facts(b"x" * 1_000_000)


async def test_the_child_sees_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENCRYPTION_MASTER_KEY", "planted")
    studio = Studio(command=python("import os; print(dict(os.environ))"))
    assert b"planted" not in await studio.picture(None, {}, "svg")


async def test_what_was_drawn_is_kept_and_not_drawn_again() -> None:
    studio = Studio(command=python("import os; print(os.getpid())"))
    first = await studio.picture(None, {1: "#112233"}, "svg")
    assert await studio.picture(None, {1: "#112233"}, "svg") == first
    assert await studio.picture(None, {1: "#112234"}, "svg") != first


async def test_few_are_at_work_at_once_and_the_others_wait_within_their_time() -> None:
    studio = Studio(within_s=0.5, command=python("import time; time.sleep(60)"))
    answers = await asyncio.gather(
        *(studio.picture(None, {n: "#000000"}, "svg") for n in range(1, 6)), return_exceptions=True
    )
    assert all(isinstance(answer, DrawingFailed) for answer in answers)
