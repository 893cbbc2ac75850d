"""The table of faults. One more is one entry here, and its function in strikes.py or dropzones.py."""

from tests.faults.armed_api import API_POINTS
from tests.faults.dropzones import on, replies_are_lost, server_dies
from tests.faults.points import HALVED, LINKING, SERVER_POINTS, WORKER_POINTS
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
    *(
        Scenario(
            f"sftp-kill/{profile}",
            f"the server is killed just before, within and just after a rename ({profile})",
            on(profile, server_dies(tuple(SERVER_POINTS))),
            Plan(100, 25),
            Plan(12, 3, clients=6),
        )
        for profile in ("asyncssh", "openssh")
    ),
    Scenario(
        "sftp-kill/link-and-unlink",
        "the server is killed between the two steps of its plain rename; it has no posix-rename",
        on(LINKING, server_dies((HALVED,))),
        Plan(20, 5, clients=10),
        Plan(6, 1, clients=6),
        cannot="the server dies between link and unlink, and the ERP takes the file before the next try: "
        "what is left looks like a rename that never happened (docs/connectors.md). At most one file a kill.",
    ),
    *(
        Scenario(
            f"reply-lost/{profile}",
            f"the reply to a rename is lost: cut, or silence on an open connection ({profile})",
            on(profile, replies_are_lost),
            Plan(100, 50),
            Plan(8, 4, clients=8),
        )
        for profile in ("asyncssh", "openssh")
    ),
    Scenario(
        "storm",
        "all of them at random, outages overlap; FAULT_SEED repeats it",
        storm,
        Plan(strikes=30, clients=10, seconds=300, patience_s=240),
        Plan(strikes=3, clients=6, seconds=25, pace=0.25, patience_s=240),
    ),
)
