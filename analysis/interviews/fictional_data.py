"""Personal data of nobody, in the forms in which interviews hold them.

Checksums are right where the real thing has one, so that detectors are tried on what they will
meet; regions, prefixes and domains are such as nobody has been given, so that no number can belong
to anyone. Each datum is planted with its kind and form, and masking is measured against them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

LANGUAGES = ("zh", "en")
REGION = "139978"  # a prefecture 1399 does not exist
MOBILE_PREFIX = "154"  # no network has it
AREA_CODE = "0339"  # no town has it, and no local number begins with 1
CARD_PREFIX = "629999"  # in no list of issuers that we know
PLATE_PREFIX = "冀Y"  # the province issues no Y
DOMAIN = "example.com"  # reserved by RFC 2606
ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
ID_CHECKS = "10X98765432"
SPOKEN = str.maketrans("0123456789", "零幺二三四五六七八九")
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
PLATE_SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"  # I and O are not used


@dataclass(frozen=True)
class Datum:
    """A piece of personal data in both languages.

    Attributes
    ----------
    kind : str
        What it is; empty for a filling that identifies nobody.
    texts, forms : mapping of language to str
        What is written, and in which form: `plain`, `spaced`, `spelled_out` and so on.
    """

    kind: str
    texts: Mapping[str, str]
    forms: Mapping[str, str]


def datum(kind: str, form: str, twins: Mapping[str, str]) -> Datum:
    """Return a datum of the same form in both languages."""
    return Datum(kind, twins, dict.fromkeys(LANGUAGES, form))


def id_checksum(digits: str) -> str:
    """Return the eighteenth sign of an identity number (GB 11643-1999: ISO 7064, MOD 11-2)."""
    total = sum(weight * int(digit) for weight, digit in zip(ID_WEIGHTS, digits, strict=True))
    return ID_CHECKS[total % 11]


def luhn_digit(digits: str) -> str:
    """Return the check digit that ends a card number (ISO/IEC 7812-1, Luhn)."""
    doubled = [int(d) * (2 - i % 2) for i, d in enumerate(reversed(digits))]
    return str(-sum(n - 9 if n > 9 else n for n in doubled) % 10)


def fictional_number(kind: str, form: str, rng: np.random.Generator) -> Datum:
    """Return a number or address on the net that nobody has.

    Parameters
    ----------
    kind : str
        `id_card`, `mobile`, `landline`, `bank_card`, `wechat`, `qq`, `plate`, `email`.
    form : str
        `plain`; of identity numbers also `bad_checksum` and `fifteen_digits`; of mobile numbers
        `spaced`, `spelled_out` and `full_width`, the last two with English twins `spaced` and
        `plain`; of bank cards `spaced`.
    """
    if kind == "mobile":
        return _mobile(form, rng)
    makers: dict[str, Any] = {
        "id_card": _id_card,
        "bank_card": _bank_card,
        "landline": lambda _form, rng: f"{AREA_CODE}-1{_digits(rng, 6)}",
        "wechat": lambda _form, rng: f"wx_moni{_digits(rng, 5)}",
        "qq": lambda _form, rng: f"99{_digits(rng, 8)}",
        "plate": lambda _form, rng: f"{PLATE_PREFIX}·{_plate_signs(rng)}",
        "email": lambda _form, rng: f"moni{_digits(rng, 4)}@{DOMAIN}",
    }
    return datum(kind, form, dict.fromkeys(LANGUAGES, makers[kind](form, rng)))


def _digits(rng: np.random.Generator, n: int) -> str:
    return "".join(map(str, rng.integers(0, 10, n)))


def _plate_signs(rng: np.random.Generator) -> str:
    letters = "".join(PLATE_SIGNS[i] for i in rng.integers(0, 24, 2))
    return letters[0] + _digits(rng, 3) + letters[1]


def _id_card(form: str, rng: np.random.Generator) -> str:
    year, month, day = rng.integers([1950, 1, 1], [1991, 13, 29])
    birth = f"{year}{month:02d}{day:02d}"
    if form == "fifteen_digits":
        return REGION + birth[2:] + _digits(rng, 3)
    first = REGION + birth + _digits(rng, 3)
    right = ID_CHECKS.index(id_checksum(first))
    return first + ID_CHECKS[right if form == "plain" else (right + 5) % len(ID_CHECKS)]


def _bank_card(form: str, rng: np.random.Generator) -> str:
    first = CARD_PREFIX + _digits(rng, 12)
    number = first + luhn_digit(first)
    return number if form == "plain" else _grouped(number, (4, 4, 4, 4, 3))


def _mobile(form: str, rng: np.random.Generator) -> Datum:
    number = MOBILE_PREFIX + _digits(rng, 8)
    spaced = _grouped(number, (3, 4, 4))
    zh, en, form_en = {
        "plain": (number, number, "plain"),
        "spaced": (spaced, spaced, "spaced"),
        "spelled_out": (number.translate(SPOKEN), spaced, "spaced"),
        "full_width": (number.translate(FULL_WIDTH), number, "plain"),
    }[form]
    return Datum("mobile", {"zh": zh, "en": en}, {"zh": form, "en": form_en})


def _grouped(number: str, sizes: tuple[int, ...]) -> str:
    ends = np.cumsum(sizes)
    return " ".join(number[end - size : end] for end, size in zip(ends, sizes, strict=True))
