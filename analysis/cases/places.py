"""Where a study names its county: that county's census row beside all rural counties.

Two of the four studies hide their county under a letter; they stay hidden here, and nothing is
guessed from what else they tell. One names its county, one its prefecture: the town may lie in
any of its counties, so all are shown that were rural in 2010 and are in the panel. `place_status`
counts those (`counties`) and those left out as urban (`left_out`); units missing from the panel
are in neither number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from analysis.cases.matrix import towns
from analysis.geography import require_columns

if TYPE_CHECKING:
    from analysis.cases.studies import Studies

VARIABLES = (
    "population", "rural_share", "age65_share", "inmigrant_share", "schooling", "illiteracy",
    "agriculture_employment", "manufacturing_employment", "professional_share", "tap_water",
    "toilet",
)  # fmt: skip
LEVELS = {6: "county", 4: "prefecture", 0: "anonymous"}  # by digits of the code
PLACE_COLUMNS = ["case", "name_en", "name_zh", "place_en", "place_zh", "county_code",
                 "prefecture_code"]  # fmt: skip


def place_status(
    studies: Studies, panel: pd.DataFrame, *, variables: Sequence[str] = VARIABLES
) -> pd.DataFrame:
    """Tell for each town what can be shown of its place, and why no more.

    Parameters
    ----------
    studies : Studies
        cases: case, name_en, name_zh, place_en, place_zh, county_code, prefecture_code (empty:
        anonymous).
    panel : DataFrame
        County panel: code, name, year, rural_2010 and `variables`. A panel without any of these (a
        simulated one) holds no census row: simulated numbers say nothing of a real county.
    variables : sequence of str
        Of the censuses.

    Returns
    -------
    DataFrame
        case, level (county, prefecture, anonymous), place_en, place_zh, unit_en, unit_zh (place
        without the town), code, counties (units of the place in the panel that were rural in
        2010), left_out (its other units in the panel, urban in 2010), status (``shown``,
        ``anonymous``: not guessed, ``not_available``: no census row in this profile).

    Raises
    ------
    ValueError
        If columns of the cases are missing, or some but not all of the variables.
    """
    require_columns(studies.cases, PLACE_COLUMNS, "cases.csv")
    units = _census(panel, variables).drop_duplicates("code")
    rows = []
    cases = studies.cases[studies.cases["case"].isin(towns(studies))]
    for case in cases.to_dict("records"):
        code = case["county_code"] or case["prefecture_code"]
        inside = units[units["code"].str.startswith(code or "anonymous")]
        rural = int(inside["rural_2010"].sum())
        status = "shown" if rural else ("not_available" if code else "anonymous")
        level = LEVELS[len(code)]
        names = [case["place_en"], case["place_zh"],
                 case["place_en"].removeprefix(f"{case['name_en']}, "),
                 case["place_zh"].removesuffix(case["name_zh"])]  # fmt: skip
        rows.append([case["case"], level, *names, code, rural, len(inside) - rural, status])
    columns = ["case", "level", "place_en", "place_zh", "unit_en", "unit_zh", "code", "counties",
               "left_out", "status"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def place_ranks(
    studies: Studies, panel: pd.DataFrame, *, variables: Sequence[str] = VARIABLES
) -> pd.DataFrame:
    """Rank the counties of the known places among all counties that were rural in 2010.

    Parameters
    ----------
    studies, panel, variables
        As `place_status`.

    Returns
    -------
    DataFrame
        case, level, code, name, year, variable, value, percentile (100 (below + ties / 2) / n
        among `of_counties` counties of that year with a value; 50 is the middle), national_median,
        of_counties. Missing values have no row.

    Raises
    ------
    ValueError
        As `place_status`.
    """
    columns = ["case", "level", "code", "name", "year", "variable", "value", "percentile",
               "national_median", "of_counties"]  # fmt: skip
    census = _census(panel, variables)
    places = place_status(studies, panel, variables=variables)
    known = places[places["status"] == "shown"]
    if known.empty:
        return pd.DataFrame(columns=columns)
    long = census[census["rural_2010"]].melt(
        ["code", "name", "year"], list(variables), var_name="variable"
    )
    long = long.dropna(subset="value").astype({"value": "float64"})
    groups = long.groupby(["year", "variable"])["value"]
    long["of_counties"] = groups.transform("size").astype("int64")
    long["percentile"] = 100 * (groups.rank(method="average") - 0.5) / long["of_counties"]
    long["national_median"] = groups.transform("median")
    parts = [
        long[long["code"].str.startswith(p["code"])].assign(case=p["case"], level=p["level"])
        for p in known.to_dict("records")
    ]
    table = pd.concat(parts)
    order = table["variable"].map(list(variables).index)
    places = table.assign(order=order).sort_values(["case", "year", "order", "code"])
    return places[columns].reset_index(drop=True)


def _census(panel: pd.DataFrame, variables: Sequence[str]) -> pd.DataFrame:
    """Return the rows of the panel, none where it has no variable of the censuses."""
    columns = ["code", "name", "year", "rural_2010", *variables]
    if set(variables).isdisjoint(panel.columns):
        return pd.DataFrame({c: pd.Series(dtype="str") for c in columns}).astype(
            {"rural_2010": "bool"}
        )
    require_columns(panel, columns, "county_panel")
    return panel[columns]
