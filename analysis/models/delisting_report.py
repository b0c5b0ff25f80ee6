"""What is reported on delisting: estimates as they are saved, the headline, the published table.

Nothing is estimated here that `delisting_design` does not estimate. Column names are those
of the contracts; the interval that is quoted is from t with the effective number of provinces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.exhibits import printed
from analysis.labels import unit_label
from analysis.models.county_years import annual_panel
from analysis.models.delisting import ESTIMATORS
from analysis.models.delisting_design import DESIGNS, SPLIT_YEAR, estimate_designs
from analysis.panel import FEW_CLUSTERS
from analysis.schemas import unit
from analysis.tables import Table

HEADLINE = "callaway_santanna"
CLUSTER = "province"
DIGITS = 4
SAVED: Mapping[str, str] = {
    "value": "estimate", "cluster_by": "cluster", "n_units": "entities", "warnings": "note",
    "method": "restriction", "size": "departure", "statistic": "f_statistic",
    "weight": "comparison_weight",
}  # fmt: skip
"""Names of columns in the estimators' results, and in the tables that are saved."""
PARTS: Mapping[str, tuple[str, str, str]] = {
    "simple": ("", "all", "全部"),
    f"before:{SPLIT_YEAR}": (
        f".before_{SPLIT_YEAR}", f"to {SPLIT_YEAR - 1}", f"至 {SPLIT_YEAR - 1} 年"
    ),
    f"from:{SPLIT_YEAR}": (f".from_{SPLIT_YEAR}", f"from {SPLIT_YEAR}", f"{SPLIT_YEAR} 年起"),
}  # fmt: skip
"""Overall averages by the years they cover: suffix of the claim, label in English and Chinese."""
WORDS: Mapping[str, tuple[str, str]] = {
    "design": ("Design", "设计"),
    "estimator": ("Estimator", "估计方法"),
    "years": ("Years", "年份"),
    "estimate": ("Estimate ({unit})", "估计值（{unit}）"),
    "se_code": ("SE by county", "县级聚类标准误"),
    "se_province": ("SE by province", "省级聚类标准误"),
    "interval": ("95% interval", "95% 置信区间"),
    "wild": ("Wild bootstrap", "野自助法区间"),
    "truth": ("Truth", "真值"),
    "entities": ("Counties", "县数"),
    "clusters": ("Provinces", "省份数"),
    "effective": ("Effective provinces", "有效省份数"),
    "caption": (
        "Effect of delisting: two designs, several estimators", "摘帽效应：两种设计与多种估计方法"
    ),
    "notes": (
        "Designation was not random, poor counties were catching up before they were delisted, and "
        "by 2020 all were delisted: no row is the effect of delisting. D1: {D1} D2: {D2} "
"Intervals: t with one degree of freedom less than the effective number of provinces, which "
        "covered as promised in the simulations; the wild bootstrap's beside them, where provinces "
        "are fewer than {few}, covered too little in D1 (imputation has no influence values to "
        "resample). Conditional on the baseline unless said.",
        "贫困县并非随机认定，贫困县在摘帽之前已在追赶，2020 年全部摘帽，"
        "因此任何一行都不能视为摘帽的因果效应。"
        "D1：{D1}D2：{D2}置信区间：t 分布，自由度为有效省份数减 1，"
        "在模拟中覆盖率达标；省份少于 {few} 个时另列省级野自助法区间，其在 D1 中覆盖不足"
        "（插补法无影响函数可供重抽样）。"
        "除注明者外均控制基期条件。",
    ),
}  # fmt: skip


def as_saved(table: pd.DataFrame) -> pd.DataFrame:
    """Return a result of the estimators under the column names of the contracts."""
    return table.rename(columns=SAVED).drop(columns="label", errors="ignore")


def as_drawn(table: pd.DataFrame) -> pd.DataFrame:
    """Return a saved table under the column names that the figures read."""
    return table.rename(columns={saved: drawn for drawn, saved in SAVED.items()})


def effect_unit(outcome: str, transformation: str) -> str:
    """Return the unit in which the effect on a transformed outcome is measured."""
    own = unit(outcome)
    if transformation.startswith("log") or (transformation == "none" and own.startswith("log ")):
        return "log points"
    return own if transformation == "none" else f"{transformation} of {own}"


