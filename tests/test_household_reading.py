"""Reading household files: encodings, broken lines, labels, types, partitions, accounts."""

from __future__ import annotations

import datetime as dt
import gzip
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyreadstat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.households import statistics_chunks
from analysis.households.backends import connect
from analysis.households.config import HouseholdConfig, parse_config
from analysis.households.csv_blocks import read_blocks
from analysis.households.csv_lines import MIXED, OPEN_QUOTE, line_encoding
from analysis.households.reading import (
    Reading,
    open_households,
    profile_households,
    read_households,
)

pytest.importorskip("ibis")

HEAD = "code,year,household,weight,county"
ROWS = ["130125,2021,007,1.5,行唐县", "130126,2021,008,2,灵寿县", "130125,2022,009,0.5,行唐县"]
TEXT = "\n".join([HEAD, *ROWS]) + "\n"


def study(**more: Any) -> HouseholdConfig:
    columns = {"code": "code", "year": "year", "household": "household", "weight": "weight"}
    return parse_config({"columns": columns, **more})


def read(folder: Path, **more: Any) -> Reading:
    return read_households(folder, study(**more))


def frame(reading: Reading) -> pd.DataFrame:
    return reading.table.to_pandas().sort_values(["_file", "_row"], ignore_index=True)


def lines_and_broken(path: Path, **options: Any) -> tuple[list[int], dict[int, str]]:
    blocks = list(read_blocks(path, **options))
    lines = [int(line) for block in blocks for line in block.lines]
    return lines, {b.line: b.rule for block in blocks for b in block.broken}


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (TEXT.encode(), "a.csv"),
        (TEXT.encode("utf-8-sig"), "a.csv"),
        (TEXT.encode("gb18030"), "a.csv"),
        (TEXT.replace("\n", "\r\n").encode("gb18030"), "a.csv"),
        (TEXT.replace(",", "\t").encode(), "a.tsv"),
        (TEXT.replace(",", ";").encode(), "a.csv"),
        (TEXT.rstrip("\n").encode(), "a.csv"),
        (gzip.compress(TEXT.encode(), mtime=0), "a.csv.gz"),
    ],
    ids=["utf-8", "mark", "gb18030", "windows", "tabs", "semicolons", "no last end", "packed"],
)
def test_csv_is_read_alike_whatever_its_form(tmp_path: Path, data: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(data)
    found = frame(read(tmp_path))
    assert found["county"].tolist() == ["行唐县", "灵寿县", "行唐县"]
    assert found["household"].tolist() == ["007", "008", "009"]
    assert found["code"].tolist() == ["130125", "130126", "130125"]
    assert found["weight"].tolist() == [1.5, 2.0, 0.5]
    assert found["year"].tolist() == [2021, 2021, 2022]
    assert found["_row"].tolist() == [2, 3, 4]


cells = st.text(st.sampled_from('ab ,"\n东区é0'), max_size=6).filter(
    lambda text: text.strip() == text and not text.startswith(",")
)
faults = st.sampled_from(["short", "long", "open", "other encoding"])


@given(
    st.lists(st.tuples(cells, cells), min_size=1, max_size=30),
    st.dictionaries(st.integers(0, 29), faults, max_size=4),
    st.integers(8, 400),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_each_line_is_a_row_or_broken_and_broken_ones_cost_only_themselves(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str]],
    planted: dict[int, str],
    size: int,
) -> None:
    text = b"id,first,second,end\n"
    line, whole, broken = 2, {}, {}
    for i, (first, second) in enumerate(rows):
        fault = planted.get(i)
        if fault is None:
            quoted = ['"' + cell.replace('"', '""') + '"' for cell in (first, second)]
            row = f"{i},{quoted[0]},{quoted[1]},东城区的一户人家\n".encode()
            whole[line] = (str(i), first or None, second or None)
        else:
            row = {
                "short": f"{i},x,东城区的一户人家\n".encode(),
                "long": f"{i},x,y,z,东城区的一户人家\n".encode(),
                "open": f'{i},"x,y,东城区的一户人家\n'.encode(),
                "other encoding": f"{i},x,y,东城区的一户人家\n".encode("gb18030"),
            }[fault]
            broken[line] = fault
        text += row
        line += row.count(b"\n")
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(text)
    blocks = list(read_blocks(path, encoding="utf-8", size=size))
    found = {
        int(n): tuple(row)
        for block in blocks
        for n, row in zip(block.lines, _rows(block.table), strict=True)
    }
    assert found == whole
    assert {b.line for block in blocks for b in block.broken} == set(broken)


