"""XLSForm questionnaires: the workbook that Kobo and ODK make a form from.

A form is read as leniently as those tools do (blanks or underscores, old names of columns, curly
quotation marks); what is not read is a remark of the form.

Sources: the reference table of XLSForm (xlsform.org) and the form reference of ODK
(docs.getodk.org/form-reference).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from analysis.interviews.corpus import CorpusError
from analysis.questionnaires.answer_tables import read_sheets
from analysis.questionnaires.form import EXPRESSIONS, SECTIONS, Choice, Form, Item, finish_form
from analysis.questionnaires.form_expressions import is_xml_name

KINDS = {
    "integer": "integer", "int": "integer", "decimal": "decimal", "range": "decimal",
    "text": "text", "string": "text", "barcode": "text", "calculate": "text", "hidden": "text",
    "image": "text", "photo": "text", "audio": "text", "video": "text", "file": "text",
    "geopoint": "text", "geotrace": "text", "geoshape": "text", "time": "time",
    "date": "date", "today": "date", "datetime": "datetime", "start": "datetime",
    "end": "datetime", "acknowledge": "boolean", "trigger": "boolean", "note": "note",
    "deviceid": "identity", "phonenumber": "identity", "subscriberid": "identity",
    "simserial": "identity", "username": "identity", "email": "identity", "audit": "identity",
    "startgeopoint": "identity", "backgroundgeopoint": "identity", "backgroundaudio": "identity",
    "xmlexternal": "", "csvexternal": "",
}  # fmt: skip
SELECT = re.compile(
    r"(?i)(?:add[_ ])?(select[_ ]one|select1|select[_ ]multiple|select[_ ]all[_ ]that[_ ]apply"
    r"|rank)(?: from)? ([^\s$]\S*)( or[_ ](?:specify[_ ])?other)?"
)
HEADINGS = {
    "relevance": "relevant", "calculate": "calculation", "caption": "label", "listname":
    "list_name", "value": "name",
}  # fmt: skip
LANGUAGES = {
    "en": {"en", "eng", "english", "英文", "英语"},
    "zh": {"zh", "chi", "cmn", "chinese", "mandarin", "中文", "汉语", "简体中文", "普通话"},
}
STRAIGHT = str.maketrans("‘’“”", "''\"\"")  # spreadsheet programs curl quotation marks
OTHER = Choice("other", {"en": "Other", "zh": "其他"})

Row = tuple[int, dict[str, str]]


@dataclass(frozen=True)
class Type:
    """What the cell `type` of a row says; `kind` is empty where the row is not read."""

    kind: str
    list_name: str = ""
    other: bool = False
    known: bool = True


def read_xlsform(path: Path) -> Form:
    """Read a form of XLSForm.

    Parameters
    ----------
    path : workbook with the sheets `survey` and `choices`, and `settings` where there is one.
        `label::English (en)`, `label::中文 (zh)` and the like give the labels; a plain `label` is
        of the `default_language` of the settings, else of the language that its script shows.

    Raises
    ------
    CorpusError
        When there is no survey, and as `finish_form` with every fault: unbalanced groups, names
        that are absent, malformed or repeated within a group, repeated choices.
    """
    sheets = {name.strip().lower(): _records(rows) for name, rows in read_sheets(path).items()}
    survey = sheets.get("survey", [])
    if not any("type" in row for _, row in survey):
        raise CorpusError(
            f"{path.name}: is no XLSForm: there is no sheet `survey` with a column `type` and rows"
        )
    settings = next((row for _, row in sheets.get("settings", [])), {})
    language = _language(settings.get("default_language", ""))
    repeated = settings.get("allow_choice_duplicates", "").lower() in {"yes", "true"}
    choices, faults = _choices(sheets.get("choices", []), language, allow_repeated=repeated)
    items, remarks, survey_faults = _survey(survey, language)
    for name in {item.list_name for item in items if item.other} & set(choices):
        if all(choice.name != OTHER.name for choice in choices[name]):
            choices[name] = (*choices[name], OTHER)
    types = {row.get("type", "").strip().lower(): row.get("name", "") for _, row in survey}
    return finish_form(
        Form(
            path.name, settings.get("form_title", ""), items, choices, remarks=remarks,
            clocks=tuple(types[t] for t in ("today", "end", "start") if t in types),
        ),
        faults + survey_faults,
    )  # fmt: skip


def text_language(text: str) -> str:
    """Return `zh` where a text has Chinese characters, else `en`."""
    return "zh" if re.search(r"[\u3400-\u9fff]", text) else "en"


def _records(rows: list[tuple[int, list[str]]]) -> list[Row]:
    """Rows of a sheet by heading, empty cells left out."""
    filled = [(number, cells) for number, cells in rows if any(cells)]
    heads = [_heading(cell) for cell in filled[0][1]] if filled else []
    return [
        (number, {h: c for h, c in zip(heads, cells, strict=False) if h and c})
        for number, cells in filled[1:]
    ]


def _heading(cell: str) -> str:
    """Name of a column in lower case with underscores, then `::` and the language as written."""
    text = re.sub(r"(?i)^bind::?", "", cell.strip())
    base, _, language = text.partition(":")
    base = re.sub(r"[\s_]+", "_", base.strip().lower())
    base = HEADINGS.get(base, base)
    return f"{base}::{language.strip(': ')}" if language else base


def _language(name: str) -> str:
    words = set(re.findall(r"[^\s()（）_\-]+", name.lower()))
    return next((code for code, known in LANGUAGES.items() if words & known), name.strip())


def _labels(row: Mapping[str, str], default: str, column: str = "label") -> dict[str, str]:
    plain = {default or text_language(row[column]): row[column]} if column in row else {}
    translated = {
        _language(heading.removeprefix(f"{column}::")): cell
        for heading, cell in row.items()
        if heading.startswith(f"{column}::")
    }
    return plain | translated


def _choices(
    rows: list[Row], language: str, *, allow_repeated: bool
) -> tuple[dict[str, tuple[Choice, ...]], list[str]]:
    lists: dict[str, dict[str, Choice]] = {}
    faults = []
    for number, row in rows:
        listed, name = row.get("list_name", ""), row.get("name", "")
        if not listed or not name or re.search(r"\s", name):
            faults.append(f"choices, row {number}: needs a list_name and a name without blanks")
            continue
        known = lists.setdefault(listed, {})
        if name in known and not allow_repeated:
            faults.append(f"choices, row {number}: {name!r} is in list {listed!r} already")
        cells = {heading: cell for heading, cell in row.items() if is_xml_name(heading)}
        known.setdefault(name, Choice(name, _labels(row, language), cells))
    return {name: tuple(known.values()) for name, known in lists.items()}, faults


def _survey(
    rows: list[Row], language: str
) -> tuple[tuple[Item, ...], tuple[tuple[str, str], ...], list[str]]:
    """Items, remarks and faults of the sheet `survey`."""
    items: list[Item] = []
    remarks: list[tuple[str, str]] = []
    faults: list[str] = []
    around: list[Item] = []
    for number, row in rows:
        written = re.sub(r"\s+", " ", row.get("type", "")).strip()
        words = written.lower().replace("_", " ")
        if words in {"end group", "end repeat"}:
            if around and around[-1].kind == words.removeprefix("end "):
                around.pop()
            else:
                faults.append(f"survey, row {number}: `{words}` closes nothing")
            continue
        kind = _type(written)
        if not kind.known or (written and not kind.kind):
            remarks.append((f"type {written.split(' ')[0]}", _REMARKS[kind.known]))
        if not kind.kind:
            faults += [f"survey, row {number}: a name and no type"] * (not words and "name" in row)
            continue
        item = _item(number, row, kind, tuple(section.name for section in around), language)
        if any(other.full_path == item.full_path for other in items):
            faults.append(f"survey, row {number}: {item.name!r} is in the same group already")
        items.append(item)
        around += [item] if item.kind in SECTIONS else []
    faults += [f"survey: the {section.kind} {section.name!r} is not closed" for section in around]
    return tuple(items), tuple(dict.fromkeys(remarks)), faults


_REMARKS = {
    True: "files beside a form are not read",
    False: "the type is not known: its answers are read as text",
}


def _type(written: str) -> Type:
    words = written.lower().replace("_", " ")
    if words in {"", "begin group", "begin repeat"}:
        return Type(words.removeprefix("begin "))
    select = SELECT.fullmatch(written)
    if select:
        word = select.group(1).lower().replace("_", " ")
        kinds = {"select one": "select_one", "select1": "select_one", "rank": "rank"}
        return Type(kinds.get(word, "select_multiple"), select.group(2), bool(select.group(3)))
    plain = re.sub(r"[ \-]", "", words)
    return Type(KINDS.get(plain, "text"), known=plain in KINDS)


def _item(
    number: int, row: Mapping[str, str], kind: Type, path: tuple[str, ...], language: str
) -> Item:
    name = row.get("name", "")
    relevant, constraint, calculation, required, choice_filter = (
        row.get(column, "").translate(STRAIGHT) for column in EXPRESSIONS
    )
    calculates = row.get("type", "").strip().lower() == "calculate"
    return Item(
        name=name,
        kind=kind.kind,
        row=number,
        path=path,
        labels=_labels(row, language),
        list_name=kind.list_name,
        relevant=relevant,
        required=required,
        constraint=constraint,
        calculation=calculation if calculates else "",  # else a default that an answer may change
        choice_filter=choice_filter,
        message="; ".join(_labels(row, language, "constraint_message").values()),
        other=f"{name}_other" if kind.other else "",
    )
