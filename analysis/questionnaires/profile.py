"""Questionnaires declared in a profile: for exports that come without a form, as Wenjuanxing's.

The export of Wenjuanxing (问卷星) has the wording of the questions as headings, labels or numbers
of choices as cells, several choices joined by `┋` or in columns of 0 and 1, `(跳过)` or -3 where a
question was skipped and `(空)` or -2 where it was left blank. A profile says, once and in the
project, what each heading is; nothing is guessed from the wording.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from analysis.interviews.corpus import CorpusError
from analysis.project import bullet_list
from analysis.questionnaires.form import ANSWERED, SELECTS, Choice, Form, Item, finish_form
from analysis.questionnaires.form_expressions import is_xml_name
from analysis.questionnaires.xlsform import STRAIGHT, text_language

NOT_ASKED, NO_ANSWER = "not asked", "no answer"
TOOLS: dict[str, dict[str, Any]] = {
    "wenjuanxing": {
        "respondent": "序号",
        "separators": "┋",
        "blanks": {"(跳过)": NOT_ASKED, "（跳过）": NOT_ASKED, "-3": NOT_ASKED,
                   "(空)": NO_ANSWER, "（空）": NO_ANSWER, "-2": NO_ANSWER},
        "left_out": ["提交答卷时间", "所用时间", "来源", "来源详情", "来自IP", "总分"],
    },
    "other": {"respondent": "", "separators": "", "blanks": {}, "left_out": []},
}  # fmt: skip
TOP = {"tool", "title", "respondent", "separators", "blanks", "left_out", "questions", "clock"}
FIELDS = {"name", "column", "type", "label", "choices", "required", "relevant", "constraint",
          "message", "other"}  # fmt: skip
CHOICE_FIELDS = {"name", "label", "code", "column"}


def read_profile(path: Path) -> Form:
    """Read the declared profile of an export.

    Parameters
    ----------
    path : YAML with
        `tool` (`wenjuanxing`, which sets the defaults of the next four, or `other`);
        `respondent` (heading that names the respondent); `separators` (between several choices);
        `blanks` (cell -> `not asked` or `no answer`); `left_out` (headings known and not wanted);
        `clock` (name of the question that says when it was filled in); `title`;
        `questions`, a list of `name`, `column` (heading, or a list of headings), `type` (integer,
        decimal, text, date, time, datetime, boolean, select_one, select_multiple), `label` (`en`,
        `zh`), `required` (true or an expression), `relevant` and `constraint` (expressions of
        XLSForm), `message`, `other` (name of the question that takes the text beside a choice) and
        `choices`, a list of `name`, `label`, `code` (the number or text in the cells) and `column`
        (heading where each choice has a column).

    Raises
    ------
    CorpusError
        Listing every fault: unknown or absent keys, unknown types, names that are malformed or
        repeated, and as `finish_form`.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise CorpusError(f"{path.name}: cannot be read as YAML: {type(error).__name__}") from None
    faults = _profile_faults(content)
    if faults:
        raise CorpusError(bullet_list(f"{path.name}: mend the profile:", faults))
    settings = TOOLS[content.get("tool", "other")] | {
        key: content[key] for key in ("respondent", "separators", "blanks", "left_out")
        if key in content
    }  # fmt: skip
    items = [_item(number, entry) for number, entry in enumerate(content["questions"], start=1)]
    form = Form(
        file=path.name,
        title=str(content.get("title", "")),
        items=tuple(items),
        choices={
            entry["name"]: tuple(map(_choice, entry["choices"]))
            for entry in content["questions"]
            if "choices" in entry
        },
        respondent=str(settings["respondent"]),
        blanks={str(cell): str(reason) for cell, reason in settings["blanks"].items()},
        separators=str(settings["separators"]),
        left_out=tuple(map(str, settings["left_out"])),
        clocks=(content["clock"],) if "clock" in content else (),
    )
    return finish_form(form, [])