def _rows(table: Any) -> list[tuple[Any, ...]]:
    return list(zip(*(table[name].to_pylist() for name in table.column_names[:3]), strict=True))


def test_broken_lines_are_named_with_their_reason(tmp_path: Path) -> None:
    lines = [HEAD, ROWS[0], "130126,2021", "", '130126,2021,"1,2,x', ROWS[1], *["1,2,3,4,五区"] * 3]
    data = "\n".join(lines).encode() + b"\n" + ROWS[2].encode("gb18030") + b"\n1,2,3,4,\xff\n"
    (tmp_path / "a.csv").write_bytes(data)
    found, broken = lines_and_broken(tmp_path / "a.csv")
    assert found == [2, 6, 7, 8, 9]
    assert broken[3] == "2 cells instead of 5"
    assert broken[5] == OPEN_QUOTE
    assert broken[10].startswith(MIXED)
    assert broken[11] == "bytes fit neither UTF-8 nor GB18030"


def test_a_cell_may_have_several_lines_and_a_lone_mark_inside_is_text(tmp_path: Path) -> None:
    text = 'a,b\n1,"x\n\ny"\n2,5\'10"\n3,z\n'
    (tmp_path / "a.csv").write_text(text)
    for size in (1, 5, 9, 12, 100):
        blocks = list(read_blocks(tmp_path / "a.csv", size=size))
        cells = [cell for block in blocks for cell in block.table["b"].to_pylist()]
        assert cells == ["x\n\ny", "5'10\"", "z"]
        assert [int(n) for block in blocks for n in block.lines] == [2, 5, 6]


def test_lines_in_either_encoding_are_found_in_a_file_of_the_other(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes((TEXT * 2).encode("gb18030") + ROWS[0].encode() + b"\n")
    found, broken = lines_and_broken(path)
    assert list(broken) == [9] and "the file in GB18030" in broken[9]
    found, broken = lines_and_broken(path, encoding="mixed")
    assert not broken and len(found) == 8


@pytest.mark.parametrize(
    ("line", "encoding"),
    [
        (b"plain", "ascii"),
        ("东".encode(), "utf-8"),
        ("目".encode("gb18030"), "either"),
        ("é".encode(), "either"),
        ("行唐县".encode("gb18030"), "gb18030"),
        (b"\xff", "none"),
    ],
)
def test_encoding_of_a_line(line: bytes, encoding: str) -> None:
    assert line_encoding(line) == encoding


def test_all_that_cannot_be_read_is_in_one_message(tmp_path: Path) -> None:
    (tmp_path / "wide.csv").write_bytes(TEXT.encode("utf-16"))
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "twice.csv").write_text("a,a,\n1,2,3\n")
    (tmp_path / "own.csv").write_text("_row,a\n1,2\n")
    (tmp_path / "damaged.dta").write_bytes(b"no data")
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(TEXT.encode() * 99)[:-20])
    (tmp_path / "broken.csv").write_text(f"{HEAD}\n1,2\n")
    with pytest.raises(ValueError) as error:
        open_households(tmp_path, study())
    for part in (
        "8 violation(s)", "wide.csv: the text is UTF-16", "empty.csv: the file is empty",
        "twice.csv, line 1, headings: column 3 has none; 'a' stands there 2 times",
        "own.csv: rename the column _row", "damaged.dta: the parser failed",
        "damaged.parquet: no readable parquet", "cut.csv.gz: cut off",
        "broken.csv, line 2: 2 cells instead of 5",
    ):  # fmt: skip
        assert part in str(error.value)
    with pytest.raises(ValueError, match="nothing to read"):
        open_households(tmp_path, study(files=["*.sav"]))
    files = [{"path": "*.csv", "encodin": "x"}, {"path": "a.csv", "encoding": "latin"}]
    with pytest.raises(ValueError, match=r"did you mean encoding.*\n.*latin' is unknown"):
        open_households(tmp_path, study(files=files))


def test_broken_lines_are_refused_unless_left_out_on_purpose(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TEXT + "1,2\n")
    with pytest.raises(ValueError, match="line 5: 2 cells"):
        open_households(tmp_path, study())
    assert open_households(tmp_path, study(), leave_out_broken=True).count().to_pandas() == 3
    accounts = read(tmp_path).accounts.iloc[0]
    assert (accounts["lines"], accounts["rows"], accounts["broken"]) == (4, 3, 1)


