"""What the deployment lets connectors reach; a connection's own configuration cannot widen it."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Self

from config.settings import Settings


@dataclass(frozen=True)
class ConnectorPolicy:
    """`filesystem_roots`: the only folders filesystem dropzones may lie in; empty forbids the mode.
    `allowed_networks`: non-public networks that may be connected to; public addresses always may.
    `mock_allowed`: connections of types that are for trials; they deliver nothing to anybody.
    `plain_http_allowed`: addresses with http://, where everybody on the way reads along."""

    filesystem_roots: tuple[Path, ...] = ()
    allowed_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    mock_allowed: bool = False
    plain_http_allowed: bool = False

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(
            tuple(settings.filesystem_roots),
            tuple(settings.allowed_networks),
            settings.allow_mock,
            settings.allow_plain_http,
        )
