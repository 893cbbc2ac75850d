"""What the deployment lets connectors reach; a connection's own configuration cannot widen it."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Self

from config.settings import Settings


@dataclass(frozen=True)
class ConnectorPolicy:
    """`filesystem_roots`: the only folders filesystem dropzones may lie in; empty forbids the mode.
    `allowed_networks`: non-public networks that may be connected to; public addresses always may."""

    filesystem_roots: tuple[Path, ...] = ()
    allowed_networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(tuple(settings.filesystem_roots), tuple(settings.allowed_networks))
