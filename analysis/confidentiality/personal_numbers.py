"""Numbers that identify a person: identity cards, telephones, bank cards, numbers of accounts.

Digits come plain, full-width, in groups, one by one, in Chinese characters (一三八, 幺) or as
English words. A run of digits is cut at its own gaps into groups; groups that together make up a
number of a known form are taken, longest first. What is long and of no known form is masked too
and shown to a person: a wrong checksum is a slip of the tongue, not a reason to publish.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from analysis.confidentiality.personal_finding import Finding, doubtful
from analysis.confidentiality.personal_lexicon import BLANK, INVISIBLE

CHINESE_DIGITS = dict(
    zip("零〇○一二三四五六七八九幺壹贰叁肆伍陆柒捌玖", "0001234567891123456789", strict=True)
)
_TO_DIGITS = str.maketrans(CHINESE_DIGITS)
_SOFT = f"[{BLANK}{INVISIBLE}()·•_+—-]|[.](?=[{BLANK}]?[0-9])"
_GAP = f"(?:{_SOFT}|[,、]){{0,4}}"
_RUN = re.compile(rf"[0-9](?:{_GAP}[0-9]){{4,}}(?:[{BLANK}{INVISIBLE}-]?[xX×叉](?![A-Za-z]))?")
_GROUP = re.compile("[0-9]+|[" + "".join(CHINESE_DIGITS) + "]+|[xX×叉]")
_WORD = "zero|oh|o|nought|one|two|three|four|five|six|seven|eight|nine"
_SPOKEN = re.compile(
    rf"(?i)\b(?:(?:double|triple|treble)[ ]+)?(?:{_WORD})"
    rf"(?:[ ,-]{{1,3}}(?:(?:double|triple|treble)[ ]+)?(?:{_WORD})){{4,}}\b"
)
_ENGLISH_DIGITS = {"zero": "0", "oh": "0", "o": "0", "nought": "0", "one": "1", "two": "2",
                   "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
                   "eight": "8", "nine": "9"}  # fmt: skip
_TIMES = {"double": 2, "triple": 3, "treble": 3}
_UNIT = re.compile(
    r"\s*(?:元|块|万|亿|千|百|斤|公斤|吨|亩|平|人|户|株|棵|头|只|个|米|公里|%|‰|美元|人民币|倍|年|"
    r"yuan|RMB|kg|mu\b|people|households|hectares?|dollars?|tons?|percent|metres?|meters?)"
)
_MONEY_BEFORE = re.compile(r"[¥$€£]\s*$")
_EXTENSION = re.compile(r"(?i)\s*(?:转|分机|内线|ext(?:ension)?\.?|x|#|-)\s*[0-9]{1,6}(?![0-9])")
_MOBILE = re.compile(r"(?:0086|86)?(1[3-9]\d{9})")
_LANDLINE = re.compile(r"(?:0086|86)?(0(?:10|2\d|[3-9]\d{2})[2-8]\d{6,7})")
_NORTH_AMERICA = re.compile(r"1?([2-9]\d{9})")
_BORN = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_ID18 = re.compile(rf"[1-9]\d{{5}}(?:18|19|20)\d{{2}}{_BORN}\d{{3}}[\dX]")
_ID15 = re.compile(rf"[1-9]\d{{5}}\d{{2}}{_BORN}\d{{3}}")
_CUE_BEFORE = 14
_PHONE_CUE = re.compile(
    r"(?i)电话|座机|手机|拨打|热线|传真|号码是|联系方式|"
    r"(?<![A-Za-z])(?:tel|phone|mobile|fax|call|dial|landline|ring)(?![A-Za-z])"
)
_CARD_CUE = re.compile(r"(?i)卡|账|帐|存折|(?<![A-Za-z])(?:card|account)(?![A-Za-z])")
_ID_CUE = re.compile(r"(?i)身份证|证件|护照|(?<![A-Za-z])(?:ID|identity|passport)(?![A-Za-z])")
_QQ_CUE = re.compile(
    r"(?i)(?:(?<![A-Za-z])q ?q|扣扣|企鹅)\s*(?:号码?|number)?\s*(?:是|为|is|[:：])?\s*$"
)
_CUED_NUMBER = re.compile(
    r"(?i)(?:身份证|证件|护照|社保卡?|医保卡?|学生?证|工号|学号|驾驶?证|残疾证|房产证|准考证|病历|军官证|"
    r"户口本?|档案)(?:号码?|编号|账号)?[是为:]{0,2}\s*(?P<zh>[A-Z]{0,3}[0-9][0-9A-Z-]{4,20})"
    r"|(?<![A-Za-z])(?:ID|passport|social\s+security|licen[cs]e)(?:\s+card)?(?:\s+(?:number|no\.?))?"
    r"(?:\s+is|:)?\s*(?P<en>[A-Z]{0,3}[0-9][0-9A-Z-]{4,20})"
)
_PASSPORT = re.compile(r"(?<![A-Za-z0-9])[CDEGHKMPSWcdeghkmpsw][A-Za-z]?[0-9]{7,8}(?![A-Za-z0-9])")
_CREDIT_CODE = re.compile(r"(?<![A-Za-z0-9])9[1-3][0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}(?![A-Za-z0-9])")
_STARRED = re.compile(r"(?<!\d)(?:1[3-9]\d[*•xX]{4}\d{4}|\d{6}[*•xX]{8}\d{3}[\dXx])(?!\d)")
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECK = "10X98765432"
_STRIPPED = " \t\u00a0\u3000\u200b\ufeff"
_ID_DIGITS = 18
_DATE_DIGITS = 8
_MAX_DIGITS = 19
_LONG_NUMBER = 9  # plain digits without a unit from which a number is masked; dates have eight
_LONG_SPOKEN = 7  # the same for digits said one by one


@dataclass(frozen=True, slots=True)
class _Group:
    digits: str
    start: int
    end: int
    spoken: bool
    gap: str


def find_numbers(text: str) -> Iterator[Finding]:
    """Yield the identifying numbers in a folded text."""
    for run in _RUN.finditer(text.translate(_TO_DIGITS)):
        yield from _in_run(text, _groups(text, *run.span()))
    for match in _SPOKEN.finditer(text):
        group = _Group(_english_digits(match[0]), *match.span(), spoken=True, gap="")
        yield _number(text, [group]) or doubtful(
            *match.span(), "number", group.digits, "number of unknown form"
        )
    for match in _CUED_NUMBER.finditer(text):
        name = "zh" if match["zh"] else "en"
        if len(match[name]) == _ID_DIGITS:
            continue  # found as a run of digits, with its checksum
        yield Finding(*match.span(name), "id_card", match[name].upper())
    for match in _PASSPORT.finditer(text):
        yield Finding(*match.span(), "id_card", match[0].upper())
    for match in _CREDIT_CODE.finditer(text):
        yield Finding(*match.span(), "organization", match[0])
    for match in _STARRED.finditer(text):
        yield doubtful(*match.span(), "number", match[0], "number with stars in it")


def valid_id(number: str) -> bool:
    """Return whether the last character of an 18-digit identity number checks.

    Source
    ------
    GB 11643-1999, after ISO 7064 MOD 11-2.
    """
    total = sum(w * int(d) for w, d in zip(_ID_WEIGHTS, number[:17], strict=True))
    return _ID_CHECK[total % 11] == number[17]


def valid_card(number: str) -> bool:
    """Return whether a card number checks by the formula of Luhn (ISO/IEC 7812-1)."""
    digits = [int(d) for d in reversed(number)]
    doubled = (sum(divmod(2 * d, 10)) for d in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _groups(text: str, start: int, end: int) -> list[_Group]:
    groups: list[_Group] = []
    last = start
    for match in _GROUP.finditer(text, start, end):
        digits = match[0].translate(_TO_DIGITS)
        digits = "X" if digits in {"x", "×", "叉"} else digits
        spoken = match[0] != digits and digits != "X"
        groups.append(_Group(digits, *match.span(), spoken, text[last : match.start()]))
        last = match.end()
    return groups


def _in_run(text: str, groups: list[_Group]) -> Iterator[Finding]:
    """Yield numbers made of neighbouring groups, the longest first, from left to right."""
    k = 0
    while k < len(groups):
        for after in range(len(groups), k, -1):
            found = _number(text, groups[k:after])
            if found:
                yield found
                k = after - 1
                break
        k += 1


def _number(text: str, groups: list[_Group]) -> Finding | None:
    digits = "".join(g.digits for g in groups)
    if not 5 <= len(digits) <= _MAX_DIGITS + 4 or not _belong_together(groups):
        return None
    start, end = groups[0].start, groups[-1].end
    before = text[max(0, start - _CUE_BEFORE) : start]
    sizes = tuple(len(g.digits) for g in groups)
    if digits[:-1].isdigit() and digits[-1] == "X":
        return _identity(digits, start, end, sizes, before) if len(digits) == _ID_DIGITS else None
    if not digits.isdigit():
        return None
    if _QQ_CUE.search(before) and len(digits) <= 11:
        return Finding(start, end, "qq", digits)
    return (
        _identity(digits, start, end, sizes, before)
        or _card(digits, start, end, sizes, before)
        or _telephone(text, digits, start, end, sizes, before)
        or _unknown(text, groups, digits, before)
    )


def _belong_together(groups: list[_Group]) -> bool:
    """Whether the gaps inside allow one number: commas and points only where they are regular."""
    gaps = [g.gap.strip(_STRIPPED) for g in groups[1:]]
    sizes = [len(g.digits) for g in groups]
    if any("," in gap or "、" in gap for gap in gaps):
        digits = [g for g in groups if g.digits != "X"]
        singles = set(sizes) == {1} and not _counts_up(digits)
        return singles or sizes in ([3, 4, 4], [6, 8, 4], [3, 4, 2, 2], [4, 4, 4, 4])
    points = sum("." in gap for gap in gaps)
    return points == 0 or (1 < points == sum(g.gap == "." for g in groups[1:]))


def _counts_up(groups: list[_Group]) -> bool:
    return all(int(b) == int(a) + 1 for a, b in pairwise("".join(g.digits for g in groups)))


def _regular(sizes: tuple[int, ...]) -> bool:
    return len(sizes) == 1 or set(sizes) == {1}


def _identity(
    digits: str, start: int, end: int, sizes: tuple[int, ...], before: str
) -> Finding | None:
    cued = _ID_CUE.search(before) is not None
    if _ID18.fullmatch(digits):
        if valid_id(digits):
            return Finding(start, end, "id_card", digits)
        return doubtful(start, end, "id_card", digits, "checksum of the identity number is wrong")
    if len(digits) == _ID_DIGITS and (cued or digits[-1] == "X"):
        return doubtful(start, end, "id_card", digits, "date in the identity number is wrong")
    if len(digits) == 15 and _ID15.fullmatch(digits) and (_regular(sizes) or sizes == (6, 6, 3)):
        return Finding(start, end, "id_card", digits)
    if len(digits) == 9 and sizes == (3, 2, 4):
        return Finding(start, end, "id_card", digits)
    return None


def _card(digits: str, start: int, end: int, sizes: tuple[int, ...], before: str) -> Finding | None:
    cued = _CARD_CUE.search(before) is not None
    fours = set(sizes[:-1]) == {4} and sizes[-1] <= 4
    years = fours and all(digits[k : k + 2] in {"19", "20"} for k in range(0, len(digits), 4))
    grouped = _regular(sizes) or fours or (sizes[0] == 6 and len(sizes) == 2)
    if not grouped or years or not (16 if not cued else 12) <= len(digits) <= _MAX_DIGITS:
        return None
    if valid_card(digits):
        return Finding(start, end, "bank_card", digits)
    return doubtful(start, end, "bank_card", digits, "checksum of the card number is wrong")


def _telephone(
    text: str, digits: str, start: int, end: int, sizes: tuple[int, ...], before: str
) -> Finding | None:
    cued = _PHONE_CUE.search(before) is not None
    thousands = len(sizes) > 2 and set(sizes[1:]) == {3}
    mobile = _MOBILE.fullmatch(digits)
    if mobile and (cued or not thousands) and sizes[0] != _DATE_DIGITS:
        return Finding(_with_plus(text, start), end, "mobile", mobile[1])
    landline = _landline(digits, sizes)
    if not landline and text[start - 1 : start] == "+" and 8 <= len(digits) <= 15:
        landline = digits
    if (
        not landline
        and cued
        and 7 <= len(digits) <= 8
        and not thousands
        and (_regular(sizes) or len(sizes) <= 4)
    ):
        landline = digits
    if not landline:
        return None
    extension = _EXTENSION.match(text, end)
    stop = extension.end() if extension else end
    return Finding(_with_plus(text, start), stop, "landline", landline)


def _landline(digits: str, sizes: tuple[int, ...]) -> str:
    national = _LANDLINE.fullmatch(digits)
    if national and (_regular(sizes) or sizes[0] in {3, 4} or digits.startswith(("86", "0086"))):
        return national[1]
    if re.fullmatch(r"[48]00\d{7}", digits) and (len(sizes) > 1 or not digits.endswith("0000")):
        return digits
    american = _NORTH_AMERICA.fullmatch(digits)
    if american and sizes in {(3, 3, 4), (1, 3, 3, 4)}:
        return american[1]
    abroad = len(sizes) > 1 and digits[0] == "0" and digits[1] != "0" and sizes[0] in {3, 4, 5}
    return digits if abroad and 10 <= len(digits) <= 11 else ""


def _with_plus(text: str, start: int) -> int:
    opened = start - 1 if text[start - 1 : start] in {"+", "("} and start else start
    return opened - 1 if opened and text[opened - 1 : opened] in {"+", "("} else opened


def _unknown(text: str, groups: list[_Group], digits: str, before: str) -> Finding | None:
    """A long number of no known form, unless it counts or measures something."""
    plain = len(groups) == 1 and not groups[0].spoken and len(digits) >= _LONG_NUMBER
    said = len(digits) >= _LONG_SPOKEN and (
        (len(groups) == 1 and groups[0].spoken)
        or (len(groups) >= _LONG_SPOKEN and all(len(g.digits) == 1 for g in groups))
    )
    measured = _UNIT.match(text, groups[-1].end) or _MONEY_BEFORE.search(before)
    decimal = re.search(r"[0-9][.]$", before) is not None
    if not (plain or said) or measured or decimal or digits.endswith("00000"):
        return None
    if said and _counts_up(groups):
        return None
    reason = "number of unknown form"
    return doubtful(groups[0].start, groups[-1].end, "number", digits, reason)


def _english_digits(spoken: str) -> str:
    digits, times = "", 1
    for word in re.findall(r"[a-z]+", spoken.lower()):
        if word in _TIMES:
            times = _TIMES[word]
        else:
            digits += _ENGLISH_DIGITS[word] * times
            times = 1
    return digits
