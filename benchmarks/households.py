"""Time household measures at census scale: `python benchmarks/households.py --rows 20000000`.

H, A, M0, Gini and their errors by county and year, from parquet, each engine in a process of its
own: a bare scan of the columns, `analysis.households.measures.measure`, the same written by hand in
DuckDB SQL, and in Polars, whose line says which of its engines did the work. Prints seconds once
the libraries are imported, seconds of the whole process, processor seconds, rows per second and
peak memory, the best of the runs; compares their numbers; asserts nothing about time. `measure`
also checks the rows and adds in integers, which the other two do not.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

COUNTIES, HOUSEHOLDS, VILLAGES = 2800, 714, 24
FLAGS = [f"d{j:02d}" for j in range(10)]
KEYS = ["code", "year"]
AGREE = 1e-6
LIBRARIES = {
    "bare scan": ["duckdb"],
    "measure": ["ibis.backends.duckdb", "scipy.special", "analysis.households.measures"],
    "DuckDB by hand": ["duckdb"],
    "Polars": ["polars"],
}
FALLBACK = 'fillcolor="0.0 0.3 1.0"'
"""Of a node of Polars' physical plan that its streaming engine leaves to the one in memory."""

POPULATION = """
COPY (
  SELECT lpad((110000 + county)::VARCHAR, 6, '0') AS code, year::SMALLINT AS year,
    (county * {villages} + i % {villages})::INTEGER AS village, (county // 90)::SMALLINT AS stratum,
    i AS household, round(20 + 60 * {u1}, 4) AS weight, (1 + hash(i * 64 + 2) % 6)::TINYINT AS
    persons, round(exp(9.6 - 0.8 * f + 0.55 * sqrt(-2 * ln({u3} + 1e-7)) * cos(2 * pi() * {u4})), 2)
    AS income, {flags}
  FROM (SELECT i, (i // {households}) % {counties} AS county,
    2011 + i // ({households} * {counties}) AS year, {u0} AS f FROM range({rows}) AS t(i))
) TO '{path}' (FORMAT parquet, COMPRESSION zstd)
"""

SCAN = """
SELECT max(code), max(year), max(village), max(stratum), sum(weight), sum(persons), sum(income),
  {flags} FROM '{path}'
"""

BY_HAND = """
WITH rows AS MATERIALIZED (
  SELECT code, year, village, stratum, weight * persons AS v, income AS y, {score} AS s
  FROM '{path}'
), ordered AS (
  SELECT code, year, village, stratum, v, y, s,
    v * (y * sum(v) OVER o - sum(v * y) OVER o) AS e FROM rows
  WINDOW o AS (PARTITION BY code, year ORDER BY y ROWS UNBOUNDED PRECEDING)
), units AS (
  SELECT code, year, village, stratum, sum(v) AS w, sum(v * (s >= {least})::INT) AS h,
    sum(v * s * (s >= {least})::INT) / {denominator} AS m, sum(v * y) AS t, sum(e) AS e
  FROM ordered GROUP BY ALL
), totals AS (
  SELECT *, sum(w) OVER g AS sw, sum(h) OVER g AS sh, sum(m) OVER g AS sm, sum(t) OVER g AS st,
    sum(e) OVER g AS se FROM units WINDOW g AS (PARTITION BY code, year)
), influences AS (
  SELECT code, year, stratum, sh / sw AS rh, sm / sh AS ra, sm / sw AS rm, se / (sw * st) AS rg,
    (h - rh * w) / sw AS zh, (m - ra * h) / sh AS za, (m - rm * w) / sw AS zm,
    2 * e / (sw * st) - t / st + w / sw - rg * (w / sw + t / st) AS zg FROM totals
), sampled AS (
  SELECT stratum, count(DISTINCT village) AS n FROM '{path}' GROUP BY stratum
), strata AS (
  SELECT code, year, stratum, n, any_value(rh) AS rh, any_value(ra) AS ra, any_value(rm) AS rm,
    any_value(rg) AS rg, {squares} FROM influences JOIN sampled USING (stratum)
  GROUP BY code, year, stratum, n
)
SELECT code, year, any_value(rh) AS "H", any_value(ra) AS "A", any_value(rm) AS "M0",
  any_value(rg) AS gini, sqrt(sum(vh)) AS "se_H", sqrt(sum(va)) AS "se_A",
  sqrt(sum(vm)) AS "se_M0", sqrt(sum(vg)) AS se_gini FROM strata GROUP BY ALL ORDER BY code, year
"""


