"""The steps of a morning, one by one: repeats, deaths in between, and what has changed meanwhile."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities import reminders as activity_module
from activities.line_facts import LineLookups
from activities.reminders import ReminderCheck
from commands.draft_orders import TemporalUnavailable, WorkflowGone
from connectors.mail_server import MailNotSent, MailRefused
from domain.digests import DigestSent, PlanRequest, ReminderPlan, Round, is_to_call
from domain.line_facts import LineQuestion, LinesRequest
from domain.mails import Letter
from domain.statuses import LineStatus
from storage import messages, reminders
from storage.database import Database, DatabaseUnavailable
from tests.reminders.world import Told, World

MONDAY = date(2026, 11, 23)
DAY = timedelta(days=1)


class Post:
    """A mail server that keeps what it takes; `fails` by recipient, as often as there are errors."""

    def __init__(self) -> None:
        self.taken: list[Letter] = []
        self.fails: dict[str, list[Exception]] = {}

    async def send(self, letter: Letter, key: str) -> None:
        errors = self.fails.get(letter.recipient)
        if errors:
            raise errors.pop(0)
        self.taken.append(letter)


@pytest.fixture
def post() -> Post:
    return Post()


@pytest_asyncio.fixture
async def world(database: Database, post: Post) -> World:
    return await World(database, post).settle()


async def run(step: Callable[..., Awaitable[Any]], *given: Any) -> Any:
    return await ActivityEnvironment().run(step, *given)


async def remind(world: World, customer: UUID, *days: date, told: Told | None = None) -> None:
    """Whole mornings, one after the other."""
    mornings = world.mornings(told or Told())
    for day in days:
        await run(mornings.escalate, world.round(customer, day))
        await run(mornings.send, world.round(customer, day))


# --- planning --------------------------------------------------------------------------------------


async def plan(world: World, customer: UUID, since: str, now: str) -> ReminderPlan:
    given = PlanRequest(
        org_id=world.org,
        customer_id=customer,
        since=datetime.fromisoformat(since).replace(tzinfo=UTC),
        now=datetime.fromisoformat(now).replace(tzinfo=UTC),
    )
    answer: ReminderPlan = await run(world.mornings(Told()).plan, given)
    return answer


async def test_nothing_is_planned_for_a_customer_without_waiting_proofs(world: World) -> None:
    customer, other = await world.customer("UTC"), await world.customer("UTC")
    await world.proof(other)
    decided, rejected = await world.proof(customer), await world.proof(customer)
    await world.decide(decided)
    await world.run("UPDATE draft_order SET status = 'REJECTED' WHERE id = :id", id=world.drafts[rejected][0])
    assert await plan(world, customer, "2026-11-22T09:00", "2026-11-23T08:00") == ReminderPlan(waiting=0)
    assert (await plan(world, other, "2026-11-22T09:00", "2026-11-23T08:00")).due == MONDAY


async def test_after_three_missed_mornings_one_digest_is_due(world: World, post: Post) -> None:
    customer = await world.customer("UTC")
    await world.proof(customer)
    found = await plan(world, customer, "2026-11-20T08:00", "2026-11-23T15:00")
    assert (found.due, found.next_at) == (MONDAY, None)
    await remind(world, customer, MONDAY)
    found = await plan(world, customer, "2026-11-23T15:00", "2026-11-23T15:01")
    assert (found.due, found.next_at) == (None, datetime(2026, 11, 24, 8, tzinfo=UTC))
    assert len(post.taken) == 1


async def test_hour_zone_weekends_and_holidays_are_read_each_time(world: World) -> None:
    customer = await world.customer("UTC")
    await world.proof(customer)
    asked = (world, customer, "2026-11-20T12:00", "2026-11-20T12:00")  # a Friday
    assert (await plan(*asked)).next_at == datetime(2026, 11, 21, 8, tzinfo=UTC)
    await world.change(customer, reminder_days=["mon", "tue", "wed", "thu", "fri"])
    assert (await plan(*asked)).next_at == datetime(2026, 11, 23, 8, tzinfo=UTC)
    await world.change(customer, holidays=[MONDAY])
    assert (await plan(*asked)).next_at == datetime(2026, 11, 24, 8, tzinfo=UTC)
    await world.change(customer, time_zone="Asia/Tokyo")
    assert (await plan(*asked)).next_at == datetime(2026, 11, 23, 23, tzinfo=UTC)
    await world.setting("reminder_hour", 10)
    assert (await plan(*asked)).next_at == datetime(2026, 11, 24, 1, tzinfo=UTC)
    (row,) = await world.rows("SELECT next_at FROM reminder_plan")
    assert row["next_at"] == datetime(2026, 11, 24, 1, tzinfo=UTC)


async def test_a_morning_that_was_sent_is_not_due_again_when_the_hour_moves(world: World) -> None:
    customer = await world.customer("UTC")
    await world.proof(customer)
    await remind(world, customer, MONDAY)
    await world.setting("reminder_hour", 14)
    found = await plan(world, customer, "2026-11-23T08:00", "2026-11-23T14:30")
    assert (found.due, found.next_at) == (None, datetime(2026, 11, 24, 14, tzinfo=UTC))


# --- the digest ------------------------------------------------------------------------------------


async def test_each_active_approver_gets_one_mail_with_links_of_their_own(world: World, post: Post) -> None:
    customer = await world.customer(people=2)
    proofs = [await world.proof(customer, logo=name) for name in ("Wappen", "Adler")]
    await remind(world, customer, MONDAY)
    assert len({letter.recipient for letter in post.taken}) == len(post.taken) == 2
    words = [word for letter in post.taken for word in letter.text.split()]
    links = [word for word in words if word.startswith("https://")]
    assert len(set(links)) == 4
    known = await world.rows("SELECT color_up_id, approver_id FROM proof_link")
    assert {row["color_up_id"] for row in known} == set(proofs)
    assert len({row["approver_id"] for row in known}) == 2
    log = await world.rows("SELECT kind, outcome, color_up_ids, recipient FROM message_log")
    assert {(row["kind"], row["outcome"]) for row in log} == {("reminder", "SENT")}
    assert {tuple(sorted(row["color_up_ids"])) for row in log} == {tuple(sorted(proofs))}
    assert not any(link.rsplit("/", 1)[1] in str(log) for link in links)


@pytest.mark.parametrize(
    ("language", "count", "subject"),
    [
        ("en", 1, "Reminder: a proof waits for your decision"),
        ("en", 2, "Reminder: 2 proofs wait for your decision"),
        ("de", 1, "Erinnerung: eine Vorlage wartet auf Ihre Freigabe"),
        ("de", 2, "Erinnerung: 2 Vorlagen warten auf Ihre Freigabe"),
    ],
)
async def test_the_mail_speaks_the_customers_language(
    world: World, post: Post, language: str, count: int, subject: str
) -> None:
    customer = await world.customer(language=language)
    for _ in range(count):
        await world.proof(customer)
    await remind(world, customer, MONDAY)
    assert [letter.subject for letter in post.taken] == [subject]


async def test_the_same_morning_again_sends_and_counts_nothing(world: World, post: Post) -> None:
    customer = await world.customer()
    proof = await world.proof(customer)
    await remind(world, customer, MONDAY, MONDAY, MONDAY)
    assert len(post.taken) == 1
    assert await world.trail(proof) == [
        ("PROOF_REMINDED", {"count": 1, "day": "2026-11-23", "to": [post.taken[0].recipient]})
    ]


async def test_a_proof_that_was_decided_before_the_morning_is_in_no_mail(world: World, post: Post) -> None:
    customer = await world.customer()
    first, second = await world.proof(customer, logo="Wappen"), await world.proof(customer, logo="Adler")
    await world.decide(first)
    await remind(world, customer, MONDAY)
    assert ["Wappen" in letter.text for letter in post.taken] == [False]
    await world.decide(second)
    await remind(world, customer, MONDAY + DAY)
    assert len(post.taken) == 1


async def test_one_address_that_is_put_off_keeps_no_other_waiting(world: World, post: Post) -> None:
    customer = await world.customer(people=2)
    proof = await world.proof(customer)
    (slow,) = await world.rows("SELECT email FROM approver WHERE active ORDER BY email LIMIT 1")
    post.fails[slow["email"]] = [MailNotSent("The mail server put the address off")] * 2
    mornings = world.mornings(Told())
    for _ in range(2):
        with pytest.raises(ApplicationError, match="put the address off") as caught:
            await run(mornings.send, world.round(customer, MONDAY))
        assert caught.value.type == "MailNotSent"
        assert await world.reminded(proof) == [MONDAY]
    done = await run(mornings.send, world.round(customer, MONDAY))
    assert done == DigestSent(proofs=0, sent=2)
    assert len(post.taken) == 2


async def test_a_morning_on_which_every_address_is_refused_counts_so_that_somebody_calls(
    world: World, post: Post
) -> None:
    customer = await world.customer()
    proof = await world.proof(customer)
    (only,) = await world.rows("SELECT email FROM approver WHERE active")
    post.fails[only["email"]] = [MailRefused("The mail server refused the address (550)")] * 5
    told = Told()
    await remind(world, customer, *(MONDAY + DAY * number for number in range(6)), told=told)
    assert post.taken == []
    assert len(await world.reminded(proof)) == 5
    assert told.calls == [(world.drafts[proof][0], proof)]
    assert (await world.trail(proof))[0][1]["to"] == []


class Killed(BaseException):
    """The process ends here."""


STEPS: list[tuple[Any, str]] = [
    (messages, "begin_try"),
    (Post, "send"),
    (messages, "end_try"),
    (messages, "with_keys"),
    (reminders, "count_reminder"),
    (activity_module, "_append"),
]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(len(STEPS)), ids=[name for _, name in STEPS])
async def test_a_digest_whose_process_died_is_finished_and_counted_once(
    world: World, post: Post, monkeypatch: pytest.MonkeyPatch, at: int, when: str
) -> None:
    where, name = STEPS[at]
    real = getattr(where, name)

    async def doomed(*given: Any, **named: Any) -> Any:
        if when == "before":
            raise Killed
        await real(*given, **named)
        raise Killed

    customer = await world.customer()
    proof = await world.proof(customer)
    mornings = world.mornings(Told())
    with monkeypatch.context() as patch:
        patch.setattr(where, name, doomed)
        with pytest.raises(Killed):
            await run(mornings.send, world.round(customer, MONDAY))
    await run(mornings.send, world.round(customer, MONDAY))
    # only a death between the server's yes and our note of it can repeat a mail
    repeated = (name == "send" and when == "after") or name == "end_try"
    assert len(post.taken) == (2 if repeated else 1)
    assert await world.reminded(proof) == [MONDAY]
    assert [details["count"] for _, details in await world.trail(proof)] == [1]
    (row,) = await world.rows("SELECT outcome FROM message_log")
    assert row["outcome"] == "SENT"


async def test_a_proof_that_is_decided_after_its_mail_is_counted_all_the_same(
    world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process died in between; nobody may be able to say that no mail went out."""
    customer = await world.customer()
    proof = await world.proof(customer)
    mornings = world.mornings(Told())

    async def doomed(*_given: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(messages, "with_keys", doomed)
        with pytest.raises(Killed):
            await run(mornings.send, world.round(customer, MONDAY))
    await world.decide(proof)
    await run(mornings.send, world.round(customer, MONDAY))
    assert len(post.taken) == 1
    assert await world.reminded(proof) == [MONDAY]


# --- the call list ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reminders", "last", "cap", "anyone", "expected"),
    [
        (4, MONDAY - DAY, 5, True, False),
        (5, MONDAY - DAY, 5, True, True),
        (5, MONDAY, 5, True, False),  # the fifth was this morning's
        (6, MONDAY - DAY, 5, True, True),
        (0, None, 5, True, False),
        (0, None, 5, False, True),
        (0, None, 0, True, True),
        (2, MONDAY - DAY, 2, True, True),
        (1, MONDAY, 5, False, False),
    ],
)
def test_when_the_team_is_to_call(
    reminders: int, last: date | None, cap: int, anyone: bool, expected: bool
) -> None:
    assert is_to_call(reminders, last, MONDAY, cap, anyone=anyone) is expected


