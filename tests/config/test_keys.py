"""Encryption at rest."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.keys import DecryptionFailed, EncryptionError, KeyRing, UnknownKeyId, connection_owner
from config.settings import SettingsError

OLD = "0a" * 32
NEW = "b1" * 32
RING = KeyRing(NEW, [OLD])


@given(plaintext=st.binary(), associated=st.binary())
def test_what_is_encrypted_can_be_read_with_the_same_associated_data(
    plaintext: bytes, associated: bytes
) -> None:
    assert RING.decrypt(RING.encrypt(plaintext, associated), associated) == plaintext


@given(plaintext=st.binary(max_size=64), data=st.data())
def test_any_flipped_bit_is_found(plaintext: bytes, data: st.DataObject) -> None:
    blob = bytearray(RING.encrypt(plaintext, b"owner"))
    bit = data.draw(st.integers(0, len(blob) * 8 - 1))
    blob[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises(EncryptionError):
        RING.decrypt(bytes(blob), b"owner")


@given(plaintext=st.binary(max_size=64), data=st.data())
def test_cut_bytes_are_found(plaintext: bytes, data: st.DataObject) -> None:
    blob = RING.encrypt(plaintext, b"owner")
    with pytest.raises(DecryptionFailed):
        RING.decrypt(blob[: data.draw(st.integers(0, len(blob) - 1))], b"owner")


@given(mine=st.uuids(), other=st.uuids())
def test_another_connection_cannot_read_them(mine: UUID, other: UUID) -> None:
    org = uuid4()
    blob = RING.encrypt(b"secret", connection_owner(org, mine))
    if mine != other:
        with pytest.raises(DecryptionFailed):
            RING.decrypt(blob, connection_owner(org, other))
        with pytest.raises(DecryptionFailed):
            RING.decrypt(blob, connection_owner(mine, org))


def test_bytes_under_a_previous_key_stay_readable_and_are_known_to_be_old() -> None:
    blob = KeyRing(OLD).encrypt(b"secret", b"owner")
    assert RING.decrypt(blob, b"owner") == b"secret"
    assert not RING.is_current(blob)
    assert RING.is_current(RING.encrypt(b"secret", b"owner"))


def test_bytes_under_a_forgotten_key_name_the_key_id() -> None:
    blob = KeyRing(OLD).encrypt(b"secret", b"owner")
    with pytest.raises(UnknownKeyId, match=blob[1:9].hex()):
        KeyRing(NEW).decrypt(blob, b"owner")


def test_nonces_do_not_repeat() -> None:
    assert len({RING.encrypt(b"", b"")[9:21] for _ in range(1000)}) == 1000


@pytest.mark.parametrize("key", ["", "zz" * 32, "0a" * 31, "0a" * 33, " " + "0a" * 32, "0a" * 32 + "\n"])
def test_a_bad_key_stops_the_start_with_a_sentence_that_does_not_show_it(key: str) -> None:
    with pytest.raises(SettingsError, match="ENCRYPTION_MASTER_KEY: every key must be 64 hex") as master:
        KeyRing(key)
    with pytest.raises(SettingsError, match="ENCRYPTION_PREVIOUS_KEYS"):
        KeyRing(NEW, [key])
    assert not key.strip() or key.strip() not in str(master.value)


def test_the_ring_does_not_show_its_keys() -> None:
    assert NEW not in repr(RING)
    assert OLD not in repr(RING)


def test_a_keyed_digest_is_known_under_the_master_key_and_a_previous_one_only() -> None:
    old, new = "ab" * 32, "cd" * 32
    stored = KeyRing(old).keyed_digest("digest")
    assert KeyRing(old).is_keyed_digest(stored, "digest")
    assert KeyRing(new, [old]).is_keyed_digest(stored, "digest")
    assert not KeyRing(new, [old]).is_keyed_digest(stored, "another")
    assert not KeyRing(new).is_keyed_digest(stored, "digest")
    assert KeyRing(new, [old]).keyed_digest("digest") == KeyRing(new).keyed_digest("digest") != stored
