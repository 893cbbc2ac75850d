"""From a connection's row to its connector and its configuration, secrets in clear: for one step only."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from config.keys import EncryptionError, KeyRing, connection_owner
from connectors.configuration import Known
from connectors.port import ERPConnectorPort
from domain.delivery import Capabilities
from domain.transport import TransportCode, TransportError
from storage.database import Row

Connectors = Mapping[str, ERPConnectorPort[Any]]


def configured(
    connectors: Connectors, keys: KeyRing, org_id: UUID, row: Row
) -> tuple[ERPConnectorPort[Any], Any]:
    """
    Raises:
        TransportError: CONFIGURATION_INVALID.
    """
    connector = connectors.get(row["connector_type"])
    if connector is None:
        raise TransportError(TransportCode.CONFIGURATION_INVALID, "unknown connector type")
    try:
        stored = keys.decrypt(row["config_encrypted"], connection_owner(org_id, row["id"]))
    except EncryptionError as error:
        raise TransportError(TransportCode.CONFIGURATION_INVALID, str(error)) from error
    capabilities = row["capabilities"]
    known = Known(
        f"{org_id}/{row['id']}", None if capabilities is None else Capabilities.model_validate(capabilities)
    )
    return connector, connector.load(stored, known)
