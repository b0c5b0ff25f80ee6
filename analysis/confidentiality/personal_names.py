"""Names of persons in Chinese text: surname with title or address, after a cue, and in full.

王书记 and 李大姐 by surname and title, 老张 and 小李 by prefix, 我叫… and 村民… by the cue before,
张三：at the head of a line, full names of frequent characters without any cue. A candidate is given
up where it would cut an ordinary word in two or is one itself (王国, 黄河, 高原, 小康).
"""

import re
from collections import Counter
from collections.abc import Iterator

from analysis.confidentiality.personal_finding import Finding, doubtful
from analysis.confidentiality.personal_lexicon import (
    HAN,
    alternatives,
    characters,
    cuts_word,
    is_han,
    is_word,
    words,
)

_STRONG = words("surnames_strong")
_SINGLE = _STRONG | words("surnames_weak")
_COMPOUND = words("surnames_compound")
_GIVEN, _NOT_GIVEN, _ENDS = words("given"), words("not_given"), words("ends_name")
_STRONG_ONE, _GIVEN_ONE = f"[{characters(_STRONG)}]", f"[{characters(_GIVEN)}]"
_SURNAME = f"(?:{alternatives(_COMPOUND)}|[{characters(_SINGLE)}])"
_OFFICES = alternatives(words("village_offices"))
_VERBS = alternatives(words("person_verbs"))
_VERB = re.compile(_VERBS)
_RANKED = re.compile(f"(?:{alternatives(words('ranks'))})$")
_SHORT_TITLES = words("titles_short")
_TITLE_BEGINS = characters(_SHORT_TITLES | {title[0] for title in words("titles")})
_TITLE = re.compile(
    f"(?=[{_TITLE_BEGINS}])(?:{alternatives(words('titles'))}|[{characters(_SHORT_TITLES)}]"
    f"(?=[^{HAN}]|$|[{characters(words('after_short'))}]))"
)
_TERM = re.compile(
    r"任.{0,3}(?:期间|时|以来|后|之后|的时候|一职|多年|[0-9一二三四五六七八九十两几])"
)
_PREFIXED = re.compile(f"[老小](?P<surname>{_SURNAME})")
_BIG = re.compile(f"大(?P<surname>{_STRONG_ONE})(?=[说讲也就都]|[^{HAN}]|$)")
_PET_NAME = re.compile(
    "[阿小][芳强丽刚娟霞燕玲婷娜琴莉珍芬梅兰英军涛杰敏静勇伟峰](?![草花木桃派亚里拉])"
)
_CLAN = re.compile(f"(?<![百同农复老赐尊])(?<![您你]贵)姓(?P<surname>{_SURNAME})(?![名氏])")
_CLAN_GIVEN = re.compile(
    rf"姓{_SURNAME},?\s?(?:单名|名叫|名字叫|名|叫)(?P<given>[{HAN}]{{1,2}})(?![{HAN}])"
)
_TOLD_CUE = re.compile(
    r"我名?叫|我是叫|名叫|名字(?:就?叫|是|:)|名字|姓名[是为:]?|本名|(?:大名|小名|乳名|外号|绰号|全名|真名)(?:叫|是)?|"
    r"人称|(?:大家|他们|人家|村里人|都)叫(?:我|他|她)|"
    r"(?:户主|负责人|联系人|受访者|被访者|访谈对象|受访人|访谈者|访谈员|记录人|记录员|调查员)(?:姓名)?(?:是|叫|:)|"
    r"(?P<vague>(?:儿子|女儿|闺女|丈夫|爱人|老公|老婆|媳妇|妻子|父亲|母亲|孙子|孙女|他|她|人|的)叫(?:做|作)?)"
)
_NOUN_CUE = re.compile(
    f"(?:{alternatives(words('kin') | words('roles') | words('village_offices'))})"
    r"(?:(?:就是|名叫|叫做|叫|是|:|\s)\s?)?"
)
_OFFICE_CUE = re.compile(f"(?:{_OFFICES})(?P<name>[{HAN}]{_GIVEN_ONE}{{2}})")
_OPENED = re.compile(r"[ \"“'「]*")
_HAN_RUN = re.compile(f"[{HAN}]+")
_NAMES_JOINED = tuple("、,和跟与及 ")
_NEVER_GIVEN = frozenset("说讲家过来去看听回出做干养开办用上下里啊呢吧呀吗")
_NO_NAME = frozenset("的了着吗呢吧是我你您他她它们这那什谁")
_FULL = re.compile(f"{_STRONG_ONE}{_GIVEN_ONE}{{2}}")
_SHORT_FULL = re.compile(f"{_STRONG_ONE}{_GIVEN_ONE}")
_BEFORE_SHORT = words("before_short_name")
_AFTER_SHORT = re.compile(rf"{_VERBS}|[家他她也就都和跟与、,。;:!?)\s]|$")
_SUBJECT = re.compile(f"(?P<name>{_STRONG_ONE}[{HAN}]{{1,2}})(?={_VERBS})")
_EVERYMAN = re.compile("张三|李四|王五|赵六")
_COMPOUND_FULL = re.compile(alternatives(_COMPOUND - words("surnames_compound_weak")))
_GIVEN_KIN = re.compile(
    f"{_GIVEN_ONE}{{2}}(?:{alternatives(words('kin_after_given'))})"
    f"(?=[^{HAN}]|[说讲家也就都的第是在来跟和给把对人]|$)"
)
_LABEL = re.compile(rf"^[ \t]*(?P<name>{_SURNAME}[{HAN}]{{0,2}})[ \t]*:", re.MULTILINE)
_DOTS = "·•‧・"
_SOUND = rf"(?:(?![的了是在也和说有都就跟与及给把被任当])[{HAN}])"
_DOTTED = re.compile(rf"{_SOUND}{{2,6}}(?:[{_DOTS}]{_SOUND}{{1,6}})+")
_COUNTED = frozenset("一二两三四五六七八九十百几半每这那哪多0123456789")


