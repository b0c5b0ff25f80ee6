"""Contacts and places to the letter: e-mail, accounts, plates, network addresses, coordinates.

Each has a form of its own, written in Latin letters, full-width ones folded before. Where the form
alone would take ordinary words (a WeChat name is any word), the cue before it is asked for.
"""

import ipaddress
import re
from collections.abc import Iterator

from analysis.confidentiality.personal_finding import Finding, doubtful
from analysis.confidentiality.personal_lexicon import alternatives, words
from analysis.confidentiality.personal_numbers import CHINESE_DIGITS

PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_AT = r"(?:\s?@\s?|\s?[(\[]\s?(?:at|AT)\s?[)\]]\s?|\s?艾特\s?|\s?圈a\s?)"
_DOT = r"(?:\s?\.\s?|\s?[(\[]\s?(?:dot|DOT)\s?[)\]]\s?|\s?点\s?|\s+dot\s+)"
_EMAIL = re.compile(
    rf"[A-Za-z0-9][A-Za-z0-9_.+-]*{_AT}[A-Za-z0-9][A-Za-z0-9-]*(?:{_DOT}[A-Za-z0-9-]+)+"
)
_EMAIL_SAID = re.compile(
    r"(?i)\b[a-z0-9][\w.+-]*\s+at\s+[a-z0-9-]+\s+dot\s+(?:com|cn|net|org|edu)(?:\s+dot\s+cn)?\b"
)
_EMAIL_SIGNS = ("@", "艾特", "圈a", "at", "AT")

_TOKEN = (
    r"(?P<id>[A-Za-z0-9][A-Za-z0-9_.-]{3,28}[A-Za-z0-9_-]|[A-Za-z0-9](?:[ _-][A-Za-z0-9]){4,29})"
    r"(?![A-Za-z0-9])"
)
_IS = r"\s*(?:就?是|也是|为|叫|[:=]|is\b)?\s*[:\"“'「]?\s*"
_WHICH = r"(?:号码?|账号|帐号|名|昵称|ID|number|account|user ?name|name|handle)?"
_TELLING = ("号", "名", "id", "number", "account", "handle", "昵称", ":", "是", "叫")
_WECHAT = r"微信|薇信|威信|weixin|wechat|v信|(?<![A-Za-z])[vw]x(?![A-Za-z])"
_ACCOUNT = re.compile(
    rf"(?i)(?:{_WECHAT}|{alternatives(words('services'))})(?P<told>\s*{_WHICH}{_IS})@?{_TOKEN}"
)
_WECHAT_OWN = re.compile(r"(?i)wxid_[a-z0-9_]{4,}")
_ACCOUNT_WORD = re.compile(rf"(?i){_WECHAT}|wx|q ?q|扣扣|{alternatives(words('services'))}")
_NO_ACCOUNT = re.compile(r"(?i)(?:group|pay|account|number|moments?|public|official)")
_QQ = re.compile(
    rf"(?i)(?:(?<![A-Za-z])q ?q|扣扣)(?:号码?|number|\s)*{_IS}(?P<id>[1-9][0-9]{{4,10}})(?![0-9])"
)

_CHINESE = "".join(CHINESE_DIGITS)
_SIGN = f"[A-HJ-NP-Za-hj-np-z0-9{_CHINESE}]"
_GAP = r"[ ·.•-]{0,3}"
_PLATE = re.compile(
    rf"[{PROVINCES}]{_GAP}[A-HJ-NOP-Za-hj-nop-z](?![a-z]{{3}}){_GAP}"
    rf"(?P<serial>(?:{_SIGN}{_GAP}){{4,5}}(?:{_SIGN}|[挂学警港澳领试超使]))(?![A-Za-z0-9])"
)
_PLATE_MILITARY = re.compile(
    rf"(?<![A-Za-z])WJ{_GAP}[{PROVINCES}0-9]{_GAP}[0-9A-Z]{{4,5}}(?![A-Za-z0-9])"
)
_PLATE_KEY = str.maketrans(CHINESE_DIGITS | dict.fromkeys(" ·.•-", ""))