def overall(effects: pd.DataFrame) -> pd.DataFrame:
    """Return the overall averages that are quoted.

    Parameters
    ----------
    effects : DataFrame
        `delisting_effects`.

    Returns
    -------
    DataFrame
        Rows clustered by province, terms of `PARTS` (of D1, which ends before 2020, the first);
        claim names the row.
    """
    whole = (effects["design"] != "D1") | (effects["term"] == "simple")
    rows = effects[(effects["cluster"] == CLUSTER) & effects["term"].isin(list(PARTS)) & whole]
    suffix = rows["term"].map({term: part[0] for term, part in PARTS.items()})
    rows = rows.assign(claim=rows["design"] + "." + rows["estimator"] + suffix)
    places = {"estimator": list(ESTIMATORS), "design": list(DESIGNS), "term": list(PARTS)}
    rank = [rows[name].map(order.index) for name, order in places.items()]
    order = np.lexsort([rank[2], rank[0], rank[1]])
    return rows.iloc[order].reset_index(drop=True)


def headline_pretrends(pretrends: pd.DataFrame) -> pd.DataFrame:
    """Return the pre-trend tests of the headline estimator, by province."""
    chosen = (pretrends["estimator"] == HEADLINE) & (pretrends["cluster"] == CLUSTER)
    return pretrends[chosen].reset_index(drop=True)


def alternatives(
    years: pd.DataFrame,
    counties: pd.DataFrame,
    transformations: Sequence[str],
    *,
    outcome: str,
    baseline: Sequence[str] = (),
    alike: Sequence[str] = (),
    anticipation: int = 0,
    **options: Any,
) -> pd.DataFrame:
    """Estimate the headline under several transformations of the outcome.

    Parameters
    ----------
    years, counties, outcome, baseline, alike
        As in `county_years.annual_panel`.
    transformations : sequence of str
        One of `county_years.TRANSFORMATIONS` each; repeated ones count once.
    anticipation, **options
        As in `delisting_design.estimate_designs`.

    Returns
    -------
    DataFrame
        transformation, unit and the columns of `overall`.
    """
    tables = []
    for name in dict.fromkeys(transformations):
        panel, _ = annual_panel(
            years, counties, outcome=outcome, transformation=name, baseline=baseline, alike=alike
        )
        found = estimate_designs(
            panel, outcome="outcome", baseline=baseline, estimators=(HEADLINE,),
            clusters=(CLUSTER,), anticipation=anticipation, events=False, **options,
        )  # fmt: skip
        measured = effect_unit(outcome, name)
        tables.append(overall(as_saved(found)).assign(transformation=name, unit=measured))
    columns = ["transformation", "design", "term", "estimate", "se", "ci_low", "ci_high", "p_value",
               "unit", "n", "entities", "clusters", "effective_clusters"]  # fmt: skip
    return pd.concat(tables, ignore_index=True)[columns]


def effects_table(effects: pd.DataFrame, lang: str, *, truth: pd.DataFrame | None = None) -> Table:
    """Table of the overall averages by design and estimator.

    Parameters
    ----------
    effects : DataFrame
        `delisting_effects`, clustered by county and by province.
    lang : str
        `en` or `zh`.
    truth : DataFrame, optional
        design, term, truth: adds a column.
    """
    zh = lang == "zh"
    rows = overall(effects)
    measured = unit_label(str(rows["unit"].iloc[0]), lang)
    by_county = effects.loc[effects["cluster"] == "code", ["design", "estimator", "term", "se"]]
    keys = ["design", "estimator", "term"]
    rows = rows.merge(by_county, on=keys, how="left", suffixes=("", "_code"))
    if truth is not None:
        rows = rows.merge(truth, on=["design", "term"], how="left")
    columns = {
        "design": rows["design"],
        "estimator": rows["estimator"].map(lambda e: ESTIMATORS[e][zh]),
        "years": rows["term"].map(lambda term: PARTS[term][1 + zh]),
        "estimate": rows["estimate"],
        "se_code": rows["se_code"],
        "se_province": rows["se"],
        "interval": _intervals(rows, "ci_low", "ci_high"),
        "wild": _intervals(rows, "wild_low", "wild_high"),
        "truth": rows.get("truth"),
        "entities": rows["entities"],
        "clusters": rows["clusters"],
        "effective": [
            f"{k:.1f}" if known else ""
            for k, known in zip(rows["effective_clusters"], rows["wild_low"].notna(), strict=True)
        ],
    }
    shown = {WORDS[n][zh].format(unit=measured): c for n, c in columns.items() if c is not None}
    caveats = {n: design.caveat_zh if zh else design.caveat_en for n, design in DESIGNS.items()}
    notes = WORDS["notes"][zh].format(few=FEW_CLUSTERS, **caveats)
    return Table(pd.DataFrame(shown), WORDS["caption"][zh], notes, decimals=DIGITS)


def _intervals(rows: pd.DataFrame, low: str, high: str) -> list[str]:
    ends = zip(rows[low], rows[high], strict=True)
    return ["" if pd.isna(a) else f"[{printed(a, DIGITS)}, {printed(b, DIGITS)}]" for a, b in ends]
