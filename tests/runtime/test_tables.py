"""Tables: cells as numbers, words and times; every fault named by file, line, column, value and expectation."""

from __future__ import annotations

import errno
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from runtime.bad_input import BadInput, CannotWrite
from runtime.on_files.tables import iso_texts, read_table, stamped, write_table

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")


def table(tmp_path: Path, text: str, name: str = "in.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_an_offset_wins_and_a_naive_time_is_local(tmp_path: Path) -> None:
    path = table(tmp_path, "timestamp\n2026-03-02T09:00\n2026-03-02T09:00:00+00:00\n2026-03-02 01:00:00Z\n2026-03-02\n")
    said = iso_texts(read_table(path, ["timestamp"]).times("timestamp", SHANGHAI), SHANGHAI)
    assert said == [
        "2026-03-02T09:00:00+08:00", "2026-03-02T17:00:00+08:00", "2026-03-02T09:00:00+08:00", "2026-03-02T00:00:00+08:00",
    ]  # fmt: skip


def test_the_hour_that_comes_twice_is_first_summer_time_then_winter_time_for_each_thing_apart(tmp_path: Path) -> None:
    path = table(tmp_path, "s,t\n" + "".join(f"{s},2025-11-02T{h}:30\n" for s in "ab" for h in ("00", "01", "01", "02")))
    read = read_table(path, ["s", "t"])
    hours = read.times("t", NEW_YORK, apart=read.texts("s")) // 3_600_000_000
    assert np.diff(hours[:4]).tolist() == [1, 1, 1]
    assert hours[:4].tolist() == hours[4:].tolist()


def test_the_hour_that_is_skipped_is_moved_past_the_gap(tmp_path: Path) -> None:
    read = read_table(table(tmp_path, "t\n2025-03-09T02:30\n"), ["t"])
    assert iso_texts(read.times("t", NEW_YORK), NEW_YORK) == ["2025-03-09T03:00:00-04:00"]


def test_an_empty_cell_is_no_number_and_no_fault(tmp_path: Path) -> None:
    read = read_table(table(tmp_path, "value,x\n1.5,a\n,b\nNaN,c\n-2e3,d\n"), ["value"])
    np.testing.assert_array_equal(read.numbers("value"), [1.5, np.nan, np.nan, -2000])


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("value\n1\nabc\n", "value", "line 3, column value: 'abc', expected a number"),
        ("value\n1\n\n\ninf\n", "value", "line 5, column value: 'inf', expected a number"),
        ("t\n2026-03-02T25:00\n", "t", "line 2, column t: '2026-03-02T25:00', expected a time such as"),
        ("t,v\n,3\n", "t", "line 2, column t: nothing, expected a time such as"),
    ],
)
def test_a_wrong_cell_is_named_with_its_line(tmp_path: Path, text: str, column: str, words: str) -> None:
    path = table(tmp_path, text)
    read = read_table(path, [column])
    with pytest.raises(BadInput) as told:
        read.times(column, SHANGHAI) if column == "t" else read.numbers(column)
    assert str(told.value).startswith(f"{path}, {words}")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("in.csv", "a,b\n1,2\n", "has no column timestamp, value: expected timestamp,value, found a,b"),
        ("in.csv", "timestamp,value\n", "has a header and no row"),
        ("in.csv", "", "cannot be read"),
        ("in.csv", "timestamp,value\n1,2,3,4\n5,6\n", "cannot be read"),
        ("in.csv", "timestamp,value,value\n1,2,3\n", "has the column value twice"),
        ("in.xlsx", "x", "ends in '.xlsx': expected .csv or .parquet"),
        ("in.parquet", "no parquet", "cannot be read"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(tmp_path: Path, name: str, text: str, words: str) -> None:
    path = table(tmp_path, text, name)
    with pytest.raises(BadInput, match=words):
        read_table(path, ["timestamp", "value"])


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not there"):
        read_table(tmp_path / "none.csv", ["value"])


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_what_is_written_is_read_back(tmp_path: Path, name: str) -> None:
    stamps = np.array([0, 1_767_229_200_000_000, 1_767_229_200_500_000])
    path = tmp_path / name
    write_table(path, {"series": ["a", "b, c", "d"], "timestamp": stamped(stamps, SHANGHAI), "value": [1.5, np.nan, -2]})
    read = read_table(path, ["series", "timestamp", "value"])
    assert read.texts("series") == ["a", "b, c", "d"]
    np.testing.assert_array_equal(read.times("timestamp", SHANGHAI), stamps)
    np.testing.assert_array_equal(read.numbers("value"), [1.5, np.nan, -2])


def test_written_times_carry_the_offset(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write_table(path, {"timestamp": stamped(np.array([0]), SHANGHAI)})
    assert path.read_text() == "timestamp\n1970-01-01T08:00:00+08:00\n"


def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = table(tmp_path, "old\n", "out.csv")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(CannotWrite, match=r"No space left on device.*nothing was changed"):
        write_table(path, {"value": [1]})
    assert [each.name for each in tmp_path.iterdir()] == ["out.csv"]
    assert path.read_text() == "old\n"