def find_chinese_names(text: str) -> Iterator[Finding]:
    """Yield the names of persons in a folded Chinese text."""
    yield from _titled(text)
    yield from _prefixed(text)
    yield from _announced(text)
    yield from _labels(text)
    yield from _uncued(text)
    if set(_DOTS) & set(text):
        for match in _DOTTED.finditer(text):
            yield doubtful(*match.span(), "person", match[0], "name with a point in it")


def _person(text: str, start: int, end: int, reason: str = "") -> Finding:
    """A full name; one that is doubtful is looked for elsewhere if its characters are frequent."""
    name = text[start:end]
    spreads = not reason or _frequent(name)
    return Finding(start, end, "person", name, not reason, reason, spreads=spreads)


def _frequent(name: str) -> bool:
    """Whether all characters after the surname are frequent ones of given names."""
    given = name[_surname_length(name, 0) :]
    return bool(given) and set(given) <= _GIVEN


def _surname_length(text: str, at: int) -> int:
    if text[at : at + 2] in _COMPOUND:
        return 2
    return 1 if text[at : at + 1] in _SINGLE else 0


# --- surname and title ---------------------------------------------------------------------------


def _titled(text: str) -> Iterator[Finding]:
    for match in _TITLE.finditer(text):
        short, at = len(match[0]) == 1, match.start()
        rank = _RANKED.search(text, max(0, at - 4), at)
        found = _before_title(text, rank.start(), short=short) if rank else None
        found = found or _before_title(text, at, short=short)
        if found is None or (short and cuts_word(text, match.end())):
            continue
        start, stop = found
        name = text[start:stop]
        if name == "任" and _TERM.match(text, start, match.end() + 6):
            continue
        if name == "向":
            reason = "a surname, or the preposition"
            yield Finding(start, match.end(), "person", text[start : match.end()], False, reason,
                          masked=False)  # fmt: skip
        elif stop - start > _surname_length(text, start):
            yield Finding(start, match.end(), "person", name, spreads=True)
        elif short and name not in _STRONG | _COMPOUND:
            reason = "surname that is also a word, and a short title"
            yield doubtful(start, match.end(), "person", text[start : match.end()], reason)
        else:
            yield Finding(start, match.end(), "person", text[start : match.end()])


def _before_title(text: str, at: int, *, short: bool) -> tuple[int, int] | None:
    """Return the span of the name that ends where a title begins, the longer name first."""
    if cuts_word(text, at):
        return None
    for length in (2, 1) if short else (4, 3, 2, 1):
        start = at - length
        if start >= 0 and _is_name(text, start, at) and not cuts_word(text, start):
            return start, at
    return None


