"""The county units that codes are checked against, and what became of units that are no more."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.crosswalk import name_stem, read_manual
from analysis.geography import fix_poverty_codes

COUNTY = re.compile(r"\d{6}")


@dataclass(frozen=True)
class Administrative:
    """County units of 2020.

    Attributes
    ----------
    names : mapping of str to str
        Name by code.
    later : mapping of str to tuple of (str, str)
        For a code that is no more: codes in 2020 of the units that it became or joined, each with
        the reason.
    """

    names: Mapping[str, str]
    later: Mapping[str, tuple[tuple[str, str], ...]]

    def remedy(self, code: str, name: str | None = None) -> str:
        """Say what to do about a code that no unit has.

        Parameters
        ----------
        code : str
        name : str, optional
            Name of the county in the same row; a unit of the province whose name has the same stem
            is suggested.
        """
        if code in self.later:
            units = [f"{c} {self.names.get(c, '')} ({why})" for c, why in self.later[code]]
            return f"give it the code of 2020: {' or '.join(units)}"
        if similar := self._namesakes(code, name):
            return f"give it the code of 2020: {' or '.join(similar)}, by its name"
        if not COUNTY.fullmatch(code):
            return self._shape_remedy(code)
        if code.endswith("00"):
            return "this is a province or prefecture: give the code of the county"
        if code[4] == "7":
            return "a development zone has no area of its own: give the district around it"
        return "give the six-digit code of the county in 2020"

    def disagrees(self, code: str, name: str) -> bool:
        """Return whether the unit of a code has a name of another stem."""
        return code in self.names and name_stem(self.names[code]) != name_stem(name)

    def _namesakes(self, code: str, name: str | None) -> list[str]:
        if not name:
            return []
        stem = name_stem(name)
        near = [c for c in sorted(self.names) if c[:2] == code[:2]]
        return [f"{c} {self.names[c]}" for c in near if name_stem(self.names[c]) == stem]

    def _shape_remedy(self, code: str) -> str:
        whole = code.removesuffix(".0")
        if whole in self.names:
            return f"write {whole} without a point"
        if len(code) in (9, 12) and code.isdigit() and code[:6] in self.names:
            return f"keep the first six digits: {code[:6]} {self.names[code[:6]]}"
        return "a county has six digits"


def administrative_units(raw: Path) -> Administrative:
    """Read the units of 2020 and the changes since 2010.

    Parameters
    ----------
    raw : Path
        `data/raw`: units from `boundaries`; changes from the reviewed rows of `crosswalk`, the
        codes of 2010 in the list of poverty counties in `facts`, and the codes that the boundary
        layer has of later years.

    Raises
    ------
    ValueError
        When a file is not there or a reviewed row is faulty.
    """
    columns = ["code", "name", "layer_code"]
    try:
        units = pd.read_parquet(raw / "boundaries" / "counties.parquet", columns=columns)
        poverty = pd.read_csv(raw / "facts" / "poverty_counties_832.csv", dtype=str)
        manual = read_manual(raw / "crosswalk")
    except OSError as error:
        raise ValueError(f"the administrative table: {error}: restore the file") from error
    names = dict(zip(units["code"], units["name"], strict=True))
    recoded = fix_poverty_codes(poverty)
    to_later = {"code_2010": "old", "code10": "old", "layer_code": "old", "code_2020": "new"}
    reviewed = manual[manual["action"] != "none"]
    tables = [
        reviewed,
        recoded.assign(reason="re-coded").rename(columns={"code": "new"}),
        units.assign(reason="later code").rename(columns={"code": "new"}),
    ]
    changes = pd.concat([t.rename(columns=to_later)[["old", "new", "reason"]] for t in tables])
    changes = changes[~changes["old"].isin(names) & changes["new"].isin(names)]
    changes = changes.drop_duplicates(["old", "new"])
    later = {
        str(old): tuple(zip(of["new"], of["reason"], strict=True))
        for old, of in changes.groupby("old", sort=True)
    }
    return Administrative(names, later)
