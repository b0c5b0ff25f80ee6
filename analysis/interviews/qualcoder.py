"""QualCoder projects: the database `data.qda` of a project, to a corpus.

Its offsets count characters of the text as stored, in some versions those of the text as shown
(without byte order mark, one character a line end): the stored selections decide.
"""

from collections import Counter
from pathlib import Path
from typing import Any

from analysis.interviews.corpus import Corpus, table, text_sha256
from analysis.interviews.naming import moment, path_names, with_coding_ids
from analysis.interviews.quoted_offsets import (
    OUTSIDE,
    REASONS,
    Placed,
    Selection,
    place_selections,
)
from analysis.interviews.refi_offsets import Convention, StoredText
from analysis.interviews.refi_schema import distinct, labels_of, language_of
from analysis.interviews.sqlite_files import Database, Row, as_integer, as_text, open_database
from analysis.interviews.text import dropped_losses, loss_table, plain_text

DATABASE = "data.qda"
COUNTED = Convention(mark="where stored")
Sources = dict[int, tuple[str, StoredText]]  # doc_id and stored text by number of the source
PRIVATE = "#####"  # what follows it in a memo is for the coder only
NO_PLACE = "the corpus has no place for it"
NOT_CARRIED = {
    "code_image": "coding of a picture or page",
    "code_av": "coding of audio or video",
    "graph": "graph",
    "stored_sql": "stored query",
    "ris": "reference field",
}
CODING_COLUMNS = (
    "ctid", "cid", "fid", "seltext", "pos0", "pos1", "owner", "date", "memo", "important",
)  # fmt: skip
VALUE_TYPES = {"numeric": "number", "character": "text"}


def is_project(database: Database) -> bool:
    """Whether a database is one of QualCoder."""
    return {"source", "code_name", "code_text"} <= database.tables


def read_qualcoder(path: Path) -> Corpus:
    """Return the corpus in a QualCoder project.

    Parameters
    ----------
    path : Path
        The database, or the project folder that holds it as `data.qda`.

    Returns
    -------
    Corpus
        Codes are paths of names from the root, categories not codable; coders are the owners of
        codings; file attributes are attributes of documents, case attributes of cases; memos,
        annotations and journals are notes.

    Raises
    ------
    CorpusError
        When it is no database, damaged, or a number is none.
    """
    shown = path.name
    with open_database(path / DATABASE if path.is_dir() else path) as database:
        losses: Counter = Counter(
            {(what, NO_PLACE): database.count(name) for name, what in NOT_CARRIED.items()}
        )
        sources = _sources(database, losses)
        codes, code_of = _codes(database)
        codings, notes = _passages(database, shown, sources, code_of, losses)
        notes += _notes(database, sources)
        attributes = _attributes(database, sources, losses)
        cases = _cases(database, sources, losses)
    coders = {row["coder_id"] for row in (*codings, *notes)} - {""}
    for _, text in sources.values():
        losses.update(dropped_losses(plain_text(text.text)))
    return Corpus(
        documents=table("documents", [_document(*s, cases, shown) for s in sources.values()]),
        codes=table("codes", codes),
        coders=table("coders", [{"coder_id": c, "name": c} for c in sorted(coders)]),
        codings=table("codings", codings),
        attributes=table("attributes", attributes),
        notes=table("notes", [{"note_id": f"{shown}:{k}", **n} for k, n in enumerate(notes, 1)]),
        losses=loss_table(shown, losses),
    )


def _document(name: str, stored: StoredText, cases: dict[str, str], shown: str) -> dict[str, Any]:
    text = plain_text(stored.text).text
    return {
        "doc_id": name, "name": name, "text": text, "lang": language_of(text),
        "case": cases.get(name, ""), "source_file": shown, "text_sha256": text_sha256(text),
    }  # fmt: skip


