"""Subscribing and deciding, as they meet on the rows of one key."""

import asyncio
from uuid import UUID, uuid4

import pytest

from domain.color_ups import Decision
from domain.refusals import KeyReused, ProofChanged, TransitionRejected
from storage import subscriptions
from storage.database import Database
from storage.proofs import ColorUpMissing
from tests.storage.conftest import AT, new_org
from tests.storage.proof_ground import CLERK, Ground, verdict

APPROVED, SENT_BACK, SUPERSEDED = Decision.APPROVE, Decision.REQUEST_CHANGES, Decision.SUPERSEDED


async def test_the_first_draft_that_waits_sends_the_proof(database: Database, org: UUID) -> None:
    ground = await Ground(database, org).lay()
    (version,) = ground.versions
    assert await ground.subscribe(version) is None
    row = await ground.row(version)
    assert (row["status"], row["sent_at"], row["decision"]) == ("Pending Approval", AT, None)


@pytest.mark.parametrize(
    ("decision", "status", "action"),
    [(APPROVED, "Approved", "PROOF_APPROVED"), (SENT_BACK, "Retired", "PROOF_CHANGES_REQUESTED")],
)
async def test_a_decision_is_kept_with_who_made_it_and_told_to_who_asks(
    database: Database, org: UUID, decision: Decision, status: str, action: str
) -> None:
    ground = await Ground(database, org).lay()
    (version,) = ground.versions
    await ground.subscribe(version)
    made = await ground.decide(version, verdict(decision))
    row = await ground.row(version)
    assert (row["status"], row["decision"], row["decision_note"]) == (status, decision, "by phone")
    assert row["approved_at"] == (AT if decision is APPROVED else None)
    assert (made.decided.by_user_id, made.decided.by_email) == (CLERK.user_id, CLERK.email)
    assert (made.decided.team_proxy, made.repeated) == (True, False)
    assert await ground.subscribe(version) == made.decided
    assert await ground.trail(version) == [(action, status)]


async def test_a_color_up_that_was_never_sent_may_be_decided(database: Database, org: UUID) -> None:
    ground = await Ground(database, org).lay()
    await ground.decide(ground.versions[0])
    assert await ground.statuses() == ["Approved"]


@pytest.mark.parametrize(
    ("first", "sentence"), [(APPROVED, "already approved"), (SENT_BACK, "was sent back")]
)
async def test_what_is_decided_is_not_decided_again(
    database: Database, org: UUID, first: Decision, sentence: str
) -> None:
    ground = await Ground(database, org).lay()
    (version,) = ground.versions
    await ground.decide(version, verdict(first))
    for second in (APPROVED, SENT_BACK):
        with pytest.raises(TransitionRejected, match=sentence):
            await ground.decide(version, verdict(second))
    assert (await ground.row(version))["decision"] == first
    assert len(await ground.trail(version)) == 1


@pytest.mark.parametrize("key", [None, "k-1"])
async def test_the_same_request_again_is_the_same_decision(
    database: Database, org: UUID, key: str | None
) -> None:
    ground = await Ground(database, org).lay()
    (version,) = ground.versions
    message = verdict(key=key, digest="d")
    first = await ground.decide(version, message)
    token = uuid4().hex if key else message.token
    again = await ground.decide(version, message.model_copy(update={"token": token}))
    assert (again.decided, again.repeated) == (first.decided, True)
    assert len(await ground.trail(version)) == 1
    if key:
        with pytest.raises(KeyReused):
            await ground.decide(version, verdict(SENT_BACK, key=key, digest="e"))


async def test_approving_a_newer_version_retires_the_older_ones(database: Database, org: UUID) -> None:
    ground = await Ground(database, org).lay(versions=2)
    older, newer = ground.versions
    await ground.decide(older)
    await ground.decide(newer)
    assert await ground.statuses() == ["Retired", "Approved"]
    assert (await ground.row(older))["decision"] == APPROVED
    assert await ground.trail(older) == [("PROOF_APPROVED", "Approved"), ("COLOR_UP_RETIRED", "Retired")]


@pytest.mark.parametrize("by", ["sending", "approving"])
async def test_an_older_version_that_waits_is_superseded_by_a_newer_one(
    database: Database, org: UUID, by: str
) -> None:
    ground = await Ground(database, org).lay(versions=2)
    older, newer = ground.versions
    await ground.subscribe(older)
    if by == "sending":
        await ground.subscribe(newer)
    else:
        await ground.decide(newer)
    assert (await ground.statuses())[0] == "Retired"
    told = await ground.subscribe(older)
    assert told is not None
    assert (told.decision, told.team_proxy, told.by_user_id) == (SUPERSEDED, False, None)
    assert await ground.trail(older) == [("COLOR_UP_RETIRED", "Retired")]
    with pytest.raises(TransitionRejected, match=r"A newer version \(2\)"):
        await ground.decide(older)