def _survey() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "code": [130125.0, 130126.0, 130125.0],
            "year": [2021.0, 2021.0, 2022.0],
            "household": ["007", "008", "009"],
            "weight": [1.5, 2.0, 0.5],
            "water": [1.0, 2.0, 9.0],
            "asked": [dt.date(2021, 7, 1), None, dt.date(2022, 7, 2)],
        }
    )


def _write(path: Path) -> None:
    labels: dict[str, Any] = {"water": {1: "tap", 2: "river", 9: "refused"}}
    if path.suffix == ".sav":
        pyreadstat.write_sav(
            _survey(), str(path), variable_value_labels=labels, missing_ranges={"water": [9]}
        )
        return
    survey = _survey().astype({"water": object})
    survey.loc[2, "water"] = "a"
    labels = {"water": {1: "tap", 2: "river", "a": "refused"}}
    pyreadstat.write_dta(
        survey, str(path), variable_value_labels=labels, missing_user_values={"water": ["a"]}
    )


@pytest.mark.parametrize("name", ["a.sav", "a.dta"])
def test_statistics_files_keep_labels_and_what_they_declare_missing(
    tmp_path: Path, name: str
) -> None:
    _write(tmp_path / name)
    reading = read(tmp_path, labels={"water": "file"})
    found = frame(reading)
    assert found["code"].tolist() == ["130125", "130126", "130125"]
    assert found["water"].tolist()[:2] == ["tap", "river"] and found["water"].isna()[2]
    assert found["asked"].tolist()[::2] == ["2021-07-01", "2022-07-02"]
    declared = reading.declared_missing.iloc[0]
    assert (declared["variable"], declared["label"], declared["count"]) == ("water", "refused", 1)
    assert found["_row"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("name", ["a.sav", "a.dta"])
def test_chunks_make_no_difference(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / name)
    tables, answers = [], []
    for chunk in (1, 2, 3, 100):
        monkeypatch.setattr(statistics_chunks, "CHUNK", chunk)
        target = tmp_path / f"{chunk}.parquet"
        answers.append(statistics_chunks.write_chunks(tmp_path / name, target, name, ["UTF-8"]))
        tables.append(pq.read_table(target))
    assert all(table.equals(tables[0]) for table in tables)
    assert all(answer == answers[0] for answer in answers)


def test_files_of_all_kinds_become_one_table(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TEXT)
    _write(tmp_path / "b.dta")
    for year in (2021, 2022):
        folder = tmp_path / "parts" / f"year={year}"
        folder.mkdir(parents=True)
        part = pd.DataFrame({"code": [130125, 130126], "household": [1, 2], "weight": [1, 2]})
        part.to_parquet(folder / "x.parquet")
        (folder / "y.csv").write_text("code,household,weight\n130125,3,4\n")
    reading = read(tmp_path)
    found = frame(reading)
    assert reading.accounts["rows"].tolist() == [3, 3, 2, 1, 2, 1] and len(found) == 12
    parts = found[found["_file"].str.startswith("parts")]
    assert parts["year"].tolist() == [2021] * 3 + [2022] * 3
    assert parts["_row"].tolist() == [1, 2, 2] * 2
    assert parts["household"].tolist() == ["1", "2", "3"] * 2
    assert found["weight"].dtype == float and found["code"].isin(["130125", "130126"]).all()
    alone = read_households(tmp_path / "parts" / "year=2021" / "x.parquet", study())
    assert alone.table.count().to_pandas() == 2


def test_files_are_converted_once_and_again_when_they_change(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(TEXT)
    first = read(tmp_path).files[0].parquet
    stamp = first.stat().st_mtime_ns
    assert read(tmp_path).files[0].parquet.stat().st_mtime_ns == stamp
    path.write_text(TEXT + "130125,2023,010,1,行唐县\n")
    again = read(tmp_path)
    assert again.accounts["rows"].tolist() == [4] and not first.exists()
    assert len(list((tmp_path / ".read").glob("*.parquet"))) == 1


def test_declared_cells_are_missing_and_labels_replace_codes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"{HEAD},water\n130125,2021,1,-9,x,1\n130125,2021,2,3,x,2\n")
    files = [{"path": "a.csv", "missing": [-9]}]
    found = frame(read(tmp_path, files=files, labels={"water": {1: "tap", 2: "river"}}))
    assert np.isnan(found["weight"][0]) and found["weight"][1] == 3
    assert found["water"].tolist() == ["tap", "river"]


@pytest.mark.parametrize("suffix", ["csv", "parquet", "dta", "sav"])
def test_declared_cells_are_missing_in_every_kind_of_file(tmp_path: Path, suffix: str) -> None:
    survey = pd.DataFrame(
        {
            "code": ["130125"] * 3, "year": [2021] * 3, "household": ["007", "-9", "3"],
            "weight": [-9.0, 7.0, 2.5], "water": ["refused", "river", "tap"], "rooms": [1, -9, 7],
        }
    )  # fmt: skip
    path = tmp_path / f"a.{suffix}"
    if suffix == "sav":
        pyreadstat.write_sav(survey, str(path))
    else:
        write: Any = {"csv": survey.to_csv, "parquet": survey.to_parquet, "dta": survey.to_stata}
        write[suffix](path, **({"write_index": False} if suffix == "dta" else {"index": False}))
    files = [{"path": f"*.{suffix}", "missing": [-9, "7", "refused"]}]
    indicator = {"name": "rooms", "dimension": "d", "weight": 1, "deprived": {"below": 2}}
    for place in (tmp_path, path):
        found = frame(read(place, files=files, indicators=[indicator]))
        assert found["weight"].isna().tolist() == [True, True, False]
        assert found["rooms"].isna().tolist() == [False, True, True]
        assert found["water"].isna().tolist() == [True, False, False]
        assert found["household"].isna().tolist() == [False, True, False]
    everything = frame(read(tmp_path, indicators=[indicator]))
    assert everything["weight"].tolist() == [-9.0, 7.0, 2.5]


@pytest.mark.parametrize(
    ("cell", "missing"),
    [
        ("-9", True), ("-9.0", True), (" -9.00 ", True), ("-9.", True), ("99.5", True),
        ("99.50", True), ("NA", True), ("-90", False), ("-9.01", False), ("9", False),
        ("-09", False), ("99.05", False), ("x-9.0", False),
    ],
)  # fmt: skip
def test_a_declared_number_is_missing_however_it_is_written(
    tmp_path: Path, cell: str, missing: bool
) -> None:
    (tmp_path / "a.csv").write_text(f"{HEAD}\n130125,2021,1,2,{cell}\n")
    files = [{"path": "a.csv", "missing": ["-9.0", 99.5, "NA"]}]
    found = frame(read(tmp_path, files=files))["county"]
    assert found.isna().tolist() == [missing]


def test_spill_goes_to_the_folder_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "large"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text(TEXT)
    connection = read(tmp_path / "data").table.get_backend()
    query = "SELECT current_setting('temp_directory')"
    spill = Path(connection.raw_sql(query).fetchone()[0])
    assert spill.parent == tmp_path / "large"
    given = {"name": "duckdb", "temp_directory": str(tmp_path / "own")}
    connection = connect(study(backend=given))
    assert connection.raw_sql(query).fetchone() == (str(tmp_path / "own"),)


def test_options_that_the_backend_does_not_take_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TEXT)
    for options, message in (
        ({"memory_limt": "1GB", "thread": 2}, r"2 violation.*\n.*did you mean memory_limit"),
        ({"memory_limit": "much"}, r"backend: .*mend the value"),
        ({"threads": "x"}, r"backend: .*mend the value"),
    ):
        with pytest.raises(ValueError, match=message):
            read(tmp_path, backend={"name": "duckdb", **options})


