"""A draft over many runs: continue-as-new with messages in flight loses nothing and does nothing twice."""

import asyncio
import warnings
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.workflow import UnfinishedUpdateHandlersWarning

from commands.draft_orders import DraftOrders, TemporalUnavailable
from domain import messages as msg
from domain.canonical import utc_text
from domain.policy import OrgPolicy
from domain.statuses import DraftStatus
from domain.transitions import Command
from tests.workflows.harness import OPS, ORG, TASK_QUEUE, Bench, DraftRun, dev_bench, told
from workflows import ledger

ANSWER_WITHIN_S = 2.7  # as in production; who gets no answer repeats with the same key


def continues_at(events: int) -> str:
    """The server's own knob: from this many events on it suggests to continue as new."""
    return f"limit.historyCount.suggestContinueAsNew={events}"


def edit(key: str, **header: str) -> msg.EditMessage:
    return msg.EditMessage(
        actor=OPS, key=key, digest=key, token=key, policy=OrgPolicy(), header=header or {"notes": key}
    )


async def runs_of(run: DraftRun) -> int:
    """How many runs the draft has had."""
    count, run_id = 0, None
    while count == 0 or run_id:
        handle = run.client.get_workflow_handle(run.handle.id, run_id=run_id or None)
        first = await anext(handle.fetch_history_events())
        run_id = first.workflow_execution_started_event_attributes.continued_execution_run_id
        count += 1
    return count


async def current_details(run: DraftRun) -> str:
    said: WorkflowMetadata = await run.handle.query(
        "__temporal_workflow_metadata", result_type=WorkflowMetadata
    )
    return said.current_details


async def carried_kib(run: DraftRun) -> int:
    """Size of what the newest run was started with."""
    first = await anext(run.handle.fetch_history_events())
    return (
        sum(len(each.data) for each in first.workflow_execution_started_event_attributes.input.payloads)
        // 1024
    )


async def keep_editing(bench: Bench, *, edits: int, at_once: int, signals: int) -> DraftRun:
    """Edits and signals from all sides; return the draft when all of them are on record, and checked."""
    run = await (await bench.draft()).ready()
    orders = DraftOrders(bench.client, TASK_QUEUE, ANSWER_WITHIN_S)
    waiting = [f"edit-{number}" for number in range(edits)]
    receipts: dict[str, msg.Receipt] = {}
    unanswered: Counter[str] = Counter()

    async def editor() -> None:
        while waiting:
            key = waiting.pop()
            while key not in receipts:
                try:
                    receipts[key] = await orders.send(Command.EDIT, ORG, run.draft_id, edit(key))
                except TemporalUnavailable as error:
                    unanswered[str(error)] += 1

    async def signaller() -> None:
        for number in range(signals):
            key = f"signal-{number}"
            await run.handle.signal("edit", {"key": key, "header": {"notes": key}})
            await asyncio.sleep(0.1)

    with warnings.catch_warnings():
        warnings.simplefilter("error", UnfinishedUpdateHandlersWarning)
        await asyncio.gather(signaller(), *(editor() for _ in range(at_once)))
    for _ in range(200):
        if len(run.records) >= edits + signals + 2:
            break
        await asyncio.sleep(0.05)

    sequences = [record.sequence for record in run.records]
    assert sequences == list(range(1, len(sequences) + 1))  # in order, no gaps
    assert not bench.world.conflicts
    keys = Counter(record.seen.key for record in run.records if record.seen)
    assert keys == Counter([*receipts, *(f"signal-{number}" for number in range(signals))])  # exactly once
    by_key = {record.seen.key: record for record in run.records if record.seen}
    assert all(by_key[key].sequence == receipt.sequence for key, receipt in receipts.items())
    for key in list(receipts)[:20]:
        again = edit(key).model_copy(update={"token": f"another request for {key}"})
        assert told(await orders.send(Command.EDIT, ORG, run.draft_id, again)) == told(receipts[key])
    assert len(run.records) == len(sequences)
    print(
        f"\n{edits} edits and {signals} signals from {at_once} sides: {len(sequences)} decisions, "
        f"{await runs_of(run)} runs, {len(bench.world.conflicts)} conflicts, "
        f"{await carried_kib(run)} KiB carried; sent again with the same key: {dict(unanswered)}"
    )
    return run


@pytest.fixture
async def short_runs() -> AsyncIterator[Bench]:
    async with dev_bench(continues_at(250)) as running:
        yield running


async def test_edits_and_signals_over_many_runs_are_on_record_once_and_in_order(short_runs: Bench) -> None:
    run = await keep_editing(short_runs, edits=300, at_once=40, signals=30)
    assert await runs_of(run) > 3
    await run.replay()


@pytest.mark.soak
async def test_three_thousand_edits_from_two_hundred_sides_lose_nothing() -> None:
    async with dev_bench(continues_at(2000)) as bench:
        run = await keep_editing(bench, edits=3000, at_once=200, signals=200)
        assert await runs_of(run) > 3


