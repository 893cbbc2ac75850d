"""Payload encryption: what Temporal stores about drafts is AES-256-GCM under the deployment's key ring.

Ids, type names, `ApplicationError.type` and search attributes stay readable, so no customer data goes
there. A payload that is not encrypted passes: engineers send signals from the Web UI and the CLI as JSON.
"""

from collections.abc import Sequence
from dataclasses import replace

from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
)

from config.keys import DecryptionFailed, KeyRing

ENCODING = b"binary/encrypted"
_OWNER = b"countersign/temporal/v1"


class EncryptionCodec(PayloadCodec):
    """Encrypt whole payloads, their metadata too; the key's id travels in the clear inside the bytes."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._encrypted(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """
        Raises:
            EncryptionError: written under an unknown key, or changed.
        """
        return [self._decrypted(payload) for payload in payloads]

    def _encrypted(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") == ENCODING:
            return payload
        sealed = self._keys.encrypt(payload.SerializeToString(), _OWNER)
        return Payload(metadata={"encoding": ENCODING}, data=sealed)

    def _decrypted(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        try:
            return Payload.FromString(self._keys.decrypt(payload.data, _OWNER))
        except DecodeError:
            raise DecryptionFailed from None


def encrypted_converter(keys: KeyRing) -> DataConverter:
    """pydantic models, encrypted; failure texts and stack traces too."""
    return replace(
        pydantic_data_converter,
        payload_codec=EncryptionCodec(keys),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
