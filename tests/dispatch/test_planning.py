"""Planning: reasons and prices of proposals, and units under way that are turned round only for a gain."""

from __future__ import annotations

import numpy as np
import pytest

from dispatch.planning import Call, Mover, Proposal, Why, plan
from dispatch.practice import Rules

INF = float("inf")
RULES = Rules(penalty_s=3_600, turning_s=600)


def mover(name: str, *capabilities: str, to: str | None = None, is_free: bool = True) -> Mover:
    return Mover(name, frozenset(capabilities or ("engine",)), to, is_free)


def planned(movers: list[Mover], calls: list[Call], times: list[list[float]]) -> tuple[Proposal, ...]:
    return plan(movers, calls, np.array(times, float), RULES).heads


def test_the_nearest_is_kept_for_whom_it_is_worth_most_and_the_price_of_sending_it_here_is_said() -> None:
    """E1 is 60 s from A and 100 s from B, E2 120 s from A and an hour from B: 120 + 100 = 220 against 60 + 3600 the other way."""
    a, b = Call("A", 1, {"engine": 1}), Call("B", 1, {"engine": 1})
    for_a, for_b = planned([mover("E1"), mover("E2")], [a, b], [[60, 100], [120, 3_599]])
    assert (for_a.unit_id, for_a.travel_s, for_b.unit_id) == ("E2", 120, "E1")
    assert for_a.nearer is not None
    assert (for_a.nearer.unit_id, for_a.nearer.travel_s, for_a.nearer.goes_to) == ("E1", 60, "B")
    assert for_a.nearer.price == pytest.approx(60 + 3_599 - 220)
    assert for_b.nearer is None


def test_a_graver_incident_is_met_first() -> None:
    (first, second) = planned([mover("E1")], [Call("A", 1, {"engine": 1}), Call("B", 8, {"engine": 1})], [[60, 500]])
    assert (first.unit_id, first.why) == (None, Why.NEEDED_ELSEWHERE)
    assert second.unit_id == "E1"
    assert [later.unit_id for later in first.later] == ["E1"]


@pytest.mark.parametrize(
    ("movers", "times", "why"),
    [
        ([mover("M1", "ambulance")], [[60]], Why.NOBODY_ABLE),
        ([], np.empty((0, 1)).tolist(), Why.NOBODY_ABLE),
        ([mover("E1", is_free=False)], [[60]], Why.ALL_AT_WORK),
        ([mover("E1")], [[INF]], Why.UNREACHABLE),
        ([mover("E1")], [[3_700]], Why.TOO_FAR),
    ],
)
def test_a_head_that_is_not_met_says_why(movers: list[Mover], times: list[list[float]], why: Why) -> None:
    (head,) = planned(movers, [Call("A", 1, {"engine": 1})], times)
    assert (head.unit_id, head.why, head.travel_s) == (None, why, INF)


def test_all_or_none() -> None:
    heads = planned([mover("E1")], [Call("A", 1, {"engine": 2}, is_whole=True)], [[60]])
    assert [head.why for head in heads] == [Why.TIED, Why.TIED]


@pytest.mark.parametrize(("near_s", "turned"), [(200.0, None), (50.0, "A")])
def test_a_unit_that_is_nearly_there_is_turned_round_only_for_what_it_gains(near_s: float, turned: str | None) -> None:
    """E1 is 300 s from A, to which it drives, and near B; E2 is 350 s from A and 800 s from B.

    Kept: 300 + 800 = 1100. Turned: 350 + 200 gains 550, too little for a turn of 600; 350 + 50 gains 700.
    """
    movers = [mover("E1", to="A"), mover("E2")]
    found = plan(movers, [Call("A", 1, {"engine": 1}), Call("B", 1, {"engine": 1})], np.array([[300, near_s], [350, 800]]), RULES)
    for_a, for_b = found.heads
    if turned is None:
        assert (for_a.unit_id, for_a.is_under_way, for_b.unit_id, for_b.turned_from) == ("E1", True, "E2", None)
        assert found.cost == found.cost_unturned == 1_100
    else:
        assert (for_a.unit_id, for_b.unit_id, for_b.turned_from) == ("E2", "E1", "A")
        assert (found.cost, found.cost_unturned) == (400, 1_100)


def test_a_unit_under_way_is_not_replaced_by_a_slightly_nearer_one() -> None:
    (head,) = planned(
        [mover("E1", to="A"), mover("E2")],
        [Call("A", 1, {"engine": 1})],
        [
            [
                300,
            ],
            [
                100,
            ],
        ],
    )
    assert (head.unit_id, head.is_under_way) == ("E1", True)


def test_nothing_happens() -> None:
    assert planned([mover("E1")], [], np.empty((1, 0)).tolist()) == ()
