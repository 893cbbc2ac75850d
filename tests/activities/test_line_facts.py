"""What lines wait for, read from real rows; and the customer's decision, under the lock of the color-up."""

from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest
from temporalio.exceptions import ApplicationError

from activities.line_facts import LineLookups
from commands.draft_orders import TemporalUnavailable
from domain.color_ups import ColorUpStatus, Decision
from domain.line_facts import LineFact, LineQuestion, LinesRequest
from domain.statuses import LineStatus
from storage.approvers import create_approver
from storage.database import Database
from storage.logos import create_logo
from tests.storage.conftest import AT, new_org
from tests.storage.proof_ground import Ground, verdict

ABSENT = uuid4()


@dataclass
class Started:
    """Remembers which proofs were started; `fails` of the next starts find no Temporal."""

    proofs: list[UUID] = field(default_factory=list)
    fails: int = 0

    async def __call__(self, _org_id: UUID, color_up_id: UUID) -> None:
        if self.fails:
            self.fails -= 1
            raise TemporalUnavailable("Temporal did not answer in time")
        self.proofs.append(color_up_id)


async def reminded(_org_id: UUID, _customer_id: UUID) -> None:
    """What comes of reminding is tested in tests/reminders."""


async def approver_of(ground: Ground, *, active: bool = True) -> None:
    values = {"name": "Jo", "email": "jo@hansen.example", "phone": None, "is_primary": True, "active": active}
    async with ground.database.transaction(ground.org) as connection:
        await create_approver(connection, ground.org, ground.customer, uuid4(), values, AT)


def asked(ground: Ground, status: LineStatus, line_no: int = 1, **fields: object) -> LineQuestion:
    good = {"logo_id": ground.logo, "style_number": "14728", "color_code": "BLK"}
    return LineQuestion.model_validate({"line_no": line_no, "status": status, **good, **fields})


def request(ground: Ground, *lines: LineQuestion, draft_id: UUID = ABSENT) -> LinesRequest:
    return LinesRequest(org_id=ground.org, draft_id=draft_id, customer_id=ground.customer, lines=list(lines))


async def one(ground: Ground, status: LineStatus = LineStatus.AWAITING_LOGO, **fields: object) -> LineFact:
    facts = await LineLookups(ground.database, Started(), reminded).read(
        request(ground, asked(ground, status, **fields))
    )
    return facts.lines[1]


async def test_a_logo_is_found_by_its_id_or_by_its_file_cabinet_id(database: Database, org: UUID) -> None:
    ground = await Ground(database, org).lay()
    cabinet, logo_id = f"F-{uuid4()}", uuid4()
    values = {
        "customer_id": ground.customer,
        "name": "Back",
        "design_number": None,
        "netsuite_file_cabinet_id": cabinet,
        "placement_default": None,
    }
    async with database.transaction(org) as connection:
        await create_logo(connection, org, logo_id, values, AT)
    assert (await one(ground)).logo_id == ground.logo
    by_cabinet = await one(ground, logo_id=None, netsuite_file_cabinet_id=cabinet)
    assert (by_cabinet.logo_id, by_cabinet.logo_customer_id) == (logo_id, ground.customer)
    both = await one(ground, netsuite_file_cabinet_id=cabinet)
    assert both.logo_id == ground.logo
    assert (await one(ground, logo_id=None)).logo_id is None
    assert (await one(ground, logo_id=None, netsuite_file_cabinet_id="F-unknown")).logo_id is None


async def test_a_logo_or_color_up_of_another_org_is_not_there(database: Database, org: UUID) -> None:
    theirs = await Ground(database, await new_org(database)).lay()
    ours = await Ground(database, org).lay()
    fact = await one(
        ours, logo_id=theirs.logo, color_up_id=theirs.versions[0], wanted_color_up_id=theirs.versions[0]
    )
    assert fact == LineFact()


@pytest.mark.parametrize(
    ("field_name", "value"),
    [("style_number", "14729"), ("color_code", "blk"), ("color_code", "BLK "), ("style_number", None)],
)
async def test_an_approved_color_up_fits_the_same_key_only(
    database: Database, org: UUID, field_name: str, value: str | None
) -> None:
    ground = await Ground(database, org).lay()
    assert (await one(ground)).approved_color_up_id is None
    await ground.decide(ground.versions[0])
    assert (await one(ground)).approved_color_up_id == ground.versions[0]
    assert (await one(ground, **{field_name: value})).approved_color_up_id is None


