"""Which hosts and folders a connection may name. Both are input from users.

A host is resolved once and the connection goes to the very address that was checked; a second look-up
could answer differently. Source: docs/architecture.md, "Security".
"""

import asyncio
import os
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path

from connectors.policy import ConnectorPolicy
from domain.transport import TransportCode, TransportError

_METADATA = frozenset({IPv4Address("168.63.129.16")})  # a cloud's host agent, on a public address
_NAT64 = IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
_IPV4_COMPATIBLE = IPv6Network("::/96")


def address_allowed(address: IPv4Address | IPv6Address, policy: ConnectorPolicy) -> bool:
    """Public unicast addresses, and whatever lies in the allowed networks.

    An IPv6 address that carries an IPv4 address is judged by what it carries.
    """
    inner = _carried(address)
    if inner is not None:
        return address_allowed(inner, policy)
    if any(_within(address, network) for network in policy.allowed_networks):
        return True
    if isinstance(address, IPv6Address) and (address in _NAT64_LOCAL or address in _IPV4_COMPATIBLE):
        return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and address not in _METADATA
    )


def _within(address: IPv4Address | IPv6Address, network: IPv4Network | IPv6Network) -> bool:
    return address.version == network.version and address in network


def _carried(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


async def resolve_allowed(host: str, port: int, policy: ConnectorPolicy, timeout_s: float) -> list[str]:
    """Resolve `host` once and keep the addresses that may be connected to, in the resolver's order.

    Raises:
        TransportError: ADDRESS_NOT_ALLOWED when none is permitted, CONNECTION_TIMEOUT when the resolver
            does not answer, CONNECTION_REFUSED when it knows no such host.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise TransportError(TransportCode.CONNECTION_TIMEOUT, "resolving the host name") from None
    except (OSError, UnicodeError):
        raise TransportError(
            TransportCode.CONNECTION_REFUSED, "the host name could not be resolved"
        ) from None
    found = [str(answer[4][0]) for answer in answers]
    allowed = [text for text in dict.fromkeys(found) if address_allowed(ip_address(text), policy)]
    if not allowed:
        # The address stays out of the text: it would tell a user what internal names resolve to.
        raise TransportError(
            TransportCode.ADDRESS_NOT_ALLOWED, "the host resolves to no address that is permitted"
        )
    return allowed


def folder_within_roots(path: str, policy: ConnectorPolicy) -> Path:
    """The real path of `path`, symlinks resolved. Blocking; call it at each use, links change.

    Raises:
        TransportError: ADDRESS_NOT_ALLOWED outside the roots (whether or not it exists),
            FOLDER_NOT_FOUND when it is no folder.
    """
    real = Path(os.path.realpath(path))
    if not any(real.is_relative_to(os.path.realpath(root)) for root in policy.filesystem_roots):
        raise TransportError(
            TransportCode.ADDRESS_NOT_ALLOWED, "the path is not within COUNTERSIGN_FILESYSTEM_ROOTS"
        )
    if not real.is_dir():
        raise TransportError(TransportCode.FOLDER_NOT_FOUND, path)
    return real
