"""A device may send so much and no more; what waited while nobody took it is nobody's fault."""

from __future__ import annotations

from ingest.rates import RateLimit, Rates

TEN_A_SECOND = RateLimit(messages_per_s=10, burst=20)


def passed(rates: Rates, device: str, n: int, *, at_s: float, over_s: float = 0.0) -> int:
    """How many of `n` messages a device may send, evenly over so many seconds."""
    return sum(rates.spend(device, at_s + over_s * k / n) for k in range(n))


def test_a_burst_is_let_through_and_no_more() -> None:
    assert passed(Rates(TEN_A_SECOND), "mad", 100, at_s=0) == 20


def test_in_the_long_run_the_rate_counts() -> None:
    assert passed(Rates(TEN_A_SECOND), "mad", 10_000, at_s=0, over_s=100) in range(1_018, 1_022)


def test_a_device_below_its_rate_is_never_refused() -> None:
    assert passed(Rates(TEN_A_SECOND), "calm", 900, at_s=0, over_s=100) == 900


def test_a_mad_device_does_not_touch_its_neighbour() -> None:
    rates = Rates(TEN_A_SECOND)
    passed(rates, "mad", 1_000, at_s=0)
    assert passed(rates, "calm", 20, at_s=0) == 20


def test_a_large_message_counts_as_many_and_one_larger_than_the_burst_passes_alone() -> None:
    rates = Rates(TEN_A_SECOND)
    assert [rates.spend("a", 0.0, size) for size in (0, 4_096, 4_097, 65_536)] == [True] * 4, "1 + 1 + 2 + 16 = 20"
    assert not rates.spend("a", 0.0, 1)
    assert rates.spend("a", 1.0, 5 * 4_096)
    assert [rates.spend("b", 0.0, 1_000_000), rates.spend("b", 0.0)] == [True, False]


def test_what_waited_at_the_broker_comes_all_at_once_and_is_let_through() -> None:
    rates = Rates(TEN_A_SECOND)
    passed(rates, "a", 20, at_s=0)
    rates.make_up_for(60, at_s=60)  # fills the bucket by the clock, 20, and 60 s at 10 messages a second beside it
    assert passed(rates, "a", 10_000, at_s=60) == 20 + 600
    assert passed(rates, "b", 10_000, at_s=60) == 20 + 600


def test_two_absences_add_up() -> None:
    rates = Rates(TEN_A_SECOND)
    rates.make_up_for(5, at_s=5)
    rates.make_up_for(5, at_s=11)
    assert passed(rates, "a", 1_000, at_s=11) == 20 + 100


def test_what_is_made_up_lapses_when_there_was_time_to_catch_up() -> None:
    rates = Rates(TEN_A_SECOND)
    rates.make_up_for(30, at_s=30)
    assert passed(rates, "a", 1_000, at_s=30 + 30 + 61) == 20
    rates.make_up_for(10, at_s=200)
    assert passed(rates, "a", 1_000, at_s=200) == 20 + 100, "an absence that has lapsed leaves nothing behind"


def test_a_clock_that_is_set_back_fills_nothing() -> None:
    rates = Rates(TEN_A_SECOND)
    assert passed(rates, "a", 100, at_s=1_000) == 20
    assert passed(rates, "a", 100, at_s=0) == 0
    assert passed(rates, "a", 100, at_s=1) == 10


def test_names_that_are_made_up_cost_no_more_memory() -> None:
    rates = Rates(TEN_A_SECOND, remembered=100)
    for k in range(10_000):
        assert rates.spend(f"made-up-{k}", 0.0)
    assert len(rates._buckets) <= 100


def test_those_who_have_spent_are_remembered_longest() -> None:
    rates = Rates(RateLimit(messages_per_s=1, burst=20), remembered=100)
    assert passed(rates, "mad", 100, at_s=0) == 20
    for k in range(150):  # of which some 33 at a time have not filled up again
        rates.spend(f"calm-{k}", k * 0.03)
    assert passed(rates, "mad", 100, at_s=4.5) == 4
