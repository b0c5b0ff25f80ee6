"""Form of the tables of the source studies: columns, keys, closed lists, references."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from analysis.interviews.chains import DASHED, SOLID, STAGES

DIMENSIONS = ("industry", "talent", "culture", "ecology", "organization")
KINDS = (
    "context", "actor", "object", *STAGES, "outcome", "expected", "mechanism", "theory",
    "instrument", "policy", "shortfall", "obstacle", "policy_change", "level", "linked_policy",
    "local_measure", "industry_problem", "village_poverty_factor", "rural_poverty_factor",
    "follow_up", "industry_upgrade", "green", "talent_path", "transition", "risk",
    "recommendation", "concept",
)  # fmt: skip
READ = ("explicit", "analyst")
BASES = tuple(dict.fromkeys((*READ, *SOLID, *DASHED)))
LONGEST_LABEL = {"label_en": 40, "label_zh": 16}  # characters that a box of a diagram takes
WHERE = re.compile(r"S\d(:L(?P<line>\d+))?")


class StudyTable(NamedTuple):
    """One table of the studies.

    Attributes
    ----------
    file : str
    columns, key : tuple of str
        `key` is unique in the table.
    optional : tuple of str
        Columns that may be empty.
    closed : dict of {column: values}
    refers : dict of {columns: (table, its columns)}
        An empty value of an optional column refers to nothing.
    """

    file: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    optional: tuple[str, ...] = ()
    closed: Mapping[str, tuple[str, ...]] = {}
    refers: Mapping[tuple[str, ...], tuple[str, tuple[str, ...]]] = {}


def _table(file: str, columns: str, key: str, optional: str = "", **rest: Any) -> StudyTable:
    return StudyTable(
        file, tuple(columns.split()), tuple(key.split()), tuple(optional.split()), **rest
    )


_CODE = ("codes", ("id",))
_CASE = ("cases", ("case",))
_RELATION = ("relations", ("relation",))
_NODE = ("diagrams", ("figure", "node"))
_TITLE = ("diagram_titles", ("figure",))
TABLES: Mapping[str, StudyTable] = {
    "codes": _table(
        "codes.csv", "id case kind parent label_en label_zh src dim dim_basis note", "id",
        "parent dim dim_basis note", closed={"kind": KINDS, "dim_basis": ("", *READ)},
        refers={("case",): _CASE, ("parent",): _CODE},
    ),
    "chains": _table(
        "chains.csv", "source target relation basis seed", "source target",
        closed={"basis": (*SOLID, *DASHED)},
        refers={("source",): _CODE, ("target",): _CODE, ("relation",): _RELATION},
    ),
    "themes": _table(
        "themes.csv", "theme kind label_en label_zh code basis", "code",
        closed={"kind": (*STAGES, "actor"), "basis": BASES}, refers={("code",): _CODE},
    ),
    "cases": _table(
        "cases.csv", "case name_en name_zh study place_en place_zh place_known county_code "
        "prefecture_code title authors doi", "case",
        "place_known county_code prefecture_code title authors doi",
        closed={"place_known": ("", "county", "prefecture", "national")},
    ),
    "ties": _table(
        "actor_ties.csv", "case phase source target relation basis status note",
        "case phase source target relation", "phase note",
        closed={"phase": ("", "before", "after"), "basis": READ,
                "status": ("observed", "proposed", "expected")},
        refers={("case",): _CASE, ("source",): _CODE, ("target",): _CODE,
                ("relation",): _RELATION},
    ),
    "who_must_act": _table(
        "who_must_act.csv", "countermeasure actor basis", "countermeasure actor",
        closed={"basis": READ}, refers={("countermeasure",): _CODE, ("actor",): _CODE},
    ),
    "relations": _table(
        "relations.csv", "relation label_en label_zh directed", "relation",
        closed={"directed": ("yes", "no")},
    ),
    "diagrams": _table(
        "diagrams.csv", "figure node label_en label_zh group code_id line", "figure node",
        "code_id",
        refers={("code_id",): _CODE, ("figure",): _TITLE},
    ),
    "diagram_edges": _table(
        "diagram_edges.csv", "figure source target relation line basis",
        "figure source target relation", closed={"basis": READ},
        refers={("figure", "source"): _NODE, ("figure", "target"): _NODE,
                ("relation",): _RELATION},
    ),
    "diagram_titles": _table(
        "diagram_titles.csv", "figure title_en title_zh note_en note_zh line", "figure",
        refers={("figure",): ("diagrams", ("figure",))},
    ),
    "facts": _table(
        "figure_facts.csv", "id case label_en label_zh value unit src line", "id", "line",
        refers={("case",): _CASE},
    ),
    "review": _table(
        "review.csv", "file id field was now reason", "file id field now", "id was now"
    ),
}  # fmt: skip
