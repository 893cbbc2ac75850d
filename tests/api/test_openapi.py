"""The OpenAPI document: every error declared, every body with an example that fits its schema."""

import logging
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api.app import create_app
from config.settings import Settings


@pytest.fixture(scope="module")
def document(settings: Settings) -> dict[str, Any]:
    root, handlers, level = logging.getLogger(), logging.getLogger().handlers[:], logging.getLogger().level
    try:
        return create_app(settings).openapi()
    finally:
        root.handlers, root.level = handlers, level  # the application logs as JSON; pytest does not


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")


def test_every_json_body_has_an_example_that_fits(document: dict[str, Any]) -> None:
    wrong: list[str] = []
    for method, path, operation in operations(document):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for body in bodies:
            for kind, media in body.get("content", {}).items():
                if "json" not in kind or not media.get("schema"):
                    continue
                if "example" not in media and "examples" not in media:
                    wrong.append(f"{method} {path}: no example")
                    continue
                schema = {**media["schema"], "components": document["components"]}
                for error in Draft202012Validator(schema).iter_errors(media["example"]):
                    wrong.append(f"{method} {path} {kind}: {error.json_path} {error.message[:100]}")
    assert not wrong, "\n".join(wrong[:20])


def test_errors_are_declared_where_they_can_come(document: dict[str, Any]) -> None:
    open_paths = {"/livez", "/readyz", "/metrics", "/auth/login"}
    for method, path, operation in operations(document):
        answers = set(operation["responses"])
        if path not in open_paths and not path.startswith("/proofs/"):
            assert "401" in answers, (method, path)
            assert {"500", "503"} <= answers, (method, path)
        if "requestBody" in operation:
            assert {"413", "415"} <= answers, (method, path)
        # PUT creates what is not there, and a renewal says the same of every link
        if "{" in path and method != "put" and not path.endswith("/renewal"):
            assert "404" in answers, (method, path)


# Called from outside: a webhook has an id of its own, a proof is decided once.
_KEYLESS = ("/callbacks/", "/proofs/")


def test_every_post_takes_an_idempotency_key(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        headers = {each["name"].lower() for each in operation.get("parameters", []) if each["in"] == "header"}
        if method == "post" and not path.startswith(_KEYLESS):
            assert "idempotency-key" in headers, path
