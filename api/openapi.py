"""The OpenAPI document: the framework's, completed with problem documents and an example for every body."""

from typing import Any

from fastapi import FastAPI

from api.examples import add_examples
from api.problems import TITLES, ProblemDocument, problems

_SCHEMA = "#/components/schemas/"
_PROBLEM = "application/problem+json"


def complete(app: FastAPI) -> None:
    """Have `app.openapi()` answer the completed document; it is made once."""
    generate = app.openapi
    made: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not made:
            made.update(_completed(generate()))
        return made

    app.openapi = openapi  # type: ignore[method-assign]


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    schema = ProblemDocument.model_json_schema(ref_template=f"{_SCHEMA}{{model}}")
    components = document.setdefault("components", {}).setdefault("schemas", {})
    components.update(schema.pop("$defs"), ProblemDocument=schema)
    for path, methods in document["paths"].items():
        for operation in methods.values():
            if "requestBody" in operation:
                # refused before the operation itself is reached
                early = {str(status): answer for status, answer in problems(413, 415).items()}
                operation["responses"] = early | operation["responses"]
            for status, answer in operation["responses"].items():
                if status.isdecimal() and int(status) in TITLES and _PROBLEM in answer.get("content", {}):
                    answer["content"][_PROBLEM]["example"] = _problem(int(status), path)
    add_examples(document)
    return document


def _problem(status: int, path: str) -> dict[str, Any]:
    code, title = TITLES[status]
    example: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": _DETAILS.get(status, title),
        "instance": path,
        "code": code,
        "request_id": "2f1c7a0e7d0c4c0e9a513f6f0d9f2b11",
    }
    if status == 422:
        example["errors"] = [{"loc": ["body", "currency"], "msg": "must be an ISO 4217 code"}]
    return example


_DETAILS = {
    401: "This needs a valid bearer token; log in at /auth/login",
    403: "This needs the role ADMIN or OPS; yours is VIEWER",
    404: "There is no such draft order in your organisation",
    409: "Draft must be READY to approve (current: NEEDS_REVIEW)",
    412: "The draft has changed since it was read (version 8, not 7); read it again",
    422: "currency: must be an ISO 4217 code",
    503: "The draft's workflow did not answer in time; nothing is lost, repeat the request with the same key",
}
