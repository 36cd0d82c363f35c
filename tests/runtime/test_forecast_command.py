"""`cityhelm forecast` on files: its format, its times, and that it never looks ahead."""

from __future__ import annotations

import argparse
import csv
import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from runtime.bad_input import BadInput
from runtime.on_files import forecast
from runtime.settings import load_settings

HOUR = timedelta(hours=1)
MONDAY = datetime(2026, 3, 2)  # noqa: DTZ001 - written as files have it, without an offset

Rows = list[tuple[str, str, str]]


def run(folder: Path, rows: Rows | str, *options: str, origins: str | None = None) -> list[dict[str, str]]:
    """The rows of the output."""
    source, target = folder / "in.csv", folder / "out.csv"
    text = rows if isinstance(rows, str) else "series,timestamp,value\n" + "".join(",".join(row) + "\n" for row in rows)
    source.write_text(text, encoding="utf-8")
    asked = ["--input", str(source), "--output", str(target), *options]
    if origins is not None:
        (folder / "origins.csv").write_text(origins, encoding="utf-8")
        asked += ["--origins", str(folder / "origins.csv")]
    parser = argparse.ArgumentParser()
    forecast.add_arguments(parser)
    assert forecast.run(parser.parse_args(asked), load_settings({})) == 0
    with target.open(encoding="utf-8") as written:
        return list(csv.DictReader(written))


def hourly(n_days: float, *, name: str = "a", start: datetime = MONDAY - timedelta(days=21), seed: int = 0) -> Rows:
    noise = np.random.default_rng(seed).normal(size=int(n_days * 24))
    return [
        (name, (start + k * HOUR).isoformat(timespec="minutes"), f"{50 + 20 * np.sin(k * np.pi / 12) + 3 * e:.3f}")
        for k, e in enumerate(noise)
    ]


def quantiles(row: dict[str, str]) -> list[float]:
    return [float(value) for key, value in row.items() if key.startswith("q")]


def test_the_output_is_as_the_command_promises(tmp_path: Path) -> None:
    made = run(tmp_path, hourly(21, name="b") + hourly(21, name="a", seed=1), "--quantiles", "0.05,.50,0.95")
    assert list(made[0]) == ["series", "origin", "timestamp", "model", "note", "q0.05", "q.50", "q0.95"]
    assert [row["series"] for row in made] == ["b"] * 24 + ["a"] * 24, "in the order of the file"
    assert made[0]["origin"] == "2026-03-01T23:00:00+08:00", "the last row"
    assert [row["timestamp"] for row in made[:2]] == ["2026-03-02T00:00:00+08:00", "2026-03-02T01:00:00+08:00"]
    assert {row["model"] for row in made} == {"combination"}
    assert {row["note"] for row in made} == {""}
    assert all(quantiles(row) == sorted(quantiles(row)) for row in made)
    at_six = next(row for row in made if row["timestamp"].startswith("2026-03-02T06"))
    assert float(at_six["q.50"]) == pytest.approx(70, abs=5)


def test_rows_after_an_origin_change_nothing(tmp_path: Path) -> None:
    rows = hourly(21) + hourly(21, name="b", seed=2)
    origins = "origin\n2026-02-24T09:00\n2026-02-27T17:00\n"
    before = run(tmp_path, rows, origins=origins)
    spoilt = [(s, t, "999" if t > "2026-02-27T17:00" else v) for s, t, v in rows] + [("c", "2026-03-01T00:00", "1")]
    after = run(tmp_path, spoilt, origins=origins)
    assert len(before) == 4 * 24
    assert [row for row in after if row["series"] != "c"] == before
    first = "2026-02-24T09:00:00+08:00"
    spoilt = [(s, t, "999" if t > "2026-02-24T09:00" else v) for s, t, v in rows]
    early = [row for row in run(tmp_path, spoilt, origins=origins) if row["origin"] == first]
    assert early == [row for row in before if row["origin"] == first]


def test_of_finer_rows_an_origin_knows_only_those_that_came(tmp_path: Path) -> None:
    """Five-minute rows: from 09:00 on only the row of 09:00 is known, whatever its hour brings."""
    start = MONDAY - timedelta(days=10)
    rows = [
        ("a", (start + timedelta(minutes=5 * k)).isoformat(timespec="minutes"), f"{20 + (k * 7919 % 13):d}")
        for k in range(10 * 288)
    ]
    origins = "series,origin\na,2026-03-01T09:00\n"
    before = run(tmp_path, rows, origins=origins)
    spoilt = [(s, t, "999" if t > "2026-03-01T09:00" else v) for s, t, v in rows]
    assert run(tmp_path, spoilt, origins=origins) == before


def test_closed_hours_are_zero_and_a_made_up_saturday_is_open(tmp_path: Path) -> None:
    """Of the Spring Festival of 2026 the State Council made Sunday 15 February off and Saturday 28 February worked."""
    start = datetime(2025, 12, 29)  # noqa: DTZ001
    rows = [
        ("hall", (start + k * HOUR).isoformat(timespec="minutes"), "40")
        for k in range(59 * 24)
        if 9 <= k % 24 < 17 and (start + k * HOUR).weekday() < 5
    ]
    varied = [(s, t, str(40 + k * 7919 % 9)) for k, (s, t, _) in enumerate(rows)]
    made = run(
        tmp_path, varied, "--calendar", "CN", "--opening", "09:00-17:00", "--workdays", "mon-fri", "--horizon", "48h",
        origins="origin\n2026-02-27T16:00\n",
    )  # fmt: skip
    assert len(made) == 48
    is_open = {row["timestamp"][:13] for row in made if any(quantiles(row))}
    assert is_open == {f"2026-02-28T{hour:02d}" for hour in range(9, 17)}
    assert all(len(set(quantiles(row))) == 1 for row in made if row["timestamp"][:13] not in is_open)


