"""Publication table of the main models with spatial errors, and of the spatial Durbin model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.long_difference import UNITS
from analysis.models.space_figures import TEXTS
from analysis.models.spatial_durbin import SpatialFit, coefficient_table
from analysis.schemas import label
from analysis.tables import Table

Residuals = Mapping[tuple[str, str], tuple[float, float]]
"""Moran's I and its p-value by regression and outcome."""

REGRESSIONS = {
    "long difference": ("Long difference", "长期差分"),
    "panel": ("Two-way panel", "双向面板"),
    "spatial Durbin": ("Spatial Durbin", "空间杜宾"),
}


def spatial_table(
    errors: pd.DataFrame, residuals: pd.DataFrame, fit: SpatialFit, effects: pd.DataFrame, lang: str
) -> Table:
    """Build the table of the main models with spatial errors, and of the Durbin model.

    Parameters
    ----------
    errors : DataFrame
        Table `space_errors`: rows of `space_residuals.error_rows` with regression and outcome.
    residuals : DataFrame
        Table `space_residuals`: regression, outcome, moran, p_value.
    fit, effects
        From `durbin`.
    lang : str
        `en` or `zh`.
    """
    zh = lang == "zh"
    cutoffs = sorted(set(errors["cutoff_km"]) - {0.0})
    heads = ["模型", "数量", "估计值", "标准误"] if zh else ["Model", "Quantity", "Estimate", "SE"]
    heads += [f"Conley {c:.0f} km" for c in cutoffs]
    heads += ["残差莫兰 I", "p", "样本量"] if zh else ["Moran’s I of residuals", "p", "N"]
    columns = (residuals[c] for c in ("regression", "outcome", "moran", "p_value"))
    found = {(r, outcome): (moran, p) for r, outcome, moran, p in zip(*columns, strict=True)}
    rows = _main_rows(errors, found, cutoffs, lang)
    left = next(both for (regression, _), both in found.items() if regression == "spatial Durbin")
    rows += _durbin_rows(fit, effects, left, len(cutoffs), lang)
    by_change, by_panel = (
        _cluster(errors, regression, lang) for regression in ("long difference", "panel")
    )
    notes = (
        f"长期差分：变化对贫困县身份的回归，含基期控制与省固定效应；标准误按{by_change}聚类。"
        f"面板：县与年固定效应，按{by_panel}聚类。Conley 标准误：Bartlett 核，所示公里数以外"
        "视为不相关。残差莫兰指数的 p 值为正态近似、双侧。空间杜宾模型：极大似然，县与年固定效应，"
        "误差允许同一县内任意相关，但假定县与县之间不再相关（见其残差莫兰指数，近似）；"
        "效应的标准误由模拟得到。没有多边形的县未计入。贫困县并非随机认定，且到 2020 年均已摘帽，"
        "这些数字不能解释为因果效应。"
        if zh
        else "Long difference: change on designation given the baseline and province effects, SE "
        f"clustered by {by_change}. Panel: county and year effects, clustered by {by_panel}. "
        "Conley: Bartlett kernel, counties farther apart than the distance unrelated. Moran’s I "
        "of residuals: two-sided normal p. Spatial Durbin: maximum likelihood with county and "
        "year effects, errors of a county dependent in any way over the years, but none left "
        "between counties (see Moran’s I of its residuals, approximate); those of the effects by "
        "simulation. Counties without a polygon are left out. Designation was not random and all "
        "counties were delisted by 2020: no number is a causal effect."
    )
    caption = "主要模型的空间依赖与空间效应" if zh else "Main models and their neighbours"
    return Table(pd.DataFrame(rows, columns=heads), caption, notes)


def _cluster(errors: pd.DataFrame, regression: str, lang: str) -> str:
    mine = errors[(errors["regression"] == regression) & (errors["cutoff_km"] == 0)]
    name = label(str(mine["cluster"].iloc[0]), lang)
    return name if lang == "zh" else name.lower()


def _main_rows(
    errors: pd.DataFrame, found: Residuals, cutoffs: Sequence[float], lang: str
) -> list[tuple]:
    order = {name: place for place, name in enumerate(UNITS)}
    sorted_rows = errors.sort_values("outcome", key=lambda o: o.map(order), kind="stable")
    rows = []
    for key, part in sorted_rows.groupby(["regression", "outcome"], sort=False):
        regression, outcome = map(str, key)
        se = part.set_index("cutoff_km")["se"]
        first = part.iloc[0]
        rows.append((
            REGRESSIONS[regression][lang == "zh"], label(outcome, lang), first["estimate"],
            *se.reindex([0.0, *cutoffs]), *found[regression, outcome], int(first["n"]),
        ))  # fmt: skip
    return rows


def _durbin_rows(
    fit: SpatialFit, effects: pd.DataFrame, left: tuple[float, float], cutoffs: int, lang: str
) -> list[tuple]:
    name, n = REGRESSIONS["spatial Durbin"][lang == "zh"], fit.units * fit.periods
    nothing = (np.nan,) * cutoffs
    rows: list[tuple] = []
    columns = (effects[c] for c in ("variable", "effect", "value", "se"))
    for variable, effect, value, se in zip(*columns, strict=True):
        told = f"{label(variable, lang)}: {TEXTS[effect][lang].lower()}"
        rows.append((name, told, value, se, *nothing, np.nan, np.nan, n))
    rho = coefficient_table(fit).set_index("term").loc["rho"]
    last = (rho["estimate"], rho["se"], *nothing, *left, n)
    return [*rows, (name, "ρ", *last)]
