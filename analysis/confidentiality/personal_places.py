"""Names of villages, addresses of households, and offices that only one person of a village holds.

A village is told from 本村, 贫困村, 示范村 by what stands before 村: the name reaches back to the
first verb, pronoun or other place word. An address is a chain of such names that ends in a number
of a group, a house or a flat. A village with its Party secretary names one person.
"""

import re
from collections.abc import Iterator

from analysis.confidentiality.personal_finding import Finding, doubtful
from analysis.confidentiality.personal_lexicon import (
    alternatives,
    characters,
    cuts_word,
    is_han,
    is_word,
    words,
)

LONGEST_NAME = 4
LONGEST_CHAIN = 8
_DIRECTIONS = "大小东西南北前后上下新老中"
_NUMERALS = "0123456789一二三四五六七八九十百零〇两"
_SURNAMES = characters(words("surnames_strong") | words("surnames_weak"))
_SURE = characters(words("settlements_sure"))
_ENDINGS = characters(words("settlements"))
_SUFFIX = re.compile(f"[{_SURE}]")
_FAMILY_PLACE = re.compile(
    f"[{_DIRECTIONS}]?(?:{alternatives(words('surnames_compound'))}|[{_SURNAMES}])(?:家|各)"
    f"[{_DIRECTIONS}]?[{_ENDINGS}]村?"
)
_FAMILY_NAME = re.compile(f"[{_DIRECTIONS}]?[{_SURNAMES}](?:家|各)?[{_DIRECTIONS}]?[{_ENDINGS}]?")
# Characters that make another word of the ending of a settlement: 庄稼, 村庄, 运营.
_NOT_AFTER = {
    "庄": "稼园严重户子头主", "屯": "兵田粮里", "营": "养业销地造利商收房改运", "寨": "子主",
    "堡": "垒",
}  # fmt: skip
_NOT_BEFORE = {
    "庄": "村农山钱茶饭布酒义康", "屯": "村自", "营": "经运民私国公自联合专军兵露直安阵夏",
    "寨": "村山苗侗", "堡": "城碉汉",
}  # fmt: skip
# After these the word is about villages at large: 村民, 村委, 村集体.
_VILLAGE_WORD = "民委里集干支两级组庄口头子规务情史容貌镇寨落企医官账办域与妇小有"
# Plain words for a village (穷山村), endings that never close a name, and those that renew one.
_PLAIN = frozenset("深穷富弱小老渔农山好差乡美偏远贫空")
_STRENGTHENED = {"富民强", "强"}
_NEVER_LAST = "农乡邻本全驻该贫"
_RENEWED = "新老旧小大山古渔"
_OFFICE = re.compile(
    rf"(?:的|里的?|村)?(?:{alternatives(words('village_bodies'))})?的?"
    rf"(?:现任|时任|老|新|原|前|现|副)?(?:{alternatives(words('village_offices'))})"
)
_ROOM_AFTER = re.compile("室|楼|站|广场")
_CODED_OFFICE = re.compile(rf"(?<![A-Za-z])[A-Z]村(?={_OFFICE.pattern})")
_N = rf"[{_NUMERALS}]{{1,5}}"
_HOUSE = rf"{_N}(?:[-之][0-9]{{1,4}})?[A-Za-z甲乙丙丁]?"
_NUMBERED = r"(?:号院|号楼|号|栋)(?![文令召称线])"
_STREETS = ("大街", "大道", "胡同", "路", "街", "巷", "弄")
_GROUPS = "村民小?组|居民小?组|小组|生产队|大队|组|社|队|屯"
_BUILDING = "号楼|号院|栋|幢|座"
_INSIDE = "单元|门|层|楼|室|户|号"
_CORES = re.compile(
    "|".join(
        (
            rf"第?{_N}(?:{_GROUPS})的?[ ,]?第?{_HOUSE}{_NUMBERED}",
            rf"(?:{'|'.join(_STREETS)})(?:[东西南北中]段?)?{_HOUSE}(?:弄{_HOUSE})?{_NUMBERED}"
            rf"(?: ?{_HOUSE}(?:{_BUILDING}|{_INSIDE}))*",
            rf"{_HOUSE}(?:{_BUILDING}) ?{_HOUSE}(?:{_INSIDE}|{_BUILDING})"
            rf"(?: ?{_HOUSE}(?:{_INSIDE})| ?[0-9]{{3,4}}(?![0-9年元户人个]))*",
            rf"[庄屯疃夼村区]{_HOUSE}(?:号院|号)(?![楼院文令召称线大棚井地公])",
            r"[0-9]{1,3}[-—][0-9]{1,2}[-—][0-9]{3,4}(?:室|号|户)",
            rf"{_HOUSE}单元 ?{_HOUSE}(?:{_INSIDE})?(?: ?{_HOUSE}(?:室|户|号))?",
            rf"门牌(?:号码?)?[是为:]?\s?[A-Za-z]?{_HOUSE}号?",
            rf"第?{_N}排的?第?{_N}[家户号]",
            rf"[村屯庄]?[东西南北]{{1,2}}[头边首]数?第{_N}[家户]",
        )
    )
)
_SETTLED = "庄屯疃夼村区"
_LIVING = "(?:(?<=住在)|(?<=住)|(?<=家在)|(?<=家是)|(?<=地址)|(?<=地址是)|(?<=地址:)|(?<=住址:))"
_HOUSE_ALONE = re.compile(
    rf"{_LIVING}(?![在的是])[^,。;!?\s]{{0,16}}?{_HOUSE}(?:号院|号楼|号|室)(?![线文令])"
)
_CHAIN = re.compile(f"(?:{alternatives(words('address_chain'))})$")
_TRADES = re.compile(f"(?:{alternatives(words('trades'))})+$")
_ORGANISATION = re.compile("联合社|合作社|有限责任公司|股份有限公司|有限公司|家庭农场")


