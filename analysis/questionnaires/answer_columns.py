"""What each column of a file of answers holds: an answer, one choice of several, or neither.

Exports head a column with the name of the question, with its groups before it (`/` in Kobo, `-` in
ODK Central, `:` in older tools) or with its label in any language; several choices are one column,
one per choice, or both; repeats are tables of their own or columns such as `member[2]/age`.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from analysis.questionnaires.answer_cells import plain
from analysis.questionnaires.form import ANSWERED, SECTIONS, Form, Item

GROUP_SEPARATORS = ("/", "-", ":", ".")
CHOICE_PATTERNS = ("{}/{}", "{}:{}", "{}({})", "{}.{}")
NUMBERED = re.compile(r"(?P<repeat>.+?)\[(?P<number>\d+)\][/\-:.](?P<rest>.+)")
TOOL = re.compile(
    r"_.*|KEY|PARENT_KEY|SET-OF-.*|SubmissionDate|Submitter(ID|Name)|Attachments\w+|Status"
    r"|ReviewState|DeviceID|Edits|FormVersion|(meta[/\-:.])?(instanceID|instanceName|rootUuid"
    r"|deprecatedID|audit)|formhub/uuid|.+_URL|.*[-_/](Latitude|Longitude|Altitude|Accuracy)"
)
KEYS = ("KEY", "_uuid", "instanceID", "meta/instanceID", "meta-instanceID", "meta.instanceID",
        "meta:instanceID", "_id", "_index")  # fmt: skip
LINKS = {"PARENT_KEY": "KEY", "_parent_index": "_index", "_submission__uuid": "_uuid"}
MOMENTS = ("_submission_time", "SubmissionDate")


@dataclass(frozen=True)
class Column:
    """What a column holds.

    Attributes
    ----------
    heading : as the file has it
    role : `answer`, `choice` (one choice of several), `tool` (written by the tool, not answered),
        `identity` (names a person or a device), `unknown`, `ambiguous`
    item : the question
    choice : the name of the choice
    repeat, number : id of the repeat and number of the instance where they are in the heading
    """

    heading: str
    role: str
    item: Item | None = None
    choice: str = ""
    repeat: str = ""
    number: int = 0


def match_columns(form: Form, header: tuple[str, ...], repeat: str = "") -> list[Column]:
    """Return what each column of a table holds.

    A full path counts before a declared heading, that before a name, that before a label. A heading
    of several questions is given to them in turn where the file has it as often as there are
    questions, and is ambiguous elsewhere.

    Parameters
    ----------
    form : the questionnaire
    header : headings in the order of the file
    repeat : id of the repeat whose table this is, empty for the main one
    """
    index = _Index(form, repeat)
    often = Counter(plain(heading) for heading in header)
    seen: Counter[str] = Counter()
    columns = []
    for heading in header:
        key = plain(heading)
        columns.append(_column(form, index, heading, often[key], seen[key]))
        seen[key] += 1
    return columns


class _Index:
    """Questions of one level, and their choices, by heading; ranks in order of precedence."""

    def __init__(self, form: Form, repeat: str) -> None:
        self.ranks: list[dict[str, list[Item]]] = [defaultdict(list) for _ in range(4)]
        self.choices: dict[str, list[tuple[Item, str]]] = defaultdict(list)
        depth = next((len(r.full_path) for r in form.repeats if r.id == repeat), 0)
        for item in form.items:
            if item.repeat == repeat and item.kind not in SECTIONS:
                self._add(form, item, depth)

    def _add(self, form: Form, item: Item, depth: int) -> None:
        bases = set()
        for rank, heading in _headings(item, depth):
            if item not in self.ranks[rank][plain(heading)]:
                self.ranks[rank][plain(heading)].append(item)
            bases.add(heading)
        if item.kind == "select_multiple":
            for choice in form.choices[item.list_name]:
                ends = {choice.name, *choice.labels.values(), *choice.spellings}
                made = {plain(p.format(b, e)) for p in CHOICE_PATTERNS for b in bases for e in ends}
                for heading in made | {plain(h) for h in choice.headings}:
                    self.choices[heading].append((item, choice.name))


def _headings(item: Item, depth: int) -> Iterator[tuple[int, str]]:
    """Headings of a question with their rank; `depth` is the number of names before the level."""
    parts = item.full_path
    for separator in GROUP_SEPARATORS:
        yield 0, separator.join(parts)
        yield 0, separator.join(parts[depth:])
        yield from ((2, separator.join(parts[k:])) for k in range(depth, len(parts)))
    yield from ((1, heading) for heading in item.headings)
    yield from ((3, label) for label in item.labels.values() if label)


def _column(form: Form, index: _Index, heading: str, often: int, seen: int) -> Column:
    key = plain(heading)
    if key in {plain(h) for h in (*form.left_out, form.respondent) if h}:
        return Column(heading, "tool")
    items = next((rank[key] for rank in index.ranks if key in rank), [])
    if items:
        if len(items) > 1 and often != len(items):
            return Column(heading, "ambiguous")
        item = items[seen] if len(items) > 1 else items[0]
        role = "answer" if item.kind in ANSWERED else "identity" if item.kind == "identity" else ""
        return Column(heading, role or "tool", item)
    choices = dict.fromkeys((item.id, name) for item, name in index.choices.get(key, []))
    if choices:
        item, name = index.choices[key][0]
        return Column(heading, "choice" if len(choices) == 1 else "ambiguous", item, name)
    numbered = NUMBERED.fullmatch(heading)
    if numbered:
        return _numbered(form, heading, numbered)
    sections = {plain(s.join(i.full_path)) for i in form.items if i.kind in SECTIONS
                for s in GROUP_SEPARATORS}  # fmt: skip
    last = re.split(r"[/:]", heading)[-1]
    known = TOOL.fullmatch(heading) or TOOL.fullmatch(last) or key in sections
    return Column(heading, "tool" if known else "unknown")


def _numbered(form: Form, heading: str, found: re.Match[str]) -> Column:
    """Column of an instance of a repeat, such as `member[2]/age`."""
    name = re.split(r"[/:]", found["repeat"])[-1]
    repeats = [r for r in form.repeats if not r.repeat and name in {r.name, r.id}]
    if len(repeats) != 1:
        return Column(heading, "unknown")
    column = match_columns(form, (found["rest"],), repeats[0].id)[0]
    return replace(column, heading=heading, repeat=repeats[0].id, number=int(found["number"]))


def table_repeat(form: Form, name: str) -> str | None:
    """Return the id of the repeat that a table is of by its name, None where it is of none.

    Workbooks cut the names of sheets after 31 characters.
    """
    found = [
        repeat.id
        for repeat in form.repeats
        if plain(name)
        in {
            spelled
            for text in (repeat.name, *(s.join(repeat.full_path) for s in GROUP_SEPARATORS))
            for spelled in (text, text[:31])
        }
    ]
    return found[0] if len(found) == 1 else None
