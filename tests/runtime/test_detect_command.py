"""`detect` on files: what is written, what is printed, and what is refused."""

from __future__ import annotations

import argparse
import csv
import json
import random
from pathlib import Path

import numpy as np
import pytest

from runtime.bad_input import BadInput
from runtime.on_files import detect
from runtime.settings import load_settings

HEADER = "timestamp,value"


def run(folder: Path, *more: str, **named: str) -> list[dict[str, str]]:
    parser = argparse.ArgumentParser()
    detect.add_arguments(parser)
    given = {"input": "in.csv", "output": "out.csv"} | named
    words = [word for name, file in given.items() for word in (f"--{name}", str(folder / file))]
    assert detect.run(parser.parse_args([*words, *more]), load_settings({})) == 0
    return list(csv.DictReader((folder / given["output"]).read_text().splitlines()))


def fortnight(n_days: int = 10, seed: int = 1, name: str = "") -> list[str]:
    """Rows of a daily wave, every 15 minutes, with a jump on the ninth day."""
    wave = 50 + 10 * np.sin(2 * np.pi * np.arange(n_days * 96) / 96)
    values = wave + np.random.default_rng(seed).normal(size=len(wave))
    values[9 * 96 :] += np.where(np.arange(len(values) - 9 * 96) < 8, 60, 0)
    times = np.datetime64("2026-03-02T00:00") + np.arange(len(wave)) * np.timedelta64(15, "m")
    return [f"{name + ',' if name else ''}{time},{value:.2f}" for time, value in zip(times, values, strict=True)]


def write(folder: Path, lines: list[str], header: str = HEADER, file: str = "in.csv") -> None:
    (folder / file).write_text("\n".join([header, *lines]) + "\n")


def test_rows_come_back_in_their_order_as_they_were_written(tmp_path: Path) -> None:
    write(tmp_path, fortnight())
    out = run(tmp_path)
    assert [f"{row['timestamp']},{row['value']}" for row in out] == fortnight()
    assert list(out[0]) == ["timestamp", "value", "score", "alarm", "lane", "reason"]


def test_an_alarm_has_a_lane_and_a_reason_and_others_have_none(tmp_path: Path) -> None:
    write(tmp_path, fortnight())
    out = run(tmp_path)
    alarms = [row for row in out if row["alarm"] == "1"]
    assert [row["timestamp"] for row in alarms] == ["2026-03-11T00:00"]
    assert alarms[0]["lane"] in ("quality", "insight")
    assert "00:00" in alarms[0]["reason"]
    assert all(row["lane"] == row["reason"] == "" and row["alarm"] == "0" for row in out if row not in alarms)
    assert all(0 <= float(row["score"]) <= 1 for row in out)


def test_what_comes_later_changes_nothing_before(tmp_path: Path) -> None:
    lines = fortnight()
    write(tmp_path, lines)
    whole = run(tmp_path)
    cut = 9 * 96 + 4
    write(tmp_path, [*lines[:cut], *(f"{line.split(',')[0]},-999" for line in lines[cut:])])
    assert run(tmp_path)[:cut] == whole[:cut]
    write(tmp_path, lines[:cut])
    assert run(tmp_path) == whole[:cut]


def test_series_are_strangers_to_one_another(tmp_path: Path) -> None:
    one, other = fortnight(name="a"), fortnight(n_days=5, seed=2, name="b")
    mixed = [*one, *other]
    random.Random(1).shuffle(mixed)
    write(tmp_path, mixed, "series,timestamp,value")
    together = {(row["series"], row["timestamp"]): row["score"] for row in run(tmp_path)}
    write(tmp_path, one, "series,timestamp,value")
    alone = {(row["series"], row["timestamp"]): row["score"] for row in run(tmp_path)}
    assert {key: score for key, score in together.items() if key[0] == "a"} == alone


def test_limits_make_a_warning(tmp_path: Path) -> None:
    write(tmp_path, fortnight(name="a") + fortnight(name="b"), "series,timestamp,value")
    write(tmp_path, ["a,,80", "c,1,2"], "series,low,high", "limits.csv")
    alarms = [row for row in run(tmp_path, limits="limits.csv") if row["lane"] == "warning"]
    assert {row["series"] for row in alarms} == {"a"}
    assert alarms[0]["reason"].endswith("is outside the limits −∞–80 since 00:00")


