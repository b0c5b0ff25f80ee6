"""Time two-way fixed effects of a big panel: `python benchmarks/big_panels.py --rows 10000000`.

Writes a balanced and an unbalanced panel of five periods to a temporary folder and fits both in a
process of its own, with a bare scan of the same columns beside it. Prints one line per
measurement: seconds, seconds of processor time (start of Python included; other work on the machine
leaves it as it is), peak memory of that process and rows per second; asserts nothing.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

PERIODS = 5
COLUMNS = ["y", "x1", "x2", "x3"]
SHARES = {"balanced": 1.0, "unbalanced": 0.85}
USAGE = """
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text]))
"""
SCAN = f"""
import json, resource, sys, time
import duckdb
path, memory, threads = sys.argv[1:]
start = time.perf_counter()
with duckdb.connect(config={{"memory_limit": memory, "threads": int(threads)}}) as con:
    sums = ", ".join(f"sum({{c}})" for c in ["unit", "year", *{COLUMNS}])
    con.execute("SET enable_progress_bar = false")
    con.execute(f"SELECT {{sums}} FROM read_parquet('{{path}}')").fetchall()
seconds, text = time.perf_counter() - start, ""
{USAGE}"""
FIT = f"""
import json, resource, sys, time
from analysis.bigpanel import big_panel_fit
path, memory, threads = sys.argv[1:]
start = time.perf_counter()
fit = big_panel_fit(
    path, y="y", x={COLUMNS[1:]}, unit="unit", time="year", memory_limit=memory,
    threads=int(threads),
)
seconds = time.perf_counter() - start
slope = fit.estimates.iloc[0]
text = f"{{fit.n:,}} rows used, x1 {{slope.estimate:.6f}} ({{slope.se:.6f}})"
{USAGE}"""


def draw(key: str, number: int) -> str:
    """Return SQL of a standard normal number that depends on `key` and `number` only."""
    first, second = (f"(hash({key}, {2 * number + k}) / 18446744073709551616.0)" for k in (0, 1))
    return f"sqrt(-2 * ln({first} + 1e-18)) * cos(2 * pi() * {second})"


def write_panel(path: Path, rows: int, share: float) -> int:
    """Write a panel of which a `share` of the rows is kept; return the number of rows."""
    key = "u.unit, p.year"
    query = f"""
        SELECT unit, year, 0.5 * x1 - 0.25 * x2 + 0.1 * x3 + effect + 0.05 * year + e AS y,
               x1, x2, x3
        FROM (SELECT u.unit, p.year, {draw("u.unit", 0)} AS effect,
                     0.5 * {draw("u.unit", 0)} + {draw(key, 1)} AS x1, {draw(key, 2)} AS x2,
                     {draw(key, 3)} AS x3, {draw(key, 4)} AS e
              FROM range({rows // PERIODS}) AS u(unit), range({PERIODS}) AS p(year)
              WHERE hash({key}, 99) / 18446744073709551616.0 < {share})
    """
    with duckdb.connect(config={"preserve_insertion_order": False}) as con:
        con.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
        counted = con.execute(f"SELECT count(*) FROM read_parquet('{path}')").fetchone()
    return int(counted[0]) if counted else 0


def measured(code: str, path: Path, memory: str, threads: int) -> list[str]:
    """Run `code` in a new process; return seconds, of processors too, memory and what it found."""
    command = [sys.executable, "-c", code, str(path), memory, str(threads)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, processor, peak, text = json.loads(result.stdout)
    return [f"{seconds:8.2f} s", f"{processor:8.2f} s", f"{peak:6.0f} MB", text]


def main() -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the balanced panel")
    parser.add_argument("--memory", default="1GB", help="limit of the database")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    for name, share in SHARES.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "panel.parquet"
            start = time.perf_counter()
            rows = write_panel(path, options.rows, share)
            size = path.stat().st_size / 1e6
            spent = time.perf_counter() - start
            print(f"{name}: {rows:,} rows, {size:,.0f} MB, written in {spent:.1f} s", flush=True)
            for label, code in (("bare scan", SCAN), ("two-way fixed effects", FIT)):
                found = measured(code, path, options.memory, options.threads)
                speed = f"{rows / float(found[0].split()[0]) / 1e6:7.2f} M rows/s"
                print(f"  {label:24}", *found[:3], speed, found[3], flush=True)


if __name__ == "__main__":
    main()
