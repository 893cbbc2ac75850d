"""Rules of the dropzone's configuration, each with its sentence."""

from typing import Any

import asyncssh
import pytest

from connectors.configuration import ConfigRefused
from connectors.dropzone_config import DropzoneConfig
from domain.transport import TransportCode, TransportError

PIN = "SHA256:" + "A" * 43
SECRET = "planted-secret-99"
SFTP: dict[str, Any] = {
    "mode": "sftp", "host": "sftp.example", "username": "u", "password": SECRET,
    "host_key_fingerprints": [PIN], "export_path": "orders",
}  # fmt: skip
FILES: dict[str, Any] = {"mode": "filesystem", "export_path": "/srv/orders"}

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({**SFTP, "host": None}, "sftp mode needs host"),
    ({**SFTP, "username": None}, "sftp mode needs username"),
    ({**SFTP, "password": None}, "exactly one of password and private_key"),
    ({**SFTP, "private_key": "x"}, "exactly one of password and private_key"),
    ({**SFTP, "password": None, "private_key": SECRET}, "private_key is not a private key"),
    ({**SFTP, "passphrase": SECRET}, "passphrase belongs to private_key"),
    ({**SFTP, "host_key_fingerprints": []}, "set trust_on_first_use"),
    ({**SFTP, "host_key_fingerprints": ["MD5:00"]}, "SHA256:"),
    ({**SFTP, "export_path": "a/../../b"}, 'must not contain ".." parts'),
    ({**SFTP, "export_path": "a\nb"}, "control characters"),
    ({**SFTP, "export_path": "a\x00b"}, "control characters"),
    ({**SFTP, "export_path": "x" * 1025}, "at most 1024"),
    ({**SFTP, "username": "a\rb"}, "control characters"),
    ({**SFTP, "host": "a b"}, "host name or an IP address"),
    ({**SFTP, "host": "-oProxyCommand=x"}, "host name or an IP address"),
    ({**SFTP, "port": 0}, "greater than or equal to 1"),
    ({**SFTP, "ack_path": "orders/"}, "another folder"),
    ({**SFTP, "surprise": SECRET}, "Extra inputs are not permitted"),
    ({**FILES, "export_path": "orders"}, "export_path must be absolute"),
    ({**FILES, "ack_path": "acks"}, "ack_path must be absolute"),
    ({**FILES, "password": SECRET}, "filesystem mode takes no password"),
    ({**FILES, "host": "h"}, "filesystem mode takes no host"),
]


@pytest.mark.parametrize(("values", "sentence"), REFUSED)
def test_a_bad_configuration_is_refused_with_a_sentence_and_no_secret(
    values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigRefused) as caught:
        DropzoneConfig.parse(values)
    assert sentence in str(caught.value)
    assert SECRET not in str(caught.value) + repr(caught.value)
    assert caught.value.__context__ is None


def test_what_is_stored_is_read_back_and_the_view_has_no_secret() -> None:
    config = DropzoneConfig.parse(SFTP)
    assert DropzoneConfig.load(config.dump()) == config
    view = config.public_view()
    assert view["has_password"] is True
    assert view["has_private_key"] is False
    assert SECRET not in str(view) + repr(config)


def test_stored_bytes_that_cannot_be_read_are_a_configuration_error() -> None:
    with pytest.raises(TransportError) as caught:
        DropzoneConfig.load(b'{"mode": "sftp", "password": "' + SECRET.encode() + b'"}')
    assert caught.value.code is TransportCode.CONFIGURATION_INVALID
    assert SECRET not in str(caught.value)


def test_unset_fields_keep_their_value_and_a_key_replaces_the_password() -> None:
    config = DropzoneConfig.parse(SFTP)
    moved = config.merged({"host": "other.example"})
    assert moved.password == config.password
    key = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    with_key = config.merged({"private_key": key})
    assert with_key.password is None
    assert with_key.private_key is not None
    assert with_key.merged({"password": "p"}).private_key is None
