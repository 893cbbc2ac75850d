"""Each column of the fault table counts what it says: evidence is made wrong in one place at a time."""

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.e2e.cascades import DECIDED
from tests.faults import proof_lives as proofs
from tests.faults.account import Count, judge
from tests.faults.crowd import Life
from tests.faults.erp import Taken
from tests.faults.table import MUST_BE_NONE, Line

EXPORT = "0f0e0d0c-0000-5000-8000-000000000001"
PATH = ("NEW", "EXTRACTED", "READY", "APPROVED", "PUSHING", "PUSHED")
ACTIONS = ("DRAFT_CREATED", "DRAFT_VALIDATED", "DRAFT_APPROVED", "DRAFT_PUSHED", "EXPORT_SENT")


class Evidence:
    """A push that went well: what its client was told, its row, its trail, and the ERP's file."""

    def __init__(self) -> None:
        self.life = Life("one")
        self.life.acknowledged = {"create": {}, "validate": {}, "approve": {}}
        self.life.acknowledged["push"] = {"erp_export_id": EXPORT, "status": "PUSHING"}
        name = f"sales_order_{self.life.draft_id}_20261120T090000Z_0f0e0d0c.json"
        self.files = [Taken(name, "ab" * 32, whole=True)]
        export: dict[str, Any] = {"id": EXPORT, "file_name": name, "sha256": "ab" * 32, "status": "SENT"}
        export |= {"unconfirmed": False, "may_have_been_sent": False}
        self.draft: dict[str, Any] = {"status": "PUSHED", "version": 5, "exports": [export]}
        self.draft |= {"waiting_for": None, "waiting_message": None}
        self.tries: list[dict[str, Any]] = [
            {"export_id": EXPORT, "attempt_number": 1, "status": "RETRYING"},
            {"export_id": EXPORT, "attempt_number": 2, "status": "SUCCESS"},
        ]
        self.trail: list[dict[str, Any]] = [
            {
                "entity_seq": number + 1,
                "action": action,
                "before": {"status": PATH[number]} if number else None,
                "after": {"status": PATH[number + 1]},
                "details": {"erp_export_id": EXPORT} if number > 2 else None,
            }
            for number, action in enumerate(ACTIONS)
        ]

    def counted(self) -> Count:
        count = Count()
        judge(count, self.life, self.draft, self.trail, self.tries, self.files)
        return count


def test_a_push_that_went_well_counts_nowhere() -> None:
    assert Evidence().counted() == Count(pushes=1)


def _waits(evidence: Evidence, message: str) -> None:
    evidence.draft |= {"status": "PUSHING", "version": 4, "waiting_for": "export", "waiting_message": message}
    evidence.draft["exports"][0]["status"] = "PENDING"
    evidence.trail.pop()


def _again(evidence: Evidence) -> None:
    evidence.trail.insert(3, deepcopy(evidence.trail[3]))
    for number, row in enumerate(evidence.trail, 1):
        row["entity_seq"] = number


def _fails(evidence: Evidence, *, may_have_been_sent: bool) -> None:
    evidence.draft["status"] = "ERROR"
    evidence.draft["exports"][0] |= {"status": "FAILED", "may_have_been_sent": may_have_been_sent}
    evidence.trail[-1] |= {"action": "DRAFT_PUSH_FAILED", "after": {"status": "ERROR"}}


WRONG: list[tuple[str, Callable[[Evidence], object]]] = [
    ("lost", lambda e: e.files.clear()),
    ("duplicate", lambda e: e.files.append(e.files[0])),
    ("duplicate", lambda e: e.files.append(Taken(e.files[0].name.replace("0f0e", "1f1e"), "ab" * 32, True))),
    ("torn", lambda e: e.files.__setitem__(0, Taken(e.files[0].name, "ab" * 32, whole=False))),
    ("torn", lambda e: e.files.__setitem__(0, Taken(e.files[0].name, "cd" * 32, whole=True))),
    ("denied", lambda e: _fails(e, may_have_been_sent=False)),
    ("commands", lambda e: e.trail.pop(2)),
    ("commands", lambda e: e.life.refused.__setitem__("push", "409 Export already in progress")),
    ("commands", lambda e: e.life.acknowledged["push"].__setitem__("erp_export_id", "another")),
    ("audit", _again),
    ("audit", lambda e: e.trail.pop()),
    ("audit", lambda e: e.trail[1]["after"].__setitem__("status", "PUSHED")),
    ("audit", lambda e: e.draft.__setitem__("version", 6)),
    ("stuck", lambda e: _waits(e, "Being delivered to the ERP's dropzone")),
    ("stuck", lambda e: e.tries[0].__setitem__("status", "PENDING")),
    ("audit", lambda e: e.tries.pop()),
    ("stuck", lambda e: e.life.refused.__setitem__("push", "no answer within 150 s")),
    ("stuck", lambda e: setattr(e.life, "hung", 1)),
]


