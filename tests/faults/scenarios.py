"""The table of faults. One more is one entry here, and its function in strikes.py."""

from tests.faults.armed_api import API_POINTS
from tests.faults.points import WORKER_POINTS
from tests.faults.scenario import Plan, Scenario
from tests.faults.strikes import api_dies, service_dies, storm, worker_dies, worker_stands_still

_STOP_POINTS = (
    "in mark",
    "before rename",
    "after create",
    "before stage",
    "after rename",
    "before mark",
    "after log row",
    "before record",
)


def _name(kind: str, point: str) -> str:
    return f"{kind}/{point.replace(' ', '-')}"


SCENARIOS: tuple[Scenario, ...] = (
    *(
        Scenario(
            _name("worker-kill", point),
            what,
            worker_dies(point),
            Plan(100, 5, clients=25),
            Plan(8, 1, clients=8),
        )
        for point, what in WORKER_POINTS.items()
    ),
    Scenario(
        "worker-stop",
        "SIGSTOP past the heartbeat timeout; a second worker takes over, the first goes on later",
        worker_stands_still(_STOP_POINTS),
        Plan(300, 16, clients=25),
        Plan(24, 2, clients=12),
    ),
    Scenario(
        "temporal-kill",
        "the Temporal server is killed under load and comes back with its database",
        service_dies("temporal"),
        Plan(240, 12),
        Plan(20, 1),
    ),
    Scenario(
        "postgres-kill",
        "PostgreSQL and all its backends are killed under load",
        service_dies("postgres"),
        Plan(200, 10),
        Plan(20, 1),
    ),
    *(
        Scenario(
            _name("api-kill", point), what, api_dies(point), Plan(50, 13, clients=6), Plan(6, 1, clients=3)
        )
        for point, what in API_POINTS.items()
    ),
    Scenario(
        "storm",
        "all of them at random, outages overlap; FAULT_SEED repeats it",
        storm,
        Plan(strikes=30, clients=10, seconds=300, patience_s=240),
        Plan(strikes=3, clients=6, seconds=25, pace=0.25, patience_s=240),
    ),
)
