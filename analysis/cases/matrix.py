"""Four towns side by side: problem, cause, countermeasure, actor and the five revitalizations.

Every table keeps what a statement rests on: the study's own words (explicit), the order of its
lists, or our reading (analyst). An abstract names what it names: an empty cell says that a study
is silent, not that a town is free of the problem.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.cases.study_tables import DIMENSIONS
from analysis.interviews.chains import STAGES, chain_paths

if TYPE_CHECKING:
    from analysis.cases.studies import Studies

KINDS = (*STAGES, "actor")
BASES = ("explicit", "coded", "order", "analyst")  # from what a study says to what we read
NOBODY = "none_named"


def towns(studies: Studies) -> list[str]:
    """Return the cases that name a problem, in their order; the national framework names none.

    Raises
    ------
    ValueError
        If no case names a problem.
    """
    naming = set(studies.codes.loc[studies.codes["kind"] == "problem", "case"])
    found = [str(case) for case in studies.cases["case"] if case in naming]
    if not found:
        raise ValueError("codes.csv: no case of cases.csv has a code of kind problem; add them")
    return found


def matrix_codes(studies: Studies) -> pd.DataFrame:
    """List what each town names, by theme.

    Returns
    -------
    DataFrame
        One row per code of a town and of the four kinds: theme (empty where no theme gathers the
        code), kind, theme_label_en, theme_label_zh, case, code, label_en, label_zh, dimension
        (revitalizations, parted by ``|``; empty: none), dim_basis, theme_basis. In the order of
        kinds, themes, towns and codes.
    """
    order, heads = towns(studies), ["theme_label_en", "theme_label_zh", "theme_basis"]
    codes = studies.codes.rename(columns={"id": "code", "dim": "dimension"})
    codes = codes[codes["case"].isin(order) & codes["kind"].isin(KINDS)]
    named = studies.themes[["theme", "code", "label_en", "label_zh", "basis"]]
    named = named.set_axis(["theme", "code", *heads], axis=1)
    joined = codes.merge(named, on="code", how="left")
    table = joined.fillna(dict.fromkeys(["theme", *heads], ""))
    themes = [*dict.fromkeys(studies.themes["theme"]), ""]
    places = pd.DataFrame(
        {
            "kind": table["kind"].map(KINDS.index),
            "theme": table["theme"].map(themes.index),
            "case": table["case"].map(order.index),
        }
    ).sort_values(["kind", "theme", "case"], kind="stable")
    columns = ["theme", "kind", *heads[:2], "case", "code", "label_en", "label_zh", "dimension"]
    return table.loc[places.index, [*columns, "dim_basis", heads[2]]].reset_index(drop=True)


def problem_paths(studies: Studies) -> pd.DataFrame:
    """Follow each problem of a town to causes, countermeasures and those who must act.

    Returns
    -------
    DataFrame
        case, problem, cause, countermeasure (codes, empty where nothing continues), actors (codes,
        parted by ``;``), dimensions (revitalizations of the path's codes, parted by ``|``), basis
        (the weakest link of the path; empty for a code that no edge joins). Each code of the three
        kinds is in a row.
    """
    codes = studies.codes.set_index("id")
    edges = studies.chains.assign(doc_id="", case=studies.chains["source"].map(codes["case"]))
    for end in ("source", "target"):
        edges[f"{end}_kind"] = edges[end].map(codes["kind"])
        edges[f"{end}_theme"] = edges[end]
    paths = chain_paths(edges[edges["case"].isin(towns(studies))])
    columns = ["case", *STAGES, "basis_first", "basis_second"]
    paths = pd.concat([paths[columns], _unlinked(studies, paths)], ignore_index=True).fillna("")
    acting = studies.who_must_act.groupby("countermeasure")["actor"].agg(";".join)
    paths["actors"] = paths["countermeasure"].map(acting).fillna("")
    parts = paths[list(STAGES)].to_numpy()
    paths["dimensions"] = [_joined_dimensions(codes.loc[[*filter(None, p)], "dim"]) for p in parts]
    bases = paths[["basis_first", "basis_second"]].to_numpy()
    paths["basis"] = [max(filter(None, pair), key=BASES.index, default="") for pair in bases]
    names = ["case", *STAGES, "actors", "dimensions", "basis"]
    order = [*codes.index, ""]
    places = paths[list(STAGES)].map(order.index).assign(
        case=paths["case"].map(towns(studies).index)
    ).sort_values(["case", *STAGES])  # fmt: skip
    return paths.loc[places.index, names].reset_index(drop=True)


def who_must_act(studies: Studies) -> pd.DataFrame:
    """Count the countermeasures of each town that fall to each group of actors.

    Returns
    -------
    DataFrame
        actor (theme of actors, the code itself where it has none; ``none_named`` for
        countermeasures that fall to nobody), label_en, label_zh, case, named (whether the study of
        the town names such an actor), countermeasures, explicit (of these, stated by the study),
        of_countermeasures. A countermeasure may fall to several.

    Raises
    ------
    ValueError
        Listing each actor of `who_must_act` that is no actor of a town.
    """
    matrix = matrix_codes(studies)
    actors = matrix[matrix["kind"] == "actor"]
    groups = actors["theme"].where(actors["theme"] != "", actors["code"])
    group = dict(zip(actors["code"], groups, strict=True))
    if unknown := sorted(set(studies.who_must_act["actor"]) - set(group)):
        raise ValueError(f"who_must_act.csv: no actor of a town: {', '.join(unknown)}; mend codes")
    measures = matrix.loc[matrix["kind"] == "countermeasure", ["case", "code"]]
    acting = studies.who_must_act.rename(columns={"countermeasure": "code"})
    duties = measures.merge(acting, on="code", how="left")
    duties["actor"] = duties["actor"].map(group).fillna(NOBODY)
    duties["explicit"] = duties["basis"] == "explicit"
    duties = duties.groupby(["actor", "case", "code"])["explicit"].any().reset_index()
    counts = duties.groupby(["actor", "case"])["explicit"].agg(["size", "sum"])
    cells = pd.MultiIndex.from_product(
        [[*dict.fromkeys(group.values()), NOBODY], towns(studies)], names=["actor", "case"]
    )
    table = counts.reindex(cells, fill_value=0).astype("int64")
    table = table.set_axis(["countermeasures", "explicit"], axis=1).reset_index()
    table["of_countermeasures"] = table["case"].map(measures["case"].value_counts()).fillna(0)
    named = {(group[a["code"]], a["case"]) for a in actors.to_dict("records")}
    table["named"] = [pair in named for pair in zip(table["actor"], table["case"], strict=True)]
    for lang, nobody in (("en", "No actor named"), ("zh", "未指明主体")):
        heads = actors[f"theme_label_{lang}"].where(actors["theme"] != "", actors[f"label_{lang}"])
        labels = dict(zip(actors["code"].map(group), heads, strict=True)) | {NOBODY: nobody}
        table[f"label_{lang}"] = table["actor"].map(labels)
    order = ["actor", "label_en", "label_zh", "case", "named", "countermeasures", "explicit"]
    return table[[*order, "of_countermeasures"]].astype({"of_countermeasures": "int64"})


def revitalization_cover(matrix: pd.DataFrame) -> pd.DataFrame:
    """Count the codes of each town and kind that belong to each of the five revitalizations.

    Parameters
    ----------
    matrix : DataFrame
        From `matrix_codes`.

    Returns
    -------
    DataFrame
        case, kind, dimension (the five, and ``none``), codes, explicit (of these, assigned by the
        study), of_codes. A code of two revitalizations counts in both.
    """
    spread = matrix.assign(dimension=matrix["dimension"].str.split("|")).explode("dimension")
    spread["dimension"] = spread["dimension"].replace("", "none")
    spread["explicit"] = spread["dim_basis"] == "explicit"
    cells = pd.MultiIndex.from_product(
        [dict.fromkeys(matrix["case"]), KINDS, [*DIMENSIONS, "none"]],
        names=["case", "kind", "dimension"],
    )
    counts = spread.groupby(cells.names)["explicit"].agg(["size", "sum"])
    table = counts.reindex(cells, fill_value=0).astype("int64")
    table = table.set_axis(["codes", "explicit"], axis=1).reset_index()
    totals = matrix.groupby(["case", "kind"]).size().rename("of_codes").reset_index()
    table = table.merge(totals, on=["case", "kind"], how="left").fillna({"of_codes": 0})
    return table.astype({"of_codes": "int64"})


def _unlinked(studies: Studies, paths: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each problem, cause and countermeasure that no path holds."""
    codes = studies.codes[
        studies.codes["case"].isin(towns(studies)) & studies.codes["kind"].isin(STAGES)
    ]
    alone = codes[~codes["id"].isin(paths[list(STAGES)].to_numpy().ravel())]
    rows = [{"case": c["case"], c["kind"]: c["id"]} for c in alone.to_dict("records")]
    return pd.DataFrame(rows, columns=["case", *STAGES])


def _joined_dimensions(dimensions: pd.Series) -> str:
    found = {name for joint in dimensions for name in joint.split("|")}
    return "|".join(name for name in DIMENSIONS if name in found)
