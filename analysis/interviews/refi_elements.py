"""The elements of a REFI-QDA project that hold a corpus.

Everything goes where the tools show it: attributes as variables, cases as cases, kinds of codes as
sets of codes, notes and links as such. What the standard has no place for (labels in a second
language, turns of speakers, identifiers that are no names) is JSON in the description of one set,
by the key that a reader gives each row, so that reading gives the same corpus.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd
from lxml import etree

from analysis.interviews import refi_schema as rs
from analysis.interviews.corpus import ORIGINS, Corpus

Row = dict[str, Any]

NAME_LENGTH = 200  # characters of a passage that its selection is named after
_Form = tuple[str, Callable[[str], object]]
_FORMS: dict[str, tuple[_Form, ...]] = {
    "number": (
        ("Integer", re.compile(r"[+-]?\d+").fullmatch),
        ("Float", re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)").fullmatch),
    ),
    "boolean": (("Boolean", re.compile("true|false|1|0").fullmatch),),
    "date": (("Date", rs.is_date), ("DateTime", rs.is_date_time)),
}
_COLUMN = -1  # stands for the type of a variable that holds a column of `documents`


def project_element(corpus: Corpus) -> etree._Element:
    """Return a corpus as the root element of a project.

    Parameters
    ----------
    corpus : Corpus
        One that `check_corpus` accepts, without carriage returns in texts.
    """
    root = etree.Element(f"{{{rs.PROJECT}}}Project", nsmap={None: rs.PROJECT},
                         name=rs.ORIGIN, origin=rs.ORIGIN)  # fmt: skip
    elements = Elements(corpus)
    elements.add_users(root)
    elements.add_codes(_add(root, "CodeBook"))
    elements.add_variables(root)
    elements.add_cases(root)
    elements.add_sources(root)
    elements.add_notes(root)
    elements.add_links(root)
    elements.add_sets(root, member="targetGUID")
    elements.refer(root, "project", "")
    for part in [p for p in root if len(p) == 0 and rs.local_name(p) != "NoteRef"]:
        root.remove(part)
    return root


def _rows(frame: pd.DataFrame) -> list[Row]:
    rows = frame.to_dict("records")
    return [{str(k): None if v is pd.NA else v for k, v in row.items()} for row in rows]


def _add(parent: etree._Element, tag: str, text: str | None = None, **attributes: str) -> Any:
    """Append an element in the namespace of its parent; an empty attribute is left out."""
    element = etree.SubElement(parent, f"{{{etree.QName(parent).namespace}}}{tag}")
    for name, value in attributes.items():
        if value:
            element.set(name, rs.escape(value))
    if text is not None:
        element.text = rs.escape(text)
    return element


class Elements:
    """Writer of the parts of one project; each method adds one part.

    Attributes
    ----------
    corpus : Corpus
        What is written.
    extras : dict
        By table, then by the key that a reader gives the row: the columns in which the row is not
        what a reader makes of the other elements.
    """

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self.extras: dict[str, dict[str, Any]] = defaultdict(dict)
        self._documents = {row["doc_id"]: row for row in _rows(corpus.documents)}
        self._coding = {
            c: c if rs.is_guid(c) else rs.guid("coding id", c) for c in corpus.codings["coding_id"]
        }
        self._known = {
            "document": set(self._documents),
            "code": set(corpus.codes["code_id"]),
            "coding": set(self._coding),
            "project": {""},
        }
        self._coders = set(corpus.coders["coder_id"])
        self._notes: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in _rows(corpus.notes):
            self._notes[self._note_place(row)].append(row)
        self._attributes = _rows(corpus.attributes) + [
            {"entity_kind": "document", "entity": doc_id, "name": column, "type": _COLUMN,
             "value": row[column]}
            for doc_id, row in self._documents.items()
            for column in rs.DOCUMENT_COLUMNS if row[column]
        ]  # fmt: skip
        self._forms = self._variable_forms()

    def add_users(self, root: etree._Element) -> None:
        """Add the coders; the identifier is the name that tools show and keep."""
        users = _add(root, "Users")
        taken: dict[str, int] = {}
        for row in _rows(self.corpus.coders):
            key = rs.distinct(row["coder_id"] or "coder", taken)
            _add(users, "User", guid=rs.guid("user", row["coder_id"]), name=row["coder_id"])
            self._carry("coders", key, row, coder_id=key, name=row["coder_id"])

    def add_codes(self, book: etree._Element) -> None:
        """Add the tree of codes; a name is what an identifier adds to that of its parent."""
        children: dict[str, list[Row]] = defaultdict(list)
        for row in _rows(self.corpus.codes):
            children[row["parent"]].append(row)
        if not children:
            return
        taken: dict[str, int] = {}
        top = _add(book, "Codes")
        waiting = [(row, top, "") for row in reversed(children[""])]
        while waiting:
            row, parent, above = waiting.pop()
            element, path = self._add_code(parent, row, above, taken)
            waiting += [(child, element, path) for child in reversed(children[row["code_id"]])]

    def _add_code(
        self, parent: etree._Element, row: Row, above: str, taken: dict[str, int]
    ) -> tuple[etree._Element, str]:
        code_id = row["code_id"]
        name = code_id.removeprefix(f"{row['parent']}/") if row["parent"] else code_id
        path = rs.distinct(rs.path_of(above, name), taken)
        color = row["color"] if rs.COLOR.fullmatch(row["color"]) else ""
        element = _add(parent, "Code", guid=rs.guid("code", code_id))
        element.set("name", rs.escape(name))
        element.set("isCodable", str(row["is_codable"]).lower())
        if color:
            element.set("color", color)
        if row["description"]:
            _add(element, "Description", row["description"])
        self.refer(element, "code", code_id)
        self._carry("codes", path, row, code_id=path, color=color, **rs.labels_of(name))
        return element, path

    def _variable_forms(self) -> dict[tuple[str, Any], str]:
        """Type of the variable of each name and type of attribute: one that holds all values."""
        values: dict[tuple[str, Any], list[str]] = defaultdict(list)
        for row in self._attributes:
            values[row["name"], row["type"]].append(row["value"])
        return {
            key: next((f for f, fits in _FORMS.get(key[1], ()) if all(map(fits, found))), "Text")
            for key, found in values.items()
        }

    def add_variables(self, root: etree._Element) -> None:
        """Add one variable per name and type of attribute."""
        variables = _add(root, "Variables")
        for (name, kind), form in sorted(self._forms.items(), key=str):
            element = _add(variables, "Variable", guid=rs.guid("variable", name, kind))
            element.set("name", rs.escape(name))
            element.set("typeOfVariable", form)
            if kind == _COLUMN:
                _add(element, "Description", f"{rs.COLUMN_NOTE}{name}")
            elif form == "Text" and kind != "text":
                _add(element, "Description", f"{rs.TYPE_NOTE}{kind}")

    def _add_values(self, element: etree._Element, rows: Iterable[Row]) -> None:
        for row in rows:
            key = (row["name"], row["type"])
            value = _add(element, "VariableValue")
            _add(value, "VariableRef", targetGUID=rs.guid("variable", *key))
            _add(value, f"{self._forms[key]}Value", row["value"])

    def add_cases(self, root: etree._Element) -> None:
        """Add the cases with their documents, and whatever else has attributes but no text."""
        attributes: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in self._attributes:
            if row["entity_kind"] != "document" or row["entity"] not in self._documents:
                attributes[row["entity_kind"], row["entity"]].append(row)
        members: dict[tuple[str, str], list[str]] = defaultdict(list)
        for doc_id, row in self._documents.items():
            if row["case"]:
                members["case", row["case"]].append(doc_id)
        cases = _add(root, "Cases")
        for kind, name in sorted({*attributes, *members}):
            element = _add(cases, "Case", guid=rs.guid("case", kind, name), name=name)
            if kind != "case" or not name:
                _add(element, "Description", f"{rs.ENTITY_NOTE}{kind}")
            self._add_values(element, attributes[kind, name])
            for doc_id in members["case", name] if kind == "case" else ():
                _add(element, "SourceRef", targetGUID=rs.guid("document", doc_id))

    def add_sources(self, root: etree._Element) -> None:
        """Add the documents with their codings, notes and attributes."""
        codings: dict[str, list[Row]] = defaultdict(list)
        for row in _rows(self.corpus.codings):
            codings[row["doc_id"]].append(row)
        attributes: dict[str, list[Row]] = defaultdict(list)
        for row in self._attributes:
            if row["entity_kind"] == "document":
                attributes[row["entity"]].append(row)
        self._carry_source_files()
        sources = _add(root, "Sources")
        taken: dict[str, int] = {}
        for doc_id, row in self._documents.items():
            element = _add(
                sources, "TextSource", guid=rs.guid("document", doc_id), name=doc_id,
                plainTextPath=f"internal://{rs.guid('text', doc_id)}.txt",
            )  # fmt: skip
            for coding in sorted(codings[doc_id], key=lambda c: (c["start"], c["end"])):
                self._add_coding(element, coding, row["text"])
            for note in self._notes["passage", doc_id]:
                self._add_passage_note(element, note, row["text"])
            self.refer(element, "document", doc_id)
            self._add_values(element, attributes[doc_id])
            self._carry_document(rs.distinct(doc_id or "source", taken), row)

    def _add_coding(self, source: etree._Element, row: Row, text: str) -> None:
        guid = self._coding[row["coding_id"]]
        created = row["created"] if rs.is_date_time(row["created"]) else ""
        user = rs.guid("user", row["coder_id"])
        selection = _add_selection(source, rs.guid("selection", guid), row, text,
                                   creatingUser=user, creationDateTime=created)  # fmt: skip
        element = _add(selection, "Coding", guid=guid, creatingUser=user, creationDateTime=created)
        _add(element, "CodeRef", targetGUID=rs.guid("code", row["code_id"]))
        self.refer(element, "coding", row["coding_id"])
        usual = self.extras["source_files"].get(row["coder_id"], "")
        self._carry("codings", guid, row, coding_id=guid, origin=ORIGINS[0], created=created,
                    source_file=usual)  # fmt: skip

    def _add_passage_note(self, source: etree._Element, row: Row, text: str) -> None:
        selection = _add_selection(source, rs.guid("passage", row["note_id"]), row, text)
        _add(selection, "NoteRef", targetGUID=rs.guid("note", row["note_id"]))

    def _carry_source_files(self) -> None:
        codings = self.corpus.codings
        for coder, files in codings.groupby("coder_id")["source_file"]:
            self.extras["source_files"][str(coder)] = files.mode()[0]

    def _carry_document(self, key: str, row: Row) -> None:
        guessed = "" if row["lang"] else rs.language_of(row["text"])
        self._carry("documents", key, row, doc_id=key, name=row["doc_id"], source_file=None,
                    lang=guessed or row["lang"])  # fmt: skip
        segments = self.corpus.segments
        own = segments[segments["doc_id"] == row["doc_id"]]
        if len(own):
            columns = ["seg_id", "start", "end", "turn", "speaker"]
            self.extras["segments"][key] = {
                "text_sha256": row["text_sha256"],
                "rows": [list(r.values()) for r in _rows(own[columns])],
            }

    def _note_place(self, row: Row) -> tuple[str, str]:
        """Where a note is written: as what kind of reference, on what."""
        kind, target = row["target_kind"], row["target"]
        if target not in self._known.get(kind, ()):
            return "nowhere", ""
        start, end = row["start"], row["end"]
        if start is None and end is None:
            return kind, target
        if kind != "document" or start is None or end is None:
            return "nowhere", ""
        inside = 0 <= start <= end <= len(self._documents[target]["text"])
        return ("passage", target) if inside else ("nowhere", "")

    def refer(self, element: etree._Element, kind: str, target: str) -> None:
        """Add references to the notes on something."""
        for row in self._notes[kind, target]:
            _add(element, "NoteRef", targetGUID=rs.guid("note", row["note_id"]))

    def add_notes(self, root: etree._Element) -> None:
        """Add the notes; the identifier is the title that tools show and keep."""
        notes = _add(root, "Notes")
        taken: dict[str, int] = {}
        for row in _rows(self.corpus.notes):
            created = row["created"] if rs.is_date_time(row["created"]) else ""
            coder = row["coder_id"] if row["coder_id"] in self._coders else ""
            note = _add(
                notes, "Note", guid=rs.guid("note", row["note_id"]), name=row["note_id"],
                creatingUser=rs.guid("user", coder) if coder else "", creationDateTime=created,
            )  # fmt: skip
            _add(note, "PlainTextContent", row["text"])
            key = rs.distinct(row["note_id"] or "note", taken)
            written = {"note_id": key, "created": created, "coder_id": coder}
            if self._note_place(row)[0] == "nowhere":
                written |= {"target_kind": "project", "target": "", "start": None, "end": None}
            self._carry("notes", key, row, **written)

    def add_links(self, root: etree._Element) -> None:
        """Add the links between documents, codes and codings."""
        links = _add(root, "Links")
        for row in _rows(self.corpus.links):
            guid = row["link_id"] if rs.is_guid(row["link_id"]) else rs.guid("link", row["link_id"])
            ends = {
                side: self._end(row[f"{side}_kind"], row[side]) for side in ("source", "target")
            }
            _add(
                links, "Link", guid=guid, name=row["name"], originGUID=ends["source"],
                targetGUID=ends["target"], direction="OneWay" if row["directed"] else "Associative",
            )  # fmt: skip
            written = {"link_id": guid, "coder_id": ""}
            for side in (side for side, end in ends.items() if not end):
                written |= {f"{side}_kind": "", side: ""}
            self._carry("links", guid, row, **written)

    def _end(self, kind: str, name: str) -> str:
        if name not in self._known.get(kind, ()) or kind == "project":
            return ""
        if kind == "coding":
            return rs.guid("selection", self._coding[name])
        return rs.guid(kind, name)

    def add_sets(self, root: etree._Element, *, member: str) -> None:
        """Add a set for the codes of each kind, case and dimension, and the set of the extras.

        Parameters
        ----------
        root : Element
            Project or codebook.
        member : str
            Attribute by which a set names a code; the two schemas differ.
        """
        sets: dict[str, list[str]] = defaultdict(list)
        for row in _rows(self.corpus.codes):
            for column in ("kind", "case", "dimension"):
                if row[column]:
                    sets[f"{column}: {row[column]}"].append(rs.guid("code", row["code_id"]))
        extras = {table: rows for table, rows in self.extras.items() if rows}
        if not sets and not extras:
            return
        parent = _add(root, "Sets")
        for name, codes in sorted(sets.items()):
            element = _add(parent, "Set", guid=rs.guid("set", name), name=name)
            for code in codes:
                _add(element, "MemberCode", **{member: code})
        if extras:
            element = _add(parent, "Set", guid=rs.guid("extras"), name=rs.EXTRAS_SET)
            _add(element, "Description", json.dumps(extras, ensure_ascii=False, sort_keys=True))

    def _carry(self, table: str, key: str, row: Row, **written: Any) -> None:
        """Keep the columns in which `row` is not what a reader will find."""
        other = {c: row[c] for c, value in written.items() if row[c] != value}
        if other:
            self.extras[table][key] = other


def _add_selection(
    source: etree._Element, guid: str, row: Row, text: str, **attributes: str
) -> etree._Element:
    passage = " ".join(text[row["start"] : row["end"]].split())
    short = passage if len(passage) <= NAME_LENGTH else f"{passage[:NAME_LENGTH]}…"
    return _add(
        source, "PlainTextSelection", guid=guid, name=short, startPosition=str(row["start"]),
        endPosition=str(row["end"]), **attributes,
    )  # fmt: skip
