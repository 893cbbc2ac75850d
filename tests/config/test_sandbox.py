"""What lets the sandbox be left alone for payloads: nothing of ours asks for their context."""

from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import WithSerializationContext

from config.codec import encrypted_converter
from config.keys import KeyRing


def test_no_converter_and_no_codec_of_ours_wants_the_context_of_a_payload() -> None:
    ours = encrypted_converter(KeyRing("ab" * 32))
    payloads = ours.payload_converter_class()
    assert isinstance(payloads, PydanticPayloadConverter)
    asked = [*payloads.converters.values(), ours.payload_codec, ours.failure_converter]
    assert not [part for part in asked if isinstance(part, WithSerializationContext)]
    assert ours.external_storage is None
