"""The terms under which customers approve."""

import asyncio

import pytest

from domain.statuses import Role
from tests.api.conftest import AuditOf, ClientFor, TestOrg

TEXTS = {"text_en": "What you approve\nis what we embroider.", "text_de": "Was Sie freigeben, wird gestickt."}


async def test_an_org_begins_without_terms(client_for: ClientFor, fresh_org: TestOrg) -> None:
    answer = await client_for(Role.VIEWER, fresh_org).get("/org/terms")
    assert answer.json() == {"version": 0, "text_en": "", "text_de": ""}
    assert answer.headers["etag"] == '"0"'


async def test_a_change_is_a_new_version_and_in_the_trail(
    client_for: ClientFor, fresh_org: TestOrg, audit_of: AuditOf
) -> None:
    admin = client_for(Role.ADMIN, fresh_org)
    first = await admin.put("/org/terms", json=TEXTS)
    assert (first.status_code, first.json()) == (200, {"version": 1, **TEXTS})
    assert (await admin.get("/org/terms")).json() == first.json()
    same = await admin.put("/org/terms", json=TEXTS)
    assert same.headers["etag"] == '"1"'
    gone = await admin.put("/org/terms", json={"text_en": "", "text_de": ""}, headers={"If-Match": '"1"'})
    assert gone.json()["version"] == 2
    trail = await audit_of(fresh_org, fresh_org.id)
    assert [(row["action"], row["before"], row["after"]) for row in trail] == [
        ("SETTINGS_CHANGED", {"terms_version": 0}, {"terms_version": 1}),
        ("SETTINGS_CHANGED", {"terms_version": 1}, {"terms_version": 2}),
    ]


async def test_of_two_who_write_on_the_same_version_one_is_told(
    client_for: ClientFor, fresh_org: TestOrg
) -> None:
    admin = client_for(Role.ADMIN, fresh_org)
    answers = await asyncio.gather(
        *(
            admin.put("/org/terms", json={**TEXTS, "text_en": f"No {n}"}, headers={"If-Match": '"0"'})
            for n in range(4)
        )
    )
    assert sorted(each.status_code for each in answers) == [200, 412, 412, 412]


async def test_one_orgs_terms_are_not_the_others(client_for: ClientFor, fresh_org: TestOrg) -> None:
    await client_for(Role.ADMIN, fresh_org).put("/org/terms", json=TEXTS)
    assert (await client_for(Role.ADMIN).get("/org/terms")).json()["text_en"] != TEXTS["text_en"]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"text_en": "a"},
        {**TEXTS, "text_fr": "c"},
        {**TEXTS, "text_en": None},
        {**TEXTS, "text_en": "x" * 20_001},
        {**TEXTS, "text_de": "a\u0000b"},
    ],
)
async def test_terms_that_do_not_fit_are_refused(
    client_for: ClientFor, fresh_org: TestOrg, wrong: dict[str, object]
) -> None:
    admin = client_for(Role.ADMIN, fresh_org)
    assert (await admin.put("/org/terms", json=wrong)).status_code == 422
    assert (await admin.get("/org/terms")).json()["version"] == 0
