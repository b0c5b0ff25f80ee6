"""IPUMS extracts (fixed-width or csv, with the codebook in DDI) to parquet, a chunk at a time.

Needs the optional package ipumspy. The files of IPUMS may not be passed on; only their reading is
part of this compendium.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

CHUNK = 100_000
FAULTS = (AttributeError, KeyError, NotImplementedError, OSError, SyntaxError, ValueError)
REMEDY = "install it: pip install 'linkage-compendium[ipums]'"


def convert_ipums(path: Path, codebook: Path, target: Path, name: str) -> dict[str, Any]:
    """Write the records of a rectangular extract as parquet.

    Parameters
    ----------
    path : Path
        Data as downloaded, `.dat`, `.dat.gz`, `.csv` or `.csv.gz`.
    codebook : Path
        Its DDI, `.xml`.
    target : Path
        Parquet file: `_file`, `_row` (record, from 1), then the variables, numbers as float64.
    name : str
        What `_file` says.

    Returns
    -------
    dict
        rows; value_labels (variable -> value as text -> label); missing, always empty: IPUMS
        declares none, its codes for them have labels.

    Raises
    ------
    ValueError
        When ipumspy is not installed or the files do not fit each other.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        from ipumspy import readers
    except ImportError:
        raise ValueError(f"{name}: IPUMS extracts need the package ipumspy: {REMEDY}") from None
    rows, writer = 0, None
    try:
        ddi = readers.read_ipums_ddi(codebook)
        for chunk in readers.read_microdata_chunked(ddi, path, chunksize=CHUNK):
            numbers = pa.array(range(rows + 1, rows + len(chunk) + 1), pa.int64())
            columns = {"_file": pa.array([name] * len(chunk), pa.string()), "_row": numbers}
            columns |= {str(variable): _column(chunk[variable]) for variable in chunk}
            table = pa.table(columns)
            writer = writer or parquet.ParquetWriter(target, table.schema, compression="zstd")
            writer.write_table(table)
            rows += len(chunk)
    except FAULTS as error:
        remedy = "download data and codebook of one extract again, rectangular"
        raise ValueError(f"{name} with {codebook.name}: {error}: {remedy}") from error
    finally:
        if writer is not None:
            writer.close()
    labels = {
        info.name: {str(code): str(label) for label, code in info.codes.items()}
        for info in ddi.data_description
        if info.codes
    }
    return {"rows": rows, "value_labels": labels, "missing": []}


def _column(values: pd.Series) -> Any:
    import pyarrow as pa

    if pd.api.types.is_numeric_dtype(values):
        return pa.array(values.astype("Float64"), pa.float64(), from_pandas=True)
    texts = [None if pd.isna(value) or value == "" else str(value) for value in values]
    return pa.array(texts, pa.string())
