"""The audit of the joins: what became of every unit of every source, and why.

One row per source, fate and reason, with the count and, unless matched, the codes. The rows
`matched` and `not matched` of a source add to its units, so nothing can get lost unnoticed.
"""

from __future__ import annotations

import pandas as pd

from analysis.crosswalk import linked_units

_AUDIT = ["source", "fate", "reason", "count", "codes"]


def audit_boundaries(panel: pd.DataFrame, boundary_codes: pd.Series) -> pd.DataFrame:
    """Audit rows for a map layer, to be appended to the audit of `build_census_panel`.

    Parameters
    ----------
    panel
        The county panel.
    boundary_codes
        County codes of the layer.
    """
    codes = pd.Series(boundary_codes.astype(str).unique())
    inside = codes.where(codes.isin(panel["code"]))
    rule = inside.notna().map(
        {True: "code of 2020", False: "no linked county of the census has this code"}
    )
    matches = pd.DataFrame({"source_code": codes, "code": inside, "rule": rule})
    return audit_matches(matches, pd.Index(panel["code"].unique()), "boundaries")


def _audit_rows(source: str, units: pd.DataFrame) -> pd.DataFrame:
    """One row per fate and reason; `units` has fate, reason and code, one row per unit."""
    rows = [
        [
            source,
            *group,
            len(codes),
            "" if group[0] == "matched" else " ".join(sorted(codes.dropna())),
        ]
        for group, codes in units.groupby(["fate", "reason"], sort=True)["code"]
    ]
    return pd.DataFrame(rows, columns=_AUDIT)


def audit_census(quarantine: pd.DataFrame, links: pd.DataFrame, year: int) -> pd.DataFrame:
    """What became of the rows of one census.

    Parameters
    ----------
    quarantine
        Rows and cells set aside by `read_census`, of one census or of both.
    links
        As `link_counties` returns it.
    year
        2010 or 2020.

    Returns
    -------
    Audit rows of counties (matched, not matched) and of rows that are no counties (set aside).
    """
    here = links[links[f"code_{year}"].notna()]
    matched = ~here["method"].str.startswith("unmatched")
    reviewed = ~here["reason"].str.startswith(("development zone", "no unit"))
    reason = here["reason"].mask(
        reviewed, "dissolved, newly formed or without a code: reviewed rows"
    )
    counties = pd.DataFrame(
        {
            "fate": matched.map({True: "matched", False: "not matched"}),
            "reason": reason.mask(matched, here["method"]),
            "code": here[f"code_{year}"],
        }
    )
    rows = quarantine[(quarantine["variable"] == "*") & (quarantine["year"] == year)]
    aside = rows[["reason", "code"]].assign(outcome="row set aside")
    return _audit_rows(f"census_county_{year}", pd.concat([counties, aside]))


def audit_poverty(poverty: pd.DataFrame, links: pd.DataFrame) -> pd.DataFrame:
    """What became of the 832.

    Parameters
    ----------
    poverty
        As `load_list` returns it.
    links
        As `link_counties` returns it.
    """
    linked = poverty["code"].isin(linked_units(links)["code_2020"])
    why = poverty["code"].map(links.dropna(subset="code_2020").set_index("code_2020")["reason"])
    why = why.fillna("no unit of its own in the census of 2020")
    units = pd.DataFrame(
        {
            "fate": linked.map({True: "matched", False: "not matched"}),
            "reason": why.mask(linked, "code of 2020"),
            "code": poverty["code"],
        }
    )
    return _audit_rows("poverty_county_notice", units)


def audit_matches(matches: pd.DataFrame, counties: pd.Index, source: str) -> pd.DataFrame:
    """What became of the units of a joined source, and which counties it leaves without a value.

    Parameters
    ----------
    matches
        source_code, code (2020, missing where unmatched) and rule, one row per unit of the source.
    counties
        Codes of the counties of the panel.
    source
        Name of the source folder.
    """
    units = pd.DataFrame(
        {
            "fate": matches["code"].notna().map({True: "matched", False: "not matched"}),
            "reason": matches["rule"],
            "code": matches["source_code"],
        }
    )
    lacking = counties[~counties.isin(matches["code"])]
    missing = pd.DataFrame(
        {"fate": "county without a value", "reason": "not in the source", "code": lacking}
    )
    return _audit_rows(source, pd.concat([units, missing]))
