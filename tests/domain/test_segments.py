"""Segments of an operation: by hand, in minutes after nine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.segments import Segment, SegmentKind, Targets, of_order, performance, processing

NINE = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def at(minute: float) -> datetime:
    return NINE + timedelta(minutes=minute)


def told(segments: tuple[Segment, ...]) -> list[tuple[str, float, float | None]]:
    """(kind, begins, ends) in minutes after nine."""
    return [
        (s.kind.value, (s.began_at - NINE).seconds / 60, None if s.ended_at is None else (s.ended_at - NINE).seconds / 60)
        for s in segments
    ]


def test_processing_ends_with_the_first_of_the_orders() -> None:
    assert processing(at(0), [at(4), at(2)], None) == Segment(SegmentKind.PROCESSING, at(0), at(2), 64.0)


def test_processing_runs_while_nobody_is_sent_and_ends_with_the_incident() -> None:
    assert processing(at(0), [], None).ended_at is None
    assert processing(at(0), [], at(9)).ended_at == at(9)


def test_an_order_that_is_obeyed_has_four_segments() -> None:
    statuses = [(at(0), "dispatched"), (at(2), "enroute"), (at(8), "on_scene"), (at(9), "working"), (at(30), "returning")]
    assert told(of_order("engine", at(0), at(1), statuses, at(30))) == [
        ("answering", 0, 1), ("turnout", 0, 2), ("travel", 2, 8), ("at_scene", 8, 30),
    ]  # fmt: skip


def test_what_has_not_ended_runs() -> None:
    assert told(of_order("engine", at(0), None, [(at(0), "dispatched")], None)) == [("answering", 0, None), ("turnout", 0, None)]
    assert told(of_order("engine", at(0), at(1), [(at(2), "enroute")], None))[-1] == ("travel", 2, None)
    assert told(of_order("engine", at(0), at(1), [(at(2), "enroute"), (at(5), "working")], None))[-1] == ("at_scene", 5, None)


def test_an_order_that_is_called_back_ends_what_was_under_way() -> None:
    assert told(of_order("engine", at(0), None, [(at(0), "dispatched")], at(3))) == [("answering", 0, 3), ("turnout", 0, 3)]
    assert told(of_order("engine", at(0), at(1), [(at(2), "enroute")], at(3)))[-1] == ("travel", 2, 3)


def test_a_unit_that_only_said_it_arrived_has_turned_out_by_then() -> None:
    assert told(of_order("engine", at(0), None, [(at(7), "on_scene")], None)) == [
        ("answering", 0, 7), ("turnout", 0, 7), ("travel", 7, 7), ("at_scene", 7, None),
    ]  # fmt: skip


def test_a_slow_clock_makes_no_time_run_backwards() -> None:
    assert told(of_order("engine", at(5), None, [(at(5), "dispatched")], at(5)))[0] == ("answering", 5, 5)
    assert processing(at(5), [at(3)], None).ended_at == at(5)


def test_targets_are_those_of_the_standard_and_none_where_it_has_none() -> None:
    def targets(kind: str) -> list[float | None]:
        return [s.target_s for s in of_order(kind, at(0), at(1), [(at(2), "enroute"), (at(8), "on_scene")], None)]

    assert targets("engine") == [15.0, 80.0, 240.0, None]
    assert targets("ambulance") == [15.0, 60.0, 240.0, None]
    assert targets("police") == targets("a kind of tomorrow") == [15.0, None, None, None]


def test_targets_are_policy() -> None:
    policy = Targets(None, 20.0, {"police": 90.0}, {"police": 300.0})
    assert [s.target_s for s in of_order("police", at(0), at(1), [(at(2), "enroute")], None, policy)] == [20, 90, 300]
    assert processing(at(0), [at(1)], None, policy).target_s is None
    assert [policy.of(kind, "police") for kind in SegmentKind] == [None, 20, 90, 300, None]


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=50), st.floats(0, 1e5))
def test_the_ninetieth_percentile_is_that_of_numpy_and_the_share_is_counted(seconds: list[float], target_s: float) -> None:
    found = performance("engine", SegmentKind.TURNOUT, seconds, target_s)
    assert found.p90_s == pytest.approx(np.percentile(seconds, 90))
    assert found.within == pytest.approx(sum(s <= target_s for s in seconds) / len(seconds))


def test_nothing_measured_is_no_figure_and_not_nought() -> None:
    found = performance(None, SegmentKind.PROCESSING, [], 64.0)
    assert (found.n, found.p90_s, found.within, found.target_s) == (0, None, None, 64)
