"""A questionnaire as data: its questions, groups, repeats, choices and conditions.

Every format of questionnaires ends at `Form`, and the reading and checking of answers starts from
it. A form that contradicts itself is refused with every fault at once.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from analysis.interviews.corpus import CorpusError
from analysis.project import bullet_list
from analysis.questionnaires.form_expressions import is_xml_name, references_of, syntax_problem

SECTIONS = ("group", "repeat")
SELECTS = ("select_one", "select_multiple", "rank")
ANSWERED = ("integer", "decimal", "text", "time", "date", "datetime", "boolean", *SELECTS)
DEEPEST = 50  # groups within groups
RESERVED = ("_key", "_parent", "_respondent", "_row")
EXPRESSIONS = ("relevant", "constraint", "calculation", "required", "choice_filter")


@dataclass(frozen=True)
class Choice:
    """One answer to choose from.

    Attributes
    ----------
    name : what is stored
    labels : by language
    cells : other cells of its row, by column, for choice filters
    spellings : other ways in which an export writes it
    headings : headings of the column that holds it where a question is split into columns
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    cells: Mapping[str, str] = field(default_factory=dict)
    spellings: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Item:
    """One row of a form: a question, a group or a repeat.

    Attributes
    ----------
    name, kind, row : name; one of `ANSWERED`, `SECTIONS`, `note`, `identity`; row of the file
    path : names of the groups and repeats around it, outermost first
    labels : by language
    list_name : its list of choices
    relevant, required, constraint, calculation, choice_filter : expressions of the form
    message : what the form says where the constraint does not hold
    headings : further headings under which an export has it
    other : name of the question that takes the text written beside a choice
    id : name, with its path before it where the name occurs more than once
    parent : id of the innermost group or repeat around it, empty at the top
    repeat : id of the innermost repeat around it, empty at the top
    """

    name: str
    kind: str
    row: int
    path: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    list_name: str = ""
    relevant: str = ""
    required: str = ""
    constraint: str = ""
    calculation: str = ""
    choice_filter: str = ""
    message: str = ""
    headings: tuple[str, ...] = ()
    other: str = ""
    id: str = ""
    parent: str = ""
    repeat: str = ""

    @property
    def full_path(self) -> tuple[str, ...]:
        """Names from the outermost section to the item itself."""
        return (*self.path, self.name)


@dataclass(frozen=True)
class Form:
    """A questionnaire.

    Attributes
    ----------
    file, title : identity
    items : in the order of the form
    choices : by list
    respondent : heading of the column that names the respondent; empty where the export's own key
    blanks : cell that stands for no answer -> why there is none
    separators : characters that separate several choices in one cell, blanks aside
    left_out : headings that are known and not wanted
    clocks : names of the questions that say when the form was filled in, the best one first
    remarks : (element, reason) of what the form holds and is not read
    """

    file: str
    title: str
    items: tuple[Item, ...]
    choices: Mapping[str, tuple[Choice, ...]]
    respondent: str = ""
    blanks: Mapping[str, str] = field(default_factory=dict)
    separators: str = ""
    left_out: tuple[str, ...] = ()
    clocks: tuple[str, ...] = ()
    remarks: tuple[tuple[str, str], ...] = ()

    @property
    def questions(self) -> list[Item]:
        """Items that are answered."""
        return [item for item in self.items if item.kind in ANSWERED]

    @property
    def repeats(self) -> list[Item]:
        """Repeats, outer ones first."""
        return [item for item in self.items if item.kind == "repeat"]

    def codebook(self) -> pd.DataFrame:
        """Return one row per question: question, repeat, kind, label_en, label_zh, list_name."""
        rows = [
            (q.id, q.repeat, q.kind, q.labels.get("en", ""), q.labels.get("zh", ""), q.list_name)
            for q in self.questions
        ]
        columns = ["question", "repeat", "kind", "label_en", "label_zh", "list_name"]
        return pd.DataFrame(rows, columns=columns, dtype="str")

    def choice_table(self) -> pd.DataFrame:
        """Return one row per choice: list_name, value, label_en, label_zh."""
        rows = [
            (name, choice.name, choice.labels.get("en", ""), choice.labels.get("zh", ""))
            for name, listed in self.choices.items()
            for choice in listed
        ]
        columns = ["list_name", "value", "label_en", "label_zh"]
        return pd.DataFrame(rows, columns=columns, dtype="str")


def finish_form(form: Form, faults: list[str]) -> Form:
    """Return the form with ids, and with the questions for text written beside a choice.

    Parameters
    ----------
    form : items without id, parent and repeat
    faults : what is wrong with it already

    Raises
    ------
    CorpusError
        Listing `faults` and, with the row, every list without choices and every expression that is
        malformed or refers to a name that no question or more than one has.
    """
    form = replace(form, items=_with_ids(_with_other_texts(form)))
    names = Counter(item.name for item in form.items)
    faults = faults + [
        f"row {item.row} ({item.name}): there are no choices in list {item.list_name!r}"
        for item in form.items
        if item.kind in SELECTS and not form.choices.get(item.list_name)
    ]
    for item in form.items:
        for column in EXPRESSIONS:
            text = getattr(item, column)
            where = f"row {item.row} ({item.name}), {column}"
            problem = syntax_problem(text)
            faults += [f"{where}: {problem}"] if problem else []
            faults += [
                f"{where}: ${{{name}}} is the name of {names[name] or 'no'} question(s)"
                for name in references_of(text)
                if names[name] != 1
            ]
    faults += [
        f"row {item.row}: {item.name!r} is the name of a column that reading adds: take another"
        for item in form.items
        if item.name in RESERVED
    ]
    faults += [
        f"row {item.row}: needs a name of letters, digits, `_`, `-` and `.`, a letter first"
        for item in form.items
        if not is_xml_name(item.name)
    ]
    faults += [
        f"row {item.row}: lies in more than {DEEPEST} groups"
        for item in form.items
        if len(item.path) > DEEPEST
    ]
    if not form.questions:
        faults.append("there is no question")
    if faults:
        raise CorpusError(bullet_list(f"{form.file}: mend the form:", faults))
    return form


def _with_ids(items: list[Item]) -> tuple[Item, ...]:
    names = Counter(item.name for item in items)
    ids = {
        item.full_path: item.name if names[item.name] == 1 else "/".join(item.full_path)
        for item in items
    }
    repeats = {item.full_path for item in items if item.kind == "repeat"}
    result = []
    for item in items:
        around = (item.path[:k] for k in range(len(item.path), 0, -1))
        inner = next((place for place in around if place in repeats), ())
        parent = ids.get(item.path, "")
        result.append(
            replace(item, id=ids[item.full_path], parent=parent, repeat=ids.get(inner, ""))
        )
    return tuple(result)


def _with_other_texts(form: Form) -> list[Item]:
    """Items, each that has `other` followed by the text question of that name."""
    present = {item.full_path for item in form.items}
    items = []
    for item in form.items:
        items.append(item)
        if item.other and (*item.path, item.other) not in present:
            chosen = any(choice.name == "other" for choice in form.choices.get(item.list_name, ()))
            relevant = f"selected(${{{item.name}}}, 'other')" if chosen else ""
            items.append(Item(item.other, "text", item.row, item.path, relevant=relevant))
    return items
