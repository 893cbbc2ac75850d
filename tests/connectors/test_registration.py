"""What a new connector type is asked for when it is written, and not when the first person uses it."""

from typing import Any

import pytest

from connectors.configuration import ConnectorConfig
from connectors.connector import Probed, Traits
from connectors.port import Attempt, OnProgress
from connectors.registry import CONNECTOR_TYPES, slug
from connectors.sending_connector import SendingConnector
from domain.delivery import Delivery, TestResult

TESTED = Traits(title="A telex", example={})


class Telex(SendingConnector[ConnectorConfig]):
    """A kind of connector, with neither traits nor a test."""

    config_model = ConnectorConfig

    async def send(
        self, delivery: Delivery, config: ConnectorConfig, attempt: Attempt, on_progress: OnProgress
    ) -> None:
        """Into the void."""


async def probe(self: Any, config: ConnectorConfig) -> Probed:
    return Probed()


async def own_test(self: Any, config: ConnectorConfig) -> TestResult:
    return TestResult(success=True, latency_ms=0)


def test_a_type_that_says_it_has_a_test_and_brings_none_cannot_be_defined() -> None:
    with pytest.raises(TypeError, match="TelexV1 has no connection test: give it `probe`, or say has_test"):
        type("TelexV1", (Telex,), {"traits": TESTED})


@pytest.mark.parametrize(
    "members",
    [
        {"traits": TESTED, "probe": probe},
        {"traits": TESTED, "test_connection": own_test},
        {"traits": Traits(title="A telex", example={}, has_test=False)},
        {},
    ],
)
def test_a_type_with_a_test_of_its_own_or_none_to_bring_can_be_defined(members: dict[str, Any]) -> None:
    assert type("TelexV1", (Telex,), members)


@pytest.mark.parametrize("connector_type", sorted(CONNECTOR_TYPES))
def test_a_registered_type_is_whole_and_can_be_written_in_an_address(connector_type: str) -> None:
    registered = CONNECTOR_TYPES[connector_type]
    assert not registered.__abstractmethods__
    assert issubclass(registered.config_model, ConnectorConfig)
    assert registered.traits.title
    assert registered.traits.example.keys() <= registered.config_model.model_fields.keys()
    assert slug(connector_type).replace("-", "_").upper() == connector_type
