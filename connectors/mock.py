"""`MOCK`: an ERP that does what the configuration says, for users' own tests. It delivers to nobody.

Deterministic: the n-th try of an export, as the push log counts, does the n-th step of the script, whichever
worker runs it. What was delivered, and so the answers that are still to come, lies in the memory of the
process that delivered it.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from connectors.ack_folder import AckFile, Moved, OpenAckFolder, Tray, oldest_first
from connectors.configuration import ConnectorConfig
from connectors.connector import Probed, Traits
from connectors.policy import ConnectorPolicy
from connectors.port import Attempt, OnProgress
from connectors.sending_connector import SendingConnector
from domain.delivery import Delivery
from domain.transport import TransportCode, TransportError

# Codes of errors that need more than a code are left out.
FAILURES = tuple(sorted({code.value for code in TransportCode} - {"FINAL_FILE_CONFLICT"}))
Second = Annotated[float, Field(ge=0, le=86_400)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class MockStep(_Part):
    """What one try does, or `times` tries in a row; without `times` all that follow."""

    do: Literal["succeed", "fail", "lose_answer"] = Field(
        description="lose_answer: the order arrives and the try fails nevertheless"
    )
    code: TransportCode = Field(
        TransportCode.CONNECTION_LOST, description="of a failure; it decides whether there is another try"
    )
    hang_s: float = Field(0, ge=0, le=100, description="wait before doing it")
    times: int | None = Field(None, ge=1, le=1000)


class MockAck(_Part):
    """The ERP's answer to each order. FAILED is its no: the draft goes to ERROR."""

    status: Literal["ACKED", "FAILED"] = "ACKED"
    after_s: Second = 0
    error_code: str = Field("MOCK_REFUSED", min_length=1, max_length=100)
    message: str = Field("The mock was told to refuse", max_length=1000)


class MockConfig(ConnectorConfig):
    """The default takes every order at once and never answers."""

    script: list[MockStep] = Field(default_factory=list, max_length=100)
    ack: MockAck | None = None
    test: MockStep = MockStep(do="succeed")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if any(step.times is None for step in self.script[:-1]):
            raise ValueError("script: only the last step may go on for ever; give the others `times`")
        if any(step.code is TransportCode.FINAL_FILE_CONFLICT for step in (*self.script, self.test)):
            raise ValueError(f"script: a step's code must be one of {', '.join(FAILURES)}")
        return self

    @property
    def destination(self) -> str:
        return "mock"

    @property
    def ack_expected(self) -> bool:
        return self.ack is not None

    def step(self, number: int) -> MockStep:
        """Of the try `number`, from 1; after the script's end every try succeeds."""
        for step in self.script:
            if step.times is None or number <= step.times:
                return step
            number -= step.times
        return MockStep(do="succeed")


@dataclass
class _Arrived:
    document: str
    deliveries: int  # how often it came; the mock knows an order that it has by its id
    at: datetime
    file_name: str


@dataclass
class MockErp:
    """What one connection's ERP has: orders by export id, answers that were put away by tray."""

    orders: dict[str, _Arrived] = field(default_factory=dict)
    trays: dict[Tray, set[str]] = field(default_factory=lambda: {tray: set() for tray in Tray})


class MockAcks:
    """An `AckFolder`: the answers that are due."""

    def __init__(self, erp: MockErp, ack: MockAck) -> None:
        self._erp = erp
        self._ack = ack

    async def files(self) -> list[AckFile]:
        return oldest_first([file for file, _ in self._due().values()])

    async def read(self, name: str) -> tuple[AckFile, bytes] | None:
        return self._due().get(name)

    async def move(self, name: str, tray: Tray, as_name: str) -> Moved:
        if name not in self._due():
            return Moved.GONE
        self._erp.trays[tray].add(name)
        return Moved.MOVED

    def _due(self) -> dict[str, tuple[AckFile, bytes]]:
        due = {}
        put_away = set().union(*self._erp.trays.values())
        for export_id, order in self._erp.orders.items():
            at = order.at + timedelta(seconds=self._ack.after_s)
            name = ("ack_" if self._ack.status == "ACKED" else "error_") + order.file_name
            if at <= datetime.now(UTC) and name not in put_away:
                content = self._content(export_id, at)
                due[name] = (AckFile(name, len(content), at, regular=True), content)
        return due

    def _content(self, export_id: str, at: datetime) -> bytes:
        if self._ack.status == "ACKED":
            said = {"erp_order_id": f"MOCK-{export_id[:8]}"}
        else:
            said = {"error_code": self._ack.error_code, "message": self._ack.message}
        return json.dumps({"status": self._ack.status, **said, "processed_at": at.isoformat()}).encode()


_EXAMPLE = {
    "script": [{"do": "fail", "code": "CONNECTION_LOST", "times": 2}, {"do": "succeed"}],
    "ack": {"status": "ACKED", "after_s": 1},
}


class MockConnector(SendingConnector[MockConfig]):
    config_model = MockConfig
    traits = Traits(title="An ERP that does what it is told, for trials", example=_EXAMPLE, for_trials=True)

    def __init__(self, policy: ConnectorPolicy) -> None:
        super().__init__(policy)
        self._erps: dict[str, MockErp] = {}

    def erp(self, config: MockConfig) -> MockErp:
        """One for each saved connection, so that no org meets another's orders."""
        return self._erps.setdefault(config.known.owner if config.known else "", MockErp())

    async def send(
        self, delivery: Delivery, config: MockConfig, attempt: Attempt, on_progress: OnProgress
    ) -> None:
        step = config.step(attempt.number)
        attempt.answer["mock"] = step.model_dump(mode="json", exclude={"times"})
        await asyncio.sleep(step.hang_s)
        if step.do == "fail":
            raise _told_to_fail(step, unsent=True)
        order = _Arrived(delivery.document, 0, datetime.now(UTC), delivery.file_name)
        self.erp(config).orders.setdefault(str(delivery.export_id), order).deliveries += 1
        if step.do == "lose_answer":
            raise _told_to_fail(step, unsent=False)

    async def probe(self, config: MockConfig) -> Probed:
        await asyncio.sleep(config.test.hang_s)
        if config.test.do != "succeed":
            raise _told_to_fail(config.test, unsent=True)
        return Probed()

    def ack_folder(self, config: MockConfig) -> OpenAckFolder | None:
        return None if config.ack is None else self._acks(config, config.ack)

    @asynccontextmanager
    async def _acks(self, config: MockConfig, ack: MockAck) -> AsyncIterator[MockAcks]:
        yield MockAcks(self.erp(config), ack)


def _told_to_fail(step: MockStep, *, unsent: bool) -> TransportError:
    return TransportError(step.code, "the mock was told to fail", unsent=unsent)
