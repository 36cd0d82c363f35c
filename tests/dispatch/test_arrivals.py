"""Arrivals: what is said of them, and from what: the past, the speeds, or nothing."""

from __future__ import annotations

import pytest

from dispatch.arrivals import ENOUGH, Arrivals


def test_a_unit_that_stands_turns_out_first_and_one_that_rolls_does_not() -> None:
    arrivals = Arrivals.of({"engine": [60.0] * ENOUGH, "police": [5.0] * (ENOUGH - 1)}, [])
    assert arrivals.estimate("engine", 120, "roads").seconds == 180
    assert arrivals.estimate("engine", 120, "roads", is_rolling=True).seconds == 120
    few = arrivals.estimate("police", 120, "roads")
    assert (few.seconds, few.turnout_s) == (120, None), "29 of a kind say nothing yet"


def test_with_thirty_arrivals_the_interval_is_what_became_of_what_was_said() -> None:
    past = [(100.0, 80.0 + k, "roads") for k in range(41)]  # taken ÷ said from 0.8 to 1.2
    arrivals = Arrivals.of({}, past)
    said = arrivals.estimate("engine", 200, "roads")
    assert (said.interval, said.n) == ("past", 41)
    assert (said.low_s, said.high_s) == (pytest.approx(200 * 0.84), pytest.approx(200 * 1.16))
    assert arrivals.estimate("engine", 200, "distance").interval == "none", "an estimate by distance has another past"


def test_before_that_it_is_the_spread_of_the_speeds_and_without_detectors_none() -> None:
    said = Arrivals.of({}, [], (0.8, 1.25), 12).estimate("engine", 100, "roads")
    assert (said.low_s, said.high_s, said.interval, said.n) == (80, 125, "speeds", 12)
    nothing = Arrivals().estimate("engine", 100, "roads")
    assert (nothing.low_s, nothing.high_s, nothing.interval) == (None, None, "none")


def test_an_old_place_widens_the_interval_by_its_age() -> None:
    said = Arrivals.of({}, [], (0.8, 1.25), 12).estimate("engine", 100, "roads", unheard_s=150)
    assert (said.seconds, said.low_s, said.high_s) == (100, 0, 275)


def test_nobody_arrives_from_where_no_way_leads() -> None:
    said = Arrivals.of({}, [], (0.8, 1.25), 12).estimate("engine", float("inf"), "roads")
    assert (said.low_s, said.high_s) == (None, None)