def generate(path: Path, rows: int) -> None:
    """Write `rows` households; the same for every machine."""
    import duckdb

    uniform = {f"u{k}": f"(hash(i * 64 + {k}) % 1000003 / 1000003.0)" for k in (0, 1, 3, 4)}
    flags = ", ".join(
        f"hash(i * 64 + {10 + j}) % 1000003 / 1000003.0 < 0.08 + 0.3 * f AS {name}"
        for j, name in enumerate(FLAGS)
    )
    sizes = {"counties": COUNTIES, "households": HOUSEHOLDS, "villages": VILLAGES}
    duckdb.sql(POPULATION.format(rows=rows, path=path, flags=flags, **uniform, **sizes))


def by_scan(path: Path) -> None:
    """Read and add the columns."""
    import duckdb

    flags = ", ".join(f"sum({name}::INT)" for name in FLAGS)
    duckdb.execute(SCAN.format(path=path, flags=flags)).fetchall()


def by_measure(path: Path) -> pd.DataFrame:
    """Measure with this package."""
    import ibis

    from analysis.households.config import parse_config
    from analysis.households.measures import measure

    names = ("code", "year", "household", "weight", "persons", "stratum", "income")
    entries = [
        {"name": name, "deprived": {"equal": True}, "dimension": "all", "weight": "1/10"}
        for name in FLAGS
    ]
    study = {
        "columns": {**{name: name for name in names}, "psu": "village"},
        "indicators": entries, "measures": ["H", "A", "M0", "gini"], "groups": [KEYS],
    }  # fmt: skip
    result = measure(ibis.duckdb.connect().read_parquet(path), parse_config(study))
    values = result.pivot(index=KEYS, columns="measure", values=["value", "se"])
    table = pd.DataFrame({name: values["value", name] for name in ("H", "A", "M0", "gini")})
    return table.assign(**{f"se_{name}": values["se", name] for name in table}).reset_index()


def by_hand(path: Path) -> pd.DataFrame:
    """Measure with SQL written by hand, in floating point."""
    import duckdb

    squares = ", ".join(
        f"n / (n - 1) * (sum({z} * {z}) - sum({z}) ** 2 / n) AS v{z[1]}"
        for z in ("zh", "za", "zm", "zg")
    )
    score = " + ".join(f"{name}::INT" for name in FLAGS)
    query = BY_HAND.format(path=path, score=score, squares=squares, least=4, denominator=10)
    return duckdb.execute(query).df()


def by_polars(path: Path) -> pd.DataFrame:
    """Measure with Polars, streaming, in floating point."""
    return _errors(_polars_units(path).collect(engine="streaming").to_pandas())


def _polars_units(path: Path) -> Any:
    import polars as pl

    v, y, s = pl.col("v"), pl.col("y"), pl.col("s")
    poor = s >= 4
    rows = pl.scan_parquet(path).select(
        *KEYS, "village", "stratum", v=pl.col("weight") * pl.col("persons"), y="income",
        s=pl.sum_horizontal([pl.col(name).cast(pl.Int32) for name in FLAGS]),
    )  # fmt: skip
    excess = v * (y * v.cum_sum() - (v * y).cum_sum())
    ordered = rows.with_columns(e=excess.over(KEYS, order_by="y"))
    return ordered.group_by([*KEYS, "village", "stratum"]).agg(
        w=v.sum(), h=(v * poor).sum(), m=(v * s * poor).sum() / 10, y=(v * y).sum(),
        e=pl.col("e").sum(),
    )  # fmt: skip


def _polars_engine(path: Path) -> str:
    import polars as pl

    plan = _polars_units(path).show_graph(
        engine="streaming", plan_stage="physical", raw_output=True, show=False
    )
    fallbacks = str(plan).count(FALLBACK)
    part = f"{fallbacks} steps in memory" if fallbacks else "no step left to the one in memory"
    return f"{pl.__version__}, streaming engine, {part}, {pl.thread_pool_size()} threads"


