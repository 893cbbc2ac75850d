"""Payload encryption: nothing readable leaves, plain JSON still comes in."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError

from config.codec import ENCODING, EncryptionCodec, encrypted_converter
from config.keys import EncryptionError, KeyRing

OLD, NEW = "11" * 32, "22" * 32
SECRET = "planted-secret-4711"


async def test_values_come_back_and_nothing_of_them_is_readable() -> None:
    converter = encrypted_converter(KeyRing(NEW))
    payloads = await converter.encode([{"note": SECRET}])
    assert SECRET not in str(payloads[0])
    assert payloads[0].metadata == {"encoding": ENCODING}
    assert await converter.decode(payloads) == [{"note": SECRET}]


async def test_failure_texts_details_and_traces_are_encrypted_but_the_type_is_not() -> None:
    converter = encrypted_converter(KeyRing(NEW))
    failure = Failure()
    try:
        raise ApplicationError(SECRET, {"detail": SECRET}, type="MayHaveBeenSent")
    except ApplicationError as error:
        await converter.encode_failure(error, failure)
    assert SECRET not in str(failure)
    assert failure.application_failure_info.type == "MayHaveBeenSent"
    back = await converter.decode_failure(failure)
    assert isinstance(back, ApplicationError)
    assert (back.message, back.details[0]["detail"]) == (SECRET, SECRET)


async def test_a_signal_that_an_engineer_sends_as_plain_json_passes() -> None:
    codec = EncryptionCodec(KeyRing(NEW))
    plain = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps({"key": None}).encode())
    assert await codec.decode([plain]) == [plain]


async def test_histories_of_an_older_key_stay_readable_and_a_lost_key_is_named() -> None:
    payloads = await encrypted_converter(KeyRing(OLD)).encode(["x"])
    assert await encrypted_converter(KeyRing(NEW, [OLD])).decode(payloads) == ["x"]
    with pytest.raises(EncryptionError, match="ENCRYPTION_PREVIOUS_KEYS"):
        await encrypted_converter(KeyRing(NEW)).decode(payloads)


@settings(max_examples=50)
@given(data=st.binary(max_size=200), name=st.text(max_size=20), bits=st.data())
async def test_any_payload_comes_back_whole_and_any_flipped_bit_is_refused(
    data: bytes, name: str, bits: st.DataObject
) -> None:
    codec = EncryptionCodec(KeyRing(NEW))
    plain = Payload(metadata={"encoding": b"json/plain", "name": name.encode()}, data=data)
    (sealed,) = await codec.encode([plain])
    assert await codec.decode([sealed]) == [plain]
    broken = bytearray(sealed.data)
    bit = bits.draw(st.integers(0, len(broken) * 8 - 1))
    broken[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises(EncryptionError):
        await codec.decode([Payload(metadata=sealed.metadata, data=bytes(broken))])
