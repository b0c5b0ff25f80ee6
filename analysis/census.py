"""Reads the county tables of the population censuses of 2010 and 2020 as they were received.

The workbooks mix national, province, prefecture and county rows, subtotals, blank rows and a note.
Everything that is not a county goes to the quarantine with its reason; counties and the set-aside
units together must add to the printed province totals. Repairs come from the corrections ledger.
Bad input gives one `CensusError` that lists every violation.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.census_layout import (
    CODE_HEADER,
    PLACE_HEADERS,
    PRINTED,
    SHEETS,
    layout,
    normalise_header,
)
from analysis.census_variables import broken_identities, fill_blank_parts, harmonise
from analysis.corrections import apply_ledger, read_ledger
from analysis.project import bullet_list

_SUBTOTALS = ("市辖区", "县")
_NOT_AVAILABLE = "NA"  # how the workbook of 2020 writes a missing cell
_DIRECT = "直辖县级行政区划"
_MENDING = "mend the cell, or record a reviewed repair in corrections.yml"
_REASONS = {
    "blank": "blank row",
    "note": "no code and no figures",
    "subtotal": "subtotal of rows that are listed on their own",
    "unit": "unit without a county code in the source",
    "city": "city without counties: not a county unit",
}


class CensusError(ValueError):
    """A census workbook that cannot be read; the message lists every violation."""


@dataclass(frozen=True)
class CensusReading:
    """One census, typed and harmonised.

    Attributes
    ----------
    counties
        One row per county: code, year, name, province, prefecture and the variables.
    national
        One row: the national totals (2010: sums over provinces, printed averages missing).
    provinces
        One row per province: code, name and the variables.
    quarantine
        Rows and cells set aside: year, row, code, name, variable, value, reason.
    corrections
        The ledger as applied.
    reconciliation
        One row per province and count: printed total, sums of counties, of units without a code
        and of cities without counties, difference (always 0 for the population).
    """

    counties: pd.DataFrame
    national: pd.DataFrame
    provinces: pd.DataFrame
    quarantine: pd.DataFrame
    corrections: pd.DataFrame
    reconciliation: pd.DataFrame


def read_census(folder: Path, year: int) -> CensusReading:
    """Read one census workbook from its source folder.

    Parameters
    ----------
    folder
        Source folder with `census_county_<year>.xlsx` and, if needed, `corrections.yml`.
    year
        2010 or 2020.

    Returns
    -------
    CensusReading

    Raises
    ------
    CensusError
        Lists every violation with file, row, column, rule and remedy.
    CorrectionError
        The ledger no longer fits the workbook.
    """
    path = folder / f"census_county_{year}.xlsx"
    cells = _load_cells(path, year)
    ledger = read_ledger(folder)
    entity = cells[CODE_HEADER].map(_as_code).fillna("row " + cells.index.to_series().astype(str))
    corrected = apply_ledger(cells.set_axis(entity), ledger, source=path.name).set_axis(cells.index)
    places = _places(corrected, year).assign(entity=entity.to_numpy())
    problems = _code_problems(places, path.name)
    problems += _text_problems(corrected, places, path.name, year)
    problems += _fraction_problems(corrected, places, path.name, year)
    if problems:
        raise _listed(problems)
    counts = _counts(corrected, ledger, places, year)
    values = harmonise(counts)
    problems = _identity_problems(counts, values, places, path.name)
    sums = _reconcile(places, counts.drop(columns=[c for c in PRINTED if c in counts]))
    problems += [
        f"{path.name}, province {row['province']}: counties and set-aside units differ from the "
        f"printed total by {row['difference']:,.0f}; look for a missing or repeated row"
        for row in sums[(sums["difference"] != 0) & (sums["variable"] == "population")].to_dict(
            "records"
        )
    ]
    if problems:
        raise _listed(problems)
    return _reading(places, counts, values, ledger, sums, year)


def _listed(problems: list[str]) -> CensusError:
    return CensusError(bullet_list(f"{len(problems)} violation(s):", problems))


def _load_cells(path: Path, year: int) -> pd.DataFrame:
    """All cells below the header as objects, indexed by Excel row, columns normalised headers."""
    from openpyxl import load_workbook

    if not path.exists():
        raise CensusError(f"{path.name}: not in {path.parent.name}; fetch the source first")
    try:
        book = load_workbook(path, read_only=True, data_only=True)
        sheets = {normalise_header(name): name for name in book.sheetnames}
        if SHEETS[year] not in sheets:
            raise CensusError(
                f"{path.name}: sheet {SHEETS[year]} is not there, only {', '.join(sheets)}; "
                f"is this the county workbook of {year}?"
            )
        rows = list(book[sheets[SHEETS[year]]].iter_rows(values_only=True))
    except (zipfile.BadZipFile, EOFError, KeyError, OSError) as error:
        raise CensusError(
            f"{path.name}: not a complete xlsx file ({error}); delete it and fetch it again"
        ) from error
    headers = [normalise_header(cell) for cell in (rows[0] if rows else [])]
    needed = [CODE_HEADER, *PLACE_HEADERS[year], *(h for hs in layout(year).values() for h in hs)]
    problems = [
        f"{path.name}, row 1, column {header}: required column "
        f"{'is missing' if header not in headers else 'occurs twice'}; restore the original header"
        for header in dict.fromkeys(needed)
        if headers.count(header) != 1
    ]
    if problems:
        raise _listed(problems)
    index = pd.RangeIndex(2, len(rows) + 1, name="row")
    cells = pd.DataFrame(rows[1:], columns=headers, index=index, dtype=object)
    return cells.where(cells != _NOT_AVAILABLE, None)


def _places(cells: pd.DataFrame, year: int) -> pd.DataFrame:
    """Code, name, province, prefecture and kind of every row."""
    code = cells[CODE_HEADER].map(_as_code)
    names = cells[list(PLACE_HEADERS[year])].map(_as_name)
    name = names[PLACE_HEADERS[year][-1]]
    filled = cells.drop(columns=[CODE_HEADER, *PLACE_HEADERS[year]]).notna().any(axis=1)
    subtotal = name.isin(_SUBTOTALS) | name.str.endswith(_DIRECT)
    kinds = {  # later lines overrule earlier ones
        "unit": code.isna(),
        "subtotal": code.isna() & subtotal,
        "national": code.isna() & (name == "全国"),
        "note": code.isna() & ~filled,
        "blank": code.isna() & ~filled & (name == ""),
        "county": code.notna(),
        "prefecture": code.str.endswith("00", na=False),
        "province": code.str.endswith("0000", na=False),
    }
    kind = pd.Series("unit", index=cells.index)
    for label, mask in kinds.items():
        kind = kind.mask(mask, label)
    # Units directly under a province follow a subtotal row, which closes the prefecture above it.
    direct = name.str.endswith(_DIRECT)
    opens = kind.isin(["province", "prefecture"]) | ((kind == "subtotal") & direct)
    group = opens.cumsum()
    has_units = kind.isin(["county", "unit"]).groupby(group).transform("any")
    kind = kind.mask((kind == "prefecture") & ~has_units & ~subtotal, "city")
    province = name.where(kind == "province").ffill()
    prefecture = name.where(opens).ffill()
    own = prefecture.str.endswith(_DIRECT, na=False)
    prefecture = prefecture.mask(own, name) if year == 2010 else names["市"]
    return pd.DataFrame(
        {"code": code, "name": name, "province": province, "prefecture": prefecture, "kind": kind}
    )


def _as_name(cell: Any) -> str:
    """A name without white space; 巿 (U+5DFF), a look-alike of 市 in both workbooks, is mended."""
    return "" if cell is None else "".join(str(cell).split()).replace("巿", "市")


def _as_code(cell: Any) -> str | None:
    if cell is None or pd.isna(cell):
        return None
    return str(int(cell)) if isinstance(cell, int | float) else "".join(str(cell).split())


def _code_problems(places: pd.DataFrame, file: str) -> list[str]:
    coded = places[places["code"].notna()]
    starts = coded["code"].str[:2]
    home = coded["province"].map(
        coded[coded["kind"] == "province"].drop_duplicates("name").set_index("name")["code"].str[:2]
    )
    rules = {
        "a code has six digits": ~coded["code"].str.fullmatch(r"\d{6}"),
        "a code occurs once": coded["code"].duplicated(keep=False),
        "a code begins with that of the province above it": starts != home,
    }
    return [
        f"{file}, row {row}, column {CODE_HEADER}: {code!r} ({name}) breaks the rule: {rule}; "
        f"{_MENDING}"
        for rule, mask in rules.items()
        for row, code, name in coded[mask][["code", "name"]].itertuples()
    ]


def _text_problems(cells: pd.DataFrame, places: pd.DataFrame, file: str, year: int) -> list[str]:
    headers = [header for headers in layout(year).values() for header in headers]
    figures = cells.loc[~places["kind"].isin(["blank", "note"]), list(dict.fromkeys(headers))]
    text = figures.map(lambda cell: cell is not None and not isinstance(cell, int | float))
    return [
        f"{file}, row {row}, column {header}: {figures.at[row, header]!r} is not a number "
        f"({name}); {_MENDING}"
        for row, name, marks in zip(
            figures.index, places["name"].reindex(figures.index), text.to_numpy(), strict=True
        )
        for header in figures.columns[marks]
    ]


def _fraction_problems(
    cells: pd.DataFrame, places: pd.DataFrame, file: str, year: int
) -> list[str]:
    """Counts that are no whole numbers: decimal points slipped in."""
    headers = [h for name, hs in layout(year).items() if name not in PRINTED for h in hs]
    figures = cells.loc[~places["kind"].isin(["blank", "note"]), headers]
    return [
        f"{file}, row {row}, column {header}: {cell!r} ({name}) is not a whole number; {_MENDING}"
        for header in headers
        for row, name, cell in zip(
            figures.index, places["name"].reindex(figures.index), figures[header], strict=True
        )
        if isinstance(cell, float) and cell % 1
    ]


def _counts(
    cells: pd.DataFrame, ledger: pd.DataFrame, places: pd.DataFrame, year: int
) -> pd.DataFrame:
    used = ~places["kind"].isin(["blank", "note"])
    figures = cells[used]
    gone = ledger[ledger["action"] == "set_missing"]
    counts, set_missing = {}, {}
    for name, headers in layout(year).items():
        columns = figures[headers].apply(pd.to_numeric)
        counts[name] = columns.sum(axis=1, min_count=1)
        hit = gone[gone["variable"].isin(headers)]["entity"]
        set_missing[name] = places.loc[used, "entity"].isin(hit)
        counts[name] = counts[name].mask(set_missing[name])
    return fill_blank_parts(pd.DataFrame(counts), pd.DataFrame(set_missing))


def _identity_problems(
    counts: pd.DataFrame, values: pd.DataFrame, places: pd.DataFrame, file: str
) -> list[str]:
    kept = places.loc[counts.index, "kind"].isin(["county", "province", "national"])
    unit = places["code"].fillna("") + " " + places["name"]
    return [
        f"{file}, row {row}, column {column}: {who} breaks the rule: {rule}; {_MENDING}"
        for mask, column, rule in broken_identities(counts[kept], values[kept])
        for row, who in unit[mask[mask].index].items()
    ]


def _reconcile(places: pd.DataFrame, counts: pd.DataFrame) -> pd.DataFrame:
    """Printed total of each province and count beside the sums of its rows."""
    columns = {"province": "printed", "county": "counties", "unit": "units", "city": "cities"}
    table = places[["province", "kind"]].join(counts).query("kind in @columns")
    sums = table.groupby(["province", "kind"], sort=False).sum().rename_axis(columns="variable")
    wide = pd.DataFrame(sums.stack().unstack("kind")).reindex(columns=list(columns)).fillna(0.0)
    wide = wide.rename(columns=columns).rename_axis(columns=None)
    wide["difference"] = wide["printed"] - wide[["counties", "units", "cities"]].sum(axis=1)
    return wide.reset_index()


def _reading(
    places: pd.DataFrame,
    counts: pd.DataFrame,
    values: pd.DataFrame,
    ledger: pd.DataFrame,
    sums: pd.DataFrame,
    year: int,
) -> CensusReading:
    table = places.join(values).assign(year=year)
    order = ["code", "year", "name", "province", "prefecture", *values.columns]
    counties = table[table["kind"] == "county"][order].sort_values("code", ignore_index=True)
    provinces = table[table["kind"] == "province"][order].drop(columns="prefecture")
    return CensusReading(
        counties=counties,
        national=_national(places, counts).assign(year=year),
        provinces=provinces.sort_values("code", ignore_index=True),
        quarantine=_quarantine(table, values.columns, ledger, year),
        corrections=ledger.copy(),
        reconciliation=sums,
    )


def _national(places: pd.DataFrame, counts: pd.DataFrame) -> pd.DataFrame:
    """The printed national row, or the sum of the provinces without the printed averages."""
    kind = places.loc[counts.index, "kind"]
    if (kind == "national").any():
        return harmonise(counts[kind == "national"]).reset_index(drop=True)
    total = counts[kind == "province"].sum().to_frame().T
    averages = ["minority_share", "floor_space", "rooms"]
    return harmonise(total.assign(**dict.fromkeys(averages, float("nan"))))


def _quarantine(
    table: pd.DataFrame, variables: pd.Index, ledger: pd.DataFrame, year: int
) -> pd.DataFrame:
    rows = table[table["kind"].isin(list(_REASONS))]
    whole = rows[["code", "name"]].assign(
        variable="*",
        value=rows["population"].map(lambda n: None if pd.isna(n) else str(int(n))),
        reason=rows["kind"].map(_REASONS),
    )
    counties = table[table["kind"] == "county"]
    cells = pd.concat(
        counties.loc[counties[name].isna(), ["code", "name", "entity"]].assign(variable=name)
        for name in variables
    )
    repaired = ledger[ledger["action"] == "set_missing"].drop_duplicates(["entity", "reason"])
    why = cells["entity"].map(repaired.groupby("entity")["reason"].agg("; ".join))
    cells = cells.assign(value=None, reason=why.astype(object).fillna("blank in the source"))
    both = pd.concat([whole, cells[whole.columns]]).rename_axis("row").reset_index()
    return both.assign(year=year)[["year", "row", *whole.columns]].sort_values(
        ["row", "variable"], ignore_index=True
    )
