"""Pseudonyms: stable, keyed, and refused without a proper key."""

import hashlib

import pytest

from analysis.confidentiality.pseudonyms import (
    KEY_VARIABLE,
    PUBLIC_KEY,
    ConfidentialityError,
    pseudonym,
    pseudonym_key,
)

BLOCK = 64  # bytes of a block of SHA-256, in the definition of HMAC


def hmac_by_definition(key: bytes, message: bytes) -> str:
    """RFC 2104: H((K xor opad) || H((K xor ipad) || message))."""
    padded = key.ljust(BLOCK, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in padded) + message).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in padded) + inner).hexdigest()


def test_a_pseudonym_is_the_beginning_of_the_hmac():
    expected = hmac_by_definition(b"a key of a study", "person\x1f王建国".encode())
    assert pseudonym(b"a key of a study", "person", "王建国", digits=64) == expected
    assert pseudonym(b"a key of a study", "person", "王建国") == expected[:6]


def test_kind_original_and_key_each_change_a_pseudonym():
    marks = {
        pseudonym(key, kind, original)
        for key in (b"first key of all", b"second key of all")
        for kind in ("person", "village")
        for original in ("王建国", "王建军")
    }
    assert len(marks) == 8


def test_the_key_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "a secret of the study")
    assert pseudonym_key(simulated=False) == b"a secret of the study"


def test_simulated_interviews_have_a_public_key_whatever_the_environment(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "a secret of the study")
    assert pseudonym_key(simulated=True) == PUBLIC_KEY
    monkeypatch.delenv(KEY_VARIABLE)
    assert pseudonym_key(simulated=True) == PUBLIC_KEY


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("", "is not set"),
        ("short", "has 5 characters"),
        ("abababababababababab", "repeats 2 character"),
        (PUBLIC_KEY.decode(), "is the public one"),
    ],
)
def test_without_a_proper_key_it_stops_and_does_not_show_it(monkeypatch, key, fault):
    monkeypatch.setenv(KEY_VARIABLE, key)
    with pytest.raises(ConfidentialityError, match=fault) as caught:
        pseudonym_key(simulated=False)
    assert KEY_VARIABLE in str(caught.value)
    assert not key or key not in str(caught.value)
