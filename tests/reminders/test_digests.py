"""The digest of a morning: repeats, deaths in between, outages, and what has changed meanwhile."""

from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities import reminders as activity_module
from connectors.mail_server import MailNotSent, MailRefused
from domain.digests import DigestSent, PlanRequest, Round
from storage import messages, reminders
from storage.database import DatabaseUnavailable
from tests.reminders.rounds import DAY, MONDAY, Post, remind, run
from tests.reminders.world import Told, World


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
