"""Known truth of the simulated default: parameters, true effects, and the bias of naive estimators.

The default profile simulates its county panel so that every estimate can be shown beside the number
it should recover. This module reads and validates the parameters of that process and derives from
them the true values; `analysis.simulate` draws the panel.
"""

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import ArrayLike, NDArray

from analysis.parameters import nearest
from analysis.project import bullet_list

YEARS = tuple(range(2010, 2023))
COHORTS = (2016, 2017, 2018, 2019, 2020)
TRUTH_FILE = "truth.yml"
EFFECT_UNIT = "log points"


def _number(low: float, high: float, *, length: int | None = None) -> Any:
    return field(metadata={"low": low, "high": high, "length": length})


@dataclass(frozen=True, kw_only=True)
class Truth:
    r"""Parameters of the simulated county panel, validated on construction.

    Vary one with ``dataclasses.replace(truth, catch_up=0.0)``; the copy is validated too.

    Attributes
    ----------
    disadvantage_province_sd, disadvantage_county_sd
        Standard deviations of the province and the county part of disadvantage s.
    disadvantage_gap
        What s of a designated county is higher than of others, by year of delisting 2016..2020:
        the order of delisting follows disadvantage.
    income_level, income_gradient, income_county_sd
        Mean log income in 2010 at s = 0, its slope on s, standard deviation of the county effect.
    income_growth
        National growth of log income 2011..2022.
    catch_up
        Extra growth of log income per year and unit of s (gamma): poorer counties grow faster
        whether designated or not.
    effect_path, effect_multiplier
        Effect of delisting 0..6 years after it, and the multiplier by year of delisting.
    anticipation
        Effect in the year before delisting as a share of the effect at delisting.
    province_shock_sd
        Standard deviation of the shocks that all counties of a province share in a year.
    error_sd, error_ar
        Innovation standard deviation and autocorrelation of the county error (stationary).
    missing_share
        Share of county-years without log income, missing completely at random.
    kappa
        Effect of last year's alleviation score on this year's revitalization score.
    alleviation_level, alleviation_growth, alleviation_gradient, alleviation_county_sd
        Alleviation score U1: mean in 2009, growth 2010..2022, slope on s, county effect.
    alleviation_error_sd, alleviation_error_ar
        Innovation standard deviation and autocorrelation of its yearly part.
    revitalization_level, revitalization_growth, revitalization_affinity
        Revitalization score U2: mean county effect, growth 2011..2022, slope of the county effect
        on the county part of U1 (what biases estimators without county effects).
    revitalization_county_sd, revitalization_error_sd
        Standard deviations of the rest of the county effect and of the yearly part.
    loading
        Lowest and highest loading of an indicator on its latent score.
    indicator_noise_sd
        Standard deviation of the measurement noise as a share of the indicator's typical range.

    Raises
    ------
    ValueError
        Lists every parameter whose type, length or range is wrong.
    """

    disadvantage_province_sd: float = _number(0, 3)
    disadvantage_county_sd: float = _number(0.1, 3)
    disadvantage_gap: tuple[float, ...] = _number(-3, 3, length=len(COHORTS))
    income_level: float = _number(5, 14)
    income_gradient: float = _number(-1, 1)
    income_county_sd: float = _number(0, 1)
    income_growth: tuple[float, ...] = _number(-0.5, 0.5, length=len(YEARS) - 1)
    catch_up: float = _number(-0.05, 0.05)
    effect_path: tuple[float, ...] = _number(-1, 1, length=YEARS[-1] - COHORTS[0] + 1)
    effect_multiplier: tuple[float, ...] = _number(-5, 5, length=len(COHORTS))
    anticipation: float = _number(0, 1)
    province_shock_sd: float = _number(0, 0.5)
    error_sd: float = _number(0, 1)
    error_ar: float = _number(-0.95, 0.95)
    missing_share: float = _number(0, 0.5)
    kappa: float = _number(-1, 1)
    alleviation_level: float = _number(0, 1)
    alleviation_growth: tuple[float, ...] = _number(-0.2, 0.2, length=len(YEARS))
    alleviation_gradient: float = _number(-0.2, 0.2)
    alleviation_county_sd: float = _number(0, 0.2)
    alleviation_error_sd: float = _number(0.001, 0.2)
    alleviation_error_ar: float = _number(-0.95, 0.95)
    revitalization_level: float = _number(0, 1)
    revitalization_growth: tuple[float, ...] = _number(-0.2, 0.2, length=len(YEARS) - 1)
    revitalization_affinity: float = _number(-2, 2)
    revitalization_county_sd: float = _number(0, 0.2)
    revitalization_error_sd: float = _number(0, 0.2)
    loading: tuple[float, ...] = _number(0.1, 1, length=2)
    indicator_noise_sd: float = _number(0, 0.5)

    def __post_init__(self) -> None:
        """Refuse values of the wrong type, length or range."""
        problems = [p for spec in fields(self) if (p := _problem(spec, getattr(self, spec.name)))]
        if problems:
            raise ValueError(_report("parameters of the simulation", problems))


