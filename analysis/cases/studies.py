"""The five source studies as data: read, proved sound, joined with their labels.

The tables of data/raw/cases hold what four town studies and Zhai, Yang, Zhang & Guo (2021,
doi:10.33788/rcis.73.12) state, and say of each row what it rests on: the study's own words
(explicit), the order of its lists (order), or our reading (analyst).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.cases.study_rules import faults
from analysis.cases.study_tables import TABLES, WHERE
from analysis.project import bullet_list

SECTIONS: Mapping[str, tuple[str, str]] = {
    "policy_change": ("Policy changes", "政策变动"),
    "shortfall": ("Shortfalls of cohesion", "衔接不足"),
    "obstacle": ("Obstacles", "衔接障碍"),
    "local_measure": ("Local measures", "地方措施"),
    "talent_path": ("Talent paths", "人才途径"),
    "risk": ("Risks", "风险"),
    "transition": ("Transition", "过渡安排"),
}
GROUPED = ("policy_change", "shortfall", "obstacle")
_HEADS = ("group_id", "group_en", "group_zh")
_NAMES = ("code_id", "label_en", "label_zh")


@dataclass(frozen=True)
class Studies:
    """The tables of the source studies, all columns text, empty where a study says nothing.

    Attributes
    ----------
    codes : DataFrame
        id, case, kind, parent, label_en, label_zh, src, dim, dim_basis, note.
    chains : DataFrame
        source, target (codes), relation, basis, seed.
    themes : DataFrame
        theme, kind, label_en, label_zh, code, basis.
    cases : DataFrame
        case, name_en, name_zh, study, place_en, place_zh, place_known, county_code,
        prefecture_code, title, authors, doi.
    ties : DataFrame
        case, phase, source, target (codes of actors, or of the object they govern), relation,
        basis, status, note.
    who_must_act : DataFrame
        countermeasure, actor, basis.
    relations : DataFrame
        relation, label_en, label_zh, directed.
    diagrams : DataFrame
        figure, node, label_en, label_zh, group, code_id, line.
    diagram_edges : DataFrame
        figure, source, target (nodes), relation, line, basis.
    diagram_titles : DataFrame
        figure, title_en, title_zh, note_en, note_zh, line.
    facts : DataFrame
        id, case, label_en, label_zh, value, unit, src, line.
    review : DataFrame
        file, id, field, was, now, reason.
    """

    codes: pd.DataFrame
    chains: pd.DataFrame
    themes: pd.DataFrame
    cases: pd.DataFrame
    ties: pd.DataFrame
    who_must_act: pd.DataFrame
    relations: pd.DataFrame
    diagrams: pd.DataFrame
    diagram_edges: pd.DataFrame
    diagram_titles: pd.DataFrame
    facts: pd.DataFrame
    review: pd.DataFrame


def read_studies(folder: Path) -> Studies:
    """Read and check the tables of the source studies.

    Parameters
    ----------
    folder : Path
        `data/raw/cases`.

    Raises
    ------
    ValueError
        Listing every missing file or column; if none is missing, every key that is not unique,
        value outside its closed list, empty cell, id that does not resolve, pair of codes of two
        cases, countermeasure without actor, box without arrow, label too long for its box and
        change of review.csv that no longer stands, each with file, line and remedy.
    """
    frames, problems = {}, []
    for name, spec in TABLES.items():
        path = folder / spec.file
        try:
            frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as e:
            problems.append(f"{spec.file} cannot be read: {e}; restore it")
            continue
        missing = [column for column in spec.columns if column not in frame]
        problems += [f"{spec.file}, line 1: no column {column}; restore it" for column in missing]
        frames[name] = frame
    problems = problems or faults(frames)
    if problems:
        raise ValueError(bullet_list(f"{folder} holds no sound source studies:", problems))
    return Studies(**{name: frames[name][list(TABLES[name].columns)] for name in TABLES})


def case_codes(studies: Studies) -> pd.DataFrame:
    """Return the codes of all studies with the names of their cases and their themes.

    Returns
    -------
    DataFrame
        case, case_en, case_zh, code_id, kind, parent, theme (empty: gathered by none), label_en,
        label_zh, study (S0 to S4), line (of the text; missing for an abstract), dimension (of the
        five revitalizations, parted by ``|``), dimension_basis, note. In the order of codes.csv.
    """
    codes = studies.codes.rename(
        columns={"id": "code_id", "dim": "dimension", "dim_basis": "dimension_basis"}
    )
    names = studies.cases.set_index("case")
    theme = dict(zip(studies.themes["code"], studies.themes["theme"], strict=True))
    table = codes.assign(
        case_en=codes["case"].map(names["name_en"]),
        case_zh=codes["case"].map(names["name_zh"]),
        theme=codes["code_id"].map(theme).fillna(""),
        study=codes["src"].str.split(":").str[0],
        line=_lines(codes["src"]),
    )
    return table[
        ["case", "case_en", "case_zh", "code_id", "kind", "parent", "theme", "label_en", "label_zh",
         "study", "line", "dimension", "dimension_basis", "note"]
    ]  # fmt: skip


def case_chains(studies: Studies) -> pd.DataFrame:
    """Return the chains of all studies with labels and kinds of both ends and of the relation.

    Returns
    -------
    DataFrame
        case, source, source_kind, source_en, source_zh, relation, relation_en, relation_zh, target,
        target_kind, target_en, target_zh, basis. In the order of chains.csv.
    """
    codes = studies.codes.set_index("id")
    relations = studies.relations.set_index("relation")
    chains = studies.chains
    table = chains.assign(
        case=chains["source"].map(codes["case"]),
        relation_en=chains["relation"].map(relations["label_en"]),
        relation_zh=chains["relation"].map(relations["label_zh"]),
    )
    for end in ("source", "target"):
        for name, column in (("kind", "kind"), ("en", "label_en"), ("zh", "label_zh")):
            table[f"{end}_{name}"] = chains[end].map(codes[column])
    return table[
        ["case", "source", "source_kind", "source_en", "source_zh", "relation", "relation_en",
         "relation_zh", "target", "target_kind", "target_en", "target_zh", "basis"]
    ]  # fmt: skip


def policy_inventory(studies: Studies) -> pd.DataFrame:
    """Return what Zhai et al. (2021) assign to each kind of policy change, and what else they list.

    The kinds of policy change, the shortfalls and the obstacles are groups that hold classes; a
    group to which the text assigns none stays, as one row without code and with n = 0.

    Returns
    -------
    DataFrame
        section, section_en, section_zh, group_id, group_en, group_zh (empty in sections without
        groups), code_id, label_en, label_zh (empty in an empty group), line (of the text; of an
        empty group the line that names it), n (items of the group, else of the section), note.
        Sections in the order of the study: policy changes, shortfalls, obstacles, local measures,
        talent paths, risks, transition.
    """
    codes = studies.codes[studies.codes["case"] == "Z"].rename(columns={"id": "code_id"})
    parts = []
    for section in SECTIONS:
        inside = codes[codes["kind"] == section]
        top = inside[inside["parent"] == ""]
        if section not in GROUPED:
            parts.append(_rows(top, section, dict.fromkeys(_HEADS, ""), n=len(top)))
            continue
        for group in top.to_dict("records"):
            items = inside[inside["parent"] == group["code_id"]]
            head = {head: group[name] for head, name in zip(_HEADS, _NAMES, strict=True)}
            shown = pd.DataFrame([group | dict.fromkeys(_NAMES, "")]) if items.empty else items
            parts.append(_rows(shown, section, head, n=len(items)))
    return pd.concat(parts, ignore_index=True)


def _rows(items: pd.DataFrame, section: str, head: dict[str, str], *, n: int) -> pd.DataFrame:
    en, zh = SECTIONS[section]
    heads = {"section": section, "section_en": en, "section_zh": zh, **head}
    table = items.assign(**heads, line=_lines(items["src"]), n=n)
    return table[[*heads, *_NAMES, "line", "n", "note"]]


def _lines(src: pd.Series) -> pd.Series:
    """Return the line of each reference to a text; missing where it gives none."""
    found = [match["line"] if (match := WHERE.fullmatch(s)) else None for s in src]
    return pd.Series([int(f) if f else None for f in found], src.index, dtype="Int64")
