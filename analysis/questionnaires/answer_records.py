"""From tables of cells to one record per respondent, with the instances of repeats inside.

Everything that is not understood on the way is noted: a cell that is no answer of its kind, a
column of no question, a row of a repeat without its respondent.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from analysis.questionnaires.answer_cells import (
    TICKED,
    UNTICKED,
    CellError,
    ChoiceIndex,
    Chosen,
    datetime_text,
    parse_answer,
    plain,
)
from analysis.questionnaires.answer_columns import (
    KEYS,
    LINKS,
    MOMENTS,
    Column,
    match_columns,
    table_repeat,
)
from analysis.questionnaires.answer_tables import AnswerTable
from analysis.questionnaires.answers import Breach
from analysis.questionnaires.form import SELECTS, Form, Item
from analysis.questionnaires.form_logic import Record

WRITTEN_BY_TOOL = "written by the tool, no answer"
IDENTIFIES = "names a person or a device, not carried over"


@dataclass
class Reading:
    """What reading a file of answers found.

    Attributes
    ----------
    form, index : the questionnaire, its lists of choices
    records : one per respondent
    asked : ids of the questions that the file has a column for, and of the repeats that it has
    missing : (file, row, record, question) -> (cell, why there is no answer)
    breaches : violations so far
    losses : (file, element, reason) -> count
    """

    form: Form
    index: Mapping[str, ChoiceIndex]
    records: list[Record] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    missing: dict[tuple[str, int, str, str], tuple[str, str]] = field(default_factory=dict)
    breaches: list[Breach] = field(default_factory=list)
    losses: Counter[tuple[str, str, str]] = field(default_factory=Counter)


def read_records(form: Form, tables: Sequence[AnswerTable]) -> Reading:
    """Return the records of a file of answers.

    Parameters
    ----------
    tables : the main one first; the others are repeats by their names
    """
    index = {name: ChoiceIndex.of(listed) for name, listed in form.choices.items()}
    reading = Reading(form, index)
    main, *others = tables
    _read_main(reading, main)
    links = {"": _links(main, reading.records)}
    by_repeat: dict[str, AnswerTable] = {}
    for other in others:
        identifier = table_repeat(form, other.name)
        if identifier is None or identifier in by_repeat:
            reason = "no repeat of the form has this name, or one was read already"
            reading.losses[other.file, "table", reason] += len(other.rows)
        else:
            by_repeat[identifier] = other
    for repeat in form.repeats:
        if repeat.id in by_repeat:
            links[repeat.id] = _read_repeat(reading, by_repeat[repeat.id], repeat, links)
    _note_absent(reading, main.file)
    return reading


def _read_main(reading: Reading, answers: AnswerTable) -> None:
    columns = match_columns(reading.form, answers.header)
    _note_columns(reading, answers, columns)
    names = [name for name in (reading.form.respondent, *KEYS) if name in answers.header]
    for row, cells in answers.rows:
        by_heading = dict(zip(answers.header, cells, strict=True))
        key = next((by_heading[name] for name in names if by_heading[name]), f"row {row}")
        record = Record(key, answers.file, row)
        _fill(reading, record, columns, cells)
        record.moment = _moment(reading.form, record, by_heading)
        reading.records.append(record)
    _note_repeated(reading, answers)


def _note_repeated(reading: Reading, answers: AnswerTable) -> None:
    """Give records that share a key keys of their own, and say so."""
    often = Counter(record.key for record in reading.records)
    for record in reading.records:
        if often[record.key] > 1:
            remedy = "two rows are of one respondent: keep one of them"
            reading.breaches.append(
                Breach(answers.file, record.row, "", "repeated key", record.key, remedy)
            )
            record.key = f"{record.key} (row {record.row})"


def _moment(form: Form, record: Record, by_heading: Mapping[str, str]) -> str:
    """When a form was filled in: by its own questions, else by the tool; empty where neither."""
    stated = (record.answers.get(name, "") for name in form.clocks)
    written = (by_heading.get(heading, "") for heading in MOMENTS)
    for text in (*stated, *written):
        try:
            return datetime_text(text)
        except CellError:
            continue
    return ""


def _links(answers: AnswerTable, records: Iterable[Record]) -> dict[tuple[str, str], Record]:
    """Records by the columns to which tables of repeats refer."""
    by_row = {record.row: record for record in records}
    found: dict[tuple[str, str], Record] = {}
    for row, cells in answers.rows:
        by_heading = dict(zip(answers.header, cells, strict=True))
        for name in LINKS.values():
            if by_heading.get(name) and row in by_row:
                found.setdefault((name, by_heading[name]), by_row[row])
    return found


def _read_repeat(
    reading: Reading,
    answers: AnswerTable,
    repeat: Item,
    links: Mapping[str, Mapping[tuple[str, str], Record]],
) -> dict[tuple[str, str], Record]:
    columns = match_columns(reading.form, answers.header, repeat.id)
    reading.asked.add(repeat.id)
    _note_columns(reading, answers, columns)
    above = links.get(repeat.repeat, {})
    found = []
    for row, cells in answers.rows:
        by_heading = dict(zip(answers.header, cells, strict=True))
        references = [(name, by_heading.get(link, "")) for link, name in LINKS.items()]
        parent = next((above[r] for r in references if r in above), None)
        if parent is None:
            remedy = "PARENT_KEY or _parent_index names no record of the table above: mend it"
            reading.breaches.append(Breach(answers.file, row, "", "no parent", "", remedy))
            continue
        record = _instance(parent, repeat, answers.file, row)
        _fill(reading, record, columns, cells)
        found.append(record)
    return _links(answers, found)


def _instance(parent: Record, repeat: Item, file: str, row: int) -> Record:
    siblings = parent.instances[repeat.id]
    siblings.append(Record(f"{parent.key}/{repeat.name}[{len(siblings) + 1}]", file, row))
    return siblings[-1]


def _note_columns(reading: Reading, answers: AnswerTable, columns: list[Column]) -> None:
    """Note the questions that a table has, and the columns of it that hold no answer."""
    problems = {
        "unknown": "no question of the form: mend the heading or declare it",
        "ambiguous": "several questions have this name: give their groups in the heading",
    }
    links = {reading.form.respondent, *KEYS, *LINKS}
    twice = Counter(c.item.id for c in columns if c.item and c.role == "answer" and not c.number)
    for place, column in enumerate(columns):
        filled = sum(1 for _, cells in answers.rows if cells[place])
        name = column.heading or f"column {place + 1}"
        if column.role in {"answer", "choice"} and column.item:
            reading.asked |= {column.item.id, column.repeat or column.item.id}
            if twice[column.item.id] > 1 and column.role == "answer":
                remedy = "another column holds the same question: keep one"
                reading.breaches.append(
                    Breach(answers.file, 0, name, "repeated column", "", remedy)
                )
        elif column.role in problems and (filled or column.heading):
            reading.breaches.append(
                Breach(answers.file, 0, name, f"{column.role} column", f"{filled} filled cells",
                       problems[column.role])
            )  # fmt: skip
        elif filled and column.heading not in links:
            reason = IDENTIFIES if column.role == "identity" else WRITTEN_BY_TOOL
            reading.losses[answers.file, f"column {name}", reason] += filled


def _note_absent(reading: Reading, file: str) -> None:
    """Note the questions of the form that no table has a column for."""
    for question in reading.form.questions:
        beside = any(question.name == other.other for other in reading.form.items)
        if question.id not in reading.asked and not beside:
            remedy = "the form asks this: export the column too, or take it out of the form"
            reading.breaches.append(Breach(file, 0, question.id, "missing column", "", remedy))


def _fill(
    reading: Reading, record: Record, columns: Sequence[Column], cells: Sequence[str]
) -> None:
    """Put the cells of a row into a record, and into the instances that its headings number."""
    ticks: dict[tuple[str, int, str], dict[str, bool]] = defaultdict(dict)
    owners: dict[tuple[str, int], Record] = {("", 0): record}
    repeats = {repeat.id: repeat for repeat in reading.form.repeats}
    for column, cell in sorted(zip(columns, cells, strict=True), key=lambda p: p[0].number):
        if column.role not in {"answer", "choice"} or column.item is None or not cell:
            continue
        place = (column.repeat, column.number)
        if place not in owners:
            owners[place] = _instance(record, repeats[column.repeat], record.file, record.row)
        owner = owners[place]
        if _is_blank(reading, owner, column.item, cell):
            continue
        if column.role == "choice":
            _tick(reading, owner, column, cell, ticks[(*place, column.item.id)])
        else:
            _answer(reading, owner, column.item, cell)
    questions = {question.id: question for question in reading.form.questions}
    for (repeat, number, identifier), found in ticks.items():
        _join_ticks(reading, owners[repeat, number], questions[identifier], found)


def _is_blank(reading: Reading, record: Record, item: Item, cell: str) -> bool:
    """Whether a cell stands for no answer; why is noted where the questionnaire declares it."""
    reason = reading.form.blanks.get(cell)
    if reason is not None:
        reading.missing[record.file, record.row, record.key, item.id] = (cell, reason)
        return True
    listed = reading.index.get(item.list_name)
    return cell == "n/a" and (listed is None or plain(cell) not in listed.by_spelling)


def _answer(reading: Reading, record: Record, item: Item, cell: str) -> None:
    try:
        chosen = parse_answer(item, cell, reading.form, reading.index)
    except CellError as error:
        _note_unread(reading, record, item, cell, str(error))
        return
    record.answers[item.id] = " ".join(chosen.names)
    _put_beside(reading, record, item, chosen)


def _put_beside(reading: Reading, record: Record, item: Item, chosen: Chosen) -> None:
    """Keep the text written beside a choice as the answer of its own question."""
    if not chosen.beside:
        return
    names = {question.full_path: question.id for question in reading.form.questions}
    target = names.get((*item.path, item.other))
    if target:
        record.answers.setdefault(target, chosen.beside)
        reading.asked.add(target)
    else:
        reason = "no question takes it: declare `other`"
        reading.losses[record.file, f"text beside a choice of {item.id}", reason] += 1


def _note_unread(reading: Reading, record: Record, item: Item, cell: str, expected: str) -> None:
    record.unread.add(item.id)
    rule = "choice" if item.kind in SELECTS else "type"
    reading.breaches.append(
        Breach(record.file, record.row, item.id, rule, cell, f"must be {expected}")
    )


def _tick(
    reading: Reading, record: Record, column: Column, cell: str, ticks: dict[str, bool]
) -> None:
    """Note one choice of several from a column of its own."""
    item = column.item
    if item is None:
        return
    text = plain(cell).lower()
    listed = reading.index[item.list_name]
    if text in UNTICKED:
        ticks[column.choice] = False
    elif text in TICKED:
        ticks[column.choice] = True
    else:
        try:
            chosen = listed.one(cell)
        except CellError:
            _note_unread(reading, record, item, cell, "1 where the choice is made, 0 elsewhere")
            return
        ticks[column.choice] = column.choice in chosen.names
        _put_beside(reading, record, item, chosen)


def _join_ticks(reading: Reading, record: Record, item: Item, ticks: Mapping[str, bool]) -> None:
    """Make one answer of the columns of single choices, and compare it with the joint column."""
    names = reading.index[item.list_name].sort(name for name, made in ticks.items() if made)
    joint = record.answers.get(item.id)
    if joint is None:
        if names:
            record.answers[item.id] = " ".join(names)
    elif {n for n in joint.split() if n in ticks} != set(names):
        remedy = "the joint column and those of the single choices disagree: mend one of them"
        reading.breaches.append(
            Breach(record.file, record.row, item.id, "disagreement", joint, remedy)
        )