def _sources(database: Database, losses: Counter) -> Sources:
    """Return doc_id and stored text of each source that has one, by its number."""
    sources: Sources = {}
    taken: dict[str, int] = {}
    for row in database.rows("source", "id", "name", "fulltext", "mediapath"):
        if not as_text(row["fulltext"]).strip():
            kind = as_text(row["mediapath"]).lstrip("/").replace(":", "/").split("/")[0] or "text"
            losses[f"source without text ({kind})", "no text to code"] += 1
            continue
        name = distinct(as_text(row["name"]) or "untitled", taken)
        sources[as_integer(row["id"], "source.id")] = name, StoredText.of(as_text(row["fulltext"]))
    return sources


def _codes(database: Database) -> tuple[list[dict[str, Any]], dict[int, str]]:
    """Return rows of codes, and the code_id of each code by its number."""
    categories = database.rows("code_cat", "catid", "name", "memo", "supercatid")
    names = database.rows("code_name", "cid", "name", "memo", "catid", "supercid", "color")
    nodes: dict[tuple[str, Any], tuple[str, Any]] = {}
    for row in categories:
        nodes["cat", row["catid"]] = as_text(row["name"]), ("cat", row["supercatid"])
    for row in names:
        above = ("cat", row["catid"]) if row["supercid"] is None else ("code", row["supercid"])
        nodes["code", row["cid"]] = as_text(row["name"]), above
    paths = path_names(nodes)
    rows = [_code(row, *paths["cat", row["catid"]]) | {"is_codable": False} for row in categories]
    rows += [
        _code(row, *paths["code", row["cid"]])
        | {"is_codable": True, "color": as_text(row["color"])}
        for row in names
    ]
    return rows, {key: path for (kind, key), (path, _) in paths.items() if kind == "code"}


def _code(row: Row, path: str, parent: str) -> dict[str, Any]:
    labels = labels_of(as_text(row["name"]))
    return {"code_id": path, "parent": parent, "description": _public(row["memo"]), **labels}


def _public(memo: object) -> str:
    return as_text(memo).partition(PRIVATE)[0].strip()


