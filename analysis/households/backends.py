"""The backend of a household study: DuckDB or Spark."""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path
from typing import Any

from analysis.households.config import HouseholdConfig
from analysis.panel_input import raise_violations
from analysis.parameters import nearest

MEMORY = "2GB"


def connect(config: HouseholdConfig, folder: Path | None = None) -> Any:
    """Connect to the backend of a study.

    Parameters
    ----------
    config : HouseholdConfig
        `backend: {name: duckdb, memory_limit: 2GB, threads: 2, temp_directory: /large/disk}`; for
        Spark the options are those of the session, e.g. `spark.master`.
    folder : Path, optional
        DuckDB spills into a folder made there when needed; unless given, the system's folder for
        temporary files (environment variable TMPDIR). `temp_directory` goes first.

    Returns
    -------
    ibis backend

    Raises
    ------
    ValueError
        When DuckDB does not have an option or does not accept its value.
    """
    import ibis

    if config.backend == "spark":
        from pyspark.sql import SparkSession

        session = SparkSession.builder.config(map=dict(config.connection)).getOrCreate()
        return ibis.pyspark.connect(session)
    import duckdb

    spill = (folder or Path(tempfile.gettempdir())) / f"households-{uuid.uuid4().hex}"
    given = {"memory_limit": MEMORY, "temp_directory": str(spill), **config.connection}
    _refuse_options(config)
    try:
        return ibis.duckdb.connect(**given)
    except (duckdb.Error, TypeError) as error:
        raise_violations("the configuration", [f"backend: {error}: mend the value of the option"])


def _refuse_options(config: HouseholdConfig) -> None:
    import duckdb

    with duckdb.connect() as connection:
        rows = connection.execute("SELECT name FROM duckdb_settings()").fetchall()
    known = {str(name) for (name,) in rows}
    remedy = "known are the settings of DuckDB, e.g. memory_limit, threads and temp_directory"
    found = [
        f"backend.{name}: unknown{nearest(name, known)}: {remedy}"
        for name in map(str, config.connection)
        if name not in known
    ]
    raise_violations("the configuration", found)
