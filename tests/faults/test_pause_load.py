"""Hundreds of pushes wait for the end of one pause: each is delivered once, in order, not all at once."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from local.stack import Stack
from tests.e2e.conftest import Person
from tests.faults.pausing import connection_path, delivered_once, pushed_into_the_pause

PUSHES = 200
PER_S = 5  # COUNTERSIGN_RESUME_PER_S
# Neighbours may overtake each other: what is ordered is when they are let go, 200 ms apart.
NEIGHBOURS = 10


@pytest.mark.fault
async def test_hundreds_of_waiting_pushes_follow_in_their_order_at_the_settings_rate(
    fragile: Stack, clerk: Person
) -> None:
    folder = fragile.var / "dropzone" / "demo" / "orders"
    path = await connection_path(clerk)
    await clerk.json("POST", f"{path}/pause")
    exports = await pushed_into_the_pause(clerk, PUSHES)
    await clerk.json("POST", f"{path}/resume")
    await delivered_once(clerk, exports, folder, within_s=PUSHES / PER_S + 120)
    began = []
    for export in exports:
        held, sent = (await clerk.json("GET", f"/exports/{export['id']}/push-log"))["data"]
        assert (held["error"]["code"], sent["status"]) == ("CONNECTION_PAUSED", "SUCCESS")
        began.append(sent["started_at"])
    names = [export["file_name"] for export in exports]
    arrived = _arrivals(folder, names)
    took_s = arrived[-1][1] - arrived[0][1]
    displaced = [abs(names.index(name) - place) for place, (name, _at) in enumerate(arrived)]
    swapped = sum(one > other for one, other in pairwise(began))
    print(
        f"{PUSHES} held pushes, {took_s:.1f} s from first file to last, {swapped} neighbours begun in "
        f"the other order, files displaced by {max(displaced)} places at most"
    )
    assert took_s > (PUSHES - 1) / PER_S * 0.9  # never quicker than the setting
    assert max(displaced) <= NEIGHBOURS


def _arrivals(folder: Path, names: Sequence[str]) -> list[tuple[str, float]]:
    """By the time of the rename to the final name."""
    return sorted(((name, (folder / name).stat().st_ctime) for name in names), key=lambda each: each[1])
