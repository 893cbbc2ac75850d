"""What holds a push, and how a draft says what it waits for."""

from typing import Any

import pytest

from domain.draft import Draft
from domain.gates import allowed_actions, gates, line_summary, waiting_for
from domain.policy import OrgPolicy
from domain.refusals import (
    GateHeld,
    NoActiveConnector,
)
from domain.statuses import DraftStatus as S
from domain.statuses import ExportStatus, LineStatus, ProductionGate, WaitingFor
from domain.transitions import Command
from tests.domain.orders import (
    NOT_READY,
    SIGNED,
    carried_out,
    decorated,
    draft,
    export,
    facts,
    line,
    refused,
)

PLAIN = [line(1)]
READY_LINES = [line(1), decorated(2, LineStatus.PRODUCTION_READY)]
WAITING_LINES = [line(1), decorated(2, LineStatus.PENDING_PRODUCTION_APPROVAL)]


@pytest.mark.parametrize(
    ("gate", "lines", "signed", "passes"),
    [
        ("decorated", PLAIN, False, True),
        ("decorated", PLAIN, True, True),
        ("decorated", READY_LINES, False, True),
        ("decorated", WAITING_LINES, False, False),
        ("decorated", WAITING_LINES, True, False),
        ("always", PLAIN, False, False),
        ("always", PLAIN, True, True),
        ("always", READY_LINES, False, True),
        ("always", WAITING_LINES, True, False),
        ("never", PLAIN, False, True),
        ("never", READY_LINES, False, True),
        ("never", WAITING_LINES, False, True),
    ],
)
@pytest.mark.parametrize("status", [S.APPROVED, S.ERROR])
def test_the_production_gate_holds_a_push_as_the_setting_says(
    status: S, gate: str, lines: list[Any], signed: bool, passes: bool
) -> None:
    command = Command.PUSH if status is S.APPROVED else Command.RETRY_PUSH
    policy = OrgPolicy(production_gate=ProductionGate(gate))
    approved = draft(status, lines=lines, **(SIGNED if signed else {}))
    assert (command in allowed_actions(approved, policy, has_connection=True)) is passes
    if passes:
        assert carried_out(command, approved, policy=policy).status is S.PUSHING
        return
    refusal = refused(GateHeld, command, approved, policy=policy)
    assert refusal.http_status == 409
    assert refusal.details["gates"] == ["production"]


@pytest.mark.parametrize("status", list(LineStatus))
@pytest.mark.parametrize("gate", list(ProductionGate))
def test_a_decorated_line_holds_the_push_until_customer_and_production_have_signed(
    gate: ProductionGate, status: LineStatus
) -> None:
    approved = draft(S.APPROVED, lines=[line(1), decorated(2, status)])
    customer = status in {"Approved", "Pending Production Approval"}
    production = status in {"Production Ready", "In Production", "Complete"}
    held = {
        "customer": not customer and not production,
        "production": not production and gate is not ProductionGate.NEVER,
    }
    policy = OrgPolicy(production_gate=gate)
    closed = [each.gate for each in gates(approved, policy, has_connection=True) if not each.passed]
    assert closed == [name for name, closes in held.items() if closes]
    if closed:
        refusal = refused(GateHeld, Command.PUSH, approved, policy=policy)
        assert refusal.details == {"held_by": [{"line_no": 2, "status": status}], "gates": closed}
    else:
        assert carried_out(Command.PUSH, approved, policy=policy).status is S.PUSHING


def test_a_held_push_lists_every_line_once_with_its_status() -> None:
    lines = [
        decorated(1, LineStatus.SENT_FOR_APPROVAL),
        line(2),
        decorated(3, LineStatus.PENDING_PRODUCTION_APPROVAL),
        decorated(7, LineStatus.PRODUCTION_READY),
    ]
    refusal = refused(GateHeld, Command.PUSH, draft(S.APPROVED, lines=lines))
    assert refusal.details["held_by"] == [
        {"line_no": 1, "status": "Sent for Approval"},
        {"line_no": 3, "status": "Pending Production Approval"},
    ]
    assert refusal.sentence == (
        "The push is held back: Waiting for the customer's artwork approval of 1 line; "
        "Waiting for production approval of 2 lines"
    )


@pytest.mark.parametrize(("status", "command"), [(S.APPROVED, Command.PUSH), (S.ERROR, Command.RETRY_PUSH)])
def test_without_a_connector_there_is_nothing_to_push_to(status: S, command: Command) -> None:
    refusal = refused(NoActiveConnector, command, draft(status), known=facts(connection=None))
    assert (refusal.http_status, refusal.sentence) == (400, "No active ERP connector configured")
    assert command not in allowed_actions(draft(status), OrgPolicy(), has_connection=False)


def test_a_push_whose_customer_has_gone_is_held() -> None:
    refused(GateHeld, Command.PUSH, draft(S.APPROVED), known=NOT_READY)


@pytest.mark.parametrize(
    ("of", "gate", "expected"),
    [
        (draft(S.EXTRACTED), "decorated", WaitingFor.VALIDATION),
        (draft(S.NEEDS_REVIEW), "decorated", WaitingFor.CORRECTION),
        (draft(S.READY), "always", WaitingFor.OPERATOR_APPROVAL),
        (draft(S.APPROVED), "decorated", WaitingFor.PUSH),
        (draft(S.APPROVED), "always", WaitingFor.PRODUCTION_APPROVAL),
        (draft(S.APPROVED, **SIGNED), "always", WaitingFor.PUSH),
        (draft(S.APPROVED, lines=[decorated(1)]), "never", WaitingFor.CUSTOMER_APPROVAL),
        (draft(S.APPROVED, lines=WAITING_LINES), "decorated", WaitingFor.PRODUCTION_APPROVAL),
        (draft(S.APPROVED, lines=WAITING_LINES), "never", WaitingFor.PUSH),
        (draft(S.PUSHING), "decorated", WaitingFor.EXPORT),
        (draft(S.PUSHED), "decorated", WaitingFor.ACK),
        (draft(S.PUSHED, exports=[export(status=ExportStatus.ACKED)]), "decorated", None),
        (draft(S.PUSHED, exports=[export(status=ExportStatus.SENT, ack_expected=False)]), "never", None),
        (draft(S.ERROR), "decorated", WaitingFor.RETRY),
        (draft(S.REJECTED), "decorated", None),
    ],
)
def test_a_draft_says_what_it_waits_for(of: Draft, gate: str, expected: WaitingFor | None) -> None:
    assert waiting_for(of, OrgPolicy(production_gate=ProductionGate(gate))) is expected


def test_the_line_summary_counts_what_is_signed_and_what_waits_for_the_customer() -> None:
    lines = [line(1), decorated(2, LineStatus.PRODUCTION_READY), decorated(3, LineStatus.PHONE_CALL)]
    assert line_summary(draft(lines=lines)) == "2 of 3 ready, 1 awaiting approval"
    assert line_summary(draft()) == "1 of 1 ready"
