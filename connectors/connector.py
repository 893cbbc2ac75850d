"""What every connector shares. A new type is a subclass here and a line in the registry; see README.md."""

import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic

from connectors.ack_folder import OpenAckFolder
from connectors.configuration import ConfigRefused, Known
from connectors.policy import ConnectorPolicy
from connectors.port import Attempt, ConfigT, OnProgress, no_progress
from domain.delivery import (
    Capabilities,
    Delivery,
    ExportResult,
    FenceOutcome,
    PublishOutcome,
    StagedFile,
    TestResult,
)
from domain.transport import StagedFileLost, TransportCode, TransportError

NOT_ALLOWED = "Connections of this type are for trials; this deployment does not take them"


@dataclass(frozen=True)
class Traits:
    """What the product has to know about a type before it has a connection of it.

    `title` is read in the API's documentation; `example` is a configuration as it is sent.
    """

    title: str
    example: Mapping[str, Any]
    has_test: bool = True  # without it, "test connection" is refused with a sentence
    for_trials: bool = False  # refused unless COUNTERSIGN_ALLOW_MOCK is set


@dataclass(frozen=True)
class Probed:
    """What a successful connection test saw."""

    capabilities: Capabilities | None = None
    host_key_fingerprint: str | None = None


class BaseConnector(ABC, Generic[ConfigT]):
    """Implements `ERPConnectorPort` but for the hand-over itself. Keeps nothing between calls."""

    config_model: ClassVar[type[Any]]  # the ConnectorConfig of the type
    traits: ClassVar[Traits]

    def __init_subclass__(cls, **more: Any) -> None:
        """A type that says it can be tested must bring the test; else the first person to ask would find out.

        Raises:
            TypeError: when the class is defined.
        """
        super().__init_subclass__(**more)
        traits: Traits | None = getattr(cls, "traits", None)  # kinds of connectors, unlike types, have none
        own_test = (
            cls.probe is not BaseConnector.probe or cls.test_connection is not BaseConnector.test_connection
        )
        if traits is not None and traits.has_test and not own_test:
            raise TypeError(
                f"{cls.__name__} has no connection test: give it `probe`, or say has_test=False in its traits"
            )

    def __init__(self, policy: ConnectorPolicy) -> None:
        self.policy = policy

    async def close(self) -> None:
        """The process ends: let go of what is kept between calls. Most types keep nothing."""

    def parse(self, values: Mapping[str, Any]) -> ConfigT:
        if not self._allowed():
            raise ConfigRefused([("", NOT_ALLOWED)])
        config: ConfigT = self.config_model.parse(values)
        self.require_permitted(config)
        return config

    def dump(self, config: ConfigT) -> bytes:
        return config.dump()

    def load(self, stored: bytes, known: Known | None = None) -> ConfigT:
        if not self._allowed():
            raise TransportError(TransportCode.CONFIGURATION_INVALID, sentence=NOT_ALLOWED)
        config: ConfigT = self.config_model.load(stored, known)
        return config

    def merge(self, config: ConfigT, changes: Mapping[str, Any]) -> ConfigT:
        merged = config.merged(changes)
        self.require_permitted(merged)
        return merged

    def public_view(self, config: ConfigT) -> dict[str, Any]:
        return config.public_view()

    def require_permitted(self, config: ConfigT) -> None:
        """Compare with the deployment's policy what can be compared before anything is connected.

        Raises:
            ConfigRefused: the deployment does not permit it.
        """

    def _allowed(self) -> bool:
        return self.policy.mock_allowed or not self.traits.for_trials

    def settle(self, config: ConfigT, tested: TestResult) -> ConfigT:
        return config

    @abstractmethod
    async def stage(
        self, delivery: Delivery, config: ConfigT, on_progress: OnProgress, attempt: Attempt | None = None
    ) -> StagedFile: ...

    @abstractmethod
    async def publish(
        self,
        staged: StagedFile,
        config: ConfigT,
        *,
        first_try: bool,
        on_progress: OnProgress,
        attempt: Attempt | None = None,
    ) -> PublishOutcome: ...

    @abstractmethod
    async def fence(
        self, staged: StagedFile, config: ConfigT, *, surely_unsent: bool = False
    ) -> FenceOutcome: ...

    def ack_folder(self, config: ConfigT) -> OpenAckFolder | None:
        """Nobody answers; where somebody does, `config.ack_expected` says so, too."""
        return None

    async def probe(self, config: ConfigT) -> Probed:
        """Find out whether an order could be delivered; leave nothing behind.

        Raises:
            TransportError: it could not.
        """
        raise NotImplementedError  # a type with a test has its own, see __init_subclass__

    async def test_connection(self, config: ConfigT) -> TestResult:
        started = time.perf_counter()
        probed, failure = Probed(), None
        try:
            probed = await self.probe(config)
        except TransportError as error:
            failure = error
        return TestResult(
            success=failure is None,
            error_message=failure.sentence if failure else None,
            code=failure.code if failure else None,
            latency_ms=round((time.perf_counter() - started) * 1000),
            host_key_fingerprint=failure.host_key_fingerprint if failure else probed.host_key_fingerprint,
            capabilities=probed.capabilities,
        )

    async def export(self, delivery: Delivery, config: ConfigT) -> ExportResult:
        """Stage and publish once, without retries; errors become the result."""

        async def again() -> Delivery:
            return delivery

        attempt = Attempt(read_delivery=again)
        try:
            staged = await self.stage(delivery, config, no_progress, attempt)
            outcome = await self.publish(
                staged, config, first_try=True, on_progress=no_progress, attempt=attempt
            )
        except TransportError as error:
            return ExportResult(
                success=False,
                export_id=delivery.export_id,
                error_message=str(error),
                connector_metadata={"code": error.code},
            )
        except StagedFileLost:
            return ExportResult(
                success=False,
                export_id=delivery.export_id,
                error_message="The staged file disappeared before it was published; nothing was sent",
            )
        return ExportResult(
            success=True,
            export_id=delivery.export_id,
            connector_metadata={"file_name": delivery.file_name, "outcome": outcome},
        )


def require_whole(delivery: Delivery) -> bytes:
    """The document's bytes.

    Raises:
        TransportError: DOCUMENT_INVALID when text and digest disagree.
    """
    content = delivery.document.encode()
    if len(content) != delivery.size_bytes or hashlib.sha256(content).hexdigest() != delivery.sha256:
        raise TransportError(TransportCode.DOCUMENT_INVALID, "size or digest differs from the document")
    return content
