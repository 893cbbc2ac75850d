"""What starts reminders: a line that is sent, and the regular check."""

from datetime import UTC, datetime
from uuid import UUID

from activities.line_facts import LineLookups
from activities.reminders import ReminderCheck
from domain.digests import PlanRequest
from domain.line_facts import LineQuestion, LinesRequest
from domain.statuses import LineStatus
from tests.reminders.rounds import DAY, plan, run
from tests.reminders.world import Told, World


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
