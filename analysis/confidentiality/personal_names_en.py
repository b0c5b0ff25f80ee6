"""Names of persons and villages and addresses in English text, Chinese names in pinyin included.

After a title (Secretary Wang, Mrs Miller), after a cue (my name is, my son), as surname and given
name in pinyin (Wang Jianguo), in front of a kin word (Mark Field's daughter) and at the head of
repeated lines. Capital letters carry the rule, so words that are capitalised anyway are listed.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import takewhile

from analysis.confidentiality.personal_finding import Finding, doubtful
from analysis.confidentiality.personal_lexicon import alternatives, words

_CAPITAL = re.compile("[A-Z][A-Za-z]")
_NOT = words("english_not_names")
_PINYIN = words("pinyin_strong")
_WEAK = words("pinyin_weak")
_TOKEN = (
    r"(?:[A-Z]')?[A-Z][a-zà-ÿ]+(?:[A-Z][a-zà-ÿ]+)?(?:['-][A-Z]?[a-zà-ÿ]+)*|[A-Z]{2,}(?:-[A-Z]+)*"
)
_NAME = rf"(?:(?:[A-Z]\.[ ]?)*(?:{_TOKEN})(?:[ ](?:[A-Z]\.[ ]?)*(?:{_TOKEN})){{0,2}})"
_PINYIN_WORD = re.compile(
    r"(?:(?:zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw])?"
    r"(?:iang|iong|uang|ang|eng|ing|ong|uai|iao|ian|uan|an|en|in|un|ai|ei|ao|ou|ia|ie|iu|ua|uo|ui|"
    r"ue|ve|er|a|o|e|i|u|v)){1,3}"
)
_TITLE = re.compile(
    rf"\b(?P<title>(?i:{alternatives(words('english_titles'))}))\b\.?[ ](?P<name>{_NAME})"
)
_NICKNAME = re.compile(
    rf"\b(?P<title>{alternatives(words('english_nicknames'))}|old|little|young)[ ]"
    rf"(?P<name>{alternatives(_PINYIN | _WEAK)})(?!\w)(?![ ](?:People|Dynasty|Town|River))"
)
_TOLD = re.compile(
    r"\b(?:[Nn]ame(?:'s|[ ]is|[ ]was|:)|[Cc]all(?:s|ed)?[ ](?:me|him|her|myself)|[Mm]y[ ]name)[ ]+"
    rf"(?P<name>{_NAME})"
)
_SELF = re.compile(
    r"\b(?:I[ ]am|I'm|[Tt]his[ ]is|[Hh]e[ ]is|[Ss]he[ ]is|[Hh]e's|[Ss]he's|[Bb]eing)[ ]"
    rf"(?P<name>{_NAME})"
)
_KIN = re.compile(
    rf"\b(?i:{alternatives(words('english_kin'))})"
    rf"(?:,|[ ]is|[ ]was|,?[ ](?:named|called))?[ ](?P<name>{_NAME})"
)
_KIN_AFTER = re.compile(
    rf"\b(?P<name>{_NAME})'s?[ ](?:{alternatives(words('english_kin_after'))})\b"
)
_PINYIN_NAME = re.compile(
    rf"\b(?P<surname>{alternatives(_PINYIN | _WEAK)})[ ]"
    r"(?P<given>[A-Z][a-z]+(?:-[A-Za-z][a-z]+|'[a-z]+)?)\b"
)
_ALONE_WORDS = alternatives(words("pinyin_alone"))
_PINYIN_REVERSED = re.compile(
    rf"\b(?P<given>[A-Z][a-z]{{3,}})[ ](?P<surname>{_ALONE_WORDS})\b(?![ ][A-Z])"
)
_ALONE = re.compile(rf"(?<![\w'-])(?P<name>{_ALONE_WORDS})s?(?![\w-])")
_GIVEN_NAME = re.compile(
    rf"(?<![\w'-])(?P<name>(?:{alternatives(words('english_given'))})"
    rf"(?:[ ](?:[A-Z]\.[ ]?)?(?:{_TOKEN}))?)(?![\w-])"
)
_LABEL = re.compile(rf"^[ \t]*(?P<name>{_NAME})[ \t]*:", re.MULTILINE)
_CLAUSE_END = re.compile(r"[,.;!?]|$| and | from")

_VILLAGE = re.compile(r"(?P<name>(?:\b[A-Z][\w'-]*[ ]){1,3})[Vv]illage\b")
_VILLAGE_OF = re.compile(r"\b[Vv]illage[ ]of[ ](?P<name>(?:[A-Z][\w'-]*)(?:[ ][A-Z][\w'-]*)?)")
_NOT_VILLAGES = _NOT | words("english_no_village")
_HOLDER = r"(?i:secretary|head|chief|director|accountant|clerk|doctor|leader)"
_WHICH = r"(?:(?i:party|branch|committee|first|former|village|old|new|deputy|cell)[ ]){0,4}"
_OFFICE_AFTER = re.compile(rf"(?:'s)?[ ]{_WHICH}{_HOLDER}\b")
_OFFICE_BEFORE = re.compile(rf"\b{_WHICH}{_HOLDER}[ ](?:of|in|from|at|for)[ ](?:the[ ])?$")

_STREET = rf"(?:{alternatives(words('english_streets'))})\b"
_NUMBER = r"(?:[Nn]o\.?|[Nn]umber|#)[ ]?\d{1,5}[A-Z]?"
_STREET_ADDRESS = re.compile(
    rf"(?:(?:{_NUMBER}|\b\d{{1,5}}[A-Z]?),?[ ](?:[A-Z][\w']*[ ]){{1,4}}{_STREET}"
    rf"|\b(?:[A-Z][\w']*[ ]){{1,3}}{_STREET},?[ ](?:{_NUMBER}|\d{{1,5}}\b(?![ ](?:years|people))))"
)
_STREET_ALONE = re.compile(
    r"\b(?:on|at|in)[ ](?P<name>(?:[A-Z][\w']*[ ]){1,2}(?:Street|Road|Avenue|Lane|Alley))\b"
)
_HOUSE_WORDS = alternatives(words("english_house_parts"))
_PART_WORD = re.compile(rf"(?i)\b({_HOUSE_WORDS}|{alternatives(words('english_other_parts'))})")
_SMALL = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
_PART = (
    rf"(?i:{_HOUSE_WORDS}|{alternatives(words('english_other_parts'))})\.?[ ]?(?:[Nn]o\.?[ ]?)?"
    rf"(?:\d{{1,5}}[A-Z]?\b|(?i:{_SMALL})\b)"
)
_AND = r"(?:,[ ]?|[ ])(?:(?:of|in|and)[ ])?"
_IN_VILLAGE = r"(?:[A-Z][\w'-]*[ ]){1,3}[Vv]illage"
_PARTS = re.compile(rf"\b(?:{_IN_VILLAGE},[ ]?)?{_PART}(?:{_AND}{_PART})+(?:{_AND}{_IN_VILLAGE})?")
_COMPANY = alternatives(words("english_organizations"))
_ORGANISATION = re.compile(rf"\b(?:[A-Z][\w'-]*[ ]){{1,4}}(?:Co\.,?[ ]Ltd|{_COMPANY})\b")
_HOUSE = re.compile(rf"(?i)\b(?:{_HOUSE_WORDS})")


def find_english_names(text: str) -> Iterator[Finding]:
    """Yield the names of persons and villages and the addresses in a folded English text."""
    if not _CAPITAL.search(text):
        return
    yield from _titled(text)
    yield from _announced(text)
    yield from _pinyin(text)
    for match in _GIVEN_NAME.finditer(text):
        if found := _cut(match):
            key, reason = name_key(found[2]), "given name without a cue"
            yield Finding(found[0], found[1], "person", key, False, reason, spreads=" " in found[2])
    yield from _labels(text)
    yield from _villages(text)
    yield from _addresses(text)
    for match in _ORGANISATION.finditer(text):
        if match[0].split(" ")[0] not in _NOT:
            reason = "looks like the name of an organisation: not masked unless in names.csv"
            key = name_key(match[0])
            yield Finding(*match.span(), "organization", key, False, reason, masked=False)


def name_key(name: str) -> str:
    """Return what makes two spellings of an English name the same."""
    return " ".join(re.findall(r"[^\W_]+", name.casefold()))


def is_pinyin(word: str) -> bool:
    """Return whether a word can be read as one to three syllables of pinyin."""
    return _PINYIN_WORD.fullmatch(word.lower().replace("-", "").replace("'", "")) is not None


def _tokens(name: str) -> list[str]:
    """The tokens of a name up to the first that names no one."""
    return list(takewhile(lambda t: t not in _NOT and t.title() not in _NOT, name.split(" ")))


def _cut(match: re.Match[str]) -> tuple[int, int, str] | None:
    """The span and text of the name in a match without the words that follow it."""
    tokens = _tokens(match["name"])
    if not tokens or all(re.fullmatch(r"[A-Z]\.", t) for t in tokens):
        return None
    name = " ".join(tokens)
    if name.endswith("'s"):
        name = name[:-2]
    return match.start("name"), match.start("name") + len(name), name


def _titled(text: str) -> Iterator[Finding]:
    for match in _TITLE.finditer(text):
        found = _cut(match)
        if not found or (match["title"].islower() and len(match["title"]) < 3):
            continue
        _, end, name = found
        alone = name in _PINYIN | _WEAK
        key = name_key(f"{match['title']} {name}" if alone else name)
        yield Finding(match.start("title"), end, "person", key, spreads=not alone)
    for match in _NICKNAME.finditer(text):
        title = match["title"]
        if title.islower() and match["name"] in _WEAK:
            continue
        yield Finding(*match.span(), "person", name_key(match[0]))


def _announced(text: str) -> Iterator[Finding]:
    for match in _TOLD.finditer(text):
        if found := _cut(match):
            yield Finding(found[0], found[1], "person", name_key(found[2]), spreads=True)
    for match in (*_SELF.finditer(text), *_KIN.finditer(text), *_KIN_AFTER.finditer(text)):
        found = _cut(match)
        if not found:
            continue
        start, end, name = found
        single = " " not in name
        if match.re is _SELF and single and not _CLAUSE_END.match(text, end):
            continue
        if match.re is _KIN_AFTER and single and not is_pinyin(name):
            continue
        yield Finding(start, end, "person", name_key(name), certain=not single,
                      reason="single name after a word for a person" if single else "",
                      spreads=True)  # fmt: skip


def _pinyin(text: str) -> Iterator[Finding]:
    for match in _PINYIN_NAME.finditer(text):
        surname, given = match["surname"], match["given"]
        if given in _NOT or not is_pinyin(given):
            continue
        if surname in _WEAK and len(given) < 4:
            continue
        yield Finding(*match.span(), "person", name_key(match[0]), False,
                      "name in pinyin without a cue", spreads=True)  # fmt: skip
    for match in _PINYIN_REVERSED.finditer(text):
        if match["given"] not in _NOT and is_pinyin(match["given"]):
            key = name_key(f"{match['surname']} {match['given']}")
            yield doubtful(*match.span(), "person", key, "name in pinyin without a cue")
    for match in _ALONE.finditer(text):
        yield doubtful(*match.span(), "person", name_key(match[0]), "surname in pinyin alone")


def _labels(text: str) -> Iterator[Finding]:
    """Names at the head of lines, where more than one line begins so."""
    found = [(match, _cut(match)) for match in _LABEL.finditer(text)]
    often = Counter(cut[2] for _, cut in found if cut and (" " in cut[2] or is_pinyin(cut[2])))
    for match, cut in found:
        if cut and cut[2] == match["name"] and often[cut[2]] > 1:
            yield Finding(cut[0], cut[1], "person", name_key(cut[2]), spreads=True)


def _villages(text: str) -> Iterator[Finding]:
    for match in _VILLAGE.finditer(text):
        tokens = match["name"].split(" ")[:-1]
        keep = list(takewhile(lambda t: t not in _NOT_VILLAGES and len(t) > 1, reversed(tokens)))
        if not keep:
            continue
        start = match.end("name") - sum(len(t) + 1 for t in keep)
        yield _village(text, start, match.end(), " ".join(reversed(keep)))
    for match in _VILLAGE_OF.finditer(text):
        if match["name"].split(" ")[0] not in _NOT_VILLAGES:
            yield _village(text, match.start(), match.end(), match["name"])


def _village(text: str, start: int, end: int, name: str) -> Finding:
    after = _OFFICE_AFTER.match(text, end)
    before = _OFFICE_BEFORE.search(text, max(0, start - 60), start)
    if not after and not before:
        return Finding(start, end, "village", name_key(name))
    stop = after.end() if after else end
    first = before.start() if before else start
    reason = "village and an office that one person holds"
    return doubtful(first, stop, "village_secretary", name_key(text[first:stop]), reason)


def _addresses(text: str) -> Iterator[Finding]:
    for match in _STREET_ADDRESS.finditer(text):
        yield Finding(*match.span(), "address", name_key(match[0]))
    for match in _STREET_ALONE.finditer(text):
        if match["name"].split(" ")[0] not in words("english_no_street"):
            yield doubtful(*match.span("name"), "address", name_key(match["name"]),
                           "street without a number")  # fmt: skip
    for match in _PARTS.finditer(text):
        kinds = {word.lower() for word in _PART_WORD.findall(match[0])}
        if len(kinds) > 1 and _HOUSE.search(match[0]):
            yield Finding(*match.span(), "address", name_key(match[0]))