_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]*\d)")
_IPV6 = re.compile(r"[0-9A-Fa-f:]+:[0-9A-Fa-f:]*:[0-9A-Fa-f:]*")
_MAC = re.compile(r"(?<![0-9A-Fa-f:-])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:-])")

_PATH = re.compile(
    r"(?:[A-Za-z]:|\\\\[\w.-]+|/[A-Za-z]{1,6})?[\\/](?:Users|home|用户|Documents and Settings)[\\/]"
    r"[^\s\"'<>|,;)。、]+"
)

_NEAR_ZERO = 10  # both numbers smaller: shares or coefficients rather than a position
_DECIMAL = r"-?\d{1,3}\.\d{3,}"
_PAIR = re.compile(
    rf"(?i)(?<![\d.])(?P<a>{_DECIMAL})\s*°?\s*[NSEW]?\s*[,;/、\s]\s*(?P<b>{_DECIMAL})(?![\d.]*\d)"
    r"\s*°?\s*(?:[NSEW]\b)?"
)
_MEASURE = r"[\d零〇一二三四五六七八九十百点.]{1,12}"
_MINUTES = rf"(?:{_MEASURE}\s*['′分]\s*)?(?:{_MEASURE}\s*(?:[\"″”秒]|'')\s*)?"
_ANGLE = rf"{_MEASURE}\s*(?:[°度]\s*{_MINUTES})?(?:\s*[NSEW]\b)?"
_SIDE = (
    r"(?:东经|西经|北纬|南纬|经度|纬度|(?i:\blat(?:itude)?|\blong?(?:itude)?)|\b[NSEW](?=\s?\d))"
)
_SIDED = re.compile(
    rf"{_SIDE}\s*[是为:=]?\s*{_ANGLE}(?:[,;、和及/\s]{{0,3}}{_SIDE}\s*[是为:=]?\s*{_ANGLE})?"
)
_DEGREES_SIDE = rf"{_MEASURE}\s*[°度]\s*{_MINUTES}[NSEW]\b"
_DEGREES = re.compile(rf"{_DEGREES_SIDE}(?:[,;\s]{{0,3}}{_DEGREES_SIDE})?")
_EACH_SIDE = re.compile(rf"{_SIDE}|[NSEW]\b")
_FINE = re.compile(r"\d\.\d|[点'′分]")
_POSITION_WORD = re.compile(
    r"[°度]|[东西]经|[南北]纬|\d\.\d{3}|(?i:latitude|longitude|\bl(?:at|ong)\b)"
)
_DIGIT = re.compile(rf"[\d{_CHINESE}]")

_SAID = "〇零○一二三四五六七八九"
_YEAR = rf"(?:19|20)\d{{2}}|[一二][九〇零○][{_SAID}]{{2}}|\d{{2}}|[{_SAID}]{{2}}"
_N = r"(?:\d{1,2}|[一二三四五六七八九十廿]{1,3})"
_DATE = (
    rf"(?:{_YEAR})\s?年\s?(?:农历|阴历|腊|正)?{_N}?月(?:初|十|廿)?(?:\s?{_N}\s?[日号]?)?"
    r"|(?:19|20)\d{2}[-./]\d{1,2}[-./]\d{1,2}|(?:19|20)\d{6}"
)
_DAY = rf"(?:农历|阴历|阳历)?(?:{_N}|腊|正)月(?:初|十|廿)?{_N}[日号]?"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?"
_NTH = r"\d{1,2}(?:st|nd|rd|th)?"
_ENGLISH_DATE = (
    rf"{_NTH}\s+(?:of\s+)?{_MONTH},?\s+\d{{4}}|{_MONTH}\s+{_NTH},?\s+\d{{4}}|{_MONTH},?\s+\d{{4}}"
    r"|\d{1,4}[-./]\d{1,2}[-./]\d{1,4}"
)
_BORN = r"\bborn\s+(?:on|in)|date\s+of\s+birth\s*(?:is|:)?|birthday\s*(?:is|:)?(?:\s+on)?"
_BIRTH = re.compile(
    rf"(?:出生于|生于|生日[是:]?|出生(?:日期|年月日?)?[是为:在]?)\s*(?P<a>{_DATE}|{_DAY})"
    rf"|(?P<b>{_DATE})(?=\s*(?:出生|生的|生人|生日))|(?i:{_BORN})\s*(?P<c>{_ENGLISH_DATE})"
)
_BIRTH_WORD = re.compile("生|(?i:birth|born)")


