"""Which hosts and folders a connection may name."""

from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from connectors.addresses import address_allowed, folder_within_roots, resolve_allowed
from connectors.dropzone import DropzoneConnector
from connectors.policy import ConnectorPolicy
from domain.transport import TransportCode, TransportError

NOTHING_EXTRA = ConnectorPolicy()

REFUSED = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "100.100.100.200", "168.63.129.16", "224.0.0.1", "239.1.1.1", "240.0.0.1",
    "255.255.255.255",    "192.0.2.1", "198.18.0.1",
    "::", "::1", "fe80::1", "fe80::1%2", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "::127.0.0.1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "2002:7f00:1::", "2002:a00:1::",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1",
]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_inside_are_refused(address: str) -> None:
    assert not address_allowed(ip_address(address), NOTHING_EXTRA)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert address_allowed(ip_address(address), NOTHING_EXTRA)


def test_an_allowed_network_opens_itself_only_in_all_its_spellings() -> None:
    policy = ConnectorPolicy(allowed_networks=(ip_network("10.1.0.0/16"),))
    assert address_allowed(ip_address("10.1.2.3"), policy)
    assert address_allowed(ip_address("::ffff:10.1.2.3"), policy)
    assert not address_allowed(ip_address("10.2.0.1"), policy)
    assert not address_allowed(ip_address("::ffff:10.2.0.1"), policy)


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "::1", "::ffff:7f00:1", "0"],
)
async def test_every_spelling_of_loopback_is_refused(host: str) -> None:
    with pytest.raises(TransportError) as caught:
        await resolve_allowed(host, 22, NOTHING_EXTRA, 2)
    assert caught.value.code is TransportCode.ADDRESS_NOT_ALLOWED
    assert "127" not in str(caught.value)


async def test_the_connector_does_not_connect_to_a_refused_address() -> None:
    connector = DropzoneConnector(NOTHING_EXTRA)
    config = connector.parse(
        {
            "mode": "sftp", "host": "169.254.169.254", "username": "u", "password": "p", "export_path": "/o",
            "trust_on_first_use": True,
        }
    )  # fmt: skip
    result = await connector.test_connection(config)
    assert result.code == "ADDRESS_NOT_ALLOWED"


def test_a_symlink_out_of_the_root_is_refused(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "orders").mkdir(parents=True)
    outside.mkdir()
    (root / "link").symlink_to(outside)
    policy = ConnectorPolicy(filesystem_roots=(root,))
    assert folder_within_roots(str(root / "orders"), policy) == root / "orders"
    for path in (root / "link", outside, tmp_path / "root-2", outside / "missing", Path("/")):
        with pytest.raises(TransportError) as caught:
            folder_within_roots(str(path), policy)
        assert caught.value.code is TransportCode.ADDRESS_NOT_ALLOWED


async def test_a_folder_that_becomes_a_symlink_later_is_refused_at_the_next_use(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "orders").mkdir(parents=True)
    outside.mkdir()
    connector = DropzoneConnector(ConnectorPolicy(filesystem_roots=(root,)))
    config = connector.parse({"mode": "filesystem", "export_path": str(root / "orders")})
    assert (await connector.test_connection(config)).success
    (root / "orders").rmdir()
    (root / "orders").symlink_to(outside)
    assert (await connector.test_connection(config)).code == "ADDRESS_NOT_ALLOWED"
    assert list(outside.iterdir()) == []


async def test_no_roots_forbid_filesystem_mode(tmp_path: Path) -> None:
    connector = DropzoneConnector(NOTHING_EXTRA)
    config = connector.parse({"mode": "filesystem", "export_path": str(tmp_path)})
    assert (await connector.test_connection(config)).code == "ADDRESS_NOT_ALLOWED"
