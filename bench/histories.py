"""What histories tell: how many events and billable actions a life takes, and where time went.

Actions by Temporal's public list (docs.temporal.io, "Temporal Cloud Actions"). What leaves no event is not
counted: heartbeats that reach the server, refused updates, queries.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from activities.names import PUBLISH, STAGE

# one event, one action; activities and markers are counted below
_ONE_EACH = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: "workflow started",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: "signal",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "update",
    EventType.EVENT_TYPE_TIMER_STARTED: "timer",
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: "search attribute upsert",
}


async def events_of(client: Client, workflow_id: str) -> list[HistoryEvent]:
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    return list(history.events)


def event_counts(events: Sequence[HistoryEvent]) -> dict[str, int]:
    names = (EventType.Name(event.event_type) for event in events)
    return dict(Counter(name.removeprefix("EVENT_TYPE_").lower() for name in names).most_common())


def action_counts(events: Sequence[HistoryEvent]) -> dict[str, int]:
    found: Counter[str] = Counter()
    marked_tasks = set()
    for event in events:
        if event.event_type in _ONE_EACH:
            found[_ONE_EACH[event.event_type]] += 1
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            found["activity try"] += event.activity_task_started_event_attributes.attempt
        elif event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED:
            marked_tasks.add(event.marker_recorded_event_attributes.workflow_task_completed_event_id)
    # all markers of one workflow task count as one action
    found["local activities, by workflow task"] = len(marked_tasks)
    return dict(found.most_common())


async def task_parts(client: Client, workflow_id: str, sent_at: datetime, took_s: float) -> dict[str, float]:
    """One approve, the last update of its run, by the stamps of its workflow task; seconds."""
    events = await events_of(client, workflow_id)
    accepted = next(
        event
        for event in reversed(events)
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
    )
    before = [event for event in events if event.event_id < accepted.event_id]
    scheduled = _last(before, EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED)
    started = _last(before, EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED)
    completed = _last(before, EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
    return {
        "request → the server has the update": (scheduled - sent_at).total_seconds(),
        "→ the worker has it": (started - scheduled).total_seconds(),
        "→ decided and recorded": (completed - started).total_seconds(),
        "→ answer": took_s - (completed - sent_at).total_seconds(),
    }


async def push_parts(client: Client, workflow_id: str, sent_at: datetime) -> dict[str, float]:
    """One push by the stamps of its two activities; seconds. The file is visible shortly before the end."""
    events = await events_of(client, workflow_id)
    stops = [sent_at]
    for name in (STAGE, PUBLISH):
        asked = next(
            event
            for event in events
            if event.activity_task_scheduled_event_attributes.activity_type.name == name
        )
        begun = next(
            event
            for event in events
            if event.activity_task_started_event_attributes.scheduled_event_id == asked.event_id
        )
        ended = next(
            event
            for event in events
            if event.activity_task_completed_event_attributes.scheduled_event_id == asked.event_id
        )
        stops += [_at(event.event_time) for event in (asked, begun, ended)]
    names = (
        "request → decided, recorded, stage scheduled",
        "→ stage started",
        "→ staged",
        "→ publish scheduled",
        "→ publish started",
        "→ published",
    )
    spans = pairwise(stops)
    return {name: (end - begin).total_seconds() for name, (begin, end) in zip(names, spans, strict=True)}


def _last(events: Sequence[HistoryEvent], kind: "EventType.ValueType") -> datetime:
    return _at(next(event for event in reversed(events) if event.event_type == kind).event_time)


def _at(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(UTC)