def find_places(text: str) -> Iterator[Finding]:
    """Yield villages, holders of their offices and addresses in a folded Chinese text."""
    for start, end, reason in _villages(text):
        yield _village(text, start, end, reason)
    for match in _CODED_OFFICE.finditer(text):
        reason = "a coded village and an office that one person holds"
        yield Finding(*match.span(), "village_secretary", match[0], False, reason, masked=False)
    for match in _CORES.finditer(text):
        start = chain_start(text, match.start(), match[0])
        if _settled(match[0]) and start >= match.start():
            continue
        yield Finding(start, match.end(), "address", text[start : match.end()])
    for match in _HOUSE_ALONE.finditer(text):
        span = match.span()
        yield doubtful(*span, "address", match[0], "number of a house after a word of living")
    yield from _organisations(text)


def name_start(text: str, end: int, *, longest: int = LONGEST_NAME) -> int:
    """Return where the name of a place begins that ends at an offset.

    It reaches back over Chinese characters to the first that names no place, or to a verb or
    another word of `before_village`, and is no longer than `longest`.
    """
    stop, before = words("place_stop"), words("before_village")
    start = end
    while start > max(0, end - longest) and is_han(text[start - 1]):
        stopped = text[start - 1] in stop and not (start < end and cuts_word(text, start))
        if stopped or any(text[start - n : start] in before for n in (2, 3, 4)):
            break
        start -= 1
    return start


def chain_start(text: str, start: int, core: str) -> int:
    """Return where the chain of place names begins that leads up to the core of an address."""
    if core.startswith(_STREETS) or _settled(core):
        start = _before(text, start)
    for _ in range(LONGEST_CHAIN):
        suffix = _CHAIN.search(text, max(0, start - 5), start)
        if not suffix:
            break
        begin = _numbered(text, suffix.start())
        begin = begin if begin < suffix.start() else _before(text, begin)
        if begin == suffix.start():
            break
        start = begin
    return start


def _settled(core: str) -> bool:
    """Whether the core of an address is a settlement with a number: 庄78号."""
    return core[0] in _SETTLED and core[1] in _NUMERALS


def _numbered(text: str, end: int) -> int:
    """Where the numerals begin that end at an offset: 三 of 三组."""
    while end and text[end - 1] in _NUMERALS + "第":
        end -= 1
    return end


def _before(text: str, end: int) -> int:
    return name_start(text, end, longest=6)


