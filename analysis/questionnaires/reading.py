"""Questionnaires: from a form and a file of answers to typed frames and a list of violations.

Nothing is repaired and nothing is guessed. An answer that is not of its kind is missing in the
frames and a row of `violations`; one that breaks a condition of the form stays and is a row too.
What the file holds and the frames do not is a row of `losses`. Neither quotes a text.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.interviews.corpus import CorpusError, table
from analysis.project import bullet_list
from analysis.questionnaires.answer_cells import typed
from analysis.questionnaires.answer_records import Reading, read_records
from analysis.questionnaires.answer_tables import read_tables
from analysis.questionnaires.answers import Questionnaire, missing_frame, violations_frame
from analysis.questionnaires.form import Form, Item
from analysis.questionnaires.form_logic import Logic, Record, check_record, condition_order
from analysis.questionnaires.profile import read_profile
from analysis.questionnaires.statistics_files import STATISTICS_SUFFIXES, read_statistics
from analysis.questionnaires.xlsform import read_xlsform

FORMS = ("form.xlsx", "form.yml")
ANSWERS = ("answers.csv", "answers.xlsx")
TYPES = {"integer": "number", "decimal": "number", "boolean": "boolean", "date": "date",
         "datetime": "date"}  # fmt: skip
ENTITIES = ("document", "case", "participant", "project")


def read_form(path: Path) -> Form:
    """Read the form of a questionnaire.

    Parameters
    ----------
    path : an XLSForm (`.xlsx`), or a declared profile (`.yml`) as of
        `analysis.questionnaires.profile`

    Raises
    ------
    CorpusError
        Listing every fault of the form with its row.
    """
    readers = {".xlsx": read_xlsform, ".xlsm": read_xlsform, ".yml": read_profile,
               ".yaml": read_profile}  # fmt: skip
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise CorpusError(
            f"{path.name}: a form is an XLSForm (.xlsx) or a declared profile (.yml); "
            "save an .xls file as .xlsx"
        )
    form = reader(path)
    condition_order(form)
    return form


def read_answers(form: Form, path: Path) -> Questionnaire:
    """Read the answers to a questionnaire and check them against its form.

    Parameters
    ----------
    form : as `read_form` returns it
    path : `.csv` or `.xlsx` as exported by Kobo, ODK, Wenjuanxing or typed by hand. The first row
        has the headings: names, names with groups, or labels. Repeats are sheets, files beside the
        csv (`answers-<repeat>.csv`) with `PARENT_KEY`, or columns `repeat[1]/name`. The respondent
        is named by the heading that a profile declares, else by `KEY`, `_uuid`, `instanceID`,
        `_id` or `_index`, else by the row.

    Raises
    ------
    CorpusError
        When a file cannot be read as a table, or no column of it is a question of the form.
    """
    reading = read_records(form, read_tables(path))
    if not reading.asked:
        raise CorpusError(
            f"{path.name}: no column is a question of {form.file}: is it the export of this form, "
            "with names or labels as headings?"
        )
    logic = Logic(form, condition_order(form), frozenset(reading.asked))
    for record in reading.records:
        breaches, unchecked = check_record(logic, record)
        reading.breaches.extend(breaches)
        for condition, reason in unchecked:
            reading.losses[form.file, condition, f"not checked: {reason}"] += 1
    for element, reason in form.remarks:
        reading.losses[form.file, element, reason] += 1
    return _questionnaire(path.name, reading)


def read_questionnaire(folder: Path) -> Questionnaire:
    """Read the folder of a questionnaire: a form and answers, or one file of SPSS or Stata.

    Parameters
    ----------
    folder : holds `form.xlsx` or `form.yml` and `answers.csv` or `answers.xlsx`, or one `.sav`,
        `.zsav` or `.dta` file

    Raises
    ------
    CorpusError
        When it holds neither or several, and as the readers do.
    """
    forms = [folder / name for name in FORMS if (folder / name).is_file()]
    answers = [folder / name for name in ANSWERS if (folder / name).is_file()]
    files = [p for p in sorted(folder.glob("*")) if p.suffix.lower() in STATISTICS_SUFFIXES]
    if len(files) == 1 and not forms:
        return read_statistics(files[0])
    if len(forms) == len(answers) == 1 and not files:
        return read_answers(read_form(forms[0]), answers[0])
    raise CorpusError(
        f"{folder}: must hold one of {', '.join(FORMS)} and one of {', '.join(ANSWERS)}, or one "
        f"file {', '.join(sorted(STATISTICS_SUFFIXES))}"
    )


def to_attributes(questionnaire: Questionnaire, *, entity_kind: str, key: str) -> pd.DataFrame:
    """Return the answers as attributes of a corpus.

    Parameters
    ----------
    entity_kind : `document`, `case`, `participant` or `project`
    key : column of `respondents` whose values name the entities, such as a question
        `participant` or `_key`

    Returns
    -------
    DataFrame with the columns of `attributes` of a corpus. `name` is the question or
        `<question>/<choice>`, `value` the number, `true` or `false`, the date in ISO 8601, the name
        of the choice or the text; a repeat is its number of instances. Blank answers have no row.

    Raises
    ------
    CorpusError
        When there is no such column, or it has blank or repeated values; rows are listed.
    """
    frame = questionnaire.respondents
    if entity_kind not in ENTITIES or key not in frame:
        raise CorpusError(
            f"{questionnaire.file}: entity_kind must be one of {', '.join(ENTITIES)} and key a "
            f"column of the answers, not {entity_kind!r} and {key!r}"
        )
    entities = frame[key].astype("str")
    wrong = frame.loc[frame[key].isna() | entities.duplicated(keep=False), "_row"]
    if len(wrong):
        raise CorpusError(bullet_list(
            f"{questionnaire.file}: {key} must name each respondent once:",
            [f"row {row}: blank or repeated" for row in wrong],
        ))  # fmt: skip
    asked = questionnaire.questions
    kinds = dict(zip(asked["question"].tolist(), asked["kind"].tolist(), strict=True))
    rows = [
        {"entity_kind": entity_kind, "entity": entity, "name": name, "type": kind, "value": value}
        for name, kind in _carried(frame, kinds, key)
        for entity, value in zip(entities, map(_attribute, frame[name]), strict=True)
        if value
    ]
    for repeat, instances in questionnaire.repeats.items():
        often = Counter(instances["_respondent"].tolist())
        rows += [
            {"entity_kind": entity_kind, "entity": entity, "name": repeat, "type": "number",
             "value": str(often[respondent])}
            for entity, respondent in zip(entities, frame["_key"].tolist(), strict=True)
        ]  # fmt: skip
    return table("attributes", rows)


def _carried(frame: pd.DataFrame, kinds: dict[str, str], key: str) -> Iterator[tuple[str, str]]:
    """Columns that become attributes, with their type."""
    for name in frame.columns.drop(["_key", "_row", key], errors="ignore"):
        kind = kinds.get(name, "boolean")
        if kind != "select_multiple":
            yield name, TYPES.get(kind, "text")


def _attribute(value: Any) -> str:
    if pd.isna(value):
        return ""
    if isinstance(value, pd.Timestamp):
        text = value.isoformat()
        return text.removesuffix("T00:00:00")
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(float(value))
    return str(value).lower() if isinstance(value, bool | np.bool_) else str(value)


def _questionnaire(file: str, reading: Reading) -> Questionnaire:
    form = reading.form
    respondents: list[tuple[Record, dict[str, str]]] = [(record, {}) for record in reading.records]
    return Questionnaire(
        file=file,
        questions=form.codebook(),
        choices=form.choice_table(),
        respondents=_frame(reading, "", respondents, []),
        repeats={
            repeat.id: _frame(
                reading, repeat.id, list(_instances(form, repeat, reading.records)),
                ["_respondent", "_parent"],
            )
            for repeat in form.repeats
            if repeat.id in reading.asked
        },
        missing=missing_frame(
            (f, row, question, cell, reason)
            for (f, row, _, question), (cell, reason) in reading.missing.items()
        ),
        violations=violations_frame(reading.breaches),
        losses=table(
            "losses",
            [
                {"file": f, "element": element, "count": count, "reason": reason}
                for (f, element, reason), count in reading.losses.items()
            ],
        ),
    )  # fmt: skip


def _instances(
    form: Form, repeat: Item, records: Iterable[Record]
) -> Iterator[tuple[Record, dict[str, str]]]:
    """Instances of a repeat with the keys of the respondent and of the record around them."""
    chain = [repeat]
    while chain[0].repeat:
        chain.insert(0, next(r for r in form.repeats if r.id == chain[0].repeat))
    for record in records:
        parents = [record]
        for outer in chain[:-1]:
            parents = [inner for parent in parents for inner in parent.instances.get(outer.id, [])]
        for parent in parents:
            for instance in parent.instances.get(repeat.id, []):
                yield instance, {"_respondent": record.key, "_parent": parent.key}


def _frame(
    reading: Reading, repeat: str, records: list[tuple[Record, dict[str, str]]], links: list[str]
) -> pd.DataFrame:
    """Typed answers of one level, one row per record."""
    columns: dict[str, pd.Series] = {
        "_key": pd.Series([r.key for r, _ in records], dtype="str"),
        **{name: pd.Series([keys[name] for _, keys in records], dtype="str") for name in links},
        "_row": pd.Series([r.row for r, _ in records], dtype="int64"),
    }
    for question in (q for q in reading.form.questions if q.repeat == repeat):
        found = [r.answers.get(question.id) or None for r, _ in records]
        columns[question.id] = typed(found, question.kind)
        if question.kind == "select_multiple":
            for choice in reading.form.choices[question.list_name]:
                made = [None if f is None else choice.name in f.split() for f in found]
                columns[f"{question.id}/{choice.name}"] = pd.Series(made, dtype="boolean")
    return pd.DataFrame(columns)