def _passages(
    database: Database, shown: str, sources: Sources, code_of: dict[int, str], losses: Counter
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return rows of codings, and notes on them and on passages; both have one convention."""
    found = database.rows("code_text", *CODING_COLUMNS)
    coded = [row for row in found if row["fid"] in sources and row["cid"] in code_of]
    losses["coding", "its source or its code is not in the project"] += len(found) - len(coded)
    losses["importance mark of a coding", NO_PLACE] += sum(bool(r["important"]) for r in coded)
    found = database.rows("annotation", "fid", "pos0", "pos1", "memo", "owner", "date")
    noted = [row | {"seltext": ""} for row in found if row["fid"] in sources]
    losses["annotation", "its source has no text"] += len(found) - len(noted)
    places = _placed([*coded, *noted], sources, shown)
    for kind, some in (("coding", places[: len(coded)]), ("annotation", places[len(coded) :])):
        for place in some:
            losses[kind, REASONS.get(place.status, "")] += place.status in REASONS
    codings = with_coding_ids(
        _coding(row, place, sources[row["fid"]][0], code_of, shown)
        for row, place in zip(coded, places, strict=False) if place.status != OUTSIDE
    )  # fmt: skip
    notes = [
        _note("coding", row["coding_id"], row, row["memo"])
        | {"coder_id": row["coder_id"], "created": row["created"]}
        for row in codings
    ]
    notes += [
        _note("document", sources[row["fid"]][0], row, row["memo"])
        | {"start": place.start, "end": place.end}
        for row, place in zip(noted, places[len(coded) :], strict=True) if place.status != OUTSIDE
    ]  # fmt: skip
    return codings, [note for note in notes if note["text"]]


def _coding(
    row: Row, place: Placed, doc_id: str, code_of: dict[int, str], shown: str
) -> dict[str, Any]:
    return {
        "doc_id": doc_id, "start": place.start, "end": place.end, "code_id": code_of[row["cid"]],
        "coder_id": as_text(row["owner"]) or "unnamed", "origin": "human",
        "created": moment(as_text(row["date"])), "source_file": shown, "memo": row["memo"],
        "date": row["date"],
    }  # fmt: skip


def _placed(rows: list[Row], sources: Sources, shown: str) -> list[Placed]:
    """Return where passages lie in the plain text of their documents."""
    selections = [
        Selection(row["fid"], as_integer(row["pos0"], f"{shown}: column pos0"),
                  as_integer(row["pos1"], f"{shown}: column pos1"), as_text(row["seltext"]))
        for row in rows
    ]  # fmt: skip
    texts = {key: text for key, (_, text) in sources.items()}
    inner = {key: plain_text(text.text).offsets for key, text in texts.items()}
    return [
        Placed(int(inner[row["fid"]][place.start]), int(inner[row["fid"]][place.end]), place.status)
        for row, place in zip(rows, place_selections(texts, selections, COUNTED), strict=True)
    ]


def _notes(database: Database, sources: Sources) -> list[dict[str, Any]]:
    notes = [
        _note("document", sources[row["id"]][0], row, row["memo"])
        for row in database.rows("source", "id", "memo", "owner", "date") if row["id"] in sources
    ]  # fmt: skip
    notes += [
        _note("project", "", row, f"{as_text(row['name'])}\n{as_text(row['jentry'])}")
        for row in database.rows("journal", "name", "jentry", "owner", "date")
    ]
    notes += [
        _note("project", "", row, row["memo"]) for row in database.rows("project", "memo", "date")
    ]
    return [note for note in notes if note["text"]]


def _note(kind: str, target: str, row: Row, text: object) -> dict[str, Any]:
    return {
        "target_kind": kind, "target": target, "text": _public(text),
        "coder_id": as_text(row.get("owner")), "created": moment(as_text(row["date"])),
    }  # fmt: skip


def _attributes(database: Database, sources: Sources, losses: Counter) -> list[dict[str, Any]]:
    types = {
        as_text(row["name"]): VALUE_TYPES.get(as_text(row["valuetype"]), "text")
        for row in database.rows("attribute_type", "name", "valuetype")
    }
    names = {
        ("file", number): ("document", name) for number, (name, _) in sources.items()
    } | {
        ("case", row["caseid"]): ("case", as_text(row["name"]))
        for row in database.rows("cases", "caseid", "name")
    }  # fmt: skip
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in database.rows("attribute", "name", "attr_type", "value", "id"):
        name, value = as_text(row["name"]), as_text(row["value"])
        kind, entity = names.get((as_text(row["attr_type"]), row["id"]), ("", ""))
        if not kind:
            losses["attribute", "belongs to no text and no case"] += bool(value)
        elif value:
            rows[kind, entity, name] = {
                "entity_kind": kind, "entity": entity, "name": name,
                "type": types.get(name, "text"), "value": value,
            }  # fmt: skip
    return list(rows.values())


def _cases(database: Database, sources: Sources, losses: Counter) -> dict[str, str]:
    """Return the case of each document that lies wholly in exactly one."""
    found = database.rows("cases", "caseid", "name")
    cases = {row["caseid"]: as_text(row["name"]) for row in found}
    members: dict[str, set[str]] = {}
    for row in database.rows("case_text", "caseid", "fid", "pos0", "pos1"):
        if row["fid"] not in sources or row["caseid"] not in cases:
            losses["case of a source", "the source has no text or the case is not there"] += 1
            continue
        name, text = sources[row["fid"]]
        start, end = (as_integer(row[c], f"case_text: column {c}") for c in ("pos0", "pos1"))
        if start == 0 and end >= len(text.text) - 1:
            members.setdefault(name, set()).add(cases[row["caseid"]])
        else:
            losses["case of a passage", "only whole documents have a case"] += 1
    several = {name for name, in_cases in members.items() if len(in_cases) > 1}
    losses["case of a document", "a document of several cases has none"] += len(several)
    return {name: in_cases.pop() for name, in_cases in members.items() if name not in several}
