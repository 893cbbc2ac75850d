"""Encryption at rest: AES-256-GCM under the deployment's master key.

Stored bytes: version (1), key id (8), random nonce (12), ciphertext and tag. Version and key id are
authenticated together with the caller's associated data.
Source: docs/domain.md, "Connectors".
"""

import hashlib
import hmac
import os
import re
from collections.abc import Sequence
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from config.settings import KeySettings, SettingsError

VERSION = b"\x01"
KEY_ID_BYTES = 8
NONCE_BYTES = 12
TAG_BYTES = 16
HEADER_BYTES = len(VERSION) + KEY_ID_BYTES

_HEX_KEY = re.compile(r"[0-9a-fA-F]{64}")


class EncryptionError(Exception):
    """Stored bytes cannot be read."""


class UnknownKeyId(EncryptionError):
    """The bytes were written under a key that is neither the master key nor a previous one."""

    def __init__(self, key_id: bytes) -> None:
        self.key_id = key_id
        super().__init__(
            f"encrypted under key {key_id.hex()}, which is not in ENCRYPTION_MASTER_KEY"
            " or ENCRYPTION_PREVIOUS_KEYS"
        )


class DecryptionFailed(EncryptionError):
    """The bytes were changed, cut short, or belong to another owner."""

    def __init__(self) -> None:
        super().__init__("the encrypted bytes were changed or belong to another owner")


def connection_owner(org_id: UUID, connection_id: UUID) -> bytes:
    """Associated data that ties a connection's secrets to its row; moved to another row they don't open."""
    return b"countersign/connection/v1\x00" + org_id.bytes + connection_id.bytes


def callback_secret_owner(org_id: UUID, secret_id: UUID) -> bytes:
    """The same for the secret of a customer's signed callbacks."""
    return b"countersign/callback-secret/v1\x00" + org_id.bytes + secret_id.bytes


class KeyRing:
    """The master key writes; the master key and all previous keys read."""

    def __init__(self, master_key: str, previous_keys: Sequence[str] = ()) -> None:
        """
        Args:
            master_key: 64 hex characters.
            previous_keys: older master keys, same form.

        Raises:
            SettingsError: for a key of another form; the text never holds the key.
        """
        master = _key("ENCRYPTION_MASTER_KEY", master_key)
        self._current = _key_id(master)
        self._ciphers = {self._current: AESGCM(master)}
        self._digest_keys = {self._current: _digest_key(master)}
        for hex_key in previous_keys:
            key = _key("ENCRYPTION_PREVIOUS_KEYS", hex_key)
            self._ciphers.setdefault(_key_id(key), AESGCM(key))
            self._digest_keys.setdefault(_key_id(key), _digest_key(key))

    @classmethod
    def from_settings(cls, settings: KeySettings) -> "KeyRing":
        """
        Raises:
            SettingsError: for a key of another form than 64 hex characters.
        """
        return cls(
            settings.encryption_master_key.get_secret_value(),
            [key.get_secret_value() for key in settings.encryption_previous_keys],
        )

    def __repr__(self) -> str:
        return f"KeyRing(current={self._current.hex()}, keys={len(self._ciphers)})"

    def encrypt(self, plaintext: bytes, associated: bytes) -> bytes:
        """Encrypt under the master key; `associated` must be given again to decrypt."""
        header = VERSION + self._current
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self._current].encrypt(nonce, plaintext, header + associated)
        return header + nonce + sealed

    def decrypt(self, blob: bytes, associated: bytes) -> bytes:
        """
        Raises:
            UnknownKeyId: written under a key this ring does not hold.
            DecryptionFailed: changed, cut short, or other associated data.
        """
        if len(blob) < HEADER_BYTES + NONCE_BYTES + TAG_BYTES or blob[:1] != VERSION:
            raise DecryptionFailed
        header, nonce, sealed = (
            blob[:HEADER_BYTES],
            blob[HEADER_BYTES : HEADER_BYTES + NONCE_BYTES],
            blob[HEADER_BYTES + NONCE_BYTES :],
        )
        key_id = header[len(VERSION) :]
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise UnknownKeyId(key_id)
        try:
            return cipher.decrypt(nonce, sealed, header + associated)
        except InvalidTag:
            raise DecryptionFailed from None

    def keyed_digest(self, digest: str) -> str:
        """What may be stored of a digest over a secret: without the key nobody can try guesses on it."""
        return _keyed(self._digest_keys[self._current], digest)

    def is_keyed_digest(self, stored: str, digest: str) -> bool:
        """Whether `stored` was made of `digest`, under the master key or a previous one."""
        return any(hmac.compare_digest(stored, _keyed(key, digest)) for key in self._digest_keys.values())

    @property
    def current_id(self) -> str:
        """The master key's id in hex; it says nothing about the key."""
        return self._current.hex()

    def knows(self, key_id: str) -> bool:
        return bytes.fromhex(key_id) in self._ciphers

    def is_current(self, blob: bytes) -> bool:
        """Whether the bytes were written under the master key; if not, re-encrypt them."""
        return blob[:HEADER_BYTES] == VERSION + self._current


def key_id_of(blob: bytes) -> str | None:
    """Under which key the bytes say they were written, in hex; None when they are none of ours."""
    if len(blob) < HEADER_BYTES or blob[:1] != VERSION:
        return None
    return blob[len(VERSION) : HEADER_BYTES].hex()


def _key(variable: str, text: str) -> bytes:
    if not _HEX_KEY.fullmatch(text):
        raise SettingsError(f"{variable}: every key must be 64 hex characters (32 random bytes)")
    return bytes.fromhex(text)


def _digest_key(key: bytes) -> bytes:
    """A key of its own for digests: one key is never used for two things."""
    return hmac.digest(key, b"countersign/digest/v1", "sha256")


def _keyed(key: bytes, digest: str) -> str:
    return hmac.digest(key, digest.encode(), "sha256").hex()


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()[:KEY_ID_BYTES]
