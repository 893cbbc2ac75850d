"""Histories of every kind of draft, recorded by released code, replay with today's."""

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from config.sandbox import runner
from tests.replay import record
from tests.replay.stories import STORIES
from tests.workflows.changed_workflows import Patched, Unpatched
from workflows.draft_order import DraftOrderWorkflow

FILES = sorted(record.HISTORIES.glob("*.json"))


def history(path: Path) -> WorkflowHistory:
    body = json.loads(path.read_text())
    return WorkflowHistory.from_json(body.pop("workflow_id"), body)


def replayer(kind: type) -> Replayer:
    return Replayer(workflows=[kind], workflow_runner=runner(), data_converter=pydantic_data_converter)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_a_recorded_history_replays_with_todays_code(path: Path) -> None:
    await replayer(DraftOrderWorkflow).replay_workflow(history(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_an_incompatible_change_is_found(path: Path) -> None:
    result = await replayer(Unpatched).replay_workflow(history(path), raise_on_replay_failure=False)
    assert result.replay_failure is not None
    assert "nondeterminism" in str(result.replay_failure).lower()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_a_patched_change_replays(path: Path) -> None:
    await replayer(Patched).replay_workflow(history(path))


def test_every_story_has_a_history() -> None:
    assert {path for path in FILES} >= {record.path_of(name) for name in STORIES}


def test_a_stored_history_is_never_written_over() -> None:
    name = next(iter(STORIES))
    stored = record.path_of(name)
    before = stored.read_text()
    with pytest.raises(record.AlreadyRecorded):
        record.store(name, history(stored))
    assert stored.read_text() == before


def test_no_history_names_the_machine_that_recorded_it() -> None:
    for path in FILES:
        identities = set(_values(json.loads(path.read_text()), "identity"))
        assert identities <= {"worker"}, path.name


def _values(value: object, wanted: str) -> list[str]:
    if isinstance(value, dict):
        own = [str(each) for key, each in value.items() if key == wanted]
        return own + [found for each in value.values() for found in _values(each, wanted)]
    return [found for each in value for found in _values(each, wanted)] if isinstance(value, list) else []