def _admissible(value: object, low: float, high: float) -> bool:
    """Say whether a value is a number between the bounds (NaN is not)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return low <= value <= high


def _problem(spec: Field[Any], value: object) -> str | None:
    """Say what is wrong with a value, or None."""
    low, high, length = (spec.metadata[key] for key in ("low", "high", "length"))
    wanted = "a number" if length is None else f"a list of {length} numbers"
    wanted = f"expected {wanted} from {low:g} to {high:g}"
    items = [value] if length is None else list(value) if isinstance(value, list | tuple) else None
    if items is None or (length is not None and len(items) != length):
        return f"{spec.name}: {wanted}, got {value!r}"
    bad = [item for item in items if not _admissible(item, low, high)]
    return f"{spec.name}: {wanted}, got {', '.join(map(repr, bad))}" if bad else None


def _report(where: str, problems: list[str]) -> str:
    head = f"{where}: {len(problems)} problem{'s' if len(problems) > 1 else ''}"
    return bullet_list(head, problems)


def load_truth(folder: Path) -> Truth:
    """Read and validate the parameters of the simulated panel.

    Parameters
    ----------
    folder
        Source folder that holds ``truth.yml``, one ``name: value`` per line.

    Returns
    -------
    Truth
        All parameters; lists become tuples and whole numbers floats.

    Raises
    ------
    FileNotFoundError
        The file is not there.
    ValueError
        Lists every unknown, missing or inadmissible parameter with its remedy.
    """
    path = folder / TRUTH_FILE
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(found, Mapping):
        raise ValueError(f"{path}: expected lines `name: value`, got {type(found).__name__}")
    specs = {spec.name: spec for spec in fields(Truth)}
    problems = [_unknown(str(name), list(specs)) for name in found if name not in specs]
    problems += [f"{name}: missing, add it" for name in specs if name not in found]
    checked = (_problem(spec, found[name]) for name, spec in specs.items() if name in found)
    problems += [problem for problem in checked if problem]
    if problems:
        raise ValueError(_report(str(path), problems))
    values: dict[str, Any] = {name: _typed(found[name]) for name in specs}
    return Truth(**values)


def _unknown(name: str, valid: list[str]) -> str:
    return f"{name}: unknown parameter{nearest(name, valid) or ', remove it'}"


def _typed(value: Any) -> float | tuple[float, ...]:
    return tuple(map(float, value)) if isinstance(value, list) else float(value)


def delisting_effect(
    truth: Truth, delisted_year: ArrayLike, year: ArrayLike
) -> NDArray[np.float64]:
    r"""Return the true effect of delisting on log income, tau_{g,e} = m_g * path_e.

    Parameters
    ----------
    truth
        Parameters of the process.
    delisted_year
        Year of delisting g in 2016..2020, NaN where never designated; any shape.
    year
        Calendar year t up to 2022; a shape that broadcasts with `delisted_year`.

    Returns
    -------
    ndarray of float
        Log points. Zero before delisting (but for anticipation, one year before) and for the
        never designated.
    """
    cohort, event = np.broadcast_arrays(
        np.asarray(delisted_year, dtype=float), np.subtract(year, delisted_year, dtype=float)
    )
    effect = np.zeros(event.shape)
    after = event >= 0
    multiplier = np.asarray(truth.effect_multiplier)
    effect[after] = (
        multiplier[cohort[after].astype(int) - COHORTS[0]]
        * np.asarray(truth.effect_path)[event[after].astype(int)]
    )
    before = event == -1
    effect[before] = (
        truth.anticipation
        * truth.effect_path[0]
        * multiplier[cohort[before].astype(int) - COHORTS[0]]
    )
    return effect


def _cells(truth: Truth, panel: pd.DataFrame) -> pd.DataFrame:
    """Return one row per cohort and year from delisting on: size, event year, effect."""
    cohorts = panel.drop_duplicates("code")["delisted_year"].dropna().astype(int)
    sizes = cohorts.value_counts().rename_axis("cohort").rename("size").reset_index()
    cells = sizes.merge(pd.DataFrame({"year": np.unique(panel["year"])}), how="cross")
    cells = cells[cells["year"] >= cells["cohort"]]
    return cells.assign(
        event=cells["year"] - cells["cohort"],
        effect=delisting_effect(truth, cells["cohort"], cells["year"]),
    ).sort_values(["cohort", "year"], ignore_index=True)


def average_effects(truth: Truth, panel: pd.DataFrame) -> dict[str, float]:
    r"""Average the true effects over cohorts and years in the usual ways.

    Parameters
    ----------
    truth
        Parameters of the process.
    panel
        County panel; only `code`, `year` and `delisted_year` are read (cohort sizes and years).

    Returns
    -------
    dict
        Log points. ``simple``: mean over all county-years from delisting on. ``group``: mean over
        the years of each cohort first, then over cohorts weighted by their counties.
        ``dynamic``: mean over the cohorts observed e years after delisting weighted by their
        counties first, then over e with equal weights. ``2020``: mean over the designated counties
        of the effect in 2020. With the 28, 125, 283, 344 and 52 counties delisted in 2016..2020
        and the parameters of the default: .025212, .024269, .031848 and .024620.

    Raises
    ------
    ValueError
        The panel holds no designated county observed in 2020.

    Notes
    -----
    The first three are the simple, group and dynamic aggregations of Callaway and Sant'Anna (2021,
    Journal of Econometrics 225, section 3), written for the true instead of the estimated effects.
    """
    cells = _cells(truth, panel)
    if not (cells["year"] == COHORTS[-1]).any():
        raise ValueError("panel: expected designated counties observed in 2020, got none")
    weighted = cells.assign(total=cells["size"] * cells["effect"])
    by_event = weighted.groupby("event")[["total", "size"]].sum()
    by_cohort = cells.groupby("cohort").agg(size=("size", "first"), effect=("effect", "mean"))
    of_2020 = weighted[weighted["year"] == COHORTS[-1]]
    return {
        "simple": float(weighted["total"].sum() / cells["size"].sum()),
        "group": float(np.average(by_cohort["effect"], weights=by_cohort["size"])),
        "dynamic": float((by_event["total"] / by_event["size"]).mean()),
        "2020": float(of_2020["total"].sum() / of_2020["size"].sum()),
    }


_ROWS = (
    ("kappa", "per unit of score", "Effect of alleviation on revitalization",
     "脱贫攻坚对乡村振兴的影响",
     "coefficient of last year's alleviation score; two-way fixed effects recover it"),
    ("delisting_effect_simple", EFFECT_UNIT, "Effect of delisting, simple average",
     "摘帽效应（简单平均）", "mean over all county-years from delisting on"),
    ("delisting_effect_group", EFFECT_UNIT, "Effect of delisting, group average",
     "摘帽效应（组别平均）", "mean by cohort, then over cohorts weighted by their counties"),
    ("delisting_effect_dynamic", EFFECT_UNIT, "Effect of delisting, dynamic average",
     "摘帽效应（动态平均）", "mean by years since delisting, then over these with equal weights"),
    ("delisting_effect_2020", EFFECT_UNIT, "Effect of delisting in 2020", "2020年摘帽效应",
     "mean over the designated; the long difference 2010-2020 given disadvantage recovers it"),
    ("catch_up", "log points per year and unit of disadvantage", "Catch-up of poor counties",
     "贫困县追赶速度", "growth of log income on disadvantage, whether designated or not"),
)  # fmt: skip


def truth_table(truth: Truth, panel: pd.DataFrame) -> pd.DataFrame:
    """List what estimates on the simulated panel should recover.

    Parameters
    ----------
    truth
        Parameters of the process.
    panel
        Simulated panel; `code`, `year` and `delisted_year` are read.

    Returns
    -------
    DataFrame
        One row per known truth, sorted by `parameter`: parameter, truth, unit, label_en, label_zh,
        about. For the effects of delisting see `average_effects`.
    """
    effects = average_effects(truth, panel)
    values = {f"delisting_effect_{name}": value for name, value in effects.items()}
    values |= {"kappa": truth.kappa, "catch_up": truth.catch_up}
    table = pd.DataFrame(_ROWS, columns=["parameter", "unit", "label_en", "label_zh", "about"])
    table.insert(1, "truth", table["parameter"].map(values))
    return table.sort_values("parameter", ignore_index=True)


def naive_bias(truth: Truth, panel: pd.DataFrame) -> pd.DataFrame:
    r"""Return the bias that three naive estimators show on the simulated panel, in closed form.

    Parameters
    ----------
    truth
        Parameters of the process.
    panel
        Simulated panel; `code`, `designated` and `disadvantage` are read (the drawn s).

    Returns
    -------
    DataFrame
        One row per estimator: estimator, parameter, bias (unit of the parameter), about.

        * raw long difference of log income 2010-2020 on `designated`: ``10 gamma gap``, with
          ``gap`` the mean of s among the designated less that of the others;
        * pooled with year effects (U2 on lagged U1):
          ``c V_b / (V_b + V_u)``, with c the affinity, V_b the variance of the county part of U1
          and V_u that of its yearly part; between effects show nearly the same, random effects a
          part of it, two-way effects and first differences with year effects none;
        * county effects without year effects: ``cov_t(Lambda, M) / (var_t(M) + V_w)``, with Lambda
          and M the national paths of U2 and lagged U1, V_w the within-county variance of U1: what
          rises together is taken for an effect.
    """
    counties = panel.drop_duplicates("code")
    s, designated = counties["disadvantage"], counties["designated"].astype(bool)
    gap = s[designated].mean() - s[~designated].mean()
    county_part = truth.alleviation_gradient**2 * s.var(ddof=0) + truth.alleviation_county_sd**2
    yearly_part = truth.alleviation_error_sd**2 / (1 - truth.alleviation_error_ar**2)
    paths = np.cumsum([truth.revitalization_growth, truth.alleviation_growth[:-1]], axis=1)
    moments = np.cov(paths, ddof=0)
    lags = np.abs(np.subtract.outer(np.arange(paths.shape[1]), np.arange(paths.shape[1])))
    within = yearly_part * (1 - (truth.alleviation_error_ar**lags).mean())
    pooled = truth.revitalization_affinity * county_part / (county_part + yearly_part)
    rows = [
        ("raw_long_difference", "delisting_effect_2020", 10 * truth.catch_up * gap,
         "poor counties were catching up before they were delisted"),
        ("pooled_year_effects", "kappa", pooled,
         "counties with high alleviation scores have high revitalization scores for other reasons"),
        ("county_effects_only", "kappa", moments[0, 1] / (moments[1, 1] + within),
         "both scores rise over the years everywhere"),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["estimator", "parameter", "bias", "about"])
