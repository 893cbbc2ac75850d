"""Proofs by mail, on a real database and a real SMTP server."""

import email
import email.policy
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.mailing import Mailer
from activities.proof_mails import ProofMails
from connectors.mail_server import MailInDoubt, SmtpServer
from domain.mails import Letter
from domain.proof_mails import LinkRenewal, ProofMail, ProofMailed
from local.mail_sink import Folder, mail_sink
from storage import proof_links, proof_sheets
from storage.asked_proofs import ASKED
from storage.database import Database
from tests.activities.proof_world import GOLD, NAVY, ProofWorld, proof_world
from tests.e2e.test_secrets import dump

ADDRESS = re.compile(r"https://orders\.example\.com/proofs/([\w-]{43})\b")


class Handler(Folder):
    """A sink that refuses some addresses, with a line each."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.refuses: dict[str, str] = {}

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _o: Any) -> str:  # noqa: N802
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"


@dataclass
class Post:
    world: ProofWorld
    mails: ProofMails
    folder: Path
    handler: Handler

    async def send(self, color_up_id: Any = None) -> ProofMailed:
        order = ProofMail(org_id=self.world.org_id, color_up_id=color_up_id or self.world.color_up_id)
        sent: ProofMailed = await ActivityEnvironment().run(self.mails.send_proof, order)
        return sent

    async def renew(self, link_id: Any, run: str | None = None) -> ProofMailed:
        """Each time by a workflow of its own, unless `run` says otherwise."""
        order = LinkRenewal(org_id=self.world.org_id, link_id=link_id)
        asked = ActivityEnvironment()
        asked.info = replace(asked.info, workflow_run_id=run or str(uuid4()))
        sent: ProofMailed = await asked.run(self.mails.renew_link, order)
        return sent

    def arrived(self) -> list[Any]:
        files = sorted(self.folder.glob("*.eml"))
        return [email.message_from_bytes(each.read_bytes(), policy=email.policy.default) for each in files]

    def tokens(self) -> list[str]:
        return [ADDRESS.findall(mail.get_body(("plain",)).get_content())[0] for mail in self.arrived()]

    async def log(self) -> list[tuple[str, str | None]]:
        rows = await self.world.rows("SELECT outcome, reason FROM message_log ORDER BY created_at")
        return [(row["outcome"], row["reason"]) for row in rows]


@pytest_asyncio.fixture
async def post(database: Database, tmp_path: Path) -> AsyncIterator[Post]:
    world, handler = await proof_world(database), Handler(tmp_path)
    async with mail_sink(tmp_path, handler=handler) as port:
        server = SmtpServer("127.0.0.1", port, None, None, "none", "proofs@countersign.example")
        yield Post(
            world,
            ProofMails(database, Mailer(database, server), "https://orders.example.com"),
            tmp_path,
            handler,
        )


async def test_every_active_approver_gets_one_mail_with_a_link_of_their_own_the_primary_first(
    post: Post,
) -> None:
    assert [await post.send() for _ in range(2)] == [ProofMailed(sent=2)] * 2
    first, second = post.arrived()
    assert "Ada <Boss>" in first["To"].addresses[0].display_name
    assert "Jo Hansen" in second["To"].addresses[0].display_name
    assert first["Subject"] == "Please check: Crest on 14728 BLK"
    assert "Ada &lt;Boss&gt;" in first.get_body(("html",)).get_content()
    tokens = post.tokens()
    assert len(set(tokens)) == 2
    for token, approver in zip(tokens, reversed(post.world.approvers), strict=True):
        found = await proof_links.find(post.world.database, token)
        assert found is not None
        assert found[0] == post.world.org_id
        (link,) = await post.world.rows("SELECT * FROM proof_link WHERE id = :id", id=found[1])
        assert (link["color_up_id"], link["approver_id"]) == (post.world.color_up_id, approver)
    trail = await post.world.rows("SELECT action, details FROM audit_log ORDER BY position")
    sent = [row["details"]["approver_id"] for row in trail if row["action"] == "PROOF_SENT"]
    assert sent == [str(each) for each in reversed(post.world.approvers)]


async def test_a_token_is_nowhere_in_the_database(post: Post, postgres: Any) -> None:
    await post.send()
    everything = await dump(postgres.owner)
    for token in post.tokens():
        assert token not in everything


async def test_each_mailing_is_one_mail_to_each_approver(post: Post) -> None:
    await post.send()
    async with post.world.database.transaction(post.world.org_id) as connection:
        world = post.world
        assert await proof_sheets.next_mailing(connection, world.org_id, world.color_up_id) == 2
    assert [await post.send() for _ in range(2)] == [ProofMailed(sent=2)] * 2
    assert len(post.arrived()) == 4
    assert len(set(post.tokens())) == 4
    assert len({mail["Message-ID"] for mail in post.arrived()}) == 4


async def test_a_german_customer_is_written_to_in_german(database: Database, post: Post) -> None:
    await post.world.change("UPDATE customer SET language = 'de'")
    await post.send()
    mail = post.arrived()[0]
    assert mail["Subject"] == "Bitte prüfen: Crest auf 14728 BLK"
    assert "Mit freundlichen Grüßen" in mail.get_body(("plain",)).get_content()


async def test_an_address_that_is_put_off_is_tried_again_alone(post: Post) -> None:
    (row,) = await post.world.rows("SELECT email FROM approver WHERE is_primary")
    post.handler.refuses[row["email"]] = "450 later"
    with pytest.raises(ApplicationError) as put_off:
        await post.send()
    assert (put_off.value.type, put_off.value.non_retryable) == ("MailNotSent", False)
    assert sorted(await post.log()) == [
        ("RETRYING", "The mail server put the address off (450)"),
        ("SENT", None),
    ]
    assert len(await post.world.rows("SELECT 1 FROM proof_link")) == 1
    post.handler.refuses.clear()
    assert await post.send() == ProofMailed(sent=2)
    assert len(post.arrived()) == 2
    assert len(await post.world.rows("SELECT 1 FROM proof_link")) == 2


async def test_an_address_that_does_not_exist_is_left_and_its_link_with_it(post: Post) -> None:
    (row,) = await post.world.rows("SELECT email FROM approver WHERE is_primary")
    post.handler.refuses[row["email"]] = "550 no such user"
    assert await post.send() == ProofMailed(sent=1, failed=1)
    assert await post.send() == ProofMailed(sent=1, failed=1)
    assert ("FAILED", "The mail server refused the address (550)") in await post.log()
    assert len(await post.world.rows("SELECT 1 FROM proof_link")) == 1


@pytest.mark.parametrize("address", ["a..b@x.example", "jo,hn@x.example", "<jo@h.example", "jo(x)@h.example"])
async def test_an_address_that_nobody_can_mail_keeps_no_other_approver_waiting(
    post: Post, address: str
) -> None:
    await post.world.change("UPDATE approver SET email = :bad WHERE is_primary", bad=address)
    for _ in range(2):
        assert await post.send() == ProofMailed(sent=1, failed=1)
    assert ("FAILED", "No mail can be sent to this address; correct it") in await post.log()
    assert len(post.arrived()) == 1
    assert len(await post.world.rows("SELECT 1 FROM proof_link")) == 1


async def test_a_logo_with_a_line_break_in_its_name_is_mailed(post: Post) -> None:
    await post.world.change("UPDATE logo SET name = :name", name="Crest\u2028old")
    assert await post.send() == ProofMailed(sent=2)
    assert post.arrived()[0]["Subject"] == "Please check: Crest old on 14728 BLK"


class Silent:
    """A mail server that takes each mail and says so from the second time on."""

    def __init__(self) -> None:
        self.taken: list[Letter] = []

    async def send(self, letter: Letter, _key: str) -> None:
        self.taken.append(letter)
        if len(self.taken) == 1:
            raise MailInDoubt("The mail server did not answer in time")


async def test_both_links_work_when_a_mail_comes_twice_because_its_server_was_silent(post: Post) -> None:
    await post.world.change("UPDATE approver SET active = is_primary")
    silent, database = Silent(), post.world.database
    post.mails = ProofMails(database, Mailer(database, silent), "https://orders.example.com")
    with pytest.raises(ApplicationError):
        await post.send()
    assert await post.log() == [("RETRYING", "The mail server did not answer in time")]
    assert await post.send() == ProofMailed(sent=1)
    tokens = [ADDRESS.findall(letter.text)[0] for letter in silent.taken]
    assert len(set(tokens)) == 2
    for token in tokens:
        assert await proof_links.find(database, token) is not None


async def test_a_renewal_whose_server_was_silent_is_tried_again(post: Post) -> None:
    await post.send()
    found = await proof_links.find(post.world.database, post.tokens()[0])
    assert found is not None
    await post.world.change("UPDATE proof_link SET created_at = created_at - interval '1 hour'")
    silent, database = Silent(), post.world.database
    post.mails = ProofMails(database, Mailer(database, silent), "https://orders.example.com")
    with pytest.raises(ApplicationError):
        await post.renew(found[1], run="a")
    assert await post.renew(found[1], run="a") == ProofMailed(sent=1)
    assert await post.renew(found[1], run="b") == ProofMailed(), "the next one waits as ever"
    assert len(silent.taken) == 2


async def test_nobody_is_mailed_about_a_decided_proof_and_no_one_who_may_not_decide(post: Post) -> None:
    await post.world.change("UPDATE approver SET active = false WHERE is_primary")
    assert await post.send() == ProofMailed(sent=1)
    await post.world.change("UPDATE color_up SET decision = 'approve', status = 'Approved'")
    await post.world.change("UPDATE approver SET active = true")
    assert await post.send() == ProofMailed()
    assert len(post.arrived()) == 1


async def test_a_newer_version_ends_the_links_to_the_older_one(post: Post) -> None:
    await post.send()
    newer = await post.world.new_version([NAVY, GOLD])
    await post.send(newer)
    rows = await post.world.rows("SELECT color_up_id, revoked_at FROM proof_link ORDER BY created_at")
    assert [row["revoked_at"] is None for row in rows] == [False, False, True, True]


async def test_a_renewed_link_is_for_the_newest_version_and_comes_once_in_a_while(post: Post) -> None:
    await post.send()
    found = await proof_links.find(post.world.database, post.tokens()[0])
    assert found is not None
    assert await post.renew(found[1]) == ProofMailed(), "the mail with the first link is minutes old"
    newer = await post.world.new_version([NAVY, GOLD])
    assert await post.renew(found[1]) == ProofMailed(sent=1)
    assert await post.renew(found[1]) == ProofMailed()
    renewed = post.arrived()[-1]
    assert renewed["Subject"] == "Your new link: Crest on 14728 BLK"
    fresh = await proof_links.find(post.world.database, post.tokens()[-1])
    assert fresh is not None
    (link,) = await post.world.rows("SELECT color_up_id FROM proof_link WHERE id = :id", id=fresh[1])
    assert link["color_up_id"] == newer


async def test_who_may_no_longer_decide_gets_no_new_link(post: Post) -> None:
    await post.send()
    found = await proof_links.find(post.world.database, post.tokens()[0])
    assert found is not None
    await post.world.new_version([NAVY, GOLD])
    await post.world.change("UPDATE approver SET active = false")
    assert await post.renew(found[1]) == ProofMailed()


async def test_a_decision_between_two_mails_ends_the_mailing(post: Post) -> None:
    class Deciding:
        async def send(self, _letter: Any, _key: str) -> None:
            await post.world.change("UPDATE color_up SET decision = 'approve', status = 'Approved'")

    database = post.world.database
    post.mails = ProofMails(database, Mailer(database, Deciding()), "https://orders.example.com")
    assert await post.send() == ProofMailed(sent=1)
    assert await post.log() == [("SENT", None)]


async def test_a_draft_knows_whom_it_waits_for_and_which_mails_nobody_took(post: Post) -> None:
    (primary,) = await post.world.rows("SELECT email FROM approver WHERE is_primary")
    draft_id = await post.world.line(post.world.color_up_id)

    async def asked() -> Any:
        query = f"SELECT {ASKED} AS asked FROM draft_order d WHERE d.id = :id"
        (row,) = await post.world.rows(query, id=draft_id)
        return row["asked"]

    post.handler.refuses[primary["email"]] = "550 no such user"
    await post.send()
    (proof,) = await asked()
    assert proof["color_up_id"] == str(post.world.color_up_id)
    assert proof["approvers"] == ["Ada <Boss>", "Jo Hansen"]
    reason = "The mail server refused the address (550)"
    assert proof["untaken"] == [{"recipient": primary["email"], "reason": reason}]
    await post.world.change("UPDATE message_log SET outcome = 'SENT'")
    (proof,) = await asked()
    assert proof["untaken"] == []
    await post.world.change("UPDATE draft_order_line SET status = 'Phone Call' WHERE true")
    assert await asked() == []
