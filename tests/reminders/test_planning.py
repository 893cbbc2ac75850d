"""When the next morning is, and what is due: read anew each time."""

from datetime import UTC, datetime

from domain.digests import ReminderPlan
from tests.reminders.rounds import MONDAY, Post, plan, remind
from tests.reminders.world import World


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