def test_profile_equals_pandas(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    survey = pd.DataFrame(
        {"code": rng.choice(["130125", "130126"], 500), "x": rng.normal(size=500)}
    )
    survey.loc[:9, "x"] = np.nan
    survey.to_parquet(tmp_path / "a.parquet")
    table = read_households(tmp_path, parse_config({"columns": {"code": "code"}})).table
    profile = profile_households(table).set_index("column")
    assert profile.loc["x", "missing"] == 10 and profile.loc["x", "rows"] == 500
    assert profile.loc["x", "maximum"] == f"{survey['x'].max():.10g}"
    assert profile["distinct"].to_dict() == {"code": 2, "x": pytest.approx(490, rel=0.1)}


DDI = """<?xml version="1.0" encoding="UTF-8"?>
<codeBook xmlns="ddi:codebook:2_5" version="2.5"><stdyDscr><citation><titlStmt>
<titl>extract</titl></titlStmt><serStmt><serName abbr="usa">IPUMS</serName><serInfo>doi</serInfo>
</serStmt></citation><dataAccs><useStmt><citReq>c</citReq><conditions>c</conditions></useStmt>
</dataAccs></stdyDscr>
<fileDscr ID="X"><fileTxt><fileName>x.dat</fileName><fileCont/><fileStrc type="rectangular"/>
<dimensns/><format>fixed</format><filePlac>IPUMS</filePlac>
<fileType charset="UTF-8">fixed</fileType></fileTxt></fileDscr>
<dataDscr>{variables}</dataDscr></codeBook>"""
VARIABLE = """<var ID="{name}" name="{name}" files="X" dcml="{decimals}" intrvl="{interval}">
<location StartPos="{start}" EndPos="{end}" width="{width}"/><labl>{name}</labl><txt>{name}</txt>
{labels}<concept>c</concept><varFormat type="numeric" schema="other"/></var>"""


def test_ipums_extract_is_read_by_its_codebook(tmp_path: Path) -> None:
    pytest.importorskip("ipumspy", reason="optional: ipumspy reads IPUMS extracts")
    label = "<catgry><catValu>{}</catValu><labl>{}</labl></catgry>"
    fields = [
        ("CODE", 1, 6, 0, "discrete", ""), ("YEAR", 7, 10, 0, "discrete", ""),
        ("HOUSEHOLD", 11, 13, 0, "discrete", ""), ("WEIGHT", 14, 17, 2, "contin", ""),
        ("WATER", 18, 18, 0, "discrete", label.format(1, "tap") + label.format(2, "river")),
    ]  # fmt: skip
    variables = "".join(
        VARIABLE.format(
            name=name, start=start, end=end, width=end - start + 1, decimals=decimals,
            interval=interval, labels=labels,
        )
        for name, start, end, decimals, interval, labels in fields
    )  # fmt: skip
    (tmp_path / "x.xml").write_text(DDI.format(variables=variables))
    (tmp_path / "x.dat").write_text("130125202100101501\n130126202200202252\n")
    columns = {"code": "CODE", "year": "YEAR", "household": "HOUSEHOLD", "weight": "WEIGHT"}
    files = [{"path": "x.dat", "codebook": "x.xml"}]
    config = parse_config({"columns": columns, "files": files, "labels": {"WATER": "file"}})
    reading = read_households(tmp_path, config)
    assert reading.problems == ()
    found = frame(reading)
    assert found["CODE"].tolist() == ["130125", "130126"]
    assert found["WEIGHT"].tolist() == [1.5, 2.25]
    assert found["WATER"].tolist() == ["tap", "river"]


def test_ipums_extract_without_its_codebook_says_so(tmp_path: Path) -> None:
    (tmp_path / "x.dat").write_text("130125\n")
    with pytest.raises(ValueError, match=r"x\.dat: fixed-width without a codebook"):
        open_households(tmp_path, study())


LARGE = 3 * 2**30
MEMORY_MB = 1500
CHILD = """
import sys
from pathlib import Path
from analysis.households.config import parse_config
from analysis.households.reading import read_households
reading = read_households(Path(sys.argv[1]), parse_config({"columns": {"household": "household"}}))
print(reading.accounts.to_csv(index=False), reading.broken["line"].tolist())
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux")
def test_three_gigabytes_with_one_broken_row_lose_nothing(tmp_path: Path) -> None:
    row = b"130125,2021,%09d,1.5,0123456789012345678901234567890123456789\n"
    many = b"".join(row % n for n in range(100_000))
    copies = LARGE // len(many)
    with (tmp_path / "a.csv").open("wb") as file:
        file.write(HEAD.encode() + b"\n")
        for copy in range(copies):
            file.write(many if copy != copies // 2 else b'130125,2021,"broken\n' + many)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path)], capture_output=True, text=True, check=True
    )
    rows, broken_line = copies * 100_000, copies // 2 * 100_000 + 2
    assert f"a.csv,{rows + 1},{rows},1" in done.stdout and f"[{broken_line}]" in done.stdout
    # VmHWM, as ru_maxrss of a child starts at the memory of the process that started it
    assert int(done.stdout.split()[-1]) / 1024 < MEMORY_MB
