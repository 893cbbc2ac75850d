"""Every usual private key logs in; every usual mistake has its own sentence at save."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest
import pytest_asyncio
from asyncssh.asn1 import ObjectIdentifier, der_encode

from connectors.configuration import ConfigRefused
from connectors.dropzone import DropzoneConnector
from connectors.policy import ConnectorPolicy
from connectors.private_key import open_private_key
from domain.transport import TransportCode, TransportError
from local.sftp_server import RunningServer, sftp_server
from tests.connectors.conftest import LOOPBACK, sftp_values

PASSPHRASE = "planted-passphrase-äö-17"
KINDS: dict[str, asyncssh.SSHKey] = {
    name: asyncssh.generate_private_key(name, **({"key_size": 2048} if name == "ssh-rsa" else {}))
    for name in (
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "ssh-rsa",
    )
}
KEY = KINDS["ssh-ed25519"]
PLAIN = KEY.export_private_key().decode()
LOCKED = KEY.export_private_key(passphrase=PASSPHRASE, rounds=2, ignore_few_rounds=True).decode()
LOCKED_PEM = KINDS["ssh-rsa"].export_private_key("pkcs8-pem", passphrase=PASSPHRASE).decode()
LOCKED_PKCS1 = KINDS["ssh-rsa"].export_private_key("pkcs1-pem", passphrase=PASSPHRASE).decode()


def pem(kind: str, content: bytes) -> str:
    return f"-----BEGIN {kind}-----\n{base64.b64encode(content).decode()}\n-----END {kind}-----\n"


def slow_openssh() -> str:
    content = base64.b64decode("".join(LOCKED.splitlines()[1:-1]))
    options = content.index(b"bcrypt") + len(b"bcrypt") + 4
    rounds = options + 4 + 16  # after the salt and its length
    assert content[rounds : rounds + 4] == (2).to_bytes(4, "big")
    return pem("OPENSSH PRIVATE KEY", content[:rounds] + (2**31).to_bytes(4, "big") + content[rounds + 4 :])


def slow_pkcs8() -> str:
    derivation = (ObjectIdentifier("1.2.840.113549.1.5.12"), (b"s" * 16, 2**40))
    cipher = (ObjectIdentifier("2.16.840.1.101.3.4.1.42"), b"i" * 16)
    scheme = (ObjectIdentifier("1.2.840.113549.1.5.13"), (derivation, cipher))
    return pem("ENCRYPTED PRIVATE KEY", der_encode((scheme, b"x" * 64)))


def certificate() -> str:
    signed = asyncssh.generate_private_key("ssh-ed25519").generate_user_certificate(KEY, "someone")
    text: str = signed.export_certificate().decode()
    return text


MISTAKES: dict[str, tuple[str, str | None, str]] = {
    "garbage": ("correct horse", None, "private_key is not a private key"),
    "empty lines": (" \n\n ", None, "private_key is not a private key"),
    "not ASCII": ("schlüssel", None, "private_key is not a private key"),
    "public, OpenSSH": (KEY.export_public_key().decode(), None, "private_key is a public key"),
    "public, PEM": (KEY.export_public_key("pkcs8-pem").decode(), None, "private_key is a public key"),
    "public, RFC 4716": (KEY.export_public_key("rfc4716").decode(), None, "private_key is a public key"),
    "certificate": (certificate(), None, "private_key is a certificate"),
    "PuTTY": ("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", None, "private_key is a PuTTY key"),
    "cut off": (PLAIN[: len(PLAIN) // 2], None, "private_key is cut off"),
    "a line is missing": (
        "\n".join(PLAIN.split("\n")[:3] + PLAIN.split("\n")[4:]),
        None,
        "private_key cannot be read",
    ),
    "not base64": (PLAIN.replace("b3Bl", "!!!!"), None, "private_key cannot be read"),
    "empty body": (pem("OPENSSH PRIVATE KEY", b""), None, "private_key cannot be read"),
    "no passphrase": (LOCKED, None, "private_key is encrypted: give its passphrase"),
    "no passphrase, PEM": (LOCKED_PEM, None, "private_key is encrypted: give its passphrase"),
    "no passphrase, PKCS#1": (LOCKED_PKCS1, None, "private_key is encrypted: give its passphrase"),
    "wrong passphrase": (LOCKED, "wrong", "the passphrase does not open private_key"),
    "wrong passphrase, PEM": (LOCKED_PEM, "wrong", "the passphrase does not open private_key"),
    "wrong passphrase, PKCS#1": (LOCKED_PKCS1, "wrong", "the passphrase does not open private_key"),
    "hours to open": (slow_openssh(), PASSPHRASE, "private_key takes too long to open"),
    "hours to open, PEM": (slow_pkcs8(), PASSPHRASE, "private_key takes too long to open"),
    "DSA": (
        asyncssh.generate_private_key("ssh-dss").export_private_key().decode(),
        None,
        "private_key is of the kind ssh-dss",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_key_is_refused_at_save_with_its_sentence(mistake: str) -> None:
    text, passphrase, sentence = MISTAKES[mistake]
    values = sftp_values(22, "SHA256:" + "A" * 43, password=None, private_key=text, passphrase=passphrase)
    with pytest.raises(ConfigRefused) as caught:
        DropzoneConnector(ConnectorPolicy()).parse(values)
    assert sentence in str(caught.value)
    shown = str(caught.value) + repr(caught.value)
    assert PASSPHRASE not in shown
    assert not [line for line in text.split() if len(line) > 30 and line in shown]
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "change", [lambda text: text.replace("\n", "\r\n"), lambda text: f"\n  {text.strip()}"]
)
def test_line_ends_and_blanks_of_a_pasted_key_do_not_matter(change: Any) -> None:
    assert open_private_key(change(PLAIN), None) == KEY
    assert open_private_key(change(LOCKED), PASSPHRASE) == KEY


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    root: Path = tmp_path_factory.mktemp("keys")
    authorized = root / "authorized"
    authorized.write_bytes(b"".join(key.export_public_key() for key in KINDS.values()))
    async with sftp_server(root=root, user="demo", password=None, authorized_keys=authorized) as running:
        yield running


FORMATS = [
    (kind, how, passphrase)
    for kind in KINDS
    for how in ("openssh", "pkcs8-pem", "pkcs1-pem")
    for passphrase in (None, PASSPHRASE)
    if not (kind == "ssh-ed25519" and how == "pkcs1-pem")  # there is no such thing
]


@pytest.mark.parametrize(("kind", "how", "passphrase"), FORMATS)
async def test_every_usual_key_logs_in(
    server: RunningServer, kind: str, how: str, passphrase: str | None
) -> None:
    rounds = {"rounds": 2, "ignore_few_rounds": True} if how == "openssh" else {}
    text = KINDS[kind].export_private_key(how, passphrase=passphrase, **rounds).decode()
    connector = DropzoneConnector(ConnectorPolicy(allowed_networks=LOOPBACK))
    values = sftp_values(
        server.port, server.fingerprint, password=None, private_key=text, passphrase=passphrase,
        connect_timeout_s=20,
    )  # fmt: skip
    result = await connector.test_connection(connector.parse(values))
    assert result.success, result.error_message


async def test_a_stored_key_that_no_longer_opens_is_a_configuration_error(server: RunningServer) -> None:
    connector = DropzoneConnector(ConnectorPolicy(allowed_networks=LOOPBACK))
    values = sftp_values(
        server.port, server.fingerprint, password=None, private_key=LOCKED, passphrase=PASSPHRASE
    )
    stored = connector.dump(connector.parse(values)).replace(b"-17", b"-18")
    result = await connector.test_connection(connector.load(stored))
    assert result.code == TransportCode.CONFIGURATION_INVALID
    assert TransportError(TransportCode.CONFIGURATION_INVALID).sentence == result.error_message
