"""What every connection's configuration shares: strict parsing, storage, changes, views without secrets.

A field of type `SecretStr`, or a list of them, is a secret: it is write-only and shown as `has_<field>`.
Nothing else has to be declared, so no secret can be forgotten.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, get_args

from pydantic import BaseModel, ConfigDict, PrivateAttr, SecretStr, ValidationError

from domain.delivery import Capabilities
from domain.transport import TransportCode, TransportError

STORED = {"stored": True}  # validation context: the values were checked when they were saved


class ConfigRefused(ValueError):
    """A configuration was refused. `problems` pairs a field ("" for the whole) with a sentence.

    Neither the text nor the problems hold a value of the configuration.
    """

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{field}: {text}" if field else text for field, text in problems))


@dataclass(frozen=True)
class Known:
    """What is stored beside a saved connection's configuration.

    `owner` names org and connection: nothing that is kept open may pass from one owner to another.
    `capabilities` are what the last successful test saw.
    """

    owner: str
    capabilities: Capabilities | None = None


class ConnectorConfig(BaseModel):
    """The typed configuration of one connector type. Times in seconds, names end in `_s`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    _known: Known | None = PrivateAttr(None)

    @property
    def destination(self) -> str:
        """Where orders go, for people; never a secret."""
        return ""

    @property
    def place(self) -> str:
        """Tells one target from another: what was handed over at one cannot be looked for at another.

        Kept with each delivery and shown to people, so never a secret.
        """
        return self.destination

    def path_of(self, file_name: str) -> str:
        """Where one order's document goes."""
        return self.destination

    @property
    def ack_expected(self) -> bool:
        """Whether the ERP answers each order. Without it an order is finished when it is sent."""
        return False

    @property
    def test_before_saving(self) -> bool:
        """Whether saving needs a test first, asked for or not; see `BaseConnector.settled`."""
        return False

    @property
    def known(self) -> Known | None:
        """What is stored beside it; None for a configuration that is not a saved connection's."""
        return self._known

    @classmethod
    def secret_fields(cls) -> tuple[str, ...]:
        return tuple(name for name, field in cls.model_fields.items() if _is_secret(field.annotation))

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Check what a person sent.

        Raises:
            ConfigRefused: in place of pydantic's error, which carries the input and so the secrets.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            problems = [
                (".".join(str(part) for part in problem["loc"]), problem["msg"].removeprefix("Value error, "))
                for problem in error.errors(include_input=False, include_url=False, include_context=False)
            ]
        # Raised outside the handler: the pydantic error must not travel along as the context.
        raise ConfigRefused(problems)

    @classmethod
    def load(cls, stored: bytes, known: Known | None = None) -> Self:
        """Read what `dump` wrote.

        Raises:
            TransportError: CONFIGURATION_INVALID.
        """
        try:
            config = cls.model_validate_json(stored, context=STORED)
        except ValidationError as error:
            fields = sorted({str(problem["loc"][0]) if problem["loc"] else "-" for problem in error.errors()})
        else:
            config._known = known
            return config
        raise TransportError(
            TransportCode.CONFIGURATION_INVALID, f"stored configuration, fields: {', '.join(fields)}"
        )

    def dump(self) -> bytes:
        """All fields as JSON, secrets in clear: for `KeyRing.encrypt` only."""
        return json.dumps(self._clear()).encode()

    def merged(self, changes: Mapping[str, Any]) -> Self:
        """A copy with `changes`; fields that are not named keep their value, secrets too.

        Raises:
            ConfigRefused: when the result would not be valid.
        """
        return self.parse({**self._clear(), **changes})

    def public_view(self) -> dict[str, Any]:
        """All fields but the secrets, `has_…` in their place, and what the product goes by."""
        view = self.model_dump(mode="json", exclude=set(self.secret_fields()))
        view |= {f"has_{name}": bool(getattr(self, name)) for name in self.secret_fields()}
        return view | {"destination": self.destination, "ack_expected": self.ack_expected}

    def _clear(self) -> dict[str, Any]:
        secrets = self.secret_fields()
        values = self.model_dump(mode="json", exclude=set(secrets))
        return values | {name: _revealed(getattr(self, name)) for name in secrets}


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_is_secret(part) for part in get_args(annotation))


def _revealed(value: SecretStr | list[SecretStr] | None) -> str | list[str] | None:
    if isinstance(value, list):
        return [each.get_secret_value() for each in value]
    return None if value is None else value.get_secret_value()
