"""Connector type → class. A new type is a new file and a line here; see connectors/README.md."""

from typing import Any

from connectors.connector import BaseConnector
from connectors.dropzone import DropzoneConnector
from connectors.http_json import HttpJsonConnector
from connectors.mock import MockConnector
from connectors.policy import ConnectorPolicy
from connectors.port import ERPConnectorPort

CONNECTOR_TYPES: dict[str, type[BaseConnector[Any]]] = {
    "DROPZONE_JSON_V1": DropzoneConnector,
    "HTTP_JSON_V1": HttpJsonConnector,
    "MOCK": MockConnector,
}


def build_connectors(policy: ConnectorPolicy) -> dict[str, ERPConnectorPort[Any]]:
    """One connector of each type, for the roots (worker, API, tests) to inject."""
    return {name: build(policy) for name, build in CONNECTOR_TYPES.items()}


def slug(connector_type: str) -> str:
    """How a type is written in addresses: `DROPZONE_JSON_V1` is `dropzone-json-v1`."""
    return connector_type.lower().replace("_", "-")
