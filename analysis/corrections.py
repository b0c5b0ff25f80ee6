"""The corrections ledger: every repair of a source is a reviewed row, never a line of code.

A ledger `corrections.yml` lies beside the source it repairs. Each row names the cell, the wrong
value that is expected there, what to do, and why. The ledger fails loudly when the expected wrong
value is no longer in the source: the source was repaired or the row is stale, a person decides.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from analysis.project import bullet_list

FIELDS = ("entity", "variable", "year", "expected", "action", "value", "reason", "source")
ACTIONS = ("set_missing", "override", "scale")


class CorrectionError(ValueError):
    """A ledger that is malformed, or that no longer fits its source."""


def read_ledger(folder: Path) -> pd.DataFrame:
    """Read `corrections.yml` of a source folder.

    Parameters
    ----------
    folder
        A source folder; a folder without a ledger has no corrections.

    Returns
    -------
    DataFrame with the columns of `FIELDS`, one row per correction (empty when there is no ledger).

    Raises
    ------
    CorrectionError
        Lists every row that lacks a field, names an unknown action or gives no reason.
    """
    path = folder / "corrections.yml"
    rows = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None
    problems = [
        f"{path.name} row {number}: {fault}"
        for number, row in enumerate(rows or [], start=1)
        for fault in _faults(row)
    ]
    if problems:
        raise CorrectionError(bullet_list("the corrections ledger is malformed:", problems))
    frame = pd.DataFrame(rows or [], columns=list(FIELDS), dtype=object)
    return frame.assign(entity=frame["entity"].astype(str))


def apply_ledger(cells: pd.DataFrame, ledger: pd.DataFrame, *, source: str) -> pd.DataFrame:
    """Apply a ledger to a table of raw cells.

    Parameters
    ----------
    cells
        Raw cells (object dtype), indexed by entity (county code, or name where there is no code).
    ledger
        As `read_ledger` returns it.
    source
        Name of the source, for the message.

    Returns
    -------
    A corrected copy of `cells`.

    Raises
    ------
    CorrectionError
        Lists every row whose entity, variable or expected wrong value is not in the source.
    """
    corrected, problems = cells.copy(), []
    for row in ledger.to_dict("records"):
        where = f"{row['entity']} {row['variable']}"
        if row["variable"] not in cells.columns or (cells.index == row["entity"]).sum() != 1:
            problems.append(f"{where}: no such cell")
            continue
        at = (list(cells.index).index(row["entity"]), list(cells.columns).index(row["variable"]))
        found = cells.iat[at]
        if not _same(found, row["expected"]):
            problems.append(
                f"{where}: expected the wrong value {row['expected']!r}, found {found!r}"
            )
            continue
        corrected.iat[at] = _mended(found, row["action"], row["value"])
    if problems:
        remedy = "look at the source: drop the row of corrections.yml if it was repaired there"
        raise CorrectionError(bullet_list(f"{source}: stale corrections ({remedy}):", problems))
    return corrected


def _faults(row: dict[str, Any]) -> list[str]:
    missing = [field for field in FIELDS if field not in row]
    if missing:
        return [f"lacks {', '.join(missing)}"]
    faults = (
        [] if row["action"] in ACTIONS else [f"action {row['action']!r} is not one of {ACTIONS}"]
    )
    return faults + ([] if str(row["reason"]).strip() else ["gives no reason"])


def _same(found: Any, expected: Any) -> bool:
    if expected is None or pd.isna(found):
        return expected is None and bool(pd.isna(found))
    if isinstance(found, str) or isinstance(expected, str):
        return " ".join(str(found).split()) == " ".join(str(expected).split())
    return float(found) == float(expected)


def _mended(found: Any, action: str, value: Any) -> Any:
    if action == "set_missing":
        return None
    return value if action == "override" else float(found) * float(value)
