"""Batches: what has to be looked at closely is never left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from alerts.batches import batch, candidates
from alerts.rules import Waiting, advance, is_beyond
from domain.warnings import LevelThreshold, WarningLevel
from tests.support.scenes import NOW, a_rule

LOW = replace(
    a_rule(), direction="below", thresholds=(LevelThreshold(WarningLevel.YELLOW, 10, 14), LevelThreshold(WarningLevel.BLUE, 20, 25)),
)  # fmt: skip


def test_those_beyond_the_mildest_limit_are_found_once() -> None:
    readings = batch([90.0, 100.0, float("nan"), 170.0, 120.0], [1, 2, 3, 4, 2])
    assert readings.beyond(a_rule()).tolist() == [2, 4]
    assert batch([19.0, 20.0, 21.0], [7, 8, 9]).beyond(LOW).tolist() == [7, 8]
    assert batch([], []).beyond(LOW).tolist() == []


@given(
    rule=st.sampled_from([a_rule(), LOW, replace(a_rule(), raise_hold_s=0, clear_hold_s=0)]),
    ticks=st.lists(st.lists(st.sampled_from([5.0, 12.0, 22.0, 90.0, 110.0, 130.0, 170.0]), min_size=3, max_size=3), max_size=12),
)
def test_judging_the_candidates_alone_leads_where_judging_everything_does(rule: object, ticks: list[list[float]]) -> None:
    assert isinstance(rule, type(LOW))
    outcomes = []
    for is_sieved in (True, False):
        standing: dict[int, WarningLevel] = {}
        waiting: dict[int, Waiting] = {}
        for k, values in enumerate(ticks):
            wanted = candidates(batch(values, [0, 1, 2]), rule, standing, waiting) if is_sieved else set(range(3))
            for number in wanted:
                passes = partial(is_beyond, rule, values[number])
                verdict = advance(rule, standing.get(number), waiting.get(number, {}), passes, NOW + timedelta(seconds=30 * k))
                waiting[number] = verdict.waiting
                if verdict.level is None:
                    standing.pop(number, None)
                else:
                    standing[number] = verdict.level
        outcomes.append((standing, {number: waits for number, waits in waiting.items() if waits}))
    assert outcomes[0] == outcomes[1]
