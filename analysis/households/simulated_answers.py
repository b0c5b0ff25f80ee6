"""SQL for the answers of simulated households.

Random numbers are 21-bit pieces of the md5 digest of a seed and the key of a row, so that no number
depends on threads, on order or on how many other rows there are, and any language can redo them.
"""

from __future__ import annotations

from collections.abc import Sequence

from analysis.households.household_truth import ANSWERS, INDICATORS, HouseholdTruth

MANTISSA = 2**21


def uniforms(key: str, names: Sequence[str]) -> str:
    """Return SQL for one to six uniform numbers from the md5 digest of a key.

    Each takes 21 bits and lies amid its cell of width 2**-21, so none is 0 or 1.
    """
    halves = (f"md5_number_lower({key})", f"md5_number_upper({key})")
    drawn = [
        f"((({halves[i // 3]} >> {43 - 21 * (i % 3)}) & {MANTISSA - 1}) + 0.5) / {MANTISSA} "
        f"AS {name}"
        for i, name in enumerate(names)
    ]
    return ", ".join(drawn)


def normal(first: str, second: str, *, wave: str = "cos") -> str:
    """Return SQL for a standard normal number from two uniform ones (Box and Muller 1958)."""
    return f"(sqrt(-2 * ln({first})) * {wave}(2 * pi() * {second}))"


def answers_sql(homes: str, truth: HouseholdTruth, *, seed: int, years: Sequence[int]) -> str:
    """Return the query for the answers of households in each year.

    Parameters
    ----------
    homes : str
        Query for one row per household: village, house, code, stratum, urban, disadvantage, weight.
    truth : HouseholdTruth
    seed : int
        Of the population.
    years : sequence of int
        One to three.

    Returns
    -------
    str
        One row per household and year, columns as `simulate_households.sample_sql`.
    """
    key = f"'{seed}|' || village || '|' || house || '|"
    fixed = [name for name in INDICATORS if name != "serious_illness"]
    levels = [f"u_{name}" for name in fixed]
    turns = [f"{kind}{year}" for kind in ("ill", "shock") for year in range(3)]
    carried = ", ".join(
        [*levels, *turns, "u_grade", "u_water", "urban", "code", "stratum", "village", "house",
         "weight", "persons", "latent", "migrant_worker"]
    )  # fmt: skip
    return f"""
WITH homes AS ({homes}),
random AS (SELECT *, {uniforms(key + "a'", ["a1", "a2", "a3", "a4", "u_migrant", "u_grade"])},
                  {uniforms(key + "b'", levels[:6])},
                  {uniforms(key + "c'", [*levels[6:], "u_water"])},
                  {uniforms(key + "d'", turns)} FROM homes),
person AS (SELECT *, {normal("a1", "a2")} AS own FROM random),
latent AS (SELECT *, disadvantage + own AS latent,
                  least(10, greatest(1, round({truth.persons_mean} + {truth.persons_loading} * own
                      + {truth.persons_sd} * {normal("a1", "a2", wave="sin")})))::TINYINT AS persons
           FROM person),
worker AS (SELECT *, {_deprived("u_migrant", truth.migrant)} AS migrant_worker FROM latent),
{_income_steps(truth, carried, len(years))}
{_rows(truth, years)}"""


def _deprived(uniform: str, slope: tuple[float, float], shift: str = "0") -> str:
    return f"({uniform} < 1 / (1 + exp(-({slope[0]} + {shift} + {slope[1]} * latent))))::TINYINT"


def _low_schooling(truth: HouseholdTruth, year: str) -> str:
    shift = f"{truth.progress} * {year}"
    return _deprived("u_low_schooling", truth.indicators["low_schooling"], shift)


def _income_steps(truth: HouseholdTruth, carried: str, years: int) -> str:
    """Return common table expressions that carry income from year to year, ending in `dynamic`."""
    start = (
        f"{truth.income_level} * exp({truth.income_loading} * latent + {truth.urban_income} * urban"
        f" + {truth.income_sd} * {normal('a3', 'a4')})"
    )
    illness = truth.indicators["serious_illness"]
    steps = [f"step0 AS (SELECT {carried}, round({start}, 2) AS income0 FROM worker)"]
    for year in range(years):
        last = (
            f"{truth.income_drift} + {truth.income_persistence} * ln(income{year} / "
            f"{truth.poverty_line}) + {truth.income_illness} * {_deprived(f'ill{year}', illness)}"
            f" + {truth.income_schooling} * {_low_schooling(truth, str(year))}"
            f" + {truth.income_migrant} * migrant_worker"
            f" + {truth.income_scale} * ln(shock{year} / (1 - shock{year}))"
        )
        income = f"greatest(0.01, round({truth.poverty_line} * exp({last}), 2))"
        name = "dynamic" if year + 1 == years else f"step{year + 1}"
        steps.append(f"{name} AS (SELECT *, {income} AS income{year + 1} FROM step{year})")
    return ",\n".join(steps)


def _rows(truth: HouseholdTruth, years: Sequence[int]) -> str:
    """Return the last query, which makes a row of each year of a household."""
    income = "[" + ", ".join(f"income{year}" for year in range(len(years) + 1)) + "]"
    ill = "[" + ", ".join(f"ill{year}" for year in range(len(years))) + "]"
    draws = {name: f"u_{name}" for name in INDICATORS} | {"serious_illness": f"{ill}[t + 1]"}
    drift = dict.fromkeys(INDICATORS, f"{truth.progress} * t") | {"serious_illness": "0"}
    deprived = {
        name: _deprived(draws[name], truth.indicators[name], drift[name]) for name in INDICATORS
    }
    stored = [f"{deprived[name]} AS {name}" for name in INDICATORS if name not in ANSWERS]
    schooling = (
        f"CASE {deprived['low_schooling']} WHEN 1 THEN floor(6 * u_grade) "
        "ELSE 6 + floor(10 * u_grade) END::TINYINT"
    )
    water = (
        f"CASE {deprived['unsafe_water']} WHEN 1 THEN CASE WHEN u_water < 0.6 THEN 'river' "
        "ELSE 'rain' END ELSE CASE WHEN u_water < 0.7 THEN 'piped' ELSE 'well' END END"
    )
    return f"""SELECT code, ({years[0]} + t)::SMALLINT AS year, stratum, village,
       village || '-' || lpad((house + 1)::VARCHAR, 4, '0') AS household, urban, weight, persons,
       {income}[t + 1] AS income, migrant_worker, {schooling} AS schooling_years,
       {water} AS water_source, {", ".join(stored)},
       ({income}[t + 2] < {truth.poverty_line})::TINYINT AS poor_next_year
FROM dynamic, range({len(years)}) r(t)"""
