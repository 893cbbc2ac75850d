"""A proof's workflow has it mailed: once to each approver, for as long as it waits, and in words."""

import asyncio
from typing import Any

import pytest

from connectors.mail_server import MailNotSent, MailRefused
from domain.mails import Letter
from storage import messages
from storage.database import Row
from tests.proofs.world import Post, World
from tests.storage.proof_ground import Ground, verdict


async def log(world: World, color_up_id: Any) -> list[Row]:
    async with world.database.transaction(world.org) as connection:
        return await messages.list_messages(connection, world.org, color_up_id=color_up_id, limit=20)


async def outcome(world: World, color_up_id: Any) -> list[tuple[str, str | None]]:
    return [(row["outcome"], row["reason"]) for row in await log(world, color_up_id)]


async def taken(post: Post, count: int, within_s: float = 20) -> set[str]:
    """Recipients, once there are so many."""
    async with asyncio.timeout(within_s):
        while len(post.taken) < count:
            await asyncio.sleep(0.02)
    return {recipient for recipient, _key in post.taken}


async def asked(world: World, *approvers: str) -> tuple[Ground, Any, list[str]]:
    ground = await world.ground()
    emails = [await ground.approver(name, is_primary=name == approvers[0]) for name in approvers]
    return ground, ground.versions[0], emails


async def test_a_proof_that_is_sent_is_mailed_to_each_approver_and_says_whom_it_waits_for(
    world: World,
) -> None:
    ground, version, emails = await asked(world, "Jo Muster", "Ada Boss")
    post = Post()
    async with world.worker(mails=world.mails(post)):
        await world.waiting(ground, version)
        assert await taken(post, 2) == set(emails)
        words = await world.says(version, "mails: 2 sent")
        assert "waiting for the decision of Jo Muster or Ada Boss since 2" in words
        for _ in range(3):
            await world.waiting(ground, version)
        await world.proofs.decide(world.org, version, verdict())
        await world.ended(version)
    assert len(post.taken) == 2


async def test_an_approver_who_comes_later_gets_the_mail_and_nobody_gets_it_twice(world: World) -> None:
    ground, version, first = await asked(world, "Jo Muster")
    post = Post()
    async with world.worker(mails=world.mails(post)):
        await world.waiting(ground, version)
        await taken(post, 1)
        late = await ground.approver("Ada Boss")
        await world.proofs.start(world.org, version)
        assert await taken(post, 2) == {*first, late}


async def test_a_mail_that_is_not_taken_is_tried_again_and_says_why(world: World) -> None:
    ground, version, emails = await asked(world, "Jo Muster")
    post = Post(fails=[MailNotSent("The mail server hung up")])
    async with world.worker(mails=world.mails(post)):
        await world.waiting(ground, version)
        await world.says(version, "mail not sent: The mail server hung up; next try 2")
        assert await outcome(world, version) == [("RETRYING", "The mail server hung up")]
        assert await taken(post, 1) == set(emails)
        await world.says(version, "mails: 1 sent")
    assert await outcome(world, version) == [("SENT", None)]


async def test_an_address_that_is_refused_for_good_is_not_tried_again_and_shows(world: World) -> None:
    ground, version, _emails = await asked(world, "Jo Muster")
    post = Post(fails=[MailRefused("The mail server refused the address (550)")])
    async with world.worker(mails=world.mails(post)):
        await world.waiting(ground, version)
        await world.says(version, "1 refused for good: see the message log")
        await world.proofs.start(world.org, version)
    assert await outcome(world, version) == [("FAILED", "The mail server refused the address (550)")]
    assert post.asked == 1


async def test_without_a_mail_server_a_decision_counts_and_ends_the_tries(world: World) -> None:
    """The log does not go on saying that somebody tries."""
    ground, version, _emails = await asked(world, "Jo Muster")
    reason = "No mail server is configured; set COUNTERSIGN_SMTP_HOST"
    post = Post(fails=[MailNotSent(reason)] * 1000)
    async with world.worker(mails=world.mails(post)):
        draft = await world.waiting(ground, version)
        await world.says(version, f"mail not sent: {reason}")
        await world.proofs.decide(world.org, version, verdict())
        await world.ended(version, within_s=10)
        assert len(await world.heard(draft)) == 1
    ((how, why),) = await outcome(world, version)
    assert (how, why) == ("FAILED", "The proof was decided before the mail server took the mail")


async def test_a_mail_that_nobody_could_write_shows_in_the_log(world: World) -> None:
    ground, version, _emails = await asked(world, "Jo Muster")
    mails = world.mails(Post())
    mails._public_url = None
    async with world.worker(mails=mails):
        await world.waiting(ground, version)
        await world.says(version, "mail not sent: Mails need a link")
    ((how, why),) = await outcome(world, version)
    assert how == "RETRYING"
    assert "COUNTERSIGN_PUBLIC_URL" in (why or "")


class Hanging(Post):
    """Takes the mail and never says so."""

    def __init__(self) -> None:
        super().__init__()
        self.holds = asyncio.Event()

    async def send(self, letter: Letter, key: str) -> None:
        await super().send(letter, key)
        self.holds.set()
        await asyncio.Event().wait()


async def test_a_mail_that_hangs_delays_neither_the_decision_nor_those_who_wait(world: World) -> None:
    ground, version, _emails = await asked(world, "Jo Muster")
    hanging = Hanging()
    async with world.worker(mails=world.mails(hanging)):
        draft = await world.waiting(ground, version)
        await asyncio.wait_for(hanging.holds.wait(), 20)
        await world.proofs.decide(world.org, version, verdict())
        async with asyncio.timeout(10):
            while not await world.heard(draft):
                await asyncio.sleep(0.05)


@pytest.mark.fault
async def test_killed_between_the_servers_yes_and_the_row_the_mail_comes_again_as_the_same_mail(
    world: World,
) -> None:
    ground, version, emails = await asked(world, "Jo Muster")
    hanging, post = Hanging(), Post()
    async with world.worker(mails=world.mails(hanging)):
        await world.waiting(ground, version)
        await asyncio.wait_for(hanging.holds.wait(), 20)
    async with world.worker(mails=world.mails(post)):
        await taken(post, 1, within_s=60)
        await world.says(version, "mails: 1 sent")
    assert hanging.taken == post.taken  # the same key makes the same Message-ID
    (row,) = await log(world, version)
    assert (row["outcome"], row["attempts"], row["recipient"]) == ("SENT", 2, emails[0])


async def test_a_proof_that_was_decided_before_it_was_sent_is_mailed_to_nobody(world: World) -> None:
    _ground, version, _emails = await asked(world, "Jo Muster")
    post = Post()
    async with world.worker(mails=world.mails(post)):
        await world.proofs.decide(world.org, version, verdict())
        await world.ended(version)
    assert post.asked == 0
