"""From the counts of a census to the harmonised variables, and the identities that the counts obey.

Shares are recomputed from counts wherever counts are printed, so that both censuses follow one
formula; a figure that is printed as well must then agree with ours, or the reading fails.
A blank part is a zero only where its total is printed: in both workbooks the identities below hold
with that reading of blanks and with no other.
"""

from __future__ import annotations

import pandas as pd

ROUNDING = 0.02  # shares are printed to two decimals, some of them rounded twice
YEARS_OF = {
    "never_schooled": 0,
    "primary": 6,
    "junior_secondary": 9,
    "senior_secondary": 12,
    "junior_college": 15,
    "bachelor": 16,
}  # years of schooling of a level; postgraduates are counted with bachelors in 2010

_PARTS_OF = {
    "population": ("men", "women", "urban", "rural", "children", "middle", "aged65", "moved_in",
                   "illiterate", *YEARS_OF),
    "households": ("one_person", "elderly_households"),
    "employed": ("agriculture", "mining", "manufacturing", "utilities", "construction", "tertiary"),
    "occupied": ("professional",),
    "long_form": ("with_water", "with_kitchen", "with_toilet", "with_bath", "with_car", "with_lift",
                  "rented", "self_built", "purchased", "other_tenure"),
}  # fmt: skip
_PRINTED_AS = {
    "printed_sex_ratio": "sex_ratio",
    "printed_household_size": "household_size",
    "printed_age0_14": "age0_14_share",
    "printed_age65": "age65_share",
    "printed_illiteracy": "illiteracy",
    "printed_primary": "agriculture_employment",
}
_TENURE = ("rented", "self_built", "purchased")


def fill_blank_parts(counts: pd.DataFrame, set_missing: pd.DataFrame) -> pd.DataFrame:
    """Read a blank part as zero where its total is printed.

    Parameters
    ----------
    counts
        Counts of `census_layout.layout`, one row per unit.
    set_missing
        Same shape, True where the ledger set a cell missing: such a part stays missing.

    Returns
    -------
    A filled copy.
    """
    filled = counts.copy()
    for total, parts in _PARTS_OF.items():
        for part in (name for name in parts if name in counts):
            blank = counts[part].isna() & counts[total].notna() & ~set_missing[part]
            filled[part] = counts[part].mask(blank, 0.0)
    return filled


def harmonise(counts: pd.DataFrame) -> pd.DataFrame:
    """The harmonised variables of one census.

    Parameters
    ----------
    counts
        As `fill_blank_parts` returns it; persons, households, and printed figures.

    Returns
    -------
    One row per unit, columns as in the contract; shares in percent.
    """
    adults = counts["population"] - counts["children"]
    college = counts["junior_college"] + counts["bachelor"]
    values = {
        "population": counts["population"].astype("Int64"),
        "sex_ratio": _percent(counts["men"], counts["women"]),
        "minority_share": counts["minority_share"],
        "rural_share": _percent(counts["rural"], counts["population"]),
        "household_size": counts["household_persons"] / _positive(counts["households"]),
        "one_person_share": _percent(counts["one_person"], counts["households"]),
        "age0_14_share": _percent(counts["children"], counts["population"]),
        "age15_64_share": _percent(adults - counts["aged65"], counts["population"]),
        "age65_share": _percent(counts["aged65"], counts["population"]),
        "elderly_household_share": _percent(counts["elderly_households"], counts["households"]),
        "inmigrant_share": _percent(counts["moved_in"], counts["population"]),
        "schooling": _mean_schooling(counts),
        "illiteracy": _percent(counts["illiterate"], adults),
        "senior_high_share": _percent(counts["senior_secondary"] + college, adults),
        "college_share": _percent(college, adults),
    }
    return pd.DataFrame(values | _employment(counts) | _housing(counts))


def broken_identities(
    counts: pd.DataFrame, values: pd.DataFrame
) -> list[tuple[pd.Series, str, str]]:
    """Rows whose counts contradict one another or the printed figures.

    Returns
    -------
    A list of (mask over the rows, column, rule in words); every mask with a True is a violation.
    """
    rules = [
        ((counts[part] > counts[total]) | (counts[part] < 0), part, f"0 <= {part} <= {total}")
        for total, parts in _PARTS_OF.items()
        for part in parts
        if part in counts
    ]
    attained = counts[list(YEARS_OF)].sum(axis=1, skipna=False)
    rules.append((attained > counts["population"], "primary", "attainment within the population"))
    sums = {
        "men + women": ("population", ("men", "women")),
        "urban + rural": ("population", ("urban", "rural")),
        "sources of the dwelling": ("long_form", (*_TENURE, "other_tenure")),
        "ages": ("population", ("children", "middle", "aged65")),
        "industries": ("employed", _PARTS_OF["employed"]),
    }
    for words, (total, parts) in sums.items():
        gap = (counts[list(parts)].sum(axis=1, skipna=False) - counts[total]).abs()
        rules.append((gap > 0, total, f"{words} add to {total}"))
    for printed, ours in _PRINTED_AS.items():
        if printed in counts:
            gap = (counts[printed] - values[ours]).abs()
            rules.append((gap > ROUNDING, printed, f"printed figure equals the recomputed {ours}"))
    shares = [
        name
        for name in map(str, values)
        if name.endswith("_share") or name in ("illiteracy", "schooling")
    ]
    rules += [((values[v] > 100) | (values[v] < 0), v, "a share lies in 0-100") for v in shares]
    return [rule for rule in rules if rule[0].any()]


def _mean_schooling(counts: pd.DataFrame) -> pd.Series:
    """Years by level over the persons whose level is recorded.

    The printed means differ in base (aged 15 and over in 2010; in 2020 all whose level is recorded
    but pre-school), so both years are computed alike.
    """
    years = sum(counts[level] * length for level, length in YEARS_OF.items())
    return years / _positive(counts[list(YEARS_OF)].sum(axis=1, skipna=False))


def _employment(counts: pd.DataFrame) -> dict[str, pd.Series]:
    employed = counts["employed"]
    secondary = counts[["mining", "manufacturing", "utilities", "construction"]].sum(
        axis=1, skipna=False
    )
    return {
        "agriculture_employment": _percent(counts["agriculture"], employed),
        "manufacturing_employment": _percent(counts["manufacturing"], employed),
        "services_employment": _percent(employed - counts["agriculture"] - secondary, employed),
        "professional_share": _percent(counts["professional"], counts["occupied"]),
    }


def _housing(counts: pd.DataFrame) -> dict[str, pd.Series]:
    shares = {
        "tap_water": "with_water",
        "kitchen": "with_kitchen",
        "toilet": "with_toilet",
        "bath": "with_bath",
        "self_built_share": "self_built",
        "purchased_share": "purchased",
        "rented_share": "rented",
        "car": "with_car",
        "lift": "with_lift",
    }
    printed = {name: counts[name] for name in ("floor_space", "rooms")}
    return printed | {
        name: _percent(counts[count], counts["long_form"])
        for name, count in shares.items()
        if count in counts
    }


def _percent(part: pd.Series, total: pd.Series) -> pd.Series:
    return 100.0 * part / _positive(total)


def _positive(total: pd.Series) -> pd.Series:
    return total.where(total > 0)
