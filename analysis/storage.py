"""Tables on disk: one writer, the same bytes for the same content.

Parquet carries in its metadata whether the table is simulated, which step wrote it and for which
profile, so the stamp SIMULATED follows the data and not the memory of an author.
"""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.project import atomic_file

SIGNIFICANT_DIGITS = "%.6g"


def write_table(
    path: Path, frame: pd.DataFrame, *, simulated: bool, step: str, profile: str
) -> None:
    """Write a table as parquet, atomically and byte for byte reproducibly.

    Parameters
    ----------
    frame : DataFrame
        Already validated and sorted; its index is not kept.
    simulated : bool
        Whether any of it derives from simulated data.
    """
    table = pa.Table.from_pandas(frame, preserve_index=False)
    stamp = {"simulated": str(simulated).lower(), "step": step, "profile": profile}
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), **stamp})
    with atomic_file(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", row_group_size=1 << 20)


def read_table(path: Path) -> pd.DataFrame:
    """Read a table written by `write_table`."""
    return pq.read_table(path).to_pandas()


def is_simulated(path: Path) -> bool:
    """Return whether a table derives from simulated data."""
    return (pq.read_schema(path).metadata or {}).get(b"simulated") == b"true"


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame as csv, numbers to six significant digits, Unix line ends."""
    with atomic_file(path) as temporary:
        frame.to_csv(temporary, index=False, float_format=SIGNIFICANT_DIGITS, lineterminator="\n")
