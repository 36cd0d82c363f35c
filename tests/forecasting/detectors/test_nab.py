"""The scorer on cases one can check in the head, and the detectors on the files of the benchmark that are at hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from tests.forecasting.detectors.likenesses import MAKERS
from tests.forecasting.detectors.nab import FALSE_ALARM, Scored, probation, scaled_sigmoid, score
from tests.forecasting.detectors.panels import watched

ROWS = 1_000
WINDOW = [(500, 599)]
DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "nab"


def test_silence_is_worth_nothing() -> None:
    assert score(ROWS, [], WINDOW, "standard").score == 0


def test_an_alarm_at_the_first_row_of_the_window_is_worth_everything() -> None:
    assert score(ROWS, [500], WINDOW, "standard").score == pytest.approx(100)


def test_an_alarm_in_the_middle_of_the_window_is_worth_a_little_less() -> None:
    """Row 550 of 500–599 lies at −50/100: σ(−0.5) = 2 / (1 + e^−2.5) − 1 = 0.8483, of σ(−1) = 0.9866."""
    assert score(ROWS, [550], WINDOW, "standard").worth == pytest.approx(0.8483 / 0.9866, abs=1e-3)


def test_only_the_earliest_alarm_of_a_window_counts() -> None:
    assert score(ROWS, [500, 510, 520], WINDOW, "standard") == score(ROWS, [500], WINDOW, "standard")


@pytest.mark.parametrize(("profile", "cost"), FALSE_ALARM.items())
def test_a_false_alarm_before_the_window_costs_the_whole_weight(profile: str, cost: float) -> None:
    assert score(ROWS, [300, 500], WINDOW, profile).worth == pytest.approx(1 - cost)


def test_a_false_alarm_right_behind_the_window_costs_next_to_nothing() -> None:
    assert score(ROWS, [500, 600], WINDOW, "standard").worth == pytest.approx(1, abs=0.01)
    assert score(ROWS, [500, 999], WINDOW, "standard").worth == pytest.approx(1 - 0.11, abs=1e-6)


def test_alarms_of_the_probation_do_not_count() -> None:
    assert probation(ROWS) == 150
    assert probation(22_695) == 750
    assert score(ROWS, [149], WINDOW, "standard") == score(ROWS, [], WINDOW, "standard")
    assert score(ROWS, [150], WINDOW, "standard").false_alarms == 1


def test_files_are_added_up_before_they_are_scaled() -> None:
    """One window hit at once, one missed, and one false alarm in a file without windows: (1 − 1 − 0.11 + 2) / 4."""
    total = score(ROWS, [500], WINDOW, "standard") + score(ROWS, [], WINDOW, "standard") + score(ROWS, [700], [], "standard")
    assert total.score == pytest.approx(100 * 1.89 / 4)


def test_the_sigmoid_falls_from_one_to_minus_one() -> None:
    assert scaled_sigmoid(-1) == pytest.approx(math.tanh(2.5))
    assert scaled_sigmoid(0) == 0
    assert scaled_sigmoid(3.01) == -1


@pytest.mark.long
def test_the_detectors_reach_their_aim_on_the_files_at_hand(capsys: pytest.CaptureFixture[str]) -> None:
    """Sixteen files of the 58, with one threshold for all: their score is no figure to compare with published ones."""
    if not (DATA / "windows.json").exists():
        pytest.skip(f"the benchmark's files are not at {DATA}: nothing to score")
    totals = {profile: Scored() for profile in FALSE_ALARM}
    by_category: dict[str, Scored] = {}
    names = json.loads((DATA / "windows.json").read_text())
    files = {name: _read(name) for name in names}
    longest = max(len(times_s) for times_s, _ in files.values())
    times = np.column_stack([_padded(times_s, longest) for times_s, _ in files.values()])
    values = np.column_stack([_padded(measured, longest) for _, measured in files.values()])
    for (name, said), (times_s, _) in zip(zip(names, watched(times, values), strict=True), files.values(), strict=True):
        windows = [(_row(times_s, first), _row(times_s, last)) for first, last in names[name]]
        alarms = [row for row, _ in said]
        for profile in totals:
            totals[profile] += score(len(times_s), alarms, windows, profile)
        category = name.split("/")[0]
        by_category[category] = by_category.get(category, Scored()) + score(len(times_s), alarms, windows, "standard")
    with capsys.disabled():
        for category, scored in by_category.items():
            told = f"{scored.score:.1f}" if scored.windows else "–"
            print(f"\n{category}: {told}, {scored.hits} of {scored.windows} windows, {scored.false_alarms} false alarms", end="")
        print("".join(f"\n{profile}: {scored.score:.1f}" for profile, scored in totals.items()))
    assert totals["standard"].score >= 58
    assert totals["low_fp"].score >= 50


@pytest.mark.long
def test_one_threshold_serves_other_kinds_as_well() -> None:
    """Two made-up files of each other category: 87 at the time of writing."""
    total = Scored()
    for maker, make in MAKERS.items():
        rng = np.random.default_rng(len(maker))
        made = [make(rng) for _ in range(2)]
        said = watched(made[0][0], np.column_stack([values for _, values, _ in made]))
        for (times_s, _, windows), alarms in zip(made, said, strict=True):
            total += score(len(times_s), [row for row, _ in alarms], windows, "standard")
    assert total.score >= 70


def _read(name: str) -> tuple[np.ndarray, np.ndarray]:
    lines = [line.split(",") for line in (DATA / "data" / name).read_text().splitlines()[1:]]
    return np.array([_seconds(time) for time, _ in lines]), np.array([float(value) for _, value in lines])


def _seconds(time: str) -> float:
    return float(np.datetime64(time.replace(" ", "T")).astype("datetime64[us]").astype(np.int64)) / 1e6


def _row(times_s: np.ndarray, time: str) -> int:
    return int(np.flatnonzero(times_s == _seconds(time))[0])


def _padded(column: np.ndarray, rows: int) -> np.ndarray:
    return np.concatenate([column, np.full(rows - len(column), np.nan)])