async def test_changes_to_a_newer_version_leave_the_approved_one(database: Database, org: UUID) -> None:
    ground = await Ground(database, org).lay(versions=2)
    await ground.decide(ground.versions[0])
    await ground.decide(ground.versions[1], verdict(SENT_BACK))
    assert await ground.statuses() == ["Approved", "Retired"]


@pytest.mark.parametrize("newer_is", ["sent", "approved"])
async def test_a_version_that_is_out_of_date_is_never_sent(
    database: Database, org: UUID, newer_is: str
) -> None:
    ground = await Ground(database, org).lay(versions=2)
    older, newer = ground.versions
    await (ground.subscribe(newer) if newer_is == "sent" else ground.decide(newer))
    told = await ground.subscribe(older)
    assert told is not None
    assert told.decision is SUPERSEDED
    assert (await ground.row(older))["sent_at"] is None


async def test_a_retired_approval_counts_for_who_waited_for_it_and_no_other(
    database: Database, org: UUID
) -> None:
    ground, early = await Ground(database, org).lay(versions=2), uuid4()
    older, newer = ground.versions
    await ground.subscribe(older, early)
    await ground.decide(older)
    await ground.decide(newer)
    answers = [await ground.subscribe(older, draft) for draft in (early, uuid4(), early)]
    assert [answer.decision if answer else None for answer in answers] == [APPROVED, SUPERSEDED, APPROVED]


async def test_no_draft_is_missed_that_subscribes_while_the_decision_is_made(
    database: Database, org: UUID
) -> None:
    ground = await Ground(database, org).lay()
    (version,) = ground.versions
    await ground.subscribe(version)
    drafts = [uuid4() for _ in range(24)]

    async def decide_later() -> None:
        await asyncio.sleep(0.03)
        await ground.decide(version)

    *answers, _ = await asyncio.gather(*(ground.subscribe(version, each) for each in drafts), decide_later())
    async with database.transaction(org) as connection:
        listed = set(await subscriptions.untold(connection, org, version, limit=100))
    for draft, answer in zip(drafts, answers, strict=True):
        assert (draft in listed) is (answer is None)


async def test_subscribers_are_listed_from_the_decision_on_until_they_are_told(
    database: Database, org: UUID
) -> None:
    ground, drafts = await Ground(database, org).lay(versions=2), [uuid4() for _ in range(3)]
    older, newer = ground.versions

    async def listed() -> tuple[list[UUID], list[UUID]]:
        async with database.transaction(org) as connection:
            own = await subscriptions.untold(connection, org, newer, limit=100)
            return own, await subscriptions.older_untold(connection, org, newer)

    async def told(version: UUID, draft: UUID) -> None:
        async with database.transaction(org) as connection:
            await subscriptions.mark_told(connection, org, version, [draft], AT)

    await ground.subscribe(older, drafts[0])
    assert await listed() == ([], [])
    for draft in drafts[1:]:
        await ground.subscribe(newer, draft)
    assert await listed() == ([], [older])
    await ground.decide(newer)
    assert await listed() == (sorted(drafts[1:]), [older])
    await told(older, drafts[0])
    await told(newer, drafts[1])
    assert await listed() == ([drafts[2]], [])


async def test_nothing_crosses_keys_or_orgs(database: Database, org: UUID) -> None:
    ours, neighbour = await Ground(database, org).lay(), await Ground(database, org).lay()
    await neighbour.subscribe(neighbour.versions[0])
    await ours.decide(ours.versions[0])
    assert await neighbour.statuses() == ["Pending Approval"]
    stranger = Ground(database, await new_org(database))
    with pytest.raises(ColorUpMissing):
        await stranger.subscribe(ours.versions[0])
    with pytest.raises(ColorUpMissing):
        await stranger.decide(ours.versions[0])


async def test_a_decision_on_what_was_not_seen_is_refused_and_changes_nothing(
    database: Database, org: UUID
) -> None:
    ground = await Ground(database, org).lay()
    (version,) = ground.versions
    with pytest.raises(ProofChanged) as refused:
        await ground.decide(version, verdict(sheet_sha256="0" * 64))
    assert (await ground.statuses(), await ground.trail(version)) == (["Draft"], [])
    seen = str(refused.value.details["sheet_sha256"])
    await ground.decide(version, verdict(sheet_sha256=seen))
    assert await ground.statuses() == ["Approved"]
