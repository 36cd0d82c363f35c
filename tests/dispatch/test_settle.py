"""Settling, as a table of what is known and what follows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.settle import Step, next_step
from domain.orders import OPEN_ORDER_STATES, OrderState

NINE = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NINE + timedelta(seconds=seconds)


@dataclass(frozen=True)
class Known:
    """An order issued at nine that lapses after two minutes."""

    state: OrderState = OrderState.ISSUED
    issued_at: datetime = NINE
    expires_at: datetime = NINE + timedelta(seconds=120)
    is_published: bool = False
    ack_result: str | None = None
    ack_time: datetime | None = None
    has_started: bool = False
    was_there: bool = False
    free_again_at: datetime | None = None


ISSUED = Known()
LEFT = Known(is_published=True)
SENT = Known(OrderState.SENT, is_published=True)
ACCEPTED = Known(OrderState.ACCEPTED, is_published=True, ack_result="accepted", ack_time=after(10))


@pytest.mark.parametrize(
    ("order", "at", "step"),
    [
        (ISSUED, 1, None),
        (LEFT, 1, Step(OrderState.SENT, after(1))),
        (SENT, 119, None),
        (replace(SENT, ack_result="accepted", ack_time=after(9)), 10, Step(OrderState.ACCEPTED, after(9))),
        (replace(LEFT, ack_result="accepted", ack_time=after(9)), 10, Step(OrderState.ACCEPTED, after(9))),
        (replace(SENT, ack_result="declined", ack_time=after(9)), 10, Step(OrderState.DECLINED, after(9), "declined", True)),
        (replace(SENT, has_started=True), 20, Step(OrderState.ACCEPTED, after(20), "unanswered")),
        (SENT, 120, Step(OrderState.EXPIRED, after(120), "no_answer", True)),
        (ISSUED, 120, Step(OrderState.EXPIRED, after(120), "not_sent", True)),
        (replace(SENT, ack_result="accepted", ack_time=after(119)), 130, Step(OrderState.ACCEPTED, after(119))),
        (ACCEPTED, 7200, None),
        (replace(ACCEPTED, was_there=True, free_again_at=after(900)), 901, Step(OrderState.DONE, after(900))),
        (replace(SENT, was_there=True, free_again_at=after(90)), 91, Step(OrderState.DONE, after(90))),
        (replace(ACCEPTED, has_started=True, free_again_at=after(90)), 91, Step(OrderState.CANCELLED, after(90), "gave_up")),
        (replace(SENT, ack_result="declined", ack_time=after(9), free_again_at=after(9.02)), 10,
         Step(OrderState.DECLINED, after(9), "declined", True)),
        (replace(SENT, ack_result="declined", ack_time=after(9), has_started=True, was_there=True, free_again_at=after(900)),
         901, Step(OrderState.DONE, after(900))),
    ],
)  # fmt: skip
def test_what_follows_from_what_is_known(order: Known, at: float, step: Step | None) -> None:
    assert next_step(order, after(at)) == step


@pytest.mark.parametrize(("said", "stored"), [(-3600, 0), (9, 9), (3600, 10)])
def test_a_unit_with_a_wrong_clock_does_not_bend_time(said: float, stored: float) -> None:
    step = next_step(replace(SENT, ack_result="accepted", ack_time=after(said)), after(10))
    assert step == Step(OrderState.ACCEPTED, after(stored))


facts = st.builds(
    Known,
    state=st.sampled_from(OPEN_ORDER_STATES),
    is_published=st.booleans(),
    ack_result=st.sampled_from([None, "accepted", "declined", "no fuel"]),
    ack_time=st.integers(-600, 600).map(after),
    has_started=st.booleans(),
    was_there=st.booleans(),
    free_again_at=st.none() | st.integers(-600, 600).map(after),
)


@given(facts, st.integers(0, 600))
def test_an_order_only_goes_forward_and_comes_to_rest(order: Known, at: int) -> None:
    """Steps lead to a state not had before, never back, and after a few of them nothing more follows."""
    course = list(OrderState)
    for _ in range(4):
        step = next_step(order, after(at))
        if step is None or step.state not in OPEN_ORDER_STATES:
            return
        assert course.index(step.state) > course.index(order.state)
        assert order.issued_at <= step.since <= after(at)
        order = replace(order, state=step.state)
    pytest.fail("the order does not come to rest")


@given(facts)
def test_a_unit_that_never_answers_is_free_when_the_order_lapses(order: Known) -> None:
    silent = replace(order, state=OrderState.SENT, ack_result=None, has_started=False, free_again_at=None)
    step = next_step(silent, silent.expires_at)
    assert step is not None
    assert (step.state, step.frees_unit) == (OrderState.EXPIRED, True)
