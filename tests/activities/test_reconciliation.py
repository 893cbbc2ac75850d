"""Reconcile over many drafts: a few at a time, all of them, and an answer that Temporal can carry."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from activities import reconciliation
from activities.reconciliation import AT_ONCE, MOST_RETURNED, Reconciler
from commands.open_drafts import Silent
from domain.draft import Draft
from domain.reconciliation import Finding
from storage.database import DatabaseUnavailable
from tests.domain.orders import draft

DRAFTS = MOST_RETURNED + 20


class SilentDrafts:
    """Workflows none of which answers; counts how many are asked at the same moment."""

    def __init__(self, open_ids: list[UUID]) -> None:
        self.open_ids = open_ids
        self.asked: list[UUID] = []
        self.most_at_once = self._now = 0

    async def ids(self, _org_id: UUID) -> AsyncIterator[UUID]:
        for each in self.open_ids:
            yield each

    async def pulse(self, _org_id: UUID, draft_id: UUID) -> None:
        self.asked.append(draft_id)
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        await asyncio.sleep(0)
        self._now -= 1
        raise Silent("no worker answered")


class NoneForgotten:
    async def find(self, _org_id: UUID, _slug: str, *, dry_run: bool) -> list[Finding]:
        return []


class OneOrg:
    async def call(self, _statement: str, _values: Any) -> list[dict[str, Any]]:
        return [{"org_id": uuid4(), "slug": "demo"}]


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[Draft]:
    drafts = [draft().model_copy(update={"id": uuid4()}) for _ in range(DRAFTS)]

    async def open_rows(_database: object, _org_id: UUID) -> AsyncIterator[tuple[Draft, str | None]]:
        for each in drafts:
            yield each, "operator_approval"

    async def none_open(*_given: object, dry_run: bool) -> list[Finding]:
        return []

    monkeypatch.setattr(reconciliation, "open_rows", open_rows)
    monkeypatch.setattr(reconciliation, "find_open_tries", none_open)
    return drafts


async def test_every_open_draft_is_asked_once_and_few_at_a_time(rows: list[Draft]) -> None:
    unknown = [uuid4(), uuid4()]
    silent = SilentDrafts([each.id for each in rows] + unknown)
    found = await Reconciler(OneOrg(), silent, NoneForgotten()).reconcile(uuid4(), "demo", dry_run=True)  # type: ignore[arg-type]
    assert sorted(silent.asked) == sorted([each.id for each in rows] + unknown)
    assert len(found) == DRAFTS
    assert 1 < silent.most_at_once <= AT_ONCE


async def test_an_activitys_answer_stays_small(rows: list[Draft], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciliation.activity, "heartbeat", lambda *_: None)
    with capture_logs() as said:
        found = await Reconciler(OneOrg(), SilentDrafts([]), NoneForgotten()).run()  # type: ignore[arg-type]
    assert len(said) == DRAFTS  # what is left out stands in the log, with what differs
    assert said[0].items() >= found[0].model_dump(mode="json").items()
    assert len(found) == MOST_RETURNED
    assert len("".join(each.model_dump_json() for each in found)) < 500_000


async def test_an_outage_comes_out_as_itself(rows: list[Draft], monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(SilentDrafts):
        async def pulse(self, _org_id: UUID, _draft_id: UUID) -> None:
            raise DatabaseUnavailable("PostgreSQL did not answer in time")

    with pytest.raises(DatabaseUnavailable):
        await Reconciler(OneOrg(), Gone([]), NoneForgotten()).reconcile(uuid4(), "demo", dry_run=True)  # type: ignore[arg-type]