def _profile_faults(content: Any) -> list[str]:
    if not isinstance(content, dict) or not isinstance(content.get("questions"), list):
        return ["must be a mapping with a list `questions`"]
    faults = [f"the key {key!r} is not known" for key in sorted(set(map(str, content)) - TOP)]
    if str(content.get("tool", "other")) not in TOOLS:
        faults.append(f"tool must be one of {', '.join(TOOLS)}")
    if not isinstance(content.get("blanks", {}), dict):
        faults.append("blanks must be a mapping of a cell to `not asked` or `no answer`")
    if not isinstance(content.get("left_out", []), list):
        faults.append("left_out must be a list of headings")
    if not isinstance(content.get("clock", ""), str):
        faults.append("clock must be the name of a question")
    names = [e.get("name") for e in content["questions"] if isinstance(e, dict)]
    for number, entry in enumerate(content["questions"], start=1):
        faults += [f"question {number}: {fault}" for fault in _question_faults(entry, names)]
    return faults


def _question_faults(entry: Any, names: list[Any]) -> list[str]:
    if not isinstance(entry, dict):
        return ["must be a mapping"]
    faults = [f"the key {key!r} is not known" for key in sorted(set(map(str, entry)) - FIELDS)]
    name, kind = entry.get("name"), entry.get("type")
    if not isinstance(name, str) or not is_xml_name(name):
        faults.append("needs a name that starts with a letter and has no blanks")
    elif names.count(name) > 1:
        faults.append(f"the name {name!r} occurs more than once")
    if kind not in ANSWERED:
        faults.append(f"type must be one of {', '.join(ANSWERED)}")
    if not isinstance(entry.get("label", ""), str | dict):
        faults.append("label must be a text or a mapping of en and zh")
    choices = entry.get("choices", [])
    if kind not in SELECTS and choices:
        faults.append(f"choices need a type of {', '.join(SELECTS)}")
    if not isinstance(choices, list) or not all(isinstance(c, dict) for c in choices):
        return [*faults, "choices must be a list of mappings"]
    return faults + _choice_faults(choices)


def _choice_faults(choices: list[dict[Any, Any]]) -> list[str]:
    faults = []
    named = [str(choice.get("name", "")) for choice in choices]
    for number, choice in enumerate(choices, start=1):
        unknown = sorted(set(map(str, choice)) - CHOICE_FIELDS)
        faults += [f"choice {number}: the key {key!r} is not known" for key in unknown]
        name = named[number - 1]
        if not name or len(name.split()) != 1 or named.count(name) > 1:
            faults.append(f"choice {number}: needs a name of its own without blanks")
    return faults


def _item(number: int, entry: Mapping[str, Any]) -> Item:
    required = entry.get("required", "")
    return Item(
        name=entry["name"],
        kind=entry["type"],
        row=number,
        labels=_labels(entry),
        list_name=entry["name"] if entry["type"] in SELECTS else "",
        required=("yes" if required else "") if isinstance(required, bool) else str(required),
        relevant=str(entry.get("relevant", "")).translate(STRAIGHT),
        constraint=str(entry.get("constraint", "")).translate(STRAIGHT),
        message=str(entry.get("message", "")),
        headings=_listed(entry.get("column")),
        other=str(entry.get("other", "")),
    )


def _choice(entry: Mapping[str, Any]) -> Choice:
    return Choice(
        name=str(entry["name"]),
        labels=_labels(entry),
        spellings=_listed(entry.get("code")),
        headings=_listed(entry.get("column")),
    )


def _labels(entry: Mapping[str, Any]) -> dict[str, str]:
    found = entry.get("label", "")
    if isinstance(found, dict):
        return {str(language): str(text) for language, text in found.items()}
    return {text_language(found): found} if found else {}


def _listed(found: Any) -> tuple[str, ...]:
    if found is None:
        return ()
    return tuple(map(str, found)) if isinstance(found, list) else (str(found),)
