"""What the tables of the source studies must hold beyond their columns.

A fault is named with file, line, rule and remedy; `studies.read_studies` gathers all of them in one
message, so that whoever edits the tables mends them in one go.
"""

from collections.abc import Callable, Iterator, Mapping

import pandas as pd

from analysis.cases.study_tables import DIMENSIONS, LONGEST_LABEL, TABLES, WHERE, StudyTable
from analysis.interviews.chains import RELATIONS, STAGES

Frames = Mapping[str, pd.DataFrame]
DIGITS = {"county": (6, 0), "prefecture": (0, 4)}  # of county_code and prefecture_code


def faults(frames: Frames) -> list[str]:
    """Return every breach of the rules, each with file, line, rule and remedy.

    Parameters
    ----------
    frames : mapping of {name: DataFrame}
        All of `TABLES`, with their columns, as text.
    """
    found = [
        f"{spec.file}, line {row + 2}: {fault}"
        for name, spec in TABLES.items()
        for row, fault in _form(spec, frames[name], frames)
    ]
    return found + [
        f"{TABLES[name].file}, line {row + 2}: {fault}"
        for rule in MEANINGS
        for name, row, fault in rule(frames)
    ]


def _rows(frame: pd.DataFrame) -> Iterator[tuple[int, dict[str, str]]]:
    for row, values in enumerate(frame.to_dict("records")):
        yield row, {str(column): value for column, value in values.items()}


def _form(spec: StudyTable, frame: pd.DataFrame, frames: Frames) -> Iterator[tuple[int, str]]:
    known = {
        columns: set(frames[other][list(target)].itertuples(index=False, name=None))
        for columns, (other, target) in spec.refers.items()
    }
    seen = set()
    for row, values in _rows(frame):
        key = tuple(values[column] for column in spec.key)
        if key in seen:
            yield row, f"{', '.join(key)} stands there twice; drop one"
        seen.add(key)
        for column in spec.columns:
            if values[column] != values[column].strip():
                yield row, f"{column} has blanks at an end; drop them"
            if not values[column] and column not in spec.optional:
                yield row, f"{column} is empty; fill it in"
        for column, allowed in spec.closed.items():
            if values[column] not in allowed:
                yield (
                    row,
                    f"{column} {values[column]!r} is none of {', '.join(filter(None, allowed))}",
                )
        for columns, there in known.items():
            name = tuple(values[column] for column in columns)
            if any(name) and name not in there:
                file = TABLES[spec.refers[columns][0]].file
                yield row, f"{columns[-1]} {' '.join(name)!r} is not in {file}; mend one of them"


def _codes(frames: Frames) -> Iterator[tuple[str, int, str]]:
    for row, code in _rows(frames["codes"]):
        dims = code["dim"].split("|") if code["dim"] else []
        where = WHERE.fullmatch(code["src"])
        for owner in ("case", "parent"):
            if code[owner] and not code["id"].startswith(f"{code[owner]}."):
                yield "codes", row, f"id {code['id']} must begin with its {owner} {code[owner]}."
        if dims != [dim for dim in DIMENSIONS if dim in dims]:
            order = "|".join(DIMENSIONS)
            yield "codes", row, f"dim {code['dim']!r} must be of {order}, in this order"
        if bool(dims) != bool(code["dim_basis"]):
            yield "codes", row, "dim and dim_basis are given together or not at all"
        if not where or (where["line"] is None) == (code["case"] == "Z"):
            rule = "must be S and a digit, for case Z (and only there) with :L and the line"
            yield "codes", row, f"src {code['src']!r} {rule}"


def _kinds(frames: Frames) -> Iterator[tuple[str, int, str]]:
    kind = dict(zip(frames["codes"]["id"], frames["codes"]["kind"], strict=True))
    needed = {
        ("who_must_act", "countermeasure"): ("countermeasure",),
        ("who_must_act", "actor"): ("actor",),
        ("ties", "source"): ("actor", "object"),
        ("ties", "target"): ("actor", "object"),
    }
    for (table, column), allowed in needed.items():
        for row, code in enumerate(frames[table][column]):
            if kind.get(code, allowed[0]) not in allowed:
                rule = f"{code} is of kind {kind[code]}; give one of kind {' or '.join(allowed)}"
                yield table, row, f"{column} {rule}"
    for row, theme in _rows(frames["themes"]):
        if (found := kind.get(theme["code"], theme["kind"])) != theme["kind"]:
            rule = f"is of kind {found}, its theme of kind {theme['kind']}; move it"
            yield "themes", row, f"{theme['code']} {rule}"
    for row, edge in _rows(frames["chains"]):
        pair = (kind.get(edge["source"], ""), kind.get(edge["target"], ""))
        if set(pair) <= set(STAGES) and RELATIONS.get(pair) != edge["relation"]:
            rule = f"{pair[0]} and {pair[1]} are not joined by {edge['relation']!r}"
            yield "chains", row, f"{rule}; use {RELATIONS.get(pair, 'no edge')}"