def find_contacts(text: str) -> Iterator[Finding]:
    """Yield e-mail addresses, accounts, plates, network addresses, positions, dates of birth."""
    if any(sign in text for sign in _EMAIL_SIGNS):
        for match in (*_EMAIL.finditer(text), *_EMAIL_SAID.finditer(text)):
            yield Finding(*match.span(), "email", re.sub(r"\s", "", match[0]).lower())
    if _ACCOUNT_WORD.search(text):
        yield from _accounts(text)
    yield from _plates(text)
    if re.search("[0-9]", text):
        yield from _network(text)
    for match in _PATH.finditer(text) if "/" in text or "\\" in text else ():
        yield Finding(*match.span(), "path", match[0])
    if _POSITION_WORD.search(text):
        yield from _positions(text)
    if _BIRTH_WORD.search(text):
        for match in _BIRTH.finditer(text):
            name = next(n for n in "abc" if match[n])
            yield Finding(*match.span(name), "birth_date", re.sub(r"\s", "", match[name]))


def _accounts(text: str) -> Iterator[Finding]:
    for match in _ACCOUNT.finditer(text):
        if not _NO_ACCOUNT.match(match["id"]) and _is_account(match["id"], match["told"]):
            yield Finding(*match.span("id"), "wechat", match["id"].replace(" ", "").lower())
    for match in _WECHAT_OWN.finditer(text):
        yield Finding(*match.span(), "wechat", match[0].lower())
    for match in _QQ.finditer(text):
        yield Finding(*match.span("id"), "qq", match["id"])


def _is_account(word: str, told: str) -> bool:
    """Whether a word is an account: by its signs, or as the cue says so.

    `WeChat ID is lantian` names one, `WeChat is popular` none.
    """
    signs = any(c.isdigit() or c == "_" for c in word)
    return signs or any(cue in told.lower() for cue in _TELLING)


def _plates(text: str) -> Iterator[Finding]:
    for match in _PLATE.finditer(text):
        if _DIGIT.search(match["serial"]):
            yield Finding(*match.span(), "plate", match[0].upper().translate(_PLATE_KEY))
    for match in _PLATE_MILITARY.finditer(text):
        yield Finding(*match.span(), "plate", match[0].translate(_PLATE_KEY))


def _network(text: str) -> Iterator[Finding]:
    for match in (*_IPV4.finditer(text), *_IPV6.finditer(text)):
        try:
            address = ipaddress.ip_address(match[0])
        except ValueError:
            continue
        if len(match[0]) > len("::1"):
            yield Finding(*match.span(), "ip", address.exploded)
    for match in _MAC.finditer(text):
        yield Finding(*match.span(), "ip", match[0].upper())


def _positions(text: str) -> Iterator[Finding]:
    for match in _PAIR.finditer(text):
        a, b = float(match["a"]), float(match["b"])
        if not _on_earth(a, b) or max(abs(a), abs(b)) < _NEAR_ZERO:
            continue
        key = f"{match['a']},{match['b']}"
        if _in_china(a, b) or _in_china(b, a):
            yield Finding(*match.span(), "gps", key)
        elif min(len(match[name].split(".")[1]) for name in "ab") > 3:
            yield doubtful(*match.span(), "gps", key, "two decimals that may be a position")
    for match in (*_SIDED.finditer(text), *_DEGREES.finditer(text)):
        both = len(_EACH_SIDE.findall(match[0])) > 1
        if _DIGIT.search(match[0]) and (both or _FINE.search(match[0])):
            end = match.start() + len(match[0].rstrip())
            yield Finding(match.start(), end, "gps", re.sub(r"\s", "", match[0]))


def _on_earth(a: float, b: float) -> bool:
    return min(abs(a), abs(b)) <= 90 and max(abs(a), abs(b)) <= 180


def _in_china(latitude: float, longitude: float) -> bool:
    return 3 <= latitude <= 54 and 73 <= longitude <= 136
