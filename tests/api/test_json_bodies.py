"""JSON bodies are read by value and type: no number that keeps a processor busy, no type made of another."""

from typing import Any

import pytest
from pydantic import ValidationError

from api.draft_bodies import DraftInput, HeaderPatch, LinePatch
from api.exact_json import read_json
from domain.draft import Header, LineInput
from domain.statuses import Role
from tests.api.conftest import ClientFor, TestOrg
from tests.api.importer import Importer, faults

JSON = {"Content-Type": "application/json"}
OUT_OF_PROPORTION = [
    "1e99999999",
    "-1E+99999999",
    "1e-99999999",
    "0e99999999",
    "1.5e401",
    "1e99999999999999999999999",
    "1" * 5000,
    "1." + "1" * 100_000,
]


@pytest.mark.parametrize("number", OUT_OF_PROPORTION, ids=lambda text: text[:12])
@pytest.mark.parametrize("field", ["reminder_cap", "price_tolerance_percent", "four_eyes", "unknown"])
async def test_a_number_out_of_proportion_is_refused_before_anything_is_made_of_it(
    client_for: ClientFor, fresh_org: TestOrg, field: str, number: str
) -> None:
    admin = client_for(Role.ADMIN, fresh_org)
    body = f'{{"{field}": {number}}}'
    answer = await admin.patch("/org/settings", content=body, headers=JSON)
    assert answer.status_code == 422
    assert answer.json()["detail"].endswith("the body has a number that is out of proportion")


async def test_such_a_number_in_a_cell_is_an_error_of_its_row(importer: Importer) -> None:
    head = "external_order_number,erp_customer_number,style_number,size_quantities_json\n"
    rows = "".join(f'PO-{n},,14728,"{{""M"": {number}}}"\n' for n, number in enumerate(OUT_OF_PROPORTION))
    report = await importer("draft-orders", head + rows)
    assert [row for row, _column in faults(report)] == list(range(2, 2 + len(OUT_OF_PROPORTION)))
    assert report["created"] == 0


IN_PROPORTION = ["1e400", "1e-400", "1.5", "12345678901234567890.5", "0", "-0.0", "1" * 1000]


@pytest.mark.parametrize("number", IN_PROPORTION, ids=lambda text: text[:12])
def test_numbers_in_proportion_are_read_exactly(number: str) -> None:
    assert str(read_json(number)) in {number, number.replace("e", "E"), number.replace("e", "E+")}


WRONG_TYPES: list[tuple[Role, str, str, dict[str, Any]]] = [
    (Role.ADMIN, "PATCH", "/org/settings", {"four_eyes": "off"}),
    (Role.ADMIN, "PATCH", "/org/settings", {"four_eyes": 0}),
    (Role.ADMIN, "PATCH", "/org/settings", {"reminder_cap": True}),
    (Role.ADMIN, "PATCH", "/org/settings", {"reminder_hour": "8"}),
    (Role.ADMIN, "PATCH", "/org/settings", {"ack_window_days": 1.5}),
    (Role.OPS, "POST", "/customers", {"name": "X", "internal_review_default": 1}),
    (Role.OPS, "POST", "/customers", {"name": "X", "holidays": [0]}),
    (Role.OPS, "POST", "/customers", {"name": "X", "holidays": ["2026-12-25T00:00:00Z"]}),
    (Role.OPS, "POST", "/products", {"internal_sku": "X", "name": "X", "base_uom": "M", "active": "yes"}),
]


@pytest.mark.parametrize(("role", "method", "path", "body"), WRONG_TYPES, ids=lambda value: str(value)[:60])
async def test_a_value_of_another_type_is_refused(
    client_for: ClientFor, fresh_org: TestOrg, role: Role, method: str, path: str, body: dict[str, Any]
) -> None:
    answer = await client_for(role, fresh_org).request(method, path, json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"][:2] == ["body", list(body)[-1]]


@pytest.mark.parametrize("flag", ["is_primary", "active"])
async def test_an_approvers_flags_are_true_or_false(
    client_for: ClientFor, fresh_org: TestOrg, flag: str
) -> None:
    ops = client_for(Role.OPS, fresh_org)
    customer = (await ops.post("/customers", json={"name": "Hansen"})).json()
    path = f"/customers/{customer['id']}/approvers"
    for wrong in (1, "yes", "true", None):
        answer = await ops.post(path, json={"name": "Jo", "email": "jo@hansen.example", flag: wrong})
        assert answer.status_code == 422, wrong


WRONG_DRAFTS: list[dict[str, Any]] = [
    {"order_date": 0},
    {"order_date": 20_000.0},
    {"order_date": "0"},
    {"order_date": "2026-11-20T00:00:00Z"},
    {"order_date": "20261120"},
    {"order_date": " 2026-11-20"},
    {"requested_delivery_date": True},
    {"internal_review": "off"},
    {"internal_review": 0},
    {"lines": [{"line_no": True}]},
    {"lines": [{"line_no": "1"}]},
    {"lines": [{"requested_delivery_date": 0}]},
    {"lines": [{"decoration": {"send_for_approval": 1}}]},
    {"lines": [{"decoration": {"size_quantities": {"M": True}}}]},
    {"lines": [{"decoration": {"size_quantities": {"M": "12"}}}]},
]


@pytest.mark.parametrize("draft", WRONG_DRAFTS, ids=str)
def test_a_draft_takes_each_value_by_its_own_type(draft: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DraftInput.model_validate(draft)
    patch, body = (LinePatch, draft["lines"][0]) if "lines" in draft else (HeaderPatch, draft)
    with pytest.raises(ValidationError):
        patch.model_validate(body)


def test_a_draft_takes_whole_numbers_as_json_writes_them() -> None:
    text = '{"order_date": "2026-11-20", "lines": [{"line_no": 1.0, "qty": 1e1, "unit_price": "1.2300"}]}'
    draft = DraftInput.model_validate(read_json(text))
    assert (draft.lines[0].line_no, str(draft.order_date)) == (1, "2026-11-20")


def test_the_workflows_own_types_still_take_what_they_took() -> None:
    """Histories hold what was sent by hand; replaying them must not refuse it now."""
    assert str(Header.model_validate({"order_date": 0}).order_date) == "1970-01-01"
    assert LineInput.model_validate({"line_no": "1"}).line_no == 1