def test_the_hour_that_comes_twice_is_foreseen_twice_and_the_skipped_one_not(tmp_path: Path) -> None:
    """Berlin, 25 October 2026: 02:00 comes twice. 29 March: 02:00 does not come."""
    for day, hours in (("2026-10-24", ["01:00:00+02:00", "02:00:00+02:00", "02:00:00+01:00", "03:00:00+01:00"]),
                       ("2026-03-28", ["01:00:00+01:00", "03:00:00+02:00"])):  # fmt: skip
        last = datetime.fromisoformat(f"{day}T23:00")
        rows = hourly(14, start=last - timedelta(days=14) + HOUR)
        made = run(tmp_path, rows, "--zone", "Europe/Berlin", "--horizon", "6h")
        assert [row["timestamp"][11:] for row in made][1 : 1 + len(hours)] == hours
        assert all(np.isfinite(quantiles(row)).all() for row in made)


def test_rows_given_twice_count_once_and_times_with_offset_win(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = hourly(21)
    once = run(tmp_path, rows)
    spoilt_first = [(s, t, "1000") for s, t, _ in rows[:50]] + [(s, t + ":00+08:00", v) for s, t, v in rows]
    assert run(tmp_path, spoilt_first, "--zone", "Asia/Shanghai") == once
    assert "50 rows repeat a time" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "model", "note"),
    [
        ([("a", f"2026-03-02T{h:02d}:00", "5") for h in range(3)], "flat", "3 usable values, 4 are needed"),
        ([("a", "2026-03-02T09:00", "")], "flat", "no usable value yet"),
        ([(s, t, "7") for s, t, _ in hourly(8)], "flat", "the value has not changed for 192 h"),
        (hourly(5 / 24), "flat", "history of 5 h is shorter than the 30 h that seasonal naive needs"),
    ],
    ids=["three-points", "empty", "constant", "hours"],
)
def test_what_cannot_carry_a_model_falls_back_and_says_so(tmp_path: Path, rows: Rows, model: str, note: str) -> None:
    made = run(tmp_path, rows)
    assert len(made) == 24
    assert {(row["model"], row["note"]) for row in made} == {(model, note)}
    assert all(np.isfinite(quantiles(row)).all() for row in made)


def test_of_one_value_nothing_else_is_known(tmp_path: Path) -> None:
    made = run(tmp_path, [("a", "2026-03-02T09:00", "5")])
    assert {value for row in made for value in quantiles(row)} == {5.0}


@pytest.mark.parametrize("n_days", [3, 9, 28])
def test_weeks_by_the_day_are_few_values_and_no_fault(tmp_path: Path, n_days: int) -> None:
    made = run(tmp_path, hourly(n_days), "--step", "1d", "--horizon", "7d", "--aggregate", "sum")
    assert len(made) == 7
    assert all(np.isfinite(quantiles(row)).all() for row in made)


def test_a_slip_of_the_sensor_is_no_measurement(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = hourly(20)
    once = run(tmp_path, [*rows[:-1], (*rows[-1][:2], "")])
    assert run(tmp_path, [*rows[:-1], (*rows[-1][:2], "99999999")]) == once
    assert "1 values are beyond belief" in capsys.readouterr().err


def test_a_long_gap_before_the_origin_is_named(tmp_path: Path) -> None:
    made = run(tmp_path, hourly(20), origins="origin\n2026-03-01T12:00\n")
    assert {(row["model"], row["note"]) for row in made} == {("profile", "no value for 13 h")}


def test_json_is_the_last_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, hourly(21), "--json")
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (figures["series"], figures["forecasts"], figures["rows"], figures["fallbacks"]) == (1, 1, 24, {})


def test_a_year_without_decree_is_said_aloud(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, hourly(14, start=datetime(2095, 5, 1)), "--calendar", "CN")  # noqa: DTZ001
    assert "make-up working days of 2095 are not decreed yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--step", "7h"), "--step is '7h': expected a length that divides the day"),
        (("--horizon", "90m"), "--horizon is '90m': expected a multiple of --step"),
        (("--quantiles", "0.1,1.5"), "--quantiles is '0.1,1.5': expected different numbers between 0 and 1"),
        (("--zone", "Asia/Nowhere"), "--zone is 'Asia/Nowhere': expected a zone"),
        (("--calendar", "XX"), "country is 'XX': expected a code of ISO 3166"),
        (("--opening", "21:00-07:00"), "opening is '21:00-07:00': expected hours within one day"),
        (("--workdays", "mo-fr"), "workdays is 'mo-fr': expected days such as mon-fri"),
        (("--model", "oracle"), "--model is 'oracle': expected auto or one of"),
    ],
)
def test_a_wrong_wish_is_named(tmp_path: Path, options: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(BadInput) as fault:
        run(tmp_path, hourly(1), *options)
    assert str(fault.value).startswith(sentence)
    assert not (tmp_path / "out.csv").exists()


def test_an_origin_of_a_series_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="line 2, column series: 'z', expected a series of the input"):
        run(tmp_path, hourly(1), origins="series,origin\nz,2026-03-01T00:00\n")
