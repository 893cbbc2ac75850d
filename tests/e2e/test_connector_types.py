"""Each registered connector type over HTTP: addresses, body, secrets; and types that there are not."""

from typing import Any

import httpx
import pytest

from api.connector_tests import require_test
from api.problems import Problem
from connectors.connector import Traits
from connectors.mock import MockConnector
from connectors.registry import CONNECTOR_TYPES, slug
from tests.e2e.conftest import People

TYPES = sorted(CONNECTOR_TYPES)


@pytest.mark.parametrize("connector_type", TYPES)
async def test_a_type_is_described_with_its_own_schema_and_example(
    people: People, connector_type: str
) -> None:
    document = await (await people("integrator")).json("GET", "/openapi.json")
    operation = document["paths"][f"/connectors/{slug(connector_type)}"]["post"]
    body = operation["requestBody"]["content"]["application/json"]
    schema = body["schema"]
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    config = CONNECTOR_TYPES[connector_type].config_model
    assert set(schema["properties"]) == {*config.model_fields, "test_on_save"}
    for secret in config.secret_fields():
        assert "'writeOnly': True" in str(schema["properties"][secret])
    assert set(CONNECTOR_TYPES[connector_type].traits.example) <= set(body["example"])


@pytest.mark.parametrize("connector_type", TYPES)
async def test_a_body_that_does_not_fit_is_refused_by_the_types_own_rules(
    people: People, connector_type: str
) -> None:
    person = await people("integrator", "other")
    for path in (f"/connectors/{slug(connector_type)}", f"/connectors/{slug(connector_type)}/test"):
        refused = await person.call("POST", path, json={"surprise": 1})
        assert refused.status_code == 422, refused.text
        assert {"loc": ["body", "surprise"], "msg": "Extra inputs are not permitted"} in refused.json()[
            "errors"
        ]


@pytest.mark.parametrize("path", ["/connectors/telex-v1", "/connectors/telex-v1/test", "/connectors/MOCK"])
async def test_a_type_that_is_not_registered_is_404_and_names_those_that_are(
    people: People, path: str
) -> None:
    refused = await (await people("integrator")).call("POST", path, json={})
    assert refused.status_code == 404
    for connector_type in TYPES:
        assert slug(connector_type) in refused.json()["detail"]


async def test_an_unregistered_type_asks_for_a_log_in_first(stack: Any, people: People) -> None:
    async with httpx.AsyncClient(base_url=stack.base_url) as nobody:
        assert (await nobody.post("/connectors/telex-v1", json={})).status_code == 401
    assert (await (await people("viewer")).call("POST", "/connectors/telex-v1", json={})).status_code == 403


def test_a_type_without_a_test_refuses_to_be_tested_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    class Untested(MockConnector):
        traits = Traits(title="No test", example={}, has_test=False)

    monkeypatch.setitem(CONNECTOR_TYPES, "UNTESTED_V1", Untested)
    require_test("MOCK")
    with pytest.raises(Problem) as caught:
        require_test("UNTESTED_V1")
    assert caught.value.status == 400
    assert "have no test" in caught.value.detail


@pytest.mark.parametrize("connector_type", TYPES)
def test_a_types_example_is_a_configuration_once_its_secrets_are_filled_in(connector_type: str) -> None:
    traits = CONNECTOR_TYPES[connector_type].traits
    filled = {name: "planted" if value == "…" else value for name, value in traits.example.items()}
    CONNECTOR_TYPES[connector_type].config_model.parse(filled)
