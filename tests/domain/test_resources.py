"""Resources and requests: what is free, from whom it is taken, and the life of a request."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.refusals import Refused
from domain.resources import (
    HOLDING,
    NEXT,
    RequestState,
    RequestStep,
    Resource,
    ResourceRequest,
    ResourceStatus,
    allocate,
    check_advance,
    check_reserve,
)
from tests.support.scenes import NOW

ZONE = ZoneInfo("Asia/Shanghai")
TODAY = date(2026, 3, 2)


def a_lot(resource_id: str = "w:sandbag", capacity: int = 100, **said: object) -> Resource:
    lot = Resource(
        resource_id, "supply", "sandbag", "防汛沙袋", "Sandbag", "只", "bags", "应急管理局", "440106", "w", "库", "Warehouse", 113.25,
        23.125, ResourceStatus.READY, capacity, 0, None, 0, NOW, NOW, None,
    )  # fmt: skip
    return replace(lot, **said)  # type: ignore[arg-type]


def refusal(lot: Resource, amount: int) -> str:
    with pytest.raises(Refused) as refused:
        check_reserve(lot, amount, TODAY)
    return refused.value.code


def test_free_is_what_is_neither_taken_nor_held() -> None:
    assert a_lot(occupied=30, reserved=20).free(TODAY) == 50
    assert a_lot(occupied=90, reserved=20).free(TODAY) == 0, "fuller than it should be is not less than none"
    assert a_lot(occupied=None).free(TODAY) is None, "not known"
    assert a_lot(status=ResourceStatus.OUT_OF_SERVICE, occupied=None).free(TODAY) == 0


def test_a_lot_may_be_used_on_its_last_day_and_not_the_day_after() -> None:
    lot = a_lot(expires_on=TODAY)
    assert (lot.free(TODAY), lot.free(TODAY + timedelta(days=1))) == (100, 0)
    check_reserve(lot, 100, TODAY)
    assert refusal(a_lot(expires_on=TODAY - timedelta(days=1)), 1) == "resource_expired"


def test_no_more_is_given_than_is_free_and_nothing_of_what_nobody_counted() -> None:
    check_reserve(a_lot(reserved=40), 60, TODAY)
    assert refusal(a_lot(reserved=40), 61) == "not_enough"
    assert refusal(a_lot(occupied=None), 1) == "occupancy_unknown"
    assert refusal(a_lot(status=ResourceStatus.OUT_OF_SERVICE), 1) == "resource_out_of_service"


def test_what_is_near_is_taken_first_and_of_that_what_expires_first() -> None:
    far, near, old = a_lot("far", 100), a_lot("near", 30), a_lot("old", 30, expires_on=TODAY)
    assert [(r.resource_id, n) for r, n in allocate([(far, 5000.0), (near, 400.0), (old, 900.0)], 50, TODAY)] == [
        ("old", 30), ("near", 20),
    ]  # fmt: skip


lots = st.lists(
    st.tuples(
        st.integers(0, 50), st.integers(0, 60), st.one_of(st.none(), st.integers(0, 60)), st.integers(-3, 3), st.floats(0, 9000)
    ),
    max_size=6,
)


@given(lots, st.integers(1, 200))
def test_nothing_is_taken_that_is_not_free_and_nothing_left_that_is_needed(
    said: list[tuple[int, int, int | None, int, float]], amount: int
) -> None:
    found = [
        (a_lot(f"r{k}", capacity, reserved=reserved, occupied=occupied, expires_on=TODAY + timedelta(days=days)), away)
        for k, (capacity, reserved, occupied, days, away) in enumerate(said)
    ]
    taken = allocate(found, amount, TODAY)
    assert all(0 < n <= (r.free(TODAY) or 0) for r, n in taken)
    assert len({r.resource_id for r, _ in taken}) == len(taken)
    assert sum(n for _, n in taken) == min(amount, sum(r.free(TODAY) or 0 for r, _ in found))


def a_request(state: RequestState) -> ResourceRequest:
    return ResourceRequest("q1", "i-1", "sandbag", 5, None, NOW, (RequestStep(state, NOW, "li", "", None),))


@pytest.mark.parametrize(("state", "wanted"), list(product(RequestState, RequestState)))
def test_a_request_goes_on_as_the_table_says_or_is_told_how(state: RequestState, wanted: RequestState) -> None:
    if wanted in NEXT[state]:
        check_advance(a_request(state), wanted, zone=ZONE)
        return
    with pytest.raises(Refused) as refused:
        check_advance(a_request(state), wanted, zone=ZONE)
    assert state.zh in refused.value.zh
    assert wanted.en in refused.value.en
    assert all(after.zh in refused.value.zh and after.en in refused.value.en for after in NEXT[state])


def test_what_holds_can_always_be_freed_and_what_is_over_holds_nothing() -> None:
    assert all(set(NEXT[state]) - set(HOLDING) for state in HOLDING)
    assert {state for state, after in NEXT.items() if not after} == {
        RequestState.DECLINED, RequestState.RETURNED, RequestState.CANCELLED,
    }  # fmt: skip
    reached, todo = set(), [RequestState.DRAFT]
    while todo:
        state = todo.pop()
        todo += [after for after in NEXT[state] if after not in reached]
        reached.add(state)
    assert reached == set(RequestState), "every state can be reached"