async def test_a_customer_without_an_approver_is_called_on_the_next_morning(world: World, post: Post) -> None:
    customer = await world.customer(people=0)
    proof = await world.proof(customer, drafts=2)
    told = Told()
    await remind(world, customer, MONDAY, told=told)
    assert post.taken == []
    assert sorted(told.calls) == sorted((draft, proof) for draft in world.drafts[proof])
    assert await world.trail(proof) == [("PROOF_PHONE_CALL", {"count": 0})]


async def test_a_lower_cap_counts_on_the_next_morning(world: World) -> None:
    customer = await world.customer()
    proof = await world.proof(customer)
    told = Told()
    await remind(world, customer, MONDAY, MONDAY + DAY, told=told)
    await world.setting("reminder_cap", 2)
    await remind(world, customer, MONDAY + DAY, told=told)
    assert told.calls == []
    await remind(world, customer, MONDAY + DAY * 2, told=told)
    assert [proof for _, proof in told.calls] == [proof]


async def test_drafts_are_told_until_each_has_heard_and_the_list_says_since_when(world: World) -> None:
    await world.setting("reminder_cap", 0)
    customer = await world.customer()
    proof = await world.proof(customer, drafts=3)
    told = Told(raises=[WorkflowGone(), TemporalUnavailable("Temporal did not answer in time")])
    mornings = world.mornings(told)
    with pytest.raises(ApplicationError, match="did not answer"):
        await run(mornings.escalate, world.round(customer, MONDAY))
    await run(mornings.escalate, world.round(customer, MONDAY, hour=9))
    assert {draft for draft, _ in told.calls} == set(world.drafts[proof])
    await run(mornings.escalate, world.round(customer, MONDAY + DAY))
    assert len(told.calls) == 2 + 3 + 3  # their rows still wait, so they are told again
    assert await world.calls() == {proof: datetime(2026, 11, 23, 7, tzinfo=UTC)}
    assert [action for action, _ in await world.trail(proof)] == ["PROOF_PHONE_CALL"]