def _same_case(frames: Frames) -> Iterator[tuple[str, int, str]]:
    ends = {
        "chains": ("source", "target"),
        "who_must_act": ("countermeasure", "actor"),
        "ties": ("source", "target"),
    }
    for table, columns in ends.items():
        for row, edge in _rows(frames[table]):
            cases = {edge[column].split(".")[0] for column in columns}
            if len(cases | {edge.get("case", min(cases))}) > 1:
                names = " and ".join(edge[column] for column in columns)
                yield table, row, f"{names} are not of one case; each study stands for itself"


def _complete(frames: Frames) -> Iterator[tuple[str, int, str]]:
    acting = set(frames["who_must_act"]["countermeasure"])
    for row, code in _rows(frames["codes"]):
        if code["kind"] == "countermeasure" and code["id"] not in acting:
            yield "codes", row, f"{code['id']} falls to nobody; add it to who_must_act.csv"
    edges = frames["diagram_edges"]
    touched = {
        (figure, node)
        for end in ("source", "target")
        for figure, node in zip(edges["figure"], edges[end], strict=True)
    }
    for row, box in _rows(frames["diagrams"]):
        if (box["figure"], box["node"]) not in touched:
            yield "diagrams", row, f"no arrow touches {box['node']}; add one or drop the box"


def _places(frames: Frames) -> Iterator[tuple[str, int, str]]:
    for row, case in _rows(frames["cases"]):
        codes = (case["county_code"], case["prefecture_code"])
        digits = DIGITS.get(case["place_known"], (0, 0))
        if tuple(map(len, codes)) != digits or not all(c.isdecimal() for c in codes if c):
            known = case["place_known"] or "anonymous"
            rule = (
                f"{known} asks for a county_code, prefecture_code of {digits} digits, not {codes}"
            )
            yield "cases", row, f"place_known: {rule}"
        town = f"{case['name_en']}, "
        sound = case["place_en"].startswith(town) and case["place_zh"].endswith(case["name_zh"])
        if case["place_known"] in DIGITS and not sound:
            rule = f"place_en must begin with {town!r}, place_zh end with {case['name_zh']!r}"
            yield "cases", row, f"{rule}; a figure names the place without the town"


def _labels_and_lines(frames: Frames) -> Iterator[tuple[str, int, str]]:
    for row, box in _rows(frames["diagrams"]):
        for column, longest in LONGEST_LABEL.items():
            if len(box[column]) > longest:
                yield "diagrams", row, f"{column} has more than {longest} characters; shorten it"
    for table in ("diagrams", "diagram_edges", "diagram_titles", "facts"):
        for row, line in enumerate(frames[table]["line"]):
            if line and not (line.isdecimal() and int(line) > 0):
                yield table, row, f"line {line!r} must be the number of a line"


def _review(frames: Frames) -> Iterator[tuple[str, int, str]]:
    names = {spec.file: name for name, spec in TABLES.items()}
    for row, change in _rows(frames["review"]):
        if change["file"] not in names:
            yield "review", row, f"file {change['file']!r} is no table of the studies; name one"
        elif not _stands(frames[names[change["file"]]], change):
            what = f"{change['file']} does not hold {change['field']} {change['now']!r}"
            yield "review", row, f"{what} of {change['id']}; mend the table or drop the row"


def _stands(frame: pd.DataFrame, change: dict[str, str]) -> bool:
    """Return whether what a change made is still in its table.

    A chain goes by the name `source>target` that it had; `column` and `row` were added whole.
    """
    field, now = change["field"], change["now"]
    if field == "column":
        return now in frame
    ends = dict(zip(("source", "target"), change["id"].split(">"), strict=False))
    cells = {"id": change["id"]} if "id" in frame else ends
    cells |= {} if field == "row" else {field: now}
    if not set(cells) <= set(frame):
        return False
    return bool((frame[list(cells)] == pd.Series(cells)).all(axis=1).any())


MEANINGS: tuple[Callable[[Frames], Iterator[tuple[str, int, str]]], ...] = (
    _codes,
    _kinds,
    _same_case,
    _complete,
    _places,
    _labels_and_lines,
    _review,
)