def _errors(units: pd.DataFrame) -> pd.DataFrame:
    """Finish sums by unit as `by_hand` does, in pandas."""
    total = units.groupby(KEYS)[["w", "h", "m", "y", "e"]].transform("sum")
    part = {name: units[name] for name in total}
    rate = pd.DataFrame(
        {
            "H": total["h"] / total["w"], "A": total["m"] / total["h"],
            "M0": total["m"] / total["w"], "gini": total["e"] / (total["w"] * total["y"]),
        }
    )  # fmt: skip
    shares = part["w"] / total["w"], part["y"] / total["y"]
    spread = 2 * part["e"] / (total["w"] * total["y"])
    z = pd.DataFrame(
        {
            "H": (part["h"] - rate["H"] * part["w"]) / total["w"],
            "A": (part["m"] - rate["A"] * part["h"]) / total["h"],
            "M0": (part["m"] - rate["M0"] * part["w"]) / total["w"],
            "gini": spread - shares[1] + shares[0] - rate["gini"] * (shares[0] + shares[1]),
        }
    )
    n = units.groupby("stratum")["village"].nunique()
    by = [units["code"], units["year"], units["stratum"]]
    sums, squares = z.groupby(by).sum(), z.pow(2).groupby(by).sum()
    count = n.reindex(sums.index.get_level_values("stratum")).set_axis(sums.index)
    spread_of_units = squares.sub(sums.pow(2).div(count, axis=0))
    variance = spread_of_units.mul(count / (count - 1), axis=0)
    errors = variance.groupby(level=KEYS).sum().pow(0.5).add_prefix("se_")
    return rate.groupby([units["code"], units["year"]]).first().join(errors).reset_index()


ENGINES: dict[str, Callable[[Path], Any]] = {
    "bare scan": by_scan, "measure": by_measure, "DuckDB by hand": by_hand, "Polars": by_polars,
}  # fmt: skip


def run_one(engine: str, path: Path, out: Path) -> None:
    """Run one engine in this process and print what it took as JSON."""
    for library in LIBRARIES[engine]:
        importlib.import_module(library)
    start, processor = time.perf_counter(), time.process_time()
    result = ENGINES[engine](path)
    took: dict[str, Any] = {"seconds": time.perf_counter() - start}
    took["cpu"] = time.process_time() - processor
    took["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if result is not None:
        result.sort_values(KEYS, ignore_index=True).to_parquet(out)
    took["engine"] = _polars_engine(path) if engine == "Polars" else ""
    print(json.dumps(took))


def main() -> None:
    """Generate, run each engine and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--engine", choices=list(ENGINES), help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help="parquet file, kept; made if it is not there")
    parser.add_argument("--skip", nargs="*", default=[], help="engines to leave out")
    chosen = parser.parse_args()
    if chosen.engine:
        run_one(chosen.engine, chosen.data, chosen.data.with_suffix(".result"))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = chosen.data or Path(folder) / "households.parquet"
        if not path.exists():
            generate(path, chosen.rows)
        compare(path, chosen.rows, chosen.runs, [e for e in ENGINES if e not in chosen.skip])


def compare(path: Path, rows: int, runs: int, engines: list[str]) -> None:
    """Print a line for each engine and how far its numbers are from those of `measure`."""
    reference: pd.DataFrame | None = None
    seconds: dict[str, float] = {}
    print(f"{rows:,} rows, {path.stat().st_size / 2**20:,.0f} MB of parquet")
    for engine in engines:
        absent = [name for name in LIBRARIES[engine] if not _installed(name)]
        if absent:
            print(f"{engine:16}skipped: {', '.join(absent)} is not installed")
            continue
        took = [_timed(engine, path) for _ in range(runs)]
        best = min(took, key=lambda one: one["seconds"])
        seconds[engine] = best["seconds"]
        print(
            f"{engine:16}{best['seconds']:8.2f} s {best['process']:8.2f} s process"
            f"{best['cpu']:8.2f} s cpu{rows / best['seconds'] / 1e6:8.2f} M rows/s"
            f"{best['peak']:8.0f} MB  {best['engine']}"
        )
        out = path.with_suffix(".result")
        if out.exists():
            result = pd.read_parquet(out)
            out.unlink()
            reference = result if reference is None else reference
            far = (result[reference.columns[2:]] / reference.iloc[:, 2:] - 1).abs().max().max()
            print(f"{'':16}greatest relative difference {far:.1e}" + " !" * bool(far > AGREE))
    for engine in ("DuckDB by hand", "Polars"):
        if engine in seconds and "measure" in seconds:
            print(f"measure takes {seconds['measure'] / seconds[engine]:.2f} x {engine}")


def _installed(library: str) -> bool:
    return importlib.util.find_spec(library.split(".")[0]) is not None


def _timed(engine: str, path: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--engine", engine, "--data", str(path)]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {**json.loads(done.stdout.splitlines()[-1]), "process": time.perf_counter() - start}


if __name__ == "__main__":
    main()
