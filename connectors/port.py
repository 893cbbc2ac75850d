"""The port every ERP connector implements. How to add one: connectors/README.md."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from connectors.ack_folder import OpenAckFolder
from domain.delivery import (
    Capabilities,
    Delivery,
    ExportResult,
    FenceOutcome,
    PublishOutcome,
    StagedFile,
    TestResult,
)
from domain.transport import TransportCode, TransportError

OnProgress = Callable[[], None]


def no_progress() -> None:
    """For callers that have nobody to tell."""


class ConfigRefused(ValueError):
    """A configuration was refused. `problems` pairs a field ("" for the whole) with a sentence.

    Neither the text nor the problems hold a value of the configuration.
    """

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{field}: {text}" if field else text for field, text in problems))


ConfigT = TypeVar("ConfigT", bound=BaseModel)


@dataclass(frozen=True)
class Known:
    """What is stored beside a saved connection's configuration.

    `owner` names org and connection: nothing that is kept open may pass from one owner to another.
    `capabilities` are what the last successful test saw.
    """

    owner: str
    capabilities: Capabilities | None = None


class ERPConnectorPort(Protocol[ConfigT]):
    """Hands documents to one kind of ERP.

    `on_progress` is called, on the event loop, between chunks of work; activities pass the heartbeat.
    """

    def parse(self, values: Mapping[str, Any]) -> ConfigT:
        """Check what a person sent.

        Raises:
            ConfigRefused: with one sentence per problem.
        """
        ...

    def dump(self, config: ConfigT) -> bytes:
        """Everything, secrets in clear: only ever hand this to `KeyRing.encrypt`."""
        ...

    def load(self, stored: bytes, known: Known | None = None) -> ConfigT:
        """Read what `dump` wrote. A connector may use what is `known` of the connection, or not.

        Raises:
            TransportError: CONFIGURATION_INVALID.
        """
        ...

    def merge(self, config: ConfigT, changes: Mapping[str, Any]) -> ConfigT:
        """Apply changes; fields that are not named keep their value, secrets too.

        Raises:
            ConfigRefused: when the result would not be valid.
        """
        ...

    def public_view(self, config: ConfigT) -> dict[str, Any]:
        """What may be shown: no secrets, `has_…` flags in their place."""
        ...

    async def stage(self, delivery: Delivery, config: ConfigT, on_progress: OnProgress) -> StagedFile:
        """Upload under a name no other try uses, read it back, compare.

        Raises:
            TransportError: nothing was published; an orphan `.tmp` may remain.
        """
        ...

    async def publish(
        self, staged: StagedFile, config: ConfigT, *, first_try: bool, on_progress: OnProgress
    ) -> PublishOutcome:
        """Give the staged file its final name, exactly once, whoever tried before.

        Args:
            first_try: nobody can have started to publish this staged file before.

        Raises:
            StagedFileLost: on the first try, the staged file is gone; stage again.
            FinalFileConflict: the final name holds other bytes; nothing was touched.
            TransportError: the outcome is open; call again with `first_try=False`.
        """
        ...

    async def fence(self, staged: StagedFile, config: ConfigT) -> FenceOutcome:
        """After a publish that started and failed: make sure it cannot happen later, if that is possible.

        Raises:
            TransportError: nobody can say; count it as MAY_HAVE_BEEN_SENT.
        """
        ...

    def ack_folder(self, config: ConfigT) -> OpenAckFolder | None:
        """Where the ERP answers; None when the configuration names no such place.

        Entering it raises TransportError when it cannot be reached.
        """
        ...

    async def test_connection(self, config: ConfigT) -> TestResult:
        """Probe what the target can do. Never raises TransportError."""
        ...

    async def export(self, delivery: Delivery, config: ConfigT) -> ExportResult:
        """Stage and publish in one; for scripts and tests. Workflows take the two steps apart."""
        ...


def parsed(model: type[ConfigT], values: Mapping[str, Any]) -> ConfigT:
    """Validate `values`.

    Raises:
        ConfigRefused: in place of pydantic's error, which carries the input and so the secrets.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        problems = [
            (".".join(str(part) for part in problem["loc"]), problem["msg"].removeprefix("Value error, "))
            for problem in error.errors(include_input=False, include_url=False, include_context=False)
        ]
    # Raised outside the handler: the pydantic error must not travel along as the context.
    raise ConfigRefused(problems)


STORED = {"stored": True}  # validation context: the values were checked when they were saved


def loaded(model: type[ConfigT], stored: bytes) -> ConfigT:
    """Read stored bytes.

    Raises:
        TransportError: CONFIGURATION_INVALID.
    """
    try:
        return model.model_validate_json(stored, context=STORED)
    except ValidationError as error:
        fields = sorted({str(problem["loc"][0]) if problem["loc"] else "-" for problem in error.errors()})
    raise TransportError(
        TransportCode.CONFIGURATION_INVALID, f"stored configuration, fields: {', '.join(fields)}"
    )
