"""Histories of every kind of draft and errand, recorded by released code, replay with today's."""

import importlib
import json
import pkgutil
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


def replayer(code: type) -> Replayer:
    return Replayer(workflows=[code], workflow_runner=runner(), data_converter=pydantic_data_converter)


def kind(of: WorkflowHistory) -> str:
    return of.events[0].workflow_execution_started_event_attributes.workflow_type.name


@pytest.mark.parametrize("path", DRAFT_FILES, ids=lambda path: path.stem)
async def test_a_recorded_history_replays_with_todays_code(path: Path) -> None:
    await replayer(DraftOrderWorkflow).replay_workflow(history(path))


@pytest.mark.parametrize("path", ERRAND_FILES, ids=lambda path: path.stem)
async def test_a_recorded_errand_replays_with_todays_code_and_not_with_a_changed_one(path: Path) -> None:
    recorded = history(path)
    await replayer(WORKFLOWS[kind(recorded)]).replay_workflow(recorded)
    result = await replayer(LATE[kind(recorded)]).replay_workflow(recorded, raise_on_replay_failure=False)
    assert result.replay_failure is not None
    assert "nondeterminism" in str(result.replay_failure).lower()


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


@pytest.mark.parametrize("path", DRAFT_FILES, ids=lambda path: path.stem)
async def test_an_incompatible_change_is_found(path: Path) -> None:
    result = await replayer(Unpatched).replay_workflow(history(path), raise_on_replay_failure=False)
    assert result.replay_failure is not None
    assert "nondeterminism" in str(result.replay_failure).lower()


@pytest.mark.parametrize("path", DRAFT_FILES, ids=lambda path: path.stem)
async def test_a_patched_change_replays(path: Path) -> None:
    await replayer(Patched).replay_workflow(history(path))


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
