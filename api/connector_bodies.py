"""Configurations as they are sent: read by the connector itself, described by its model.

So the connector's sentences and not pydantic's reach the caller, and no value of a body is repeated.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Union

from fastapi import Body
from pydantic import BaseModel, GetJsonSchemaHandler, TypeAdapter, create_model
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from api.problems import Problem
from connectors.configuration import ConfigRefused
from connectors.registry import CONNECTOR_TYPES


class _DescribedBy:
    """Any JSON object for the code, a model's schema for the documentation.

    `partial`: no field is required, and one that is left out keeps its value.
    """

    def __init__(self, core_schema: CoreSchema, *, partial: bool = False) -> None:
        self._core_schema = core_schema
        self._partial = partial

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(self._core_schema)
        for each in (schema.get("anyOf") or [schema]) if self._partial else []:
            model = handler.resolve_ref_schema(each)
            model.pop("required", None)
            for field in model["properties"].values():
                field.pop("default", None)
        return schema


def _model(connector_type: str, suffix: str) -> type[BaseModel]:
    name = "".join(part.capitalize() for part in connector_type.split("_")) + suffix
    more: Any = {"test_on_save": (bool, False)}
    base = CONNECTOR_TYPES[connector_type].config_model
    made: type[BaseModel] = create_model(name, __base__=base, **more)
    return made


def body_of(connector_type: str) -> Any:
    """The annotation of a body that holds a configuration of this type."""
    model = _model(connector_type, "Connection")
    example = {**CONNECTOR_TYPES[connector_type].traits.example, "test_on_save": True}
    described = _DescribedBy(model.__pydantic_core_schema__)
    return Annotated[dict[str, Any], Body(title=model.__name__, examples=[example]), described]


def changes_body() -> Any:
    """The annotation of a body that holds changes to a connection, of whichever type it is."""
    models: Any = tuple(_model(connector_type, "Changes") for connector_type in CONNECTOR_TYPES)
    of_any: TypeAdapter[Any] = TypeAdapter(Union[models])  # noqa: UP007
    described = _DescribedBy(of_any.core_schema, partial=True)
    return Annotated[dict[str, Any], Body(examples=[{"test_on_save": True}]), described]


def split(body: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """The configuration's fields, and whether to test before saving."""
    fields = dict(body)
    test_on_save = fields.pop("test_on_save", False)
    if not isinstance(test_on_save, bool):
        raise Problem(422, "test_on_save: must be true or false", errors=[])
    return fields, test_on_save


def refused(error: ConfigRefused) -> Problem:
    """A configuration's problems as 422; they hold no value of it."""
    errors = [{"loc": ["body", *filter(None, [field])], "msg": text} for field, text in error.problems]
    return Problem(422, str(error), errors=errors)
