"""Income poverty, relative poverty, mean income and inequality: sums and ratios.

FGT_a = mean of ((z - y) / z)^a over those with y < z, both in cents, 0 for the others. Relative
poverty: income below a share of the median of year and urban or rural, with that line taken as
given. Sources: Foster, Greer and Thorbecke (1984), Econometrica 52, 761-766; Theil (1967).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.households.config import INCOME_MEASURES, HouseholdConfig
from analysis.households.row_values import CENTS, FIXED, WIDE, poverty_cents, rounded
from analysis.households.survey_errors import Floats, sums_by
from analysis.households.weighted_sums import (
    GroupSums,
    Ratio,
    estimate_frame,
    household_sums,
    totals,
)

INCOME_WEIGHT, INCOME_N = "income_weight", "income_n"
INCOME, LOGS = "income_sum", "income_log_sum"
LINE_WEIGHT, LINE_N = "line_weight", "line_n"
SQUARE_UNIT = 1e6


def income_sums(rows: Any, config: HouseholdConfig, *, wide: bool = False) -> dict[str, Any]:
    """Return the sums of integers, one expression for each column of sums.

    Parameters
    ----------
    rows : ibis table
        As `row_values` makes it, with `line_1`, ... where relative poverty is asked for.
    config : HouseholdConfig
    wide : bool
        Multiply in 128 bits, which takes longer: for incomes that are negative or very large.
    """
    wanted = set(config.measures) & set(INCOME_MEASURES)
    if not wanted:
        return {}
    v, cents = rows["v"], rows["cents"]
    money = cents.cast("float64") / CENTS
    used = cents.notnull().cast("int64")
    sums = {INCOME_WEIGHT: v * used, INCOME: v * (cents.cast(WIDE) if wide else cents)}
    if "mean_income" in wanted:
        sums["income_squares"] = rounded(v * money * money / SQUARE_UNIT, wide=wide)
    if "theil" in wanted:
        sums[LOGS] = rounded(v * (money > 0).ifelse(money * money.ln(), 0.0), wide=wide)
    if "monitoring" in wanted:
        watched = cents < round((config.monitoring_line or 0) * CENTS)
        sums["monitoring"] = v * watched.cast("int64")
    for i in range(1, len(config.relative_lines) + 1 if "relative" in wanted else 1):
        sums[f"relative_{i}"] = v * (cents < rows[f"line_{i}"]).cast("int64")
    if wanted & {"FGT0", "FGT1", "FGT2"}:
        sums |= _gap_sums(rows, config, wide=wide)
    sums |= household_sums(rows, INCOME_WEIGHT, used)
    return {INCOME_N: cents.count(), **totals(sums)}


def income_ratios(config: HouseholdConfig) -> list[Ratio]:
    """Return the measures that the configuration asks for, as ratios of those sums."""
    line = (LINE_WEIGHT, LINE_WEIGHT, LINE_N)
    base = (INCOME_WEIGHT, INCOME_WEIGHT, INCOME_N)
    fixed = 1 / FIXED
    squares = ("income_squares", SQUARE_UNIT)
    chosen = [
        Ratio("FGT0", "", {"FGT0": 1.0}, *line, ("FGT0", 1.0)),
        Ratio("FGT1", "", {"FGT1": fixed}, *line, ("FGT2", fixed)),
        Ratio("FGT2", "", {"FGT2": fixed}, *line, ("FGT4", fixed)),
        Ratio("monitoring", "", {"monitoring": 1.0}, *base, ("monitoring", 1.0)),
        *(
            Ratio("relative", f"{share:g}", {f"relative_{i}": 1.0}, *base, (f"relative_{i}", 1.0))
            for i, share in enumerate(config.relative_lines, 1)
        ),
        Ratio("mean_income", "", {INCOME: 1 / CENTS}, *base, squares),
    ]
    return [ratio for ratio in chosen if ratio.measure in config.measures]


def theil_estimates(sums: GroupSums) -> pd.DataFrame:
    """Return Theil's T in each group, sum of shares times ln(y / mean), with linearised errors.

    T = L / Y - ln(Y / W) with L = sum v y ln y; dT/dv = y ln y / Y - L y / Y^2 - y / Y + 1 / W.
    """
    weight, logs = sums.entries(INCOME_WEIGHT), sums.entries(LOGS)
    income = sums.entries(INCOME) / CENTS
    at, n = sums.domains.domain, sums.domains.n
    total_weight = _positive(sums_by(at, weight, n))
    total, total_logs = _positive(sums_by(at, income, n)), sums_by(at, logs, n)
    value = total_logs / total - np.log(total / total_weight)
    z = (
        logs / total[at]
        - (total_logs[at] / total[at] + 1) * income / total[at]
        + weight / total_weight[at]
    )
    frame = estimate_frame(sums, np.maximum(value, 0.0), z, weight=INCOME_WEIGHT, n=INCOME_N)
    return sums.labels.assign(measure="theil", item="").join(frame)


def gini_estimates(sums: GroupSums, excess: Floats) -> pd.DataFrame:
    """Return the Gini coefficient in each group, with linearised errors.

    G = sum v E / (W Y) with E_i = sum over y_j <= y_i of v_j (y_i - y_j). With D_i = sum_j v_j
    |y_i - y_j| = 2 E_i - W y_i + Y, dG/dv_i = D_i / (W Y) - G / W - G y_i / Y.

    Parameters
    ----------
    sums : GroupSums
    excess : array, shape (n_entries,)
        Sum of v E by entry, see `income_order.excess_sums`.

    Source
    ------
    Kovacevic and Binder (1997), Journal of Official Statistics 13, 41-58: the same influences.
    """
    domain, n = sums.domains.domain, sums.domains.n
    weight, income = sums.entries(INCOME_WEIGHT), sums.entries(INCOME)
    total_weight = _positive(sums_by(domain, weight, n))
    total = _positive(sums_by(domain, income, n))
    share, money = weight / total_weight[domain], income / total[domain]
    spread = excess / (total_weight * total)[domain]
    value = sums_by(domain, spread, n) + 0 * total
    z = 2 * spread - money + share - value[domain] * (share + money)
    frame = estimate_frame(sums, value, z, weight=INCOME_WEIGHT, n=INCOME_N)
    return sums.labels.assign(measure="gini", item="").join(frame)


def _gap_sums(rows: Any, config: HouseholdConfig, *, wide: bool) -> dict[str, Any]:
    v, cents, line = rows["v"], rows["cents"], poverty_cents(rows, config)
    poor = (cents < line).cast("int64")
    used = poor.notnull().cast("int64")
    gap = poor * (line - cents).cast("float64") / line.cast("float64")
    powers = {"FGT1": gap, "FGT2": gap * gap, "FGT4": gap * gap * gap * gap}
    fixed = {name: v * rounded(power * FIXED, wide=wide) for name, power in powers.items()}
    sums = {LINE_N: used, LINE_WEIGHT: v * used, "FGT0": v * poor, **fixed}
    return sums | household_sums(rows, LINE_WEIGHT, used)


def _positive(totals: Floats) -> Floats:
    return np.where(totals > 0, totals, np.nan)
