"""Joint display: each theme with its studies, interviews, a county number and a judgement.

Three kinds of evidence stand side by side and nothing is computed from their being side by side:
whether they fit is a judgement that a person writes into a file, with a reason, about a number
that the file repeats. Without such a line a row says `not_judged`; where the number has changed
since, it says so. Most themes have no county number: that is silence, not support.

Source
------
Fetters, Curry & Creswell (2013), Health Services Research 48, 2134-2156: joint display; fit of
strands as confirmation, expansion and discordance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.cases.joint_inputs import NOT_JUDGED, OUTDATED, JointInputs
from analysis.cases.matrix import matrix_codes
from analysis.cases.sharing import theme_sharing
from analysis.geography import require_columns
from analysis.interviews.chains import STAGES
from analysis.interviews.themes import wilson_interval

if TYPE_CHECKING:
    from analysis.cases.studies import Studies


def joint_display(
    studies: Studies,
    prevalence: pd.DataFrame | None,
    inputs: JointInputs,
    claims: Mapping[str, Mapping[str, Any]],
    *,
    profile: str,
    prevalence_simulated: bool = False,
    kinds: Sequence[str] = STAGES,
) -> pd.DataFrame:
    """Put studies, interviews, county numbers and judgements of each theme side by side.

    Parameters
    ----------
    studies : Studies
    prevalence : DataFrame or None
        As `theme_frequencies`: code_id (theme), case, interviews, of_interviews, at most one row
        per theme and case; None in a profile without interviews.
    inputs : JointInputs
        From `read_joint_inputs`.
    claims : mapping
        Claims by key, each with value, se, ci_low, ci_high, n, unit, step, simulated where known.
    profile : str
        Only judgements about numbers of this profile apply.
    prevalence_simulated : bool
        Whether the interviews behind `prevalence` are simulated.
    kinds : sequence of str
        Kinds of themes to show.

    Returns
    -------
    DataFrame
        One row per theme and declared indicator, one for a theme without: theme, kind, label_en,
        label_zh, n_cases, cases, codes (ids, parted by ``;``); interviews, of_interviews, share,
        share_low, share_high (%, 95 % Wilson over all interviews), of these naming_interviews of
        naming_of in the towns whose studies name the theme, prevalence_status (``counted`` or
        ``no_interviews``), prevalence_simulated (false without interviews); indicator,
        indicator_en, indicator_zh, expected, why_en, why_zh, claim, estimate, se, ci_low, ci_high,
        n, unit, step, indicator_simulated, indicator_status (``available``, ``not_in_profile``,
        ``none_declared``); judgement (`FITS` or ``not_judged``), judgement_status (draft, final,
        ``outdated`` where the estimate is no longer the one judged, else empty), judge, judged_on,
        reason.
    """
    matrix = matrix_codes(studies)
    themes = theme_sharing(matrix).drop(columns=["codes", "standing"])
    members = matrix.groupby("theme")["code"].agg(";".join)
    themes = themes[themes["kind"].isin(kinds)].assign(codes=lambda t: t["theme"].map(members))
    counted = themes.join(_prevalence(themes, prevalence))
    counted["prevalence_simulated"] = prevalence_simulated and prevalence is not None
    rows = counted.merge(_numbers(inputs.indicators, claims), on="theme", how="left")
    rows["indicator_status"] = rows["indicator_status"].fillna("none_declared")
    texts = ["indicator", "indicator_en", "indicator_zh", "expected", "why_en", "why_zh", "claim",
             "unit", "step"]  # fmt: skip
    rows[texts] = rows[texts].fillna("")
    rows["indicator_simulated"] = rows["indicator_simulated"].eq(True)
    return rows.join(_judged(rows, inputs.judgements, profile))


def _prevalence(themes: pd.DataFrame, prevalence: pd.DataFrame | None) -> pd.DataFrame:
    """Return counts of each row of `themes`, pooled over towns and in the towns that name it."""
    counts = ["interviews", "of_interviews"]
    names = [*counts, "naming_interviews", "naming_of"]
    if prevalence is None:
        empty = pd.DataFrame(index=themes.index, columns=names, dtype="Int64")
        bounds = dict.fromkeys(["share", "share_low", "share_high"], np.nan)
        return empty.assign(**bounds, prevalence_status="no_interviews")
    require_columns(prevalence, ["code_id", "case", *counts], "prevalence")
    if prevalence.duplicated(["code_id", "case"]).any():
        raise ValueError("prevalence: more than one row per code_id and case; count each once")
    by_theme = prevalence.groupby("code_id")
    pooled = by_theme[counts].sum().reindex(themes["theme"])
    if missing := list(pooled.index[pooled["of_interviews"].isna()]):
        raise ValueError(f"prevalence: no row of {', '.join(missing)}; count these themes too")
    named = dict(zip(themes["theme"], themes["cases"].str.split(";"), strict=True))
    naming = [case in named.get(code, []) for code, case in
              zip(prevalence["code_id"], prevalence["case"], strict=True)]  # fmt: skip
    there = prevalence[naming].groupby("code_id")[counts].sum().reindex(pooled.index, fill_value=0)
    table = pooled.join(there.set_axis(names[2:], axis=1)).astype("Int64")
    low, high = wilson_interval(pooled["interviews"], pooled["of_interviews"])
    table["share"] = 100 * pooled["interviews"] / pooled["of_interviews"]
    table = table.assign(share_low=100 * low, share_high=100 * high, prevalence_status="counted")
    return table.set_axis(themes.index)


def _numbers(indicators: pd.DataFrame, claims: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return the declared indicators with the numbers of their claims, missing where unknown."""
    found = [claims.get(claim, {}) for claim in indicators["claim"]]
    table = indicators.rename(columns={f"label_{x}": f"indicator_{x}" for x in ("en", "zh")})
    numbers = {"estimate": "value", "se": "se", "ci_low": "ci_low", "ci_high": "ci_high"}
    for name, field in numbers.items():
        table[name] = pd.array([f.get(field, np.nan) for f in found], dtype="float64")
    table["n"] = pd.array([f.get("n", pd.NA) for f in found], dtype="Int64")
    for field in ("unit", "step"):
        table[field] = [str(f.get(field, "")) for f in found]
    table["indicator_simulated"] = [bool(f.get("simulated", False)) for f in found]
    table["indicator_status"] = ["available" if f else "not_in_profile" for f in found]
    return table


def _judged(rows: pd.DataFrame, judgements: pd.DataFrame, profile: str) -> pd.DataFrame:
    """Return the judgement on each row; nothing is filled in where nobody judged."""
    own = judgements[judgements["profile"] == profile]
    written = {(j["theme"], j["indicator"]): j for j in own.to_dict("records")}
    names = ["judgement", "judgement_status", "judge", "judged_on", "reason"]
    found = []
    for row in rows.to_dict("records"):
        line = written.get((row["theme"], row["indicator"]))
        if line is None:
            found.append([NOT_JUDGED, "", "", "", ""])
            continue
        status = line["status"] if _still(line["seen"], row["estimate"]) else OUTDATED
        found.append([line["judgement"], status, line["judge"], line["date"], line["reason"]])
    return pd.DataFrame(found, index=rows.index, columns=names, dtype="str")


def _still(seen: str, estimate: float) -> bool:
    """Whether an estimate still prints as the one that was judged (to the digits written)."""
    if not seen or pd.isna(estimate):
        return not seen and pd.isna(estimate)
    return f"{estimate:z.{len(seen.partition('.')[2])}f}" == seen