async def test_a_message_without_a_key_that_comes_again_in_a_later_run_is_answered_not_repeated() -> None:
    """Temporal knows update ids within one run; a client that got no answer does not know of runs."""
    async with dev_bench(continues_at(40)) as bench:
        run = await (await bench.draft()).ready()
        said = {"token": "t-1", "header": {"notes": "once"}}
        first = await run.send(Command.EDIT, update_id="edit:t-1", **said)
        approval = await run.send(Command.APPROVE, update_id="approve:t-2", token="t-2")
        before = await runs_of(run)
        await run.send(Command.EDIT, header={"notes": "something else"})
        while await runs_of(run) == before:
            await run.send(Command.EDIT, header={"notes": "something else"})
        recorded = len(run.records)
        assert told(await run.send(Command.EDIT, update_id="edit:t-1", **said)) == told(first)
        assert told(await run.send(Command.APPROVE, update_id="approve:t-2", token="t-2")) == told(approval)
        assert len(run.records) == recorded
        assert run.world.row.header.notes == "something else"
        await run.replay()


async def forgetful(bench: Bench, patch: pytest.MonkeyPatch) -> tuple[DraftRun, msg.Receipt]:
    """A draft that carries two keys only, its approval by the key `old`, and it is no longer approved."""
    patch.setattr(ledger, "KEYS_REMEMBERED", 2)
    run = await (await bench.draft()).ready()
    first = await run.send(Command.APPROVE, key="old", digest="d")
    before, number = await runs_of(run), 0
    while number < 3 or await runs_of(run) == before:
        number += 1
        await run.send(Command.EDIT, key=f"k-{number}", digest="d", header={"notes": f"note {number}"})
    return run, first


async def test_a_key_that_is_carried_no_more_gets_its_answer_from_the_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with dev_bench(continues_at(60)) as bench, asyncio.timeout(60):
        run, first = await forgetful(bench, monkeypatch)
        recorded = len(run.records)
        # the status does not allow it any more, and the answer is the first one all the same
        assert told(await run.send(Command.APPROVE, key="old", digest="d")) == told(first)
        assert (await run.refused(Command.APPROVE, key="old", digest="other")).type == "KeyReused"
        assert len(run.records) == recorded
        await run.handle.signal("edit", {"key": "k-1", "header": {"notes": "note 1"}})
        assert "k-1" in await looked_up(bench, "k-1")

        # a new key is looked up and then decided, or refused, as ever
        assert (await run.refused(Command.PUSH, key="new", digest="d")).type == "TransitionRejected"
        sends = [run.send(Command.VALIDATE, key="new", digest="d") for _ in range(5)]
        assert len({receipt.token for receipt in await asyncio.gather(*sends)}) == 1
        # without a key there is nothing to look up, and a refusal leaves no trace
        looked = len(bench.world.looked_up)
        assert (await run.refused(Command.PUSH)).type == "TransitionRejected"
        assert len(bench.world.looked_up) == looked
        await run.replay()


async def looked_up(bench: Bench, key: str) -> list[str]:
    for _ in range(200):
        if key in bench.world.looked_up:
            break
        await asyncio.sleep(0.02)
    return bench.world.looked_up


async def test_while_the_rows_do_not_answer_nobody_guesses_what_an_old_key_did(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with dev_bench(continues_at(60)) as bench, asyncio.timeout(60):
        run, first = await forgetful(bench, monkeypatch)
        recorded = len(run.records)
        bench.world.facts_fail = 1
        assert (await run.refused(Command.VALIDATE, key="new", digest="d")).type == "FactsUnavailable"
        assert len(run.records) == recorded
        assert told(await run.send(Command.APPROVE, key="old", digest="d")) == told(first)


async def test_the_web_ui_says_number_status_and_since_when_also_after_a_continuation() -> None:
    async with dev_bench(continues_at(40)) as bench:
        run = await (await bench.draft()).approved()
        since = utc_text(run.records[-1].draft.updated_at)
        wanted = (
            f"D-000001, PO-12345, Muster GmbH: waiting for a push to the ERP\n\nAPPROVED, so since {since}"
        )
        assert await current_details(run) == wanted
        before = await runs_of(run)
        while await runs_of(run) == before:
            await run.handle.signal("approve")  # refused, and recorded as that
            await asyncio.sleep(0.02)
        assert await current_details(run) == wanted


async def test_a_draft_does_not_continue_while_an_export_is_in_flight() -> None:
    async with dev_bench(continues_at(40)) as bench:
        run = await (await bench.draft()).approved()
        go_on = asyncio.Event()

        async def gate(step: str) -> None:
            await go_on.wait()

        bench.world.gate = gate
        await run.send(Command.PUSH, key="push", digest="d")
        before = await runs_of(run)
        for number in range(12):  # far over the limit: each is a decision of its own
            await run.handle.signal(f"nonsense-{number}")
            await asyncio.sleep(0.05)
        assert (await run.handle.describe()).history_length > 40
        assert await runs_of(run) == before
        go_on.set()
        for _ in range(200):
            if await runs_of(run) > before:
                break
            await asyncio.sleep(0.05)
        assert await runs_of(run) > before
        export = run.records[-1].draft.exports[-1]
        assert (await run.send(Command.PUSH, key="push", digest="d")).result["erp_export_id"] == str(
            export.id
        )
        await run.handle.signal(msg.ACKNOWLEDGE, {"export_id": str(export.id), "status": "ACKED"})
        assert await run.handle.result() == DraftStatus.PUSHED
        assert [name for name, _step in bench.world.done] == ["stage", "publish"]
