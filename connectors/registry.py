"""Connector type → class. A new type is a new file and a line here; see connectors/README.md."""

from collections.abc import Callable
from typing import Any

from connectors.dropzone import DropzoneConnector
from connectors.mock import MockConnector
from connectors.policy import ConnectorPolicy
from connectors.port import ERPConnectorPort

CONNECTOR_TYPES: dict[str, Callable[[ConnectorPolicy], ERPConnectorPort[Any]]] = {
    "DROPZONE_JSON_V1": DropzoneConnector,
    "MOCK": MockConnector,
}


def build_connectors(policy: ConnectorPolicy) -> dict[str, ERPConnectorPort[Any]]:
    """One connector of each type, for the roots (worker, API, tests) to inject."""
    return {name: build(policy) for name, build in CONNECTOR_TYPES.items()}
