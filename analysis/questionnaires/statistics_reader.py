"""The process of its own in which a file of SPSS or Stata is parsed.

The parser is a library in C that a damaged file can crash, and with it everything that runs in the
same process. `analysis.questionnaires.statistics_files` starts this module once per file:
``python -m analysis.questionnaires.statistics_reader FILE ENCODING...``; the result goes to
standard output.
"""

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyreadstat

READERS: dict[str, Callable[..., Any]] = {
    ".sav": pyreadstat.read_sav,
    ".zsav": pyreadstat.read_sav,
    ".dta": pyreadstat.read_dta,
}
FAULTS = (pyreadstat.ReadstatError, pyreadstat.PyreadstatError, ValueError, OverflowError)
OWN_ENCODING = "own"  # the one that the file names, else the default of the library


def parse(path: Path, encodings: list[str]) -> dict[str, Any] | None:
    """Return what a file holds in the first encoding that fits, None where none does.

    Returns
    -------
    dict with `columns` (values by variable), `labels`, `value_labels`, `missing_values`,
    `missing_ranges`, `formats`, `types` (each by variable) and `sets`, `notes` (counts)
    """
    for encoding in encodings:
        chosen = None if encoding == OWN_ENCODING else encoding
        try:
            frame, meta = READERS[path.suffix.lower()](
                str(path), user_missing=True, encoding=chosen
            )
        except FAULTS:
            continue
        return {
            "columns": {name: frame[name].tolist() for name in meta.column_names},
            "labels": meta.column_names_to_labels,
            "value_labels": meta.variable_value_labels,
            "missing_values": meta.missing_user_values,
            "missing_ranges": meta.missing_ranges,
            "formats": meta.original_variable_types,
            "types": meta.readstat_variable_types,
            "sets": len(getattr(meta, "mr_sets", None) or {}),
            "notes": len(meta.notes or []),
        }
    return None


if __name__ == "__main__":
    pickle.dump(parse(Path(sys.argv[1]), sys.argv[2:]), sys.stdout.buffer)
