"""Ending the links to a proof; sending it again ends them and has it mailed anew."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from domain.mails import Envelope, MailKind
from domain.statuses import Role
from storage import messages
from tests.activities.proof_world import NAVY
from tests.api.conftest import AuditOf, ClientFor, TestOrg
from tests.api.visitor import Visitor


async def noticed(visitor: Visitor) -> list[UUID]:
    """The versions that wait to be mailed anew, as the relay finds them."""
    rows = await visitor.world.rows(
        "SELECT entity_id FROM line_notice WHERE kind = 'proof_resent' AND told_at IS NULL"
    )
    return [row["entity_id"] for row in rows]


async def test_links_end_and_a_new_mailing_begins(
    visitor: Visitor, client_for: ClientFor, fresh_org: TestOrg, audit_of: AuditOf
) -> None:
    world, ops = visitor.world, client_for(Role.OPS, fresh_org)
    assert (await visitor.get()).status_code == 200
    answer = await ops.post(f"/color-ups/{world.color_up_id}/resend")
    assert (answer.status_code, answer.json()) == (
        200,
        {"color_up_id": str(world.color_up_id), "mailing": 2, "links_revoked": 1},
    )
    assert (await visitor.get()).status_code == 410
    assert await noticed(visitor) == [world.color_up_id]
    assert [each.org_id for each in visitor.deciding.noticed] == [world.org_id]
    (row,) = [
        each for each in await audit_of(fresh_org, world.color_up_id) if each["action"] == "PROOF_RESENT"
    ]
    assert (row["after"]["mailing"], row["after"]["links_revoked"]) == (2, 1)


async def test_the_same_key_sends_once(visitor: Visitor, client_for: ClientFor, fresh_org: TestOrg) -> None:
    ops, path = client_for(Role.OPS, fresh_org), f"/color-ups/{visitor.world.color_up_id}/resend"
    answers = [await ops.post(path, headers={"Idempotency-Key": "again"}) for _ in range(2)]
    assert [each.json()["mailing"] for each in answers] == [2, 2]
    assert len(await noticed(visitor)) == 1
    assert (await ops.post(path)).json()["mailing"] == 3
    assert len(await noticed(visitor)) == 2


async def test_when_temporal_is_away_the_notice_stays_for_the_relay(
    visitor: Visitor, client_for: ClientFor, fresh_org: TestOrg
) -> None:
    ops, path = client_for(Role.OPS, fresh_org), f"/color-ups/{visitor.world.color_up_id}/resend"
    visitor.deciding.away = True
    assert (await ops.post(path)).json()["mailing"] == 2
    assert visitor.deciding.noticed == []
    assert await noticed(visitor) == [visitor.world.color_up_id]


@pytest.mark.parametrize(
    ("status", "decision", "sentence"),
    [
        ("Draft", None, "was not sent to the customer yet"),
        ("Approved", "approve", "already approved"),
        ("Retired", "request_changes", "out of date"),
    ],
)
async def test_what_does_not_wait_is_not_sent(
    visitor: Visitor,
    client_for: ClientFor,
    fresh_org: TestOrg,
    status: str,
    decision: str | None,
    sentence: str,
) -> None:
    await visitor.world.change("UPDATE color_up SET status = :s, decision = :d", s=status, d=decision)
    ops = client_for(Role.OPS, fresh_org)
    refused = await ops.post(f"/color-ups/{visitor.world.color_up_id}/resend")
    assert refused.status_code == 409
    assert sentence in refused.json()["detail"]
    assert await noticed(visitor) == []
    (link,) = await visitor.world.rows("SELECT revoked_at FROM proof_link")
    assert link["revoked_at"] is None


async def test_another_orgs_proof_is_not_there(visitor: Visitor, client_for: ClientFor) -> None:
    ops = client_for(Role.OPS)
    for color_up_id in (visitor.world.color_up_id, uuid4()):
        assert (await ops.post(f"/color-ups/{color_up_id}/resend")).status_code == 404
    assert await noticed(visitor) == []


async def test_a_mail_that_nobody_took_yet_is_closed_in_the_log(
    visitor: Visitor, client_for: ClientFor, fresh_org: TestOrg
) -> None:
    """The new mailing has rows of its own; nobody would end this one."""
    world = visitor.world
    envelope = Envelope(
        org_id=world.org_id,
        key="proof:1",
        kind=MailKind.PROOF,
        customer_id=world.customer_id,
        approver_id=world.approvers[0],
        color_up_ids=(world.color_up_id,),
        recipient="jo@hansen.example",
    )
    async with world.database.transaction(world.org_id) as connection:
        await messages.begin_try(connection, envelope, datetime.now(UTC))
    await client_for(Role.OPS, fresh_org).post(f"/color-ups/{world.color_up_id}/resend")
    (row,) = await world.rows("SELECT outcome, reason FROM message_log")
    assert row == {
        "outcome": "FAILED",
        "reason": "The proof was sent again before the mail server took the mail",
    }


async def test_all_links_end_at_once_and_nobody_is_mailed(
    visitor: Visitor, client_for: ClientFor, fresh_org: TestOrg, audit_of: AuditOf
) -> None:
    world, ops = visitor.world, client_for(Role.OPS, fresh_org)
    path = f"/color-ups/{world.color_up_id}/revoke-links"
    form = await visitor.form()
    headers = {"Idempotency-Key": "end"}
    answers = [await ops.post(path, headers=headers) for _ in range(2)]
    expected = {"color_up_id": str(world.color_up_id), "links_revoked": 1}
    assert [(each.status_code, each.json()) for each in answers] == [(200, expected)] * 2
    for closed in (await visitor.get(), await visitor.send(form), await visitor.get("/picture.png")):
        assert closed.status_code == 410
        assert "This link is no longer valid" in closed.text
        assert "Mail me a new link" in closed.text
    assert await visitor.status() == "Pending Approval"
    assert await noticed(visitor) == []
    assert (await ops.post(path)).json()["links_revoked"] == 0
    trail = [
        row["after"]["links_revoked"]
        for row in await audit_of(fresh_org, world.color_up_id)
        if row["action"] == "PROOF_LINKS_REVOKED"
    ]
    assert trail == [1, 0]


async def test_links_to_other_versions_and_to_other_proofs_go_on_working(
    visitor: Visitor, client_for: ClientFor, fresh_org: TestOrg
) -> None:
    other = await visitor.world.new_version([NAVY], sent=False)
    ops = client_for(Role.OPS, fresh_org)
    assert (await ops.post(f"/color-ups/{other}/revoke-links")).json()["links_revoked"] == 0
    assert (await visitor.get()).status_code == 200


async def test_links_to_a_decided_proof_end_as_well(
    visitor: Visitor, client_for: ClientFor, fresh_org: TestOrg
) -> None:
    await visitor.send()
    ops = client_for(Role.OPS, fresh_org)
    ended = await ops.post(f"/color-ups/{visitor.world.color_up_id}/revoke-links")
    assert ended.json()["links_revoked"] == 1
    assert (await visitor.get()).status_code == 410


async def test_another_orgs_links_go_on_working(visitor: Visitor, client_for: ClientFor) -> None:
    ops = client_for(Role.OPS)
    for color_up_id in (visitor.world.color_up_id, uuid4()):
        assert (await ops.post(f"/color-ups/{color_up_id}/revoke-links")).status_code == 404
    assert (await visitor.get()).status_code == 200
