"""Variables, cases and sets of a REFI-QDA project as attributes and cases of documents.

Tools disagree on where a property of a document stands: MAXQDA puts values into the source, Quirkos
and some versions of MAXQDA into a nameless case with one source, ATLAS.ti into sets of sources,
NVivo into cases that texts are coded with. All become attributes.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from lxml import etree

from analysis.interviews import refi_schema as rs
from analysis.interviews.refi_codings import Codings
from analysis.interviews.refi_reading import Reading, Row, child, children, reference
from analysis.interviews.refi_sources import Placed

_TYPES = {"Integer": "number", "Float": "number", "Boolean": "boolean", "Date": "date",
          "DateTime": "date"}  # fmt: skip
_VALUES = ("TextValue", "BooleanValue", "IntegerValue", "FloatValue", "DateValue", "DateTimeValue")


class _Variable(NamedTuple):
    name: str
    type: str
    column: str  # of `documents`, or empty


class _Attributes:
    """Rows of `attributes`; the first value of a name stands."""

    def __init__(self, reading: Reading) -> None:
        self.rows: dict[tuple[str, str, str], Row] = {}
        self._reading = reading

    def add(self, kind: str, entity: str, name: str, type_: str, value: str) -> None:
        row = {"entity_kind": kind, "entity": entity, "name": name, "type": type_, "value": value}
        if self.rows.setdefault((kind, entity, name), row) != row:
            self._reading.lose("VariableValue", "a second value of the same variable")


def read_cases(
    reading: Reading, root: etree._Element, placed: Placed, codings: Codings
) -> list[Row]:
    """Return rows of `attributes`; put cases and the columns of an export into the documents.

    Parameters
    ----------
    reading : Reading
        The file.
    root : Element
        The project.
    placed : Placed
        Its documents; `case`, `lang`, `role` and `date` of their rows are set.
    codings : Codings
        Their memberships count as those of cases.
    """
    variables = dict(_variables(reading, child(root, "Variables")))
    attributes = _Attributes(reading)
    for document in placed.documents:
        parts = {id(e): e for e in (document.owner, *document.bodies)}
        for part in parts.values():
            for variable, value in _values(reading, part, variables):
                if variable.column:
                    document.row[variable.column] = value
                else:
                    attributes.add("document", document.doc_id, variable.name, variable.type, value)
    members = _cases(reading, root, placed, codings, variables, attributes)
    for position, names in members.items():
        row = placed.documents[position].row
        if len(names) == 1:
            row["case"] = next(iter(names))
        else:
            for name in names:
                attributes.add("document", row["doc_id"], f"case: {name}", "boolean", "true")
    _sets(reading, child(root, "Sets"), placed, attributes)
    return list(attributes.rows.values())


def _variables(
    reading: Reading, variables: etree._Element | None
) -> Iterator[tuple[str, _Variable]]:
    for element in children(variables, "Variable"):
        name, note = reading.name(element), reading.words(child(element, "Description"))
        kind, column = _TYPES.get(element.get("typeOfVariable") or "", "text"), ""
        if note.startswith(rs.COLUMN_NOTE) and note.removeprefix(rs.COLUMN_NOTE) in (
            rs.DOCUMENT_COLUMNS
        ):
            column = note.removeprefix(rs.COLUMN_NOTE)
        elif note.startswith(rs.TYPE_NOTE):
            kind = note.removeprefix(rs.TYPE_NOTE)
        elif note.strip():
            reading.lose("Variable/Description", "descriptions of variables are not carried over")
        yield rs.plain_guid(element.get("guid")), _Variable(name, kind, column)


def _values(
    reading: Reading, element: etree._Element, variables: dict[str, _Variable]
) -> Iterator[tuple[_Variable, str]]:
    for part in children(element, "VariableValue"):
        variable = variables.get(reference(child(part, "VariableRef")))
        value = next(children(part, *_VALUES), None)
        if variable is None:
            reading.lose("VariableValue", "of a variable that the project does not hold")
        elif value is not None:
            yield variable, reading.words(value)


def _cases(
    reading: Reading,
    root: etree._Element,
    placed: Placed,
    codings: Codings,
    variables: dict[str, _Variable],
    attributes: _Attributes,
) -> dict[int, dict[str, None]]:
    """Add the attributes of the cases; return the names of the cases of each document."""
    members: dict[int, dict[str, None]] = defaultdict(dict)
    coded: dict[str, list[int]] = defaultdict(list)
    for guid, position in codings.memberships:
        coded[guid].append(position)
    selected = {rs.plain_guid(f.element.get("guid")): f.document for f in placed.found}
    for element in children(child(root, "Cases"), "Case"):
        name, kind = reading.name(element), _kind(reading, element)
        positions = [placed.by_guid.get(reference(r)) for r in children(element, "SourceRef")]
        positions += [selected.get(reference(r)) for r in children(element, "SelectionRef")]
        positions += coded[rs.plain_guid(element.get("guid"))]
        known = dict.fromkeys(p for p in positions if p is not None)
        values = list(_values(reading, element, variables))
        reading.lose("Case/SourceRef", "to nothing that the project holds", positions.count(None))
        reading.lose("Case/CodeRef", "codes of cases are not carried over",
                     len(list(children(element, "CodeRef"))))  # fmt: skip
        if not known and not values:
            reading.lose("Case", "without documents and variables")
        if name or kind:
            for variable, value in values:
                attributes.add(kind or "case", name, variable.name, variable.type, value)
            for position in known if kind in ("", "case") else ():
                members[position][name] = None
            continue
        for variable, value in values:
            for position in known:
                doc_id = placed.documents[position].doc_id
                attributes.add("document", doc_id, variable.name, variable.type, value)
            if not known:
                reading.lose("Case/VariableValue", "of a case without name and documents")
    return members


def _kind(reading: Reading, case: etree._Element) -> str:
    """Kind of thing that a case stands for where an export says so, else the empty text."""
    note = reading.words(child(case, "Description"))
    if note.startswith(rs.ENTITY_NOTE):
        return note.removeprefix(rs.ENTITY_NOTE)
    reading.lose(
        "Case/Description", "descriptions of cases are not carried over", bool(note.strip())
    )
    return ""


def _sets(
    reading: Reading, sets: etree._Element | None, placed: Placed, attributes: _Attributes
) -> None:
    for element in children(sets, "Set"):
        name = reading.name(element)
        if name == rs.EXTRAS_SET:
            continue
        members = list(children(element, "MemberSource"))
        for member in members:
            position = placed.by_guid.get(reference(member))
            if position is None:
                reading.lose("Set/MemberSource", "to nothing that the project holds")
                continue
            doc_id = placed.documents[position].doc_id
            attributes.add("document", doc_id, f"set: {name}", "boolean", "true")
        if not len(element) or child(element, "Description") is not None:
            reading.lose("Set", "its description, or that it is empty, is not carried over")