async def test_a_draft_that_has_not_subscribed_yet_is_left_until_it_has(world: World) -> None:
    """It would go on to Phone Call and never hear of the decision."""
    await world.setting("reminder_cap", 0)
    customer = await world.customer()
    proof = await world.proof(customer)
    late = await world.draft(customer, proof, subscribed=False)
    told = Told()
    await remind(world, customer, MONDAY, told=told)
    assert [draft for draft, _ in told.calls] == world.drafts[proof]
    assert late not in world.drafts[proof]


@pytest.mark.parametrize("step", ["plan", "escalate", "send"])
async def test_a_database_that_is_away_is_a_failure_that_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    customer = await world.customer()
    mornings = world.mornings(Told())

    def away(*_given: Any, **_named: Any) -> Any:
        raise DatabaseUnavailable("PostgreSQL did not answer in time")

    monkeypatch.setattr(world.database, "transaction", away)
    now = datetime(2026, 11, 23, 8, tzinfo=UTC)
    order: PlanRequest | Round = world.round(customer, MONDAY)
    if step == "plan":
        order = PlanRequest(org_id=world.org, customer_id=customer, since=now, now=now)
    with pytest.raises(ApplicationError, match="did not answer") as caught:
        await run(getattr(mornings, step), order)
    assert caught.value.type == "DatabaseUnavailable"
    assert not caught.value.non_retryable


