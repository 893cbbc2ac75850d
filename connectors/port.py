"""The port every ERP connector implements. How to add one: connectors/README.md."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from connectors.ack_folder import OpenAckFolder
from connectors.configuration import ConnectorConfig, Known
from domain.delivery import Delivery, ExportResult, FenceOutcome, PublishOutcome, StagedFile, TestResult

OnProgress = Callable[[], None]
ReadDelivery = Callable[[], Awaitable[Delivery]]


def no_progress() -> None:
    """For callers that have nobody to tell."""


async def _unread() -> Delivery:
    raise LookupError("this attempt was made without its document")


@dataclass
class Attempt:
    """The try under way, for connectors that ask.

    `number` counts the export's tries from 1, by the push log, so it outlives workers. `read_delivery`
    reads the document again, for a publish that sends it. What is put into `answer` is shown in the push
    log, of a failed try too: never a secret, never more than a few kilobytes.
    """

    number: int = 1
    read_delivery: ReadDelivery = _unread
    answer: dict[str, Any] = field(default_factory=dict)


ConfigT = TypeVar("ConfigT", bound=ConnectorConfig)


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

    def settle(self, config: ConfigT, tested: TestResult) -> ConfigT:
        """The configuration to save after a successful test: what it taught, such as a host key.

        Raises:
            ConfigRefused: when the result would not be valid.
        """
        ...

    async def stage(
        self,
        delivery: Delivery,
        config: ConfigT,
        on_progress: OnProgress,
        attempt: Attempt | None = None,
    ) -> StagedFile:
        """Upload under a name no other try uses, read it back, compare. The ERP must not see it.

        Raises:
            TransportError: nothing was published; an orphan `.tmp` may remain.
        """
        ...

    async def publish(
        self,
        staged: StagedFile,
        config: ConfigT,
        *,
        first_try: bool,
        on_progress: OnProgress,
        attempt: Attempt | None = None,
    ) -> PublishOutcome:
        """Give the staged file its final name, exactly once, whoever tried before.

        Args:
            first_try: nobody can have started to publish this staged file before.

        Raises:
            StagedFileLost: on the first try, the staged file is gone; stage again.
            FinalFileConflict: the final name holds other bytes; nothing was touched.
            TransportError: the outcome is open, unless it says `unsent`; call again with
                `first_try=False`.
        """
        ...

    async def fence(
        self, staged: StagedFile, config: ConfigT, *, surely_unsent: bool = False
    ) -> FenceOutcome:
        """After a publish that started and failed: make sure it cannot happen later, if that is possible.

        Args:
            surely_unsent: every publish of this export ended with an error that said `unsent`, and none
                can start any more. For connectors that can neither look nor take back.

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

    async def close(self) -> None:
        """The process ends: let go of what is kept between calls."""
        ...

    async def export(self, delivery: Delivery, config: ConfigT) -> ExportResult:
        """Stage and publish in one; for scripts and tests. Workflows take the two steps apart."""
        ...