def test_a_silent_gap_is_reported_by_the_first_row_after_it(tmp_path: Path) -> None:
    lines = fortnight(n_days=9)
    write(tmp_path, lines[: 6 * 96] + lines[6 * 96 + 20 :])
    assert [row["timestamp"] for row in run(tmp_path) if row["alarm"] == "1"] == ["2026-03-08T05:00"]


@pytest.mark.parametrize(
    "lines",
    [
        [], ["2026-03-02T00:00,1"], ["2026-03-02T00:00,1", "2026-03-02T00:05,2", "2026-03-02T00:10,3"],
        ["2026-03-02T00:00,7"] * 5, [f"2026-03-{day:02}T00:00,7" for day in range(1, 31)],
        ["2026-03-02T00:10,", "2026-03-02T00:05,NaN", "2026-03-02T00:00,1"], ["2026-03-02T00:00,1e300", "2026-03-02T00:05,-1e300"],
    ],
    ids=["empty", "one", "three", "one time", "constant", "without values", "huge"],
)  # fmt: skip
def test_hardly_any_data_is_no_event(tmp_path: Path, lines: list[str]) -> None:
    write(tmp_path, lines)
    out = run(tmp_path)
    assert len(out) == len(lines)
    assert all(row["alarm"] == "0" for row in out)


def test_times_said_twice_and_out_of_order_are_taken_in_order(tmp_path: Path) -> None:
    lines = fortnight()
    write(tmp_path, lines)
    plain = {row["timestamp"]: row["alarm"] for row in run(tmp_path)}
    write(tmp_path, [*reversed(lines), lines[5]])
    turned = run(tmp_path)
    assert {row["timestamp"]: row["alarm"] for row in turned[:-1]} == plain
    assert turned[-1]["score"] == "0.0"


def test_the_hour_that_comes_twice_is_two_hours(tmp_path: Path) -> None:
    """Berlin, 25 October 2026: naive times from 02:00 on are said twice."""
    hours = [*(f"2026-10-25T0{h}:{m:02}" for h in (0, 1, 2) for m in (0, 30)), "2026-10-25T02:00", "2026-10-25T02:30"]
    write(tmp_path, [f"{time},5" for time in hours])
    assert len(run(tmp_path, "--zone", "Europe/Berlin")) == len(hours)


def test_json_is_the_last_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, fortnight())
    run(tmp_path, "--json")
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["rows"], told["series"], told["alarms"]) == (960, 1, 1)


def test_parquet_goes_in_and_out(tmp_path: Path) -> None:
    import pandas as pd

    rows = [line.split(",") for line in fortnight()]
    pd.DataFrame({"timestamp": [t for t, _ in rows], "value": [float(v) for _, v in rows]}).to_parquet(tmp_path / "in.parquet")
    parser = argparse.ArgumentParser()
    detect.add_arguments(parser)
    words = ["--input", str(tmp_path / "in.parquet"), "--output", str(tmp_path / "out.parquet")]
    assert detect.run(parser.parse_args(words), load_settings({})) == 0
    assert pd.read_parquet(tmp_path / "out.parquet")["alarm"].sum() == 1


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [("a,9,2", "line 2, column high: '2'"), ("a,x,2", "line 2, column low: 'x'")],
)
def test_limits_that_make_no_sense_are_refused_by_line_and_column(tmp_path: Path, limits: str, sentence: str) -> None:
    write(tmp_path, fortnight(name="a"), "series,timestamp,value")
    write(tmp_path, [limits], "series,low,high", "limits.csv")
    with pytest.raises(BadInput, match=sentence):
        run(tmp_path, limits="limits.csv")


def test_an_unknown_zone_is_refused(tmp_path: Path) -> None:
    write(tmp_path, fortnight())
    with pytest.raises(BadInput, match="--zone is 'Mars/Olympus': expected a zone"):
        run(tmp_path, "--zone", "Mars/Olympus")
    assert not (tmp_path / "out.csv").exists()
