"""Stable pseudonyms: the same person has the same mark in every text, and no one can undo it.

A pseudonym is the beginning of an HMAC-SHA256 of the kind and the original under a secret key (RFC
2104, FIPS 198-1). Without the key neither the original follows from the mark nor can a guess be
checked against it, so the key stays in the environment: never in a file, a parameter or an output.
"""

import hashlib
import hmac
import os

from analysis.project import ProjectError

KEY_VARIABLE = "COMPENDIUM_PSEUDONYM_KEY"
SHORTEST_KEY = 16
FEWEST_CHARACTERS = 6  # different ones in a key: aaaaaaaaaaaaaaaa is no secret
PUBLIC_KEY = b"simulated interviews hold no secret"
DIGITS = 6


class ConfidentialityError(ProjectError):
    """Interviews cannot be made public as asked: the message says why, without quoting any."""


def pseudonym_key(simulated: bool) -> bytes:
    """Return the key of the pseudonyms.

    Parameters
    ----------
    simulated : bool
        Whether the provenance card of the source says so. Simulated interviews hold no secret:
        their key is public and fixed, so that everyone gets the same files.

    Raises
    ------
    ConfidentialityError
        When the environment has no key, or one that is short, poor or the public one.
    """
    if simulated:
        return PUBLIC_KEY
    key = os.environ.get(KEY_VARIABLE, "")
    fault = _fault(key)
    if fault:
        raise ConfidentialityError(
            f"no pseudonyms without a key: {KEY_VARIABLE} {fault}. Set it to a secret of at least "
            f"{SHORTEST_KEY} characters and keep it where the interviews are kept, never in the "
            "project; with another key every pseudonym changes. To make one: "
            'python -c "import secrets; print(secrets.token_hex(16))"'
        )
    return key.encode("utf-8")


def _fault(key: str) -> str:
    if not key:
        return "is not set"
    if len(key) < SHORTEST_KEY:
        return f"has {len(key)} characters"
    if len(set(key)) < FEWEST_CHARACTERS:
        return f"repeats {len(set(key))} character(s)"
    return "is the public one of the simulated interviews" if key.encode() == PUBLIC_KEY else ""


def pseudonym(key: bytes, kind: str, original: str, *, digits: int = DIGITS) -> str:
    """Return the pseudonym of an original: so many hexadecimal digits.

    Two originals of a kind share one of six digits with probability 6e-8; among 1,000 originals
    that happens once in 34 corpora.
    """
    content = f"{kind}\x1f{original}".encode("utf-8", "surrogatepass")
    return hmac.new(key, content, hashlib.sha256).hexdigest()[:digits]
