"""The machinery of `make faults` once, small: a worker dies where it was told, and all is counted."""

from pathlib import Path

from tests.connectors.servers import PROFILES
from tests.faults import erp
from tests.faults.ground import prepared
from tests.faults.points import PROOF_POINTS, WORKER_POINTS
from tests.faults.scenario import Plan, play
from tests.faults.scenarios import PROOF_FAULTS, SCENARIOS


async def test_a_worker_dies_after_the_rename_and_the_erp_has_every_order_once(stack_folder: Path) -> None:
    scenario = next(each for each in SCENARIOS if each.name == "worker-kill/after-rename")
    async with prepared(stack_folder / "faults", print) as ground:
        line = await play(ground, scenario, Plan(3, 1, clients=3), "smoke")
        assert line.met, line
        assert line.struck == ground.worker.kills == 1
        assert line.count.pushes == 3
        # the killed try published, and nobody saw it; others may have been as far
        assert line.count.unconfirmed >= 1
        assert sorted(len(files) for files in erp.by_draft(ground.ledger).values()) == [1, 1, 1]


def test_every_point_of_a_worker_has_its_fault() -> None:
    names = {each.name for each in SCENARIOS}
    assert len(names) == len(SCENARIOS)
    assert {f"worker-kill/{point.replace(' ', '-')}" for point in WORKER_POINTS} <= names


def test_every_point_of_a_proof_has_its_fault() -> None:
    struck = [point for _name, _what, points in PROOF_FAULTS for point in points]
    assert sorted(struck) == sorted(PROOF_POINTS)


def test_the_small_counts_kill_a_worker_at_every_point_too() -> None:
    met = {
        point
        for point in WORKER_POINTS
        for each in SCENARIOS
        if each.fast and each.name == f"worker-kill/{point.replace(' ', '-')}"
    }
    push_points = list(WORKER_POINTS)[3:]
    for number, profile in enumerate(PROFILES):
        plan = next(each for each in SCENARIOS if each.name == f"profile/{profile}").fast
        turned = push_points[2 * number :] + push_points[: 2 * number]
        met |= set(turned[: plan.strikes if plan else 0])
    assert met == set(WORKER_POINTS)
