"""Whether answers keep to the conditions of their form: skip logic, requirements, constraints.

The answers of one respondent become a tree as in an ODK submission, in which the conditions are
evaluated. What is answered though it was not to be asked counts as blank for later conditions, as
it does in the tools. A condition that cannot be evaluated afterwards is listed and not guessed.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from lxml import etree

from analysis.interviews.corpus import CorpusError
from analysis.questionnaires.answers import Breach
from analysis.questionnaires.form import ANSWERED, SECTIONS, Form, Item
from analysis.questionnaires.form_expressions import (
    DAY,
    MOMENT,
    Expression,
    ExpressionError,
    Value,
    days_of,
    evaluate,
    number_of,
    text_of,
    translate,
    truth,
    variable,
)

DATES = ("date", "datetime")
YES, NO = {"yes", "true", "true()"}, {"no", "false", "false()"}
SAME_NUMBER = 1e-9  # relative: a result was written with 15 digits
UNFIT_FOR_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass
class Record:
    """The answers of one respondent, or of one instance of a repeat.

    Attributes
    ----------
    key : names the record
    file, row : where it stands
    moment : when the form was filled in, ISO 8601; empty where that is not known
    answers : by id of the question; absent where blank
    instances : by id of the repeat
    unread : ids of the questions whose answer is not of their kind
    """

    key: str
    file: str
    row: int
    moment: str = ""
    answers: dict[str, str] = field(default_factory=dict)
    instances: dict[str, list["Record"]] = field(default_factory=lambda: defaultdict(list))
    unread: set[str] = field(default_factory=set)


def condition_order(form: Form) -> list[Item]:
    """Return the items in an order in which each condition comes after what it depends on.

    Raises
    ------
    CorpusError
        When conditions depend on each other in a circle.
    """
    by_name = {item.name: item.id for item in form.items}
    graph = {
        item.id: [
            *([item.parent] if item.parent else []),
            *(by_name[name] for name in translate(item.relevant).references),
        ]
        for item in form.items
    }
    by_id = {item.id: item for item in form.items}
    try:
        return [by_id[identifier] for identifier in TopologicalSorter(graph).static_order()]
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise CorpusError(f"{form.file}: `relevant` goes in a circle: {circle}") from None


@dataclass(frozen=True)
class Logic:
    """A form ready to check answers, see `check_record`.

    Attributes
    ----------
    form : the form
    order : items, each after those that its condition depends on
    asked : ids of the questions and repeats that the file of answers has
    """

    form: Form
    order: list[Item]
    asked: frozenset[str]

    def obstacle(self, expression: Expression, *, has_day: bool = True) -> str:
        """Return why an expression cannot be evaluated, empty where it can."""
        by_name = {item.name: item for item in self.form.items}
        absent = [
            name for name in expression.references
            if by_name[name].kind in (*ANSWERED, "repeat") and by_name[name].id not in self.asked
        ]  # fmt: skip
        if expression.unsupported:
            return f"{expression.unsupported} cannot be evaluated afterwards"
        if absent:
            return f"the answers have no column {', '.join(absent)}"
        return "" if has_day or not expression.needs_day else "the day of filling in is not known"


class Submission:
    """The tree of one respondent's answers, in which expressions are evaluated."""

    def __init__(self, logic: Logic, record: Record) -> None:
        self.logic = logic
        self.items = {item.name: item for item in logic.form.items}
        self.nodes: dict[str, list[etree._Element]] = defaultdict(list)
        self.records: dict[etree._Element, Record] = {}
        self.places: dict[etree._Element, dict[str, Record]] = {}  # instance of each repeat around
        self.clock: dict[str, Value] = {}
        if record.moment:
            days = number_of(days_of(record.moment))
            self.clock = {DAY: float(days // 1), MOMENT: days}
        self._grow(etree.Element("data"), "", record, {})

    def _grow(
        self, parent: etree._Element, section: str, record: Record, place: dict[str, Record]
    ) -> None:
        for item in self.logic.form.items:
            if item.parent != section:
                continue
            found = record.instances.get(item.id, []) if item.kind == "repeat" else [record]
            for owner in found:
                node = etree.SubElement(parent, item.name)
                node.text = UNFIT_FOR_XML.sub("\ufffd", owner.answers.get(item.id, "")) or None
                self.nodes[item.id].append(node)
                self.records[node], self.places[node] = owner, place
                if item.kind in SECTIONS:
                    inner = place | {item.id: owner} if item.kind == "repeat" else place
                    self._grow(node, item.id, owner, inner)

    def value(self, expression: Expression, node: etree._Element, at: etree._Element) -> Value:
        """Return the value of an expression of the question at `node`, evaluated at `at`.

        Raises
        ------
        ExpressionError
            When it cannot be evaluated, saying why.
        """
        obstacle = self.logic.obstacle(expression, has_day=bool(self.clock))
        if obstacle:
            raise ExpressionError(obstacle)
        known = {variable(n): self._value_of(self.items[n], node) for n in expression.references}
        return evaluate(expression, at, known | self.clock)

    def _value_of(self, item: Item, node: etree._Element) -> Value:
        """Answer to a question as seen from a node, or the nodes of all instances that it has.

        Instances are those within the same instance of every repeat that the two share.
        """
        place = self.places[node]
        nodes = [
            other
            for other in self.nodes[item.id]
            if all(place.get(r, owner) is owner for r, owner in self.places[other].items())
        ]
        single = all(self.places[other].keys() <= place.keys() for other in nodes)
        if item.kind in SECTIONS or not nodes or not single:
            return nodes
        return days_of(nodes) if item.kind in DATES else text_of(nodes)


def check_record(logic: Logic, record: Record) -> tuple[list[Breach], list[tuple[str, str]]]:
    """Return the conditions that the answers of a respondent do not keep to.

    Rules: `relevant` (answered, though the form does not ask it), `required` (asked, required and
    blank), `constraint`, `choice_filter`, `calculation` (another value than the form computes).

    Parameters
    ----------
    record : answers in the form's own spelling, as `analysis.questionnaires.reading` reads them

    Returns
    -------
    breaches, and (condition, why it was not checked)
    """
    submission = Submission(logic, record)
    unchecked: list[tuple[str, str]] = []
    breaches = _skipped(submission, unchecked)
    for item in logic.order:
        if item.id in logic.asked:
            for node in submission.nodes[item.id]:
                rules = _broken(submission, item, node, unchecked) if node.text else ()
                breaches += [_breach(submission, item, node, *rule) for rule in rules]
    return breaches, unchecked


def _breach(
    submission: Submission, item: Item, node: etree._Element, rule: str, remedy: str
) -> Breach:
    record = submission.records[node]
    return Breach(record.file, record.row, item.id, rule, record.answers.get(item.id, ""), remedy)


def _holds(
    submission: Submission,
    item: Item,
    column: str,
    node: etree._Element,
    unchecked: list[tuple[str, str]],
) -> bool | None:
    """Whether a condition holds at a node; None where it cannot be evaluated."""
    text = getattr(item, column)
    if text.lower() in YES | NO:
        return text.lower() in YES
    expression = translate(text, date=item.kind in DATES)
    try:
        return truth(submission.value(expression, node, node))
    except ExpressionError as error:
        unchecked.append((f"{column} of {item.id}", str(error)))
        return None


def _skipped(submission: Submission, unchecked: list[tuple[str, str]]) -> list[Breach]:
    """Breaches of skip logic and requirements; answers not to be asked are blanked in the tree."""
    breaches = []
    state: dict[etree._Element, bool | None] = {}  # asked; None where that is not known
    for item in submission.logic.order:
        for node in submission.nodes[item.id]:
            parent = node.getparent()
            asked = state.get(parent, True) if parent is not None else True
            if asked is not False and item.relevant:
                own = _holds(submission, item, "relevant", node, unchecked)
                asked = asked if own else own
            state[node] = asked
            if item.id not in submission.logic.asked:
                continue
            if asked is False and node.text:
                remedy = "the form does not ask this here: mend this answer or the one it hangs on"
                breaches.append(_breach(submission, item, node, "relevant", remedy))
                node.text = None
            elif asked and _is_owed(submission, item, node, unchecked):
                remedy = "the form requires an answer: add it, or record why there is none"
                breaches.append(_breach(submission, item, node, "required", remedy))
    return breaches


def _is_owed(
    submission: Submission,
    item: Item,
    node: etree._Element,
    unchecked: list[tuple[str, str]],
) -> bool:
    """Whether a required answer is blank; one that could not be read is a fault of its own."""
    blank = not node.text and item.id not in submission.records[node].unread
    return blank and bool(item.required) and bool(
        _holds(submission, item, "required", node, unchecked)
    )  # fmt: skip


def _broken(
    submission: Submission,
    item: Item,
    node: etree._Element,
    unchecked: list[tuple[str, str]],
) -> Iterator[tuple[str, str]]:
    """Rule and remedy of each condition that an answer breaks."""
    if item.constraint and _holds(submission, item, "constraint", node, unchecked) is False:
        yield "constraint", item.message or f"must be {item.constraint}"
    if item.choice_filter and _filtered_out(submission, item, node, unchecked):
        yield "choice_filter", "these earlier answers do not offer this choice"
    if item.calculation:
        expression = translate(item.calculation)
        try:
            computed = submission.value(expression, node, node)
        except ExpressionError as error:
            unchecked.append((f"calculation of {item.id}", str(error)))
        else:
            if not _same(computed, node.text or ""):
                yield "calculation", "the form computes another value from the other answers"


def _filtered_out(
    submission: Submission,
    item: Item,
    node: etree._Element,
    unchecked: list[tuple[str, str]],
) -> bool:
    expression = translate(item.choice_filter)
    chosen = set((node.text or "").split())
    try:
        if expression.uses_paths:
            raise ExpressionError("it refers to answers by a path")
        return not all(
            truth(submission.value(expression, node, _choice_node(choice.cells)))
            for choice in submission.logic.form.choices[item.list_name]
            if choice.name in chosen
        )
    except ExpressionError as error:
        unchecked.append((f"choice_filter of {item.id}", str(error)))
        return False


def _choice_node(cells: Mapping[str, str]) -> etree._Element:
    node = etree.Element("item")
    for heading, cell in cells.items():
        etree.SubElement(node, heading).text = UNFIT_FOR_XML.sub("\ufffd", cell)
    return node


def _same(computed: Value, found: str) -> bool:
    """Whether a value computed is the one found, as a number, a date or a text."""
    number, other = number_of(computed), number_of(found)
    if math.isnan(other) and isinstance(computed, float):
        try:
            other = number_of(days_of(found))
        except ValueError:
            return False
    if not math.isnan(number) and not math.isnan(other):
        return math.isclose(number, other, rel_tol=SAME_NUMBER, abs_tol=SAME_NUMBER)
    return text_of(computed) == found