# --- the regular check -----------------------------------------------------------------------------


async def test_the_check_starts_what_is_missing_and_wakes_who_would_sleep_too_long(world: World) -> None:
    steady, moved, new, idle = [await world.customer("UTC") for _ in range(4)]
    for customer in (steady, moved, new):
        await world.proof(customer)
    now = datetime.now(UTC)
    for customer in (steady, moved):
        given = PlanRequest(org_id=world.org, customer_id=customer, since=now, now=now)
        await run(world.mornings(Told()).plan, given)
    await world.change(moved, time_zone="Asia/Tokyo")
    told = Told()
    woken = await run(ReminderCheck(world.database, told).run)  # type: ignore[arg-type]
    ours = {steady, moved, new, idle}
    assert ours & set(told.started) == {moved}
    assert str(moved) in woken
    assert ours & set(told.kept) == {steady, new}


async def test_the_check_leaves_a_morning_that_is_under_way_alone(world: World) -> None:
    customer = await world.customer("UTC")
    await world.proof(customer)
    before = (datetime.now(UTC) - 2 * DAY).strftime("%Y-%m-%dT%H:%M")
    await plan(world, customer, before, before)
    await world.change(customer, time_zone="Asia/Tokyo")
    told = Told()
    await run(ReminderCheck(world.database, told).run)  # type: ignore[arg-type]
    assert (customer in told.started, customer in told.kept) == (False, True)


# --- what starts it --------------------------------------------------------------------------------


async def test_a_line_that_is_sent_has_its_customer_reminded_unless_the_proof_is_decided(
    world: World,
) -> None:
    customer = await world.customer()
    open_proof, decided = await world.proof(customer), await world.proof(customer)
    await world.decide(decided)
    told = Told()

    async def start_proof(_org_id: UUID, _color_up_id: UUID) -> None:
        return None

    lookups = LineLookups(world.database, start_proof, told.start)
    for proof in (decided, open_proof):
        question = LineQuestion(line_no=1, status=LineStatus.SENT_FOR_APPROVAL, color_up_id=proof)
        asked = LinesRequest(
            org_id=world.org,
            draft_id=world.drafts[proof][0],
            customer_id=customer,
            lines=[question],
        )
        await run(lookups.look_up, asked)
    assert told.started == [customer]
