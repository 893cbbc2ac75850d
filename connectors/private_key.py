"""A pasted private key: what is wrong with it, in a sentence, before a server is asked."""

import base64
import binascii
import re
import struct

import asyncssh

# OpenSSH's default is 16 to 24; 256 take about three seconds of a core at each log-in.
MAX_BCRYPT_ROUNDS = 256
MAX_ITERATIONS = 2_000_000

_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----(.*?)-----END \1-----", re.DOTALL)
_OPENSSH_MAGIC = b"openssh-key-v1\x00"
# PBKDF2 and the older schemes of PKCS#5 and PKCS#12: SEQUENCE { OCTET STRING salt, INTEGER count … }
_DERIVATION = re.compile(
    rb"\x2a\x86\x48\x86\xf7\x0d\x01(?:\x05[\x01-\x0c]|\x0c\x01[\x01-\x06])\x30[\x01-\x7f]\x04([\x01-\x7f])",
    re.DOTALL,
)

# what people paste by mistake; the first row that matches
_MISTAKES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"PuTTY-User-Key-File"),
        "private_key is a PuTTY key: open it in PuTTYgen, export it as an OpenSSH key and give that",
    ),
    (
        re.compile(r"-cert-v01@openssh\.com |-----BEGIN CERTIFICATE-----"),
        "private_key is a certificate: give the private key itself",
    ),
    (
        re.compile(r"^(ssh-|ecdsa-|sk-)\S+ AAAA|BEGIN (RSA |SSH2 )?PUBLIC KEY"),
        "private_key is a public key: give the private one (the file without .pub);"
        " the public key belongs on the server",
    ),
)
_NO_KEY = (
    "private_key is not a private key: it must be an OpenSSH or PEM private key, with its BEGIN and END lines"
)
_CUT_OFF = "private_key is cut off: its END line is missing"
_UNREADABLE = "private_key cannot be read: it is damaged, or of a kind that is not supported"
_LOCKED = "private_key is encrypted: give its passphrase"
_DOES_NOT_OPEN = "the passphrase does not open private_key"
_TOO_SLOW = "private_key takes too long to open: encrypt it with fewer rounds (ssh-keygen -p -a 16 -f <file>)"
_KINDS = (
    "ssh-ed25519",
    "ssh-ed448",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
)


class KeyRefused(ValueError):
    """The text is the sentence; it holds nothing of the key."""


def open_private_key(text: str, passphrase: str | None) -> asyncssh.SSHKey:
    """Blocking: an encrypted key takes 0.1 s and more, at most a few seconds.

    Raises:
        KeyRefused: with the sentence that an operator needs.
    """
    block = _block(text)
    encrypted, affordable = _encryption(block)
    if encrypted and not passphrase:
        raise KeyRefused(_LOCKED)
    if not affordable:
        raise KeyRefused(_TOO_SLOW)
    try:
        key = asyncssh.import_private_key(block.group(0) + "\n", passphrase if encrypted else None)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError):
        key = None
    # Outside the handler: the library's error must not travel along.
    if key is None:
        raise KeyRefused(_DOES_NOT_OPEN if encrypted else _UNREADABLE)
    if key.get_algorithm() not in _KINDS:
        raise KeyRefused(f"private_key is of the kind {key.get_algorithm()}: use Ed25519, ECDSA or RSA")
    return key


def _block(text: str) -> re.Match[str]:
    plain = text.replace("\r\n", "\n").strip()
    found = _PEM.search(plain)
    if found is not None:
        return found
    for pattern, sentence in _MISTAKES:
        if pattern.search(plain):
            raise KeyRefused(sentence)
    raise KeyRefused(_CUT_OFF if re.search(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----", plain) else _NO_KEY)


def _encryption(block: re.Match[str]) -> tuple[bool, bool]:
    """Whether the key is encrypted, and whether opening it takes a bearable time.

    The number of rounds comes with the key: a hostile one would keep a core busy for hours.
    """
    kind, body = block.group(1), block.group(2)
    if "Proc-Type: 4,ENCRYPTED" in body:
        return True, True
    if kind not in {"OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY"}:
        return False, True
    try:
        content = base64.b64decode("".join(body.split()), validate=True)
        return (
            _openssh(content)
            if kind == "OPENSSH PRIVATE KEY"
            else (True, _iterations(content) <= MAX_ITERATIONS)
        )
    except (binascii.Error, struct.error):
        raise KeyRefused(_UNREADABLE) from None


def _openssh(content: bytes) -> tuple[bool, bool]:
    if not content.startswith(_OPENSSH_MAGIC):
        raise KeyRefused(_UNREADABLE)
    cipher, rest = _string(content[len(_OPENSSH_MAGIC) :])
    _, rest = _string(rest)
    options, _ = _string(rest)
    if cipher == b"none":
        return False, True
    _, rounds = _string(options)
    (count,) = struct.unpack(">I", rounds[:4])
    return True, count <= MAX_BCRYPT_ROUNDS


def _string(content: bytes) -> tuple[bytes, bytes]:
    (length,) = struct.unpack(">I", content[:4])
    return content[4 : 4 + length], content[4 + length :]


def _iterations(content: bytes) -> int:
    found = _DERIVATION.search(content)
    if found is None:
        raise KeyRefused(_UNREADABLE)
    after_salt = content[found.end() + found.group(1)[0] :]
    if len(after_salt) < 2 or after_salt[0] != 2 or after_salt[1] > 8:
        raise KeyRefused(_UNREADABLE)
    return int.from_bytes(after_salt[2 : 2 + after_salt[1]], "big")
