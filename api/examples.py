"""An example for every body in the OpenAPI document, made from its schema; one that is written wins."""

from typing import Any

_BY_FORMAT = {
    "uuid": "7b0f0d9e-5b1c-4a53-9f59-0f8f4b1c2d3e",
    "date-time": "2026-11-20T09:30:00Z",
    "date": "2026-11-20",
    "email": "ops@demo.example",
}
_BY_NAME = {
    "number": "D-000123",
    "external_order_number": "PO-12345",
    "currency": "EUR",
    "default_currency": "EUR",
    "email": "ops@demo.example",
    "actor_email": "ops@demo.example",
    "approved_by": "ops@demo.example",
    "internal_sku": "INT-999",
    "customer_name": "Muster GmbH",
    "erp_customer_number": "K-10001",
    "time_zone": "Europe/Berlin",
    "qty": "10",
    "unit_price": "1.2300",
    "uom": "M",
    "base_uom": "M",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "country": "DE",
    "line_no": 1,
    "version": 7,
    "attempt": 1,
}
_DEEPEST = 6


def add_examples(document: dict[str, Any]) -> None:
    """Give every JSON body of every operation an example, in place."""
    schemas = document.get("components", {}).get("schemas", {})
    for methods in document.get("paths", {}).values():
        for operation in methods.values():
            bodies = [operation.get("requestBody", {}), *operation.get("responses", {}).values()]
            for content in (media for body in bodies for media in body.get("content", {}).items()):
                _add(content, schemas)


def _add(content: tuple[str, dict[str, Any]], schemas: dict[str, Any]) -> None:
    kind, media = content
    schema = media.get("schema")
    if "json" not in kind or not schema or "example" in media or "examples" in media:
        return
    written = _resolved(schema, schemas).get("examples") or schema.get("examples")
    media["example"] = written[0] if written else _example(schema, schemas, "", 0)


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rsplit("/", 1)[-1]
    found: dict[str, Any] = schemas.get(name, {}) if name else schema
    return found


def _example(schema: dict[str, Any], schemas: dict[str, Any], name: str, depth: int) -> Any:
    schema = _resolved(schema, schemas)
    written = [schema.get("const"), schema.get("default")]
    written += [schema[several][0] for several in ("examples", "enum") if schema.get(several)]
    for value in written:
        if value is not None:
            return value
    choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    if choices:
        return _example(choices[0], schemas, name, depth + 1)
    if schema.get("type") == "object" or "properties" in schema:
        if depth > _DEEPEST:
            return {}
        return {
            each: _example(part, schemas, each, depth + 1)
            for each, part in schema.get("properties", {}).items()
        }
    if schema.get("type") == "array":
        return [] if depth > _DEEPEST else [_example(schema.get("items", {}), schemas, name, depth + 1)]
    return _scalar(schema, name)


def _scalar(schema: dict[str, Any], name: str) -> Any:
    kind = schema.get("type")
    if name in _BY_NAME and not (kind == "string" and not isinstance(_BY_NAME[name], str)):
        return _BY_NAME[name]
    if kind == "string":
        return _BY_FORMAT.get(schema.get("format", ""), name.replace("_", " ") or "text")
    if kind in {"integer", "number"}:
        return max(1, int(schema.get("minimum", 1)))
    return True if kind == "boolean" else None
