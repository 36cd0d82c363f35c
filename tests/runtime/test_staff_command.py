"""`staff` on a file: one row a row, waits that fit the plan, hours kept, and faults by file, line, column and value."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from runtime import cli

GIVEN = ["--service-time-s", "480", "--service-cv", "0.8", "--patience-s", "2700", "--windows", "12", "--target-wait-s", "900"]
EXPECTED = [4, 9, 14, 16, 11, 7, 5, 4]


def day(date: str, first_hour: int = 9) -> list[str]:
    return [f"{date}T{first_hour + k // 4:02d}:{15 * (k % 4):02d},{n}" for k, n in enumerate(EXPECTED)]


def write(tmp_path: Path, lines: list[str]) -> Path:
    file = tmp_path / "in.csv"
    file.write_text("\n".join(["timestamp,arrivals", *lines]) + "\n")
    return file


def run(file: Path, *more: str) -> int:
    return cli.main(["staff", "--arrivals", str(file), "--output", str(file.parent / "out.csv"), *GIVEN, *more])


def rows(file: Path) -> list[dict[str, str]]:
    with (file.parent / "out.csv").open(newline="") as text:
        return list(csv.DictReader(text))


def test_a_budget_is_kept_and_the_worst_interval_waits_less_than_with_a_flat_roster(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, day("2026-03-02"))
    assert run(file, "--window-hours", "10.1", "--json") == 0
    found = rows(file)
    assert [row["timestamp"] for row in found] == [f"2026-03-02T{9 + k // 4:02d}:{15 * (k % 4):02d}:00+08:00" for k in range(8)]
    windows = np.array([int(row["windows"]) for row in found])
    assert windows.sum() == 40, "10.1 h are 40 quarters of an hour and a rest that no window can be opened for"
    assert windows.max() <= 12
    waits = np.array([float(row["expected_wait_s"]) for row in found])
    assert all(0 <= float(row["abandon_share"]) <= 1 and float(row["p90_wait_s"]) >= 0 for row in found)
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["worst_interval_wait_s"] == waits.max() < said["flat_worst_interval_wait_s"]
    assert said["window_hours"] == said["flat_window_hours"] == 10
    assert said["days"][0]["date"] == "2026-03-02"


def test_without_a_budget_nine_of_ten_wait_no_longer_than_the_target(tmp_path: Path) -> None:
    file = write(tmp_path, day("2026-03-02"))
    assert run(file) == 0
    found = rows(file)
    assert max(float(row["p90_wait_s"]) for row in found) <= 900 * 1.02
    assert sum(int(row["windows"]) for row in found) < 12 * 8


def test_days_are_planned_one_by_one_and_the_same_day_alike(tmp_path: Path) -> None:
    file = write(tmp_path, day("2026-03-02") + day("2026-03-03"))
    assert run(file, "--window-hours", "10") == 0
    windows = [row["windows"] for row in rows(file)]
    assert windows[:8] == windows[8:]


def test_an_offset_of_the_file_is_kept_apart_from_the_zone_of_the_days(tmp_path: Path) -> None:
    file = write(tmp_path, [f"{line.split(',')[0]}+00:00,{line.split(',')[1]}" for line in day("2026-03-02", 14)])
    assert run(file, "--window-hours", "10", "--zone", "UTC") == 0
    assert rows(file)[0]["timestamp"] == "2026-03-02T14:00:00+00:00"


def test_too_few_windows_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, [f"{line.split(',')[0]},90" for line in day("2026-03-02")])
    assert run(file) == 0
    assert "12 windows are too few for the target of 900 s" in capsys.readouterr().err
    assert rows(file)[0]["windows"] == "12"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (
            [*day("2026-03-02")[:3], *day("2026-03-02")[4:]],
            "line 5, column timestamp: '2026-03-02T10:00', expected 15 min after the row",
        ),
        ([*day("2026-03-02")[:2], day("2026-03-02")[0]], "line 4, column timestamp: '2026-03-02T09:00', expected a later time"),
        (["2026-03-02T09:00,-1"], "line 2, column arrivals: '-1', expected a number of at least 0"),
        (["2026-03-02T09:00,"], "line 2, column arrivals: nothing, expected a number"),
        (["2026-03-02,9", "2026-03-03,9"], "has intervals of 24 h: expected shorter ones"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: list[str], words: str) -> None:
    assert run(write(tmp_path, lines)) == 2
    said = capsys.readouterr().err
    assert words in said
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--windows", "2.5"], "--windows is '2.5': expected a whole number"),
        (["--zone", "Mars/Base"], "--zone is 'Mars/Base': expected a zone"),
        (["--noise", "many"], "--noise is 'many': expected 1 numbers"),
    ],
)
def test_a_wrong_argument_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], words: str
) -> None:
    assert run(write(tmp_path, day("2026-03-02")), *more) == 2
    assert words in capsys.readouterr().err