async def test_the_newest_version_that_may_be_used_is_the_newer_one(database: Database, org: UUID) -> None:
    ground = await Ground(database, org).lay(3)
    first, second, third = ground.versions
    assert (await one(ground, color_up_id=first)).newer_color_up_id == third
    assert (await one(ground, color_up_id=third)).newer_color_up_id is None
    await ground.decide(third, verdict(Decision.REQUEST_CHANGES))
    fact = await one(ground, color_up_id=first)
    assert (fact.newer_color_up_id, fact.color_up_version) == (second, 1)
    assert (await one(ground, color_up_id=third)).color_up_status is ColorUpStatus.RETIRED


async def test_only_an_active_approver_counts(database: Database, org: UUID) -> None:
    ground = await Ground(database, org).lay()
    lookups, question = LineLookups(database, Started(), reminded), asked(ground, LineStatus.NEEDS_APPROVER)
    await approver_of(ground, active=False)
    assert not (await lookups.look_up(request(ground, question))).has_active_approver
    await approver_of(other := await Ground(database, org).lay())
    assert not (await lookups.look_up(request(ground, question))).has_active_approver
    assert (await lookups.look_up(request(other, question))).has_active_approver


async def test_a_line_that_was_sent_subscribes_and_has_a_workflow_that_waits(
    database: Database, org: UUID
) -> None:
    ground, started, draft_id = await Ground(database, org).lay(), Started(), uuid4()
    version = ground.versions[0]
    lines = [asked(ground, LineStatus.SENT_FOR_APPROVAL, n, color_up_id=version) for n in (1, 2)]
    lookups = LineLookups(database, started, reminded)
    for _ in range(2):  # a repeat changes nothing
        facts = await lookups.look_up(request(ground, *lines, draft_id=draft_id))
        assert [facts.lines[n].decision for n in (1, 2)] == [None, None]
    assert started.proofs == [version, version]
    assert await ground.statuses() == ["Pending Approval"]
    await ground.decide(version)
    facts = await lookups.look_up(request(ground, *lines, draft_id=draft_id))
    made = facts.lines[2].decision
    assert made is not None
    assert (made.decision, made.team_proxy, made.note) == (Decision.APPROVE, True, "by phone")
    assert started.proofs == [version, version]


@pytest.mark.parametrize(
    "status", sorted(set(LineStatus) - {LineStatus.SENT_FOR_APPROVAL, LineStatus.PHONE_CALL})
)
async def test_nobody_else_subscribes_or_hears_a_decision(
    database: Database, org: UUID, status: LineStatus
) -> None:
    ground, started = await Ground(database, org).lay(2), Started()
    undecided, decided = ground.versions
    lookups = LineLookups(database, started, reminded)
    await lookups.look_up(request(ground, asked(ground, status, color_up_id=undecided)))
    assert await ground.statuses() == ["Draft", "Draft"]
    await ground.decide(decided)
    facts = await lookups.look_up(request(ground, asked(ground, status, color_up_id=decided)))
    assert facts.lines[1].decision is None
    assert started.proofs == []


async def test_without_temporal_the_look_fails_and_its_repeat_starts_the_proof(
    database: Database, org: UUID
) -> None:
    ground, started = await Ground(database, org).lay(), Started(fails=1)
    question = asked(ground, LineStatus.SENT_FOR_APPROVAL, color_up_id=ground.versions[0])
    lookups = LineLookups(database, started, reminded)
    with pytest.raises(ApplicationError) as caught:
        await lookups.look_up(request(ground, question))
    assert (caught.value.type, caught.value.non_retryable) == ("TemporalUnavailable", False)
    await lookups.look_up(request(ground, question))
    assert started.proofs == ground.versions


async def test_a_command_reads_and_changes_nothing(database: Database, org: UUID) -> None:
    ground, started = await Ground(database, org).lay(), Started()
    question = asked(
        ground,
        LineStatus.SENT_FOR_APPROVAL,
        color_up_id=ground.versions[0],
        wanted_color_up_id=ground.versions[0],
    )
    wanted = (await LineLookups(database, started, reminded).read(request(ground, question))).lines[1].wanted
    assert wanted is not None
    assert (wanted.logo_id, wanted.style_number, wanted.color_code, wanted.version) == (
        ground.logo,
        "14728",
        "BLK",
        1,
    )
    assert (await ground.statuses(), started.proofs) == (["Draft"], [])