@pytest.mark.parametrize(("column", "make_wrong"), WRONG)
def test_what_is_wrong_is_counted_in_its_column(
    column: str, make_wrong: Callable[[Evidence], object]
) -> None:
    evidence = Evidence()
    make_wrong(evidence)
    count = evidence.counted()
    assert getattr(count, column) > 0
    assert count.notes
    assert not Line("a fault", wanted=0, count=count).met


def went_well() -> proofs.Evidence:
    mails = Counter({"<first@x>": 1, "<again@x>": 2})
    return proofs.Evidence(list(DECIDED), len(DECIDED) - 1, mails, ["applied"], decisions=1)


PROOF_WRONG: list[tuple[str, Callable[[proofs.Evidence], object]]] = [
    ("audit", lambda e: e.way.append(e.way[-1])),
    ("audit", lambda e: e.way.pop()),
    ("audit", lambda e: setattr(e, "moves", e.moves + 1)),
    ("audit", lambda e: setattr(e, "decisions", 2)),
    ("audit", lambda e: e.callbacks.append("applied")),
    ("audit", lambda e: e.callbacks.__setitem__(0, None)),
    ("lost", lambda e: e.mails.pop("<again@x>")),
    ("duplicate", lambda e: e.mails.update({"<again@x>": 1})),
    ("duplicate", lambda e: e.mails.update({"<a third@x>": 1})),
]


@pytest.mark.parametrize(("column", "make_wrong"), PROOF_WRONG)
def test_what_is_wrong_about_a_proof_is_counted(
    column: str, make_wrong: Callable[[proofs.Evidence], object]
) -> None:
    good, evidence, count = Count(), went_well(), Count()
    proofs.judge(good, proofs.ProofLife("one"), went_well())
    assert good == Count(pushes=1)
    make_wrong(evidence)
    proofs.judge(count, proofs.ProofLife("one"), evidence)
    assert getattr(count, column) == 1
    assert not Line("a fault", wanted=0, count=count).met


def test_a_proof_that_does_not_get_on_is_stuck() -> None:
    count = Count()
    proofs.judge(count, proofs.ProofLife("one", broken_off="TimeoutError"), proofs.Evidence([], 0))
    assert count.stuck == 1


def test_an_unfinished_draft_that_says_why_is_no_miss() -> None:
    evidence = Evidence()
    _waits(evidence, "The last delivery try failed and is repeated: Connection refused")
    evidence.files.clear()
    count = evidence.counted()
    assert all(getattr(count, column) == 0 for column in MUST_BE_NONE)
    assert len(count.notes) == 1


def test_a_fault_that_did_not_strike_is_a_miss() -> None:
    assert Line("a fault", wanted=2, struck=2).met
    assert not Line("a fault", wanted=2, struck=1).met


def test_a_failed_export_that_may_have_been_sent_is_no_miss() -> None:
    evidence = Evidence()
    _fails(evidence, may_have_been_sent=True)
    assert evidence.counted() == Count(pushes=1, failed=1)


@pytest.mark.parametrize(
    ("count", "verdict"),
    [
        (Count(), "met"),
        (Count(duplicate=2), "cannot"),
        (Count(duplicate=3), "missed"),  # more than one for each time that it struck
        (Count(duplicate=1, lost=1), "missed"),
        (Count(torn=1), "missed"),
    ],
)
def test_what_no_client_can_keep_apart_is_said_and_nothing_else_is_let_pass(
    count: Count, verdict: str
) -> None:
    line = Line("a fault", wanted=2, struck=2, count=count, cannot="link and unlink")
    assert line.verdict == verdict
    assert line.met == (verdict != "missed")


def test_two_files_are_a_miss_where_nothing_is_admitted() -> None:
    assert Line("a fault", wanted=2, struck=2, count=Count(duplicate=1)).verdict == "missed"


def test_a_fault_that_the_machine_cannot_bring_about_is_not_called_met() -> None:
    line = Line("a fault", wanted=2, not_run="no right to mount")
    assert line.verdict == "not run"
    assert line.met