def _villages(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield the span of every village name, and why it is doubtful."""
    for match in _FAMILY_PLACE.finditer(text):
        if not is_word(match[0].rstrip("村")) and not cuts_word(text, match.start()):
            sure = match[0][-1] in _SURE
            yield match.start(), match.end(), "" if sure else "place named after a family"
    for match in _SUFFIX.finditer(text):
        found = _before_suffix(text, match.start())
        if found:
            yield found


def _before_suffix(text: str, at: int) -> tuple[int, int, str] | None:
    suffix, after = text[at], text[at + 1 : at + 2]
    if after in tuple(_NOT_AFTER.get(suffix, "")):
        return None
    if text[at - 1 : at] in tuple(_NOT_BEFORE.get(suffix, "")):
        return None
    if _is_generic(text, at):
        return None
    start = name_start(text, at)
    name = text[start:at]
    family = _FAMILY_NAME.fullmatch(name) is not None and not is_word(name + suffix)
    named = (family and len(name) > 1) or _OFFICE.match(text, at + 1)
    if suffix == "村" and after in tuple(_VILLAGE_WORD) and not named:
        return None
    if set(name) <= _PLAIN or name in _STRENGTHENED:
        return None
    if not name or (len(name) == 1 and not family) or is_word(name + suffix):
        return None
    bounded = len(name) < LONGEST_NAME and _bounded(text, start)
    if not (suffix == "村" or family or bounded or _OFFICE.match(text, at + 1)):
        return None
    doubt = "" if family or len(name) < LONGEST_NAME else "name of a village of unsure length"
    return start, at + 1, doubt


def _is_generic(text: str, at: int) -> bool:
    """Whether the word before 村 names no village: 本村, 贫困村, 十个村, 我们村."""
    if not at or not is_han(text[at - 1]) or text[at - 1] in words("place_stop"):
        return True
    generic = words("village_generic")
    before = text[max(0, at - LONGEST_NAME) : at]
    if before[-1] in _NEVER_LAST:
        return True
    older = before[:-1]
    if (
        before[-1] in _RENEWED
        and older
        and not is_word(before[-2:])
        and _is_generic(older + text[at], len(older))
    ):
        return True
    if any(before[-n:] in generic for n in range(2, LONGEST_NAME + 1)):
        return True
    if before[-1] in _NUMERALS + "千万数几多":
        return True
    opened = len(before) == 1 or not is_han(before[-2]) or before[-2] in words("place_stop")
    alone = opened and not is_word(before[-2:])
    used = is_word(text[at - 1 : at + 1]) and before[-1] not in _RENEWED
    return before[-1] in generic and (alone or used)


def _bounded(text: str, start: int) -> bool:
    """Whether a name begins where a word begins: at a sign, a function word or a known verb."""
    if not start or not is_han(text[start - 1]) or text[start - 1] in words("place_stop"):
        return True
    return any(text[start - n : start] in words("before_village") for n in (2, 3, 4))


def _village(text: str, start: int, end: int, reason: str) -> Finding:
    office = _OFFICE.match(text, end)
    name = text[start:end]
    if office and not _ROOM_AFTER.match(text, office.end()):
        key = name + text[office.start() : office.end()].replace("的", "")
        why = "village and an office that one person holds"
        return doubtful(start, office.end(), "village_secretary", key, why)
    if reason:
        return doubtful(start, end, "village", name, reason)
    return Finding(start, end, "village", name)


def _organisations(text: str) -> Iterator[Finding]:
    """Yield, to be shown and not masked, what looks like the name of an organisation."""
    seen = set()
    for match in _ORGANISATION.finditer(text):
        trade = _TRADES.search(text, max(0, match.start() - 12), match.start())
        at = trade.start() if trade else match.start()
        start = name_start(text, at, longest=6)
        name = text[start:at]
        generic = name.endswith(tuple(words("no_organization"))) or is_word(name)
        if len(name) >= 2 and not generic and text[start : match.end()] not in seen:
            seen.add(text[start : match.end()])
            reason = "looks like the name of an organisation: not masked unless in names.csv"
            yield Finding(start, match.end(), "organization", name, False, reason, masked=False)
