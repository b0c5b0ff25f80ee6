"""The command line of household data: `python -m analysis households` and the check of `own`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from analysis.project import Project, ProjectError, write_text

if TYPE_CHECKING:
    import pandas as pd

    from analysis.households.checking import Problem
    from analysis.households.config import HouseholdConfig
    from analysis.households.reading import Reading

console = Console(highlight=False, soft_wrap=True)
OWN, RISK = "households/own", "risk/own"
PRINTED = 40
REMOTE = "://"


def households_command(
    config: Annotated[Path, typer.Option(help="The YAML that maps columns and defines measures.")],
    data: Annotated[str, typer.Option(help="Folder or file; for Spark also hdfs:// or s3a://.")],
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("build/households"),
    leave_out_broken: Annotated[
        bool, typer.Option(help="Go on without lines of csv files that are no rows.")
    ] = False,
) -> None:
    """Measure poverty and inequality in your own household files.

    Example: python -m analysis households --config data/raw/example_own/clean/households.yml
    --data data/raw/example_own/clean
    """
    from analysis.households.config import read_config
    from analysis.households.household_report import county_years
    from analysis.households.measures import measure
    from analysis.households.reading import read_households, remote_households

    try:
        study = read_config(config)
        if REMOTE in data:
            result = measure(remote_households(data, study), study)
        else:
            reading = read_households(Path(data), study)
            problems = _problems(reading, study, leave_out_broken=leave_out_broken)
            _write_accounts(reading, problems, out)
            if problems:
                _print_problems(problems)
                raise ProjectError(f"nothing is measured before that is mended; all: {out}")
            result = measure(reading.table, study)
    except ValueError as error:
        raise ProjectError(str(error)) from error
    _write(out / "measures.csv", result)
    if any(set(name.split("+")) == {"code", "year"} for name in result["group"].unique()):
        _write(out / "county_years.csv", county_years(result))
    console.print(f"{len(result):,} values; {out}/measures.csv")


def check_own(folder: Path, *, out: Path = Path("build/households")) -> None:
    """Check household files against their configuration and the county units; measure nothing.

    Parameters
    ----------
    folder : Path
        Holds `households.yml` and the files.
    out : Path
        Gets accounts.csv, broken_lines.csv, declared_missing.csv, problems.csv and profile.csv.

    Raises
    ------
    ProjectError
        When anything is wrong; what was found is printed and in `out`.
    """
    from analysis.households.config import read_config
    from analysis.households.reading import CONFIG, profile_households, read_households

    try:
        study = read_config(folder / CONFIG)
        reading = read_households(folder, study)
        problems = _problems(reading, study)
        _write_accounts(reading, problems, out)
        if reading.table is not None:
            _write(out / "profile.csv", profile_households(reading.table))
    except ValueError as error:
        raise ProjectError(str(error)) from error
    accounts = reading.accounts
    lines, rows, broken = (int(accounts[c].sum()) for c in ("lines", "rows", "broken"))
    console.print(f"{len(accounts):,} files: {lines:,} lines = {rows:,} rows + {broken:,} broken")
    _print_problems(problems)
    if problems:
        raise ProjectError(f"mend them, then check again; all: {out}/problems.csv")


def check_risk(households: Path, risk: Path) -> None:
    """Try the forecast of poverty of step 23 on the user's own files; keep nothing.

    Parameters
    ----------
    households : Path
        Folder that `check_own` accepts.
    risk : Path
        Holds `risk.yml`.

    Raises
    ------
    ProjectError
        Listing what keeps the forecast from being made.
    """
    from analysis.households.household_report import open_study
    from analysis.households.risk_report import read_risk, risk_report

    try:
        counts = risk_report(open_study(households, ()), read_risk(risk)).study.counts
    except ValueError as error:
        raise ProjectError(f"the forecast of poverty: {error}") from error
    told = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items())
    console.print(f"forecast of poverty: {told}")


def _problems(
    reading: Reading, study: HouseholdConfig, *, leave_out_broken: bool = False
) -> list[Problem]:
    from analysis.households.administrative import administrative_units
    from analysis.households.checking import check_reading

    units = administrative_units(Project.find().source(""))
    return check_reading(reading, study, units, leave_out_broken=leave_out_broken)


def _write_accounts(reading: Reading, problems: list[Problem], out: Path) -> None:
    from analysis.households.checking import problem_frame

    _write(out / "accounts.csv", reading.accounts)
    _write(out / "broken_lines.csv", reading.broken)
    _write(out / "declared_missing.csv", reading.declared_missing)
    _write(out / "problems.csv", problem_frame(problems))


def _write(path: Path, table: pd.DataFrame) -> None:
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


def _print_problems(problems: list[Problem]) -> None:
    for problem in problems[:PRINTED]:
        console.print(f"  [red]wrong[/red]  {escape(str(problem))}")
    if len(problems) > PRINTED:
        console.print(f"  and {len(problems) - PRINTED:,} more")
    console.print(f"{len(problems):,} problems" if problems else "no problems")
