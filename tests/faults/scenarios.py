"""The table of faults. One more is one entry here, and its function in strikes.py or dropzones.py."""

from tests.connectors.servers import PROFILES
from tests.faults.armed_api import API_POINTS
from tests.faults.dropzones import on, on_a_full_disk, renames_are_late, replies_are_lost, server_dies
from tests.faults.points import HALVED, LINKING, SERVER_POINTS, WORKER_POINTS
from tests.faults.scenario import Plan, Scenario
from tests.faults.strikes import (
    api_dies,
    one_dies_a_batch,
    service_dies,
    storm,
    within,
    worker_dies,
    worker_dies_at_each,
    worker_stands_still,
)

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

# Stage and publish. Each server begins with two others.
_PUSH_POINTS = tuple(WORKER_POINTS)[3:]
WINDOW_S = 3
_SHORT = "openssh"  # the server for the small counts
# Four points and the other six.
_FAST_PROFILES = {"plain-rename": Plan(16, 4, clients=16), "bare": Plan(24, 6, clients=24)}
_RACED_POINTS = ("before rename", "in mark", "after rename", "before mark", "after create", "after stage")

# Name, what happens, and the points.
PROOF_FAULTS = (
    (
        "notices",
        "the API is killed after an answer, before it starts the notice; the worker before it marks one",
        ("before a notice starts", "after look_again"),
    ),
    ("mails", "the worker is killed between the mail server's yes and its note", ("after a mail",)),
    (
        "callbacks",
        "the API is killed after an answer, before it starts the callback; the worker before it settles one",
        ("before a callback starts", "after a callback's decision"),
    ),
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
            # the small counts meet the points of staging and publishing in the lines profile/…
            None if point in _PUSH_POINTS else Plan(8, 1, clients=8),
        )
        for point, what in WORKER_POINTS.items()
    ),
    Scenario(
        "worker-stop",
        "SIGSTOP past the heartbeat timeout; a second worker takes over, the first goes on later",
        worker_stands_still(_STOP_POINTS),
        Plan(300, 16, clients=25),
        Plan(12, 1, clients=12),
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
            _name("api-kill", point),
            what,
            api_dies(point),
            Plan(50, 13, clients=6),
            Plan(6, 1, clients=3) if point in {"after create", "after push"} else None,
        )
        for point, what in API_POINTS.items()
    ),
    *(
        Scenario(
            f"sftp-kill/{profile}",
            f"the server is killed just before, within and just after a rename ({profile})",
            on(profile, server_dies(tuple(SERVER_POINTS))),
            Plan(100, 25),
            Plan(9, 3, clients=6) if profile == _SHORT else None,
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
            Plan(4, 2, clients=4) if profile == _SHORT else None,
        )
        for profile in ("asyncssh", "openssh")
    ),
    *(
        Scenario(
            f"disk-full/{profile}",
            f"the dropzone's disk is full for a moment, again and again ({profile})",
            on_a_full_disk(profile),
            Plan(150, 25, clients=6),
            Plan(6, 1, clients=6) if profile == _SHORT else None,
        )
        for profile in ("asyncssh", "openssh")
    ),
    Scenario(
        "race/worker-stop",
        "a worker stops for longer than the delivery window; another gives the export up and pushes again",
        within(WINDOW_S, worker_stands_still(_RACED_POINTS, settled=True)),
        Plan(200, 16, clients=15),
        None,
    ),
    *(
        Scenario(
            f"race/late-rename-{profile}",
            f"renames wait in the server until about the end of the delivery window ({profile})",
            on(profile, within(WINDOW_S, renames_are_late)),
            Plan(150, 150),
            Plan(4, 4, clients=4) if profile == _SHORT else None,
        )
        for profile in ("asyncssh", "openssh")
    ),
    *(
        Scenario(
            f"profile/{profile}",
            f"the worker is killed at each point of staging and publishing ({profile})",
            on(profile, worker_dies_at_each(_PUSH_POINTS[2 * number :] + _PUSH_POINTS[: 2 * number])),
            Plan(60, 20, clients=15),
            _FAST_PROFILES.get(profile),
        )
        for number, profile in enumerate(PROFILES)
    ),
    *(
        Scenario(f"proofs/{name}", what, one_dies_a_batch(*points), Plan(16, 4, clients=4), None)
        for name, what, points in PROOF_FAULTS
    ),
    Scenario(
        "storm",
        "all of them at random, outages overlap; FAULT_SEED repeats it",
        storm,
        Plan(strikes=30, clients=10, seconds=300, patience_s=240),
        Plan(strikes=3, clients=6, seconds=15, pace=0.25, patience_s=240),
    ),
)
