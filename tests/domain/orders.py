"""Drafts in every state, and the facts around them, for the tests of the rules."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain import events as ev
from domain import messages as msg
from domain.decisions import decide
from domain.draft import Decoration, Draft, Export, ExportError, Header, Line
from domain.evolution import evolve
from domain.facts import ConnectionFact, CustomerFact, Facts, ProductFact
from domain.line_facts import LineFacts
from domain.policy import OrgPolicy
from domain.refusals import Refusal
from domain.situation import Situation
from domain.statuses import DraftStatus, ExportStatus, LineStatus
from domain.transitions import Command

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
ORG = UUID("11111111-1111-4111-8111-111111111111")
DRAFT = UUID("44444444-4444-4444-8444-444444444444")
CUSTOMER = CustomerFact(
    id=UUID("22222222-2222-4222-8222-222222222222"), name="Muster GmbH", erp_customer_number="K-1"
)
CONNECTION = ConnectionFact(
    id=UUID("33333333-3333-4333-8333-333333333333"),
    connector_type="DROPZONE_JSON_V1",
    export_path="/orders",
    ack_expected=True,
)
LOGO = UUID(int=77)
COLOR_UP = UUID(int=88)
ANNA = msg.Actor(user_id=UUID(int=1), email="anna@demo.example")
BEN = msg.Actor(user_id=UUID(int=2), email="ben@demo.example")
CLEO = msg.Actor(user_id=UUID(int=3), email="cleo@demo.example")
SIGNED = {"production_approved_at": AT, "production_approved_by_user_id": BEN.user_id}


def header(**fields: Any) -> Header:
    good = {
        "customer_id": CUSTOMER.id,
        "external_order_number": "PO-12345",
        "currency": "EUR",
        "order_date": date(2026, 11, 20),
    }
    return Header(**{**good, **fields})


def line(line_no: int = 1, **fields: Any) -> Line:
    good = {
        "internal_sku": f"INT-{line_no}",
        "qty": Decimal("10"),
        "uom": "M",
        "unit_price": Decimal("1.2300"),
    }
    return Line(**{"id": UUID(int=1000 + line_no), "line_no": line_no, **good, **fields})


def decoration(**fields: Any) -> Decoration:
    good = {
        "logo_id": LOGO,
        "style_number": "14728",
        "style_name": "Olympic Polo",
        "color_code": "NAVY",
        "placement": "LEFT_CHEST",
        "size_quantities": {"M": 4, "L": 6},
    }
    return Decoration(**{**good, **fields})


def decorated(line_no: int, status: LineStatus = LineStatus.NEW, **fields: Any) -> Line:
    return line(line_no, **{"decoration": decoration(), "status": status, **fields})


def facts(**fields: Any) -> Facts:
    product = ProductFact(base_uom="M", uoms=["CM"], active=True)
    good = {
        "policy": OrgPolicy(),
        "customer": CUSTOMER,
        "products": {f"INT-{number}": product for number in range(1, 6)},
        "known_uoms": ["M", "CM"],
        "connection": CONNECTION,
    }
    return Facts(**{**good, **fields})


NOT_READY = facts(customer=None)


def export(attempt: int = 1, status: ExportStatus = ExportStatus.PENDING, **fields: Any) -> Export:
    good = {
        "connection_id": CONNECTION.id,
        "connector_type": CONNECTION.connector_type,
        "file_name": f"file-{attempt}.json",
        "sha256": "0" * 64,
        "size_bytes": 1,
        "storage_key": f"exports/file-{attempt}.json",
        "ack_expected": True,
        "created_at": AT,
    }
    return Export(**{"id": UUID(int=500 + attempt), "attempt": attempt, "status": status, **good, **fields})


def error() -> ExportError:
    return ExportError(code="PERMISSION_DENIED", message="Permission denied", at=AT)


def failed(attempt: int = 1, **fields: Any) -> Export:
    return export(attempt, ExportStatus.FAILED, error=error(), **fields)


_EXPORTS = {
    DraftStatus.PUSHING: [export()],
    DraftStatus.PUSHED: [export(status=ExportStatus.SENT, sent_at=AT)],
    DraftStatus.ERROR: [failed()],
}
_APPROVED = {DraftStatus.APPROVED, DraftStatus.PUSHING, DraftStatus.PUSHED, DraftStatus.ERROR}


def draft(status: DraftStatus = DraftStatus.READY, **fields: Any) -> Draft:
    """A plain draft of one good line, with the approval and the export that its status implies."""
    good: dict[str, Any] = {
        "org_id": ORG,
        "org_slug": "demo",
        "id": DRAFT,
        "number": "D-000123",
        "status": status,
        "version": 7,
        "header": header(),
        "customer_name": CUSTOMER.name,
        "lines": [line()],
        "created_at": AT,
        "updated_at": AT,
        "exports": list(_EXPORTS.get(status, [])),
    }
    if status in _APPROVED:
        good |= {"approved_at": AT, "approved_by_user_id": ANNA.user_id, "approved_by_email": ANNA.email}
    return Draft(**{**good, **fields})


# Where a line takes the command that `message` makes.
FITTING: dict[Command, LineStatus] = {
    Command.LINK_LOGO: LineStatus.AWAITING_LOGO,
    Command.SET_COLOR_UP: LineStatus.COLOR_UP_IN_PROGRESS,
    Command.SUBMIT_LINE: LineStatus.COLOR_UP_IN_PROGRESS,
    Command.REVIEW_LINE: LineStatus.INTERNAL_REVIEW,
    Command.MOVE_ON_FLOOR: LineStatus.PRODUCTION_READY,
    Command.PRODUCTION_REJECT: LineStatus.PRODUCTION_READY,
}


def fitting(status: DraftStatus, command: Command, **fields: Any) -> Draft:
    """A draft whose line 1 takes `command`, if the draft does; a plain one for commands on whole drafts."""
    if command not in FITTING:
        return draft(status, **fields)
    return draft(status, lines=[decorated(1, FITTING[command], color_up_id=COLOR_UP)], **fields)


def message(command: Command, **fields: Any) -> msg.Message:
    needed: dict[Command, dict[str, Any]] = {
        Command.REJECT: {"reason": "duplicate"},
        Command.EDIT: {"header": {"notes": "call first"}},
        Command.PRODUCTION_REJECT: {"line_nos": [1], "reason": "stitches too dense"},
        Command.LINK_LOGO: {"line_no": 1, "logo_id": LOGO},
        Command.SET_COLOR_UP: {"line_no": 1, "color_up_id": COLOR_UP},
        Command.SUBMIT_LINE: {"line_no": 1},
        Command.REVIEW_LINE: {"line_no": 1, "decision": "approve"},
        Command.MOVE_ON_FLOOR: {"line_no": 1, "to": "In Production"},
    }
    kind = msg.MESSAGES.get(command, msg.Message)
    return kind(**{"actor": ANNA, **needed.get(command, {}), **fields})


def decided(
    command: Command,
    of: Draft,
    *,
    policy: OrgPolicy | None = None,
    known: Facts | None = None,
    lines: LineFacts | None = None,
    **fields: Any,
) -> list[ev.Event]:
    policy = policy or OrgPolicy()
    known = (known or facts()).model_copy(update={"policy": policy})
    return decide(
        command, message(command, **fields), Situation(of, LATER, policy, known, lines or LineFacts())
    )


def after(of: Draft, *events: ev.Event, actor: msg.Actor = ANNA) -> Draft:
    for event in events:
        of = evolve(of, event, LATER, actor.user_id)
    return of


def carried_out(command: Command, of: Draft, **fields: Any) -> Draft:
    return after(of, *decided(command, of, **fields), actor=fields.get("actor", ANNA))


def refused(kind: type[Refusal], command: Command, of: Draft, **fields: Any) -> Refusal:
    with pytest.raises(kind) as caught:
        decided(command, of, **fields)
    assert type(caught.value) is kind
    return caught.value
