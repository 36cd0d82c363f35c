"""Faults: a known few, each with its kind and its time, found again in what the devices say."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from iot.plane import Floats
from iot.simulated.chance import key
from iot.simulated.faults import DAY_S, EPOCH_S, Fault, FaultKind, Faults, find_fault

SEED = 7
START_S = 730 * EPOCH_S  # 15 December 2025
N = 4_000


@pytest.fixture(scope="module")
def faults() -> Faults:
    return Faults(np.array([[key(SEED, f"d-{k}")] for k in range(N)], dtype=np.uint64))


def the_first(faults: Faults, kind: FaultKind) -> tuple[int, Fault]:
    """A device that is broken so at a moment in the middle of an epoch."""
    found = ((k, faults.find(k, START_S + 14 * DAY_S)) for k in range(N))
    return next((k, fault) for k, fault in found if fault is not None and fault.kind is kind)


def said(faults: Faults, k: int, name: str, true: Floats, times: Floats) -> Floats:
    limits = {name: (np.array([0.0]), np.array([1_000.0]))}
    return faults.distorted({name: true}, times, np.array([k]), limits, lambda _, at: {name: at})[name][0]


def test_at_any_moment_one_device_in_seventy_is_wrong_and_one_in_a_hundred_silent(faults: Faults) -> None:
    for day in (3, 14, 27):
        kinds = Counter(fault.kind for k in range(N) if (fault := faults.find(k, START_S + day * DAY_S)) is not None)
        assert 0.005 < kinds[FaultKind.SILENT] / N < 0.016
        assert 0.009 < (kinds.total() - kinds[FaultKind.SILENT]) / N < 0.022


def test_a_silent_device_says_nothing_from_beginning_to_end(faults: Faults) -> None:
    k, fault = the_first(faults, FaultKind.SILENT)
    times = np.array([fault.since_s - 1, fault.since_s, fault.until_s - 1, fault.until_s])
    assert faults.silent(times, np.array([k])).tolist() == [[False, True, True, False]]
    assert faults.silent(times[None, ::-1], np.array([k])).tolist() == [[False, True, True, False]]
    assert said(faults, k, "pm25", np.full((1, 4), 50.0), times).tolist() == [50, 50, 50, 50]


def test_in_four_weeks_one_in_six_breaks_in_all_five_ways(faults: Faults) -> None:
    begun = {
        (k, fault.since_s): fault.kind
        for k in range(1_000)
        for day in range(29)
        if (fault := faults.find(k, START_S + day * DAY_S)) is not None and fault.since_s >= START_S
    }
    assert 110 < len(begun) < 190  # of 160, less those mended before the day's end
    assert set(begun.values()) == set(FaultKind)


def test_the_same_is_told_by_the_name_of_a_device(faults: Faults) -> None:
    k, fault = the_first(faults, FaultKind.LYING)
    assert find_fault(SEED, f"d-{k}", fault.since_s) == fault
    assert find_fault(SEED, f"d-{k}", fault.until_s) != fault
    assert find_fault(SEED, f"d-{k}", fault.since_s - 1) != fault


def test_a_stuck_device_repeats_what_it_said_when_it_got_stuck(faults: Faults) -> None:
    k, fault = the_first(faults, FaultKind.STUCK)
    times = fault.since_s + np.array([-600.0, 0.0, 600.0, fault.until_s - fault.since_s])
    # The scene's said_at answers with the moment itself.
    assert said(faults, k, "pm25", np.full((1, 4), 50.0), times).tolist() == [50, fault.since_s, fault.since_s, 50]


def test_a_drifting_device_is_ever_farther_off_until_it_is_mended(faults: Faults) -> None:
    k, fault = the_first(faults, FaultKind.DRIFTING)
    assert 0.01 <= abs(fault.size) <= 0.03
    times = fault.since_s + np.array([-1.0, 0.0, 5 * DAY_S, 10 * DAY_S - 1, fault.until_s - fault.since_s])
    off = said(faults, k, "pm25", np.full((1, 5), 100.0), times) - 100
    assert off.tolist() == pytest.approx([0, 0, 500 * fault.size, 1_000 * fault.size, 0], abs=0.01)
    # A level has no natural zero: it is off by shares of a metre.
    assert said(faults, k, "waterLevel", np.full((1, 5), 2.0), times)[2] == pytest.approx(2 + 5 * fault.size)


def test_a_lying_device_is_wrong_by_a_third_or_a_half_and_stays_plausible(faults: Faults) -> None:
    k, fault = the_first(faults, FaultKind.LYING)
    assert 0.30 <= abs(fault.size) <= 0.50
    times = np.array([fault.since_s, fault.since_s + 60])
    assert said(faults, k, "pm25", np.array([[100.0, 900.0]]), times).tolist() == pytest.approx(
        [100 * (1 + fault.size), min(900 * (1 + fault.size), 1_000)]
    )


def test_a_spiking_device_says_now_and_then_several_times_as_much(faults: Faults) -> None:
    k, fault = the_first(faults, FaultKind.SPIKING)
    times = np.arange(fault.since_s, fault.until_s, 60.0)
    spoken = said(faults, k, "pm25", np.full((1, len(times)), 100.0), times)
    assert set(spoken.round(6).tolist()) == {100.0, round(100 * (1 + abs(fault.size)), 6)}
    assert (spoken > 100).mean() == pytest.approx(1 / 60, rel=0.5)


def test_a_span_of_time_reads_the_same_however_it_is_cut(faults: Faults) -> None:
    which = np.arange(600)
    times = START_S + np.arange(0, 60 * DAY_S, 6 * 3_600.0)
    true = np.full((len(which), len(times)), 100.0)
    limits = {"pm25": (np.zeros(600), np.full(600, 1_000.0))}

    def read(part: slice) -> Floats:
        return faults.distorted({"pm25": true[:, part]}, times[part], which, limits, lambda _, at: {"pm25": at})["pm25"]

    whole = read(slice(None))
    assert (whole != true).any()
    assert (np.concatenate([read(slice(k, k + 1)) for k in range(len(times))], axis=1) == whole).all()
    for row in range(600):
        fault_free = [faults.find(row, at) is None for at in times.tolist()]
        assert (whole[row][fault_free] == 100).all()