def _is_name(text: str, start: int, end: int) -> bool:
    """Whether a stretch can be a surname, alone or with a given name, and is no word."""
    surname = _surname_length(text, start)
    given = text[start + surname : end]
    if not surname or len(given) > 2 or (surname == 1 and end - start > 3):
        return False
    if not given:
        return True
    if not is_han(given) or set(given) & _NOT_GIVEN or is_word(text[start:end]):
        return False
    if is_word(given) and not set(given) <= _GIVEN:
        return False
    weak = text[start] not in _STRONG and surname == 1
    if any(_surname_length(given, k) and given[k] in _STRONG for k in range(len(given))):
        return False
    return set(given) <= _GIVEN if weak else True


# --- prefix and surname --------------------------------------------------------------------------


def _prefixed(text: str) -> Iterator[Finding]:
    for pattern in (_PREFIXED, _BIG):
        for match in pattern.finditer(text):
            yield from _one_prefixed(text, match)
    for match in _PET_NAME.finditer(text):
        if not _breaks(text, match.start(), match.end()):
            yield doubtful(*match.span(), "person", match[0], "possible pet name")
    for match in _CLAN.finditer(text):
        if not cuts_word(text, match.start("surname")) and not cuts_word(text, match.end()):
            yield Finding(*match.span("surname"), "person", match["surname"])
    for match in _CLAN_GIVEN.finditer(text):
        if not set(match["given"]) & _NOT_GIVEN:
            yield Finding(*match.span("given"), "person", match["given"], spreads=True)


def _one_prefixed(text: str, match: re.Match[str]) -> Iterator[Finding]:
    start, end, surname = match.start(), match.end(), match["surname"]
    if cuts_word(text, start) or cuts_word(text, end) or is_word(text[start : end + 1]):
        return
    if is_word(match[0]) and not _VERB.match(text, end):
        return
    strong = surname in _STRONG or surname in _COMPOUND
    free = not text[end : end + 1] or text[end] in _ENDS | {"头"} or not is_han(text[end])
    if match.re is _BIG:
        yield doubtful(start, end, "person", match[0], "may be a name or a size")
    elif strong:
        yield Finding(start, end, "person", match[0])
    elif free:
        yield doubtful(start, end, "person", match[0], "surname that is also a word")


def _breaks(text: str, start: int, end: int) -> bool:
    return cuts_word(text, start) or cuts_word(text, end) or is_word(text[start:end])


# --- cues ----------------------------------------------------------------------------------------


def _announced(text: str) -> Iterator[Finding]:
    for match in _TOLD_CUE.finditer(text):
        yield from _told(text, match)
    for match in _NOUN_CUE.finditer(text):
        start = match.end()
        while (end := name_end(text, start)) is not None:
            if cuts_word(text, start) or not _trusted(text, start, end):
                break
            sure = _frequent(text[start:end]) and text[start] in _STRONG
            yield _person(text, start, end, "" if sure else "name after a word for a person")
            if text[end : end + 1] not in _NAMES_JOINED:
                break
            start = end + 1
    for match in _OFFICE_CUE.finditer(text):
        if not cuts_word(text, match.start("name")) and not _begins_word(text, match.start("name")):
            yield doubtful(*match.span("name"), "person", match["name"],
                           "name after an office, of no known surname")  # fmt: skip


def _told(text: str, match: re.Match[str]) -> Iterator[Finding]:
    """A name after words that leave no doubt that one follows."""
    opened = _OPENED.match(text, match.end())
    start = opened.end() if opened else match.end()
    run = _HAN_RUN.match(text, start)
    length = run.end() - start if run else 0
    surname = _surname_length(text, start)
    vague = match["vague"] is not None
    whole = surname + 1 <= length <= surname + 2 if surname else 2 <= length <= 3
    if whole and surname and not set(text[start : start + length]) & _NO_NAME:
        yield Finding(start, start + length, "person", text[start : start + length], spreads=True)
        return
    end = name_end(text, start)
    if end is not None and (not vague or _trusted(text, start, end)):
        yield Finding(start, end, "person", text[start:end], spreads=True)
    elif whole and not vague and not set(text[start : start + length]) & _NOT_GIVEN:
        span = start, start + length
        if not any(is_word(text[start : start + n]) for n in (2, 3)):
            yield doubtful(*span, "person", text[slice(*span)], "name without a known surname")


