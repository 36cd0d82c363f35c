"""Erlang's formulas against values by hand and against each other."""

from __future__ import annotations

import numpy as np
import pytest

from staffing.erlang import erlang_a, offered_load


def test_one_window_and_patience_like_the_service_by_hand() -> None:
    """With patience equal to the service every state leaves at n/S: the number present is Poisson with mean λS = 1.

    E[queue] = E[(N − 1)+] = E[N] − P(N ≥ 1) = 1 − (1 − e⁻¹) = e⁻¹; wait = e⁻¹ / λ; abandoned = e⁻¹ / (λ · S).
    """
    found = erlang_a(1 / 480, 480, 480, 1)
    assert found.mean_wait_s == pytest.approx(480 * np.exp(-1))
    assert found.abandon_share == pytest.approx(np.exp(-1))
    assert found.delayed_share == pytest.approx(1 - np.exp(-1))


def test_who_never_gives_up_waits_as_erlang_c_says() -> None:
    """λS = 1.5 at 2 windows: C = (1.5²/2 · 4) ÷ (1 + 1.5 + 1.5²/2 · 4) = 9/14; wait = C · S ÷ (2 − 1.5) = 9/7 · S."""
    found = erlang_a(1.5 / 100, 100, 1e7, 2)
    assert found.delayed_share == pytest.approx(9 / 14, rel=1e-3)
    assert found.mean_wait_s == pytest.approx(900 / 7, rel=1e-2)


@pytest.mark.parametrize("servers", range(8))
def test_one_window_more_never_waits_longer(servers: int) -> None:
    fewer, more = erlang_a(0.01, 480, 2_700, servers), erlang_a(0.01, 480, 2_700, servers + 1)
    assert more.mean_wait_s < fewer.mean_wait_s
    assert more.abandon_share < fewer.abandon_share


def test_without_windows_everybody_waits_until_patience_ends() -> None:
    found = erlang_a(0.01, 480, 600, 0)
    assert found.mean_wait_s == pytest.approx(600)
    assert found.abandon_share == pytest.approx(1)


def test_nobody_comes() -> None:
    assert erlang_a(0, 480, 2_700, 3).mean_wait_s == 0


def test_the_offered_load_follows_the_arrivals_a_service_later() -> None:
    """Of a constant rate it settles at λS; the first interval of T has λS · (1 − S/T · (1 − e^(−T/S))) on average."""
    load = offered_load(np.full(40, 30.0), 900, 450)
    assert load[-1] == pytest.approx(15)
    assert load[0] == pytest.approx(15 * (1 - 0.5 * (1 - np.exp(-2))))
    assert (np.diff(load) >= 0).all()
