"""Histories of every kind of draft and errand, recorded by released code, replay with today's."""

import importlib
import json
import pkgutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

import workflows
from config.sandbox import runner
from domain.ack_polls import ACK_POLL_WORKFLOW, ACK_SCHEDULES_WORKFLOW
from domain.bulk import BULK_WORKFLOW
from domain.callbacks import CALLBACK_RELAY_WORKFLOW, CALLBACK_WORKFLOW
from domain.digests import REMINDER_CHECK_WORKFLOW, REMINDER_WORKFLOW
from domain.messages import DRAFT_ORDER_WORKFLOW
from domain.notices import NOTICE_RELAY_WORKFLOW, NOTICE_WORKFLOW
from domain.proof_mails import LINK_RENEWAL_WORKFLOW
from domain.proofs import PROOF_WORKFLOW
from domain.releases import RELEASE_WORKFLOW
from domain.sweeping import SWEEP_WORKFLOW
from tests.replay import record
from tests.replay.answers import RECONCILE_WORKFLOW, WORKFLOWS
from tests.replay.record import ERRANDS, STORIES
from tests.workflows import changed_errands as late
from tests.workflows.changed_workflows import Patched, Unpatched
from workflows.draft_order import DraftOrderWorkflow

FILES = sorted(record.HISTORIES.glob("*.json"))
ERRAND_FILES = [path for path in FILES if path.stem in ERRANDS]
DRAFT_FILES = [path for path in FILES if path not in ERRAND_FILES]
CLOSED = (
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
)
LATE: dict[str, type] = {
    BULK_WORKFLOW: late.LateBulk,
    RELEASE_WORKFLOW: late.LateRelease,
    SWEEP_WORKFLOW: late.LateSweep,
    RECONCILE_WORKFLOW: late.LateReconcile,
    ACK_POLL_WORKFLOW: late.LateAckPoll,
    ACK_SCHEDULES_WORKFLOW: late.LateAckSchedules,
    REMINDER_WORKFLOW: late.LateReminders,
    REMINDER_CHECK_WORKFLOW: late.LateReminderCheck,
    CALLBACK_WORKFLOW: late.LateCallback,
    CALLBACK_RELAY_WORKFLOW: late.LateCallbackRelay,
    LINK_RENEWAL_WORKFLOW: late.LateProofLink,
    PROOF_WORKFLOW: late.LateProof,
    NOTICE_WORKFLOW: late.LateNotice,
    NOTICE_RELAY_WORKFLOW: late.LateNoticeRelay,
}


def history(path: Path) -> WorkflowHistory:
    body = json.loads(path.read_text())
    return WorkflowHistory.from_json(body.pop("workflow_id"), body)


async def failures(paths: Sequence[Path], *code: type) -> dict[str, str]:
    """By name: why it does not replay."""
    replayer = Replayer(workflows=code, workflow_runner=runner(), data_converter=pydantic_data_converter)

    async def histories() -> AsyncIterator[WorkflowHistory]:
        for path in paths:
            yield history(path)

    async with replayer.workflow_replay_iterator(histories()) as results:
        failed = [result.replay_failure async for result in results]
    named = zip(paths, failed, strict=True)
    return {path.stem: str(failure).lower() for path, failure in named if failure is not None}


def found_out(failed: dict[str, str]) -> set[str]:
    return {name for name, why in failed.items() if "nondeterminism" in why}


def kind(of: WorkflowHistory) -> str:
    return of.events[0].workflow_execution_started_event_attributes.workflow_type.name


async def test_every_recorded_history_replays_with_todays_code() -> None:
    assert await failures(FILES, DraftOrderWorkflow, *WORKFLOWS.values()) == {}


async def test_a_changed_errand_is_found_by_each_of_its_histories() -> None:
    found = found_out(await failures(ERRAND_FILES, *LATE.values()))
    assert {path.stem for path in ERRAND_FILES} - found == set()


def test_every_workflow_has_histories_open_and_closed() -> None:
    found = pkgutil.iter_modules(workflows.__path__, "workflows.")
    modules = [importlib.import_module(each.name) for each in found]
    ours = {
        definition.name
        for module in modules
        for each in vars(module).values()
        if (definition := getattr(each, "__temporal_workflow_definition", None)) is not None
    }
    assert ours == {DRAFT_ORDER_WORKFLOW, *WORKFLOWS}
    recorded = [history(path) for path in ERRAND_FILES]
    for name in WORKFLOWS:
        ends = {each.events[-1].event_type in CLOSED for each in recorded if kind(each) == name}
        assert ends == {True, False}, name


async def test_an_incompatible_change_is_found_by_each_history_of_a_draft() -> None:
    found = found_out(await failures(DRAFT_FILES, Unpatched))
    assert {path.stem for path in DRAFT_FILES} - found == set()


async def test_a_patched_change_replays() -> None:
    assert await failures(DRAFT_FILES, Patched) == {}


def test_every_story_has_a_history() -> None:
    assert {path for path in FILES} >= {record.path_of(name) for name in (*STORIES, *ERRANDS)}


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