def name_end(text: str, start: int) -> int | None:
    """Return where a full name ends that begins at an offset, or None where none begins.

    Two or three characters (four with a compound surname): the last belongs to the name unless it
    ends names (说, 的, 家) or begins an ordinary word that reaches further.
    """
    surname = _surname_length(text, start)
    first, second = start + surname, start + surname + 1
    if not surname or not is_han(text[first : first + 1]) or text[first] in _NOT_GIVEN:
        return None
    run = _HAN_RUN.match(text, start)
    given = set(text[first : second + 1])
    if run and run.end() == second + 1 and not given & (_NOT_GIVEN | _NEVER_GIVEN):
        return second + 1
    after = text[second : second + 1]
    both = {text[first], after} <= _GIVEN
    ends = not is_han(after) or after in _NOT_GIVEN
    if not ends and after in _ENDS:
        beyond = text[second + 1 : second + 2]
        ends = not both or is_han(beyond)
    if not ends and not both and _begins_word(text, second):
        ends = True
    if text[first] in _ENDS and (ends or text[first] not in _GIVEN) and text[first] not in "一万":
        return None if not both or ends else second + 1
    return second if ends else second + 1


def is_full_name(text: str) -> bool:
    """Return whether a short Chinese text can only be read as a surname and a given name."""
    return name_end(text, 0) == len(text) and not is_word(text) and _trusted(text, 0, len(text))


def _begins_word(text: str, at: int) -> bool:
    return any(is_word(text[at : at + n]) for n in (2, 3, 4))


def _trusted(text: str, start: int, end: int) -> bool:
    """Whether a candidate after a weak cue is a name rather than the next word."""
    name, surname = text[start:end], _surname_length(text, start)
    usual = len(name) == 3 and _frequent(name)
    plain = usual and text[start] in _STRONG and not is_word(name)
    if _begins_word(text, start) and not plain:
        return False
    if cuts_word(text, end) and not usual:
        return False
    return surname == 2 or text[start] in _STRONG or _frequent(name)


# --- speakers and names without a cue ------------------------------------------------------------


def _labels(text: str) -> Iterator[Finding]:
    often = Counter(match["name"] for match in _LABEL.finditer(text))
    for match in _LABEL.finditer(text):
        name = match["name"]
        if is_word(name) or set(name) & _NOT_GIVEN:
            continue
        full = len(name) > _surname_length(name, 0)
        if not full and name not in _STRONG | _COMPOUND and often[name] == 1:
            continue
        if full and not (name[0] in _STRONG or _frequent(name) or name[:2] in _COMPOUND):
            continue
        yield Finding(*match.span("name"), "person", name, spreads=full)


def _uncued(text: str) -> Iterator[Finding]:
    reason = "name without a cue"
    for match in _FULL.finditer(text):
        if not _breaks_full(text, *match.span()):
            yield _person(text, *match.span(), reason)
    for match in _EVERYMAN.finditer(text):
        yield doubtful(*match.span(), "person", match[0], "name that stands for anyone")
    for match in _SUBJECT.finditer(text):
        start, end = match.span("name")
        given = text[start + 1 : end]
        if set(given) & (_NOT_GIVEN | (_ENDS - _GIVEN)) or _breaks_full(text, start, end):
            continue
        yield _person(text, start, end, reason)
    for match in _SHORT_FULL.finditer(text):
        start, end = match.span()
        opened = not start or not is_han(text[start - 1]) or text[start - 1] in _BEFORE_SHORT
        if opened and _AFTER_SHORT.match(text, end) and not _breaks_full(text, start, end):
            yield _person(text, start, end, reason)
    for match in _COMPOUND_FULL.finditer(text):
        if not cuts_word(text, match.start()):
            end = name_end(text, match.start()) or match.end()
            yield _person(text, match.start(), end)
    for match in _GIVEN_KIN.finditer(text):
        if not cuts_word(text, match.start()):
            yield doubtful(*match.span(), "person", match[0], "given name and a word for kin")


def _breaks_full(text: str, start: int, end: int) -> bool:
    """Whether a full name without a cue cuts a word, is one, or begins with or holds one."""
    name = text[start:end]
    if text[start] == "张" and text[start - 1 : start] in _COUNTED:
        return True
    if is_word(name[:2]) or is_word(name) or cuts_word(text, start):
        return True
    if cuts_word(text, end) and text[end] not in _ENDS:
        return True
    given = start + 1
    return any(is_word(text[given:last]) for last in (end + 1, end + 2) if last <= len(text))
