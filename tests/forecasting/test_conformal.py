"""Quantiles from errors: by hand, by law, and on noise whose quantiles are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecasting.conformal import GAIN, WIDEST, Errors, Width, link, unlink
from forecasting.panel import Floats

LEVELS = (0.05, 0.1, 0.5, 0.9, 0.95)


def of(values: Floats, ages: Floats | None = None) -> Errors:
    return Errors(values, np.ones(values.shape[1]) if ages is None else ages)


def test_nineteen_errors_give_the_quantiles_of_nineteen() -> None:
    """Of 19 errors the 18th is exceeded with probability 1 − 18/20 = 10 %, the second is undercut with 10 %."""
    errors = np.arange(-9.0, 10.0)[None, :, None]
    q05, q10, q50, q90, q95 = of(errors).offsets(LEVELS, 1)[:, 0, 0]
    assert (q10, q50, q90) == pytest.approx((-8, 0, 8))
    assert (q05, q95) == pytest.approx((-9, 9))


def test_what_comes_lies_inside_as_often_as_promised() -> None:
    """Independent noise, many series: of new errors 80 % lie between q10 and q90, 90 % between q05 and q95."""
    rng = np.random.default_rng(0)
    q05, q10, _, q90, q95 = of(rng.normal(size=(400, 40, 6))).offsets(LEVELS, 1)
    came = rng.normal(size=(400, 6))
    assert ((came >= q10) & (came <= q90)).mean() == pytest.approx(0.80, abs=0.03)
    assert ((came >= q05) & (came <= q95)).mean() == pytest.approx(0.90, abs=0.03)


def test_newer_errors_count_more() -> None:
    old, new = np.full(20, 10.0), np.linspace(-1, 1, 20)
    errors = np.concatenate([new, old])[None, :, None]
    ages = np.concatenate([np.full(20, 1.0), np.full(20, 280.0)])
    assert of(errors, ages).offsets((0.1, 0.9), 1)[1, 0, 0] < 1.5


def test_a_series_with_few_errors_borrows_the_shape_of_the_others_in_its_own_size() -> None:
    """Three errors of a series a hundred times as large: its band is a hundred times as wide."""
    rng = np.random.default_rng(0)
    errors = rng.normal(size=(30, 40, 4))
    errors[0] *= 100
    errors[0, 3:] = np.nan
    errors[0, :3] = 100 * np.array([-1.0, 0.2, 1.0])[:, None]
    low, high = of(errors).offsets((0.1, 0.9), 1)[:, 0]
    assert (low < -80).all()
    assert (high > 80).all()


def test_distances_never_tried_grow_as_a_random_walk_does() -> None:
    errors = np.full((1, 12, 9), np.nan)
    errors[0, :, 0] = [-1, 1] * 6
    low, high = of(errors).offsets((0.1, 0.9), 1)[:, 0]
    assert (np.diff(high) > 0).all()
    assert high[8] > 2 * high[0]
    assert (low < 0).all()


def test_without_any_error_there_is_nothing_to_add() -> None:
    assert not of(np.full((2, 3, 4), np.nan)).offsets(LEVELS, 24).any()
    assert not of(np.empty((2, 0, 4))).offsets(LEVELS, 24).any()


def test_roots_are_taken_where_nothing_is_negative_and_back() -> None:
    values = np.array([[4.0, 9.0], [-4.0, 9.0]])
    linked = link(values, np.array([True, False]))
    assert linked.tolist() == [[2, 3], [-4, 9]]
    assert unlink(linked, np.array([True, False])).tolist() == values.tolist()


def test_a_width_follows_a_shift_until_the_share_is_right_again() -> None:
    """Errors twice as large as those learnt from: after some hundred days as many are inside as promised."""
    rng = np.random.default_rng(0)
    low, high = np.quantile(rng.normal(size=10_000), [0.1, 0.9])
    width = Width.of(50)
    for _ in range(400):
        came = 2 * rng.normal(size=(50, 24))
        width = width.after(((came >= low * width.scale[:, None]) & (came <= high * width.scale[:, None])).astype(float), 0.8)
    came = 2 * rng.normal(size=(50, 500))
    assert ((came >= low * width.scale[:, None]) & (came <= high * width.scale[:, None])).mean() == pytest.approx(0.8, abs=0.02)


def test_a_width_moves_a_little_for_what_came_and_not_at_all_for_nothing() -> None:
    width = Width.of(3).after(np.array([[0.0, 0.0], [1.0, 1.0], [np.nan, np.nan]]), 0.8)
    assert width.scale.tolist() == pytest.approx([np.exp(0.8 * GAIN), np.exp(-0.2 * GAIN), 1.0])
    for _ in range(1000):
        width = width.after(np.zeros((3, 1)), 0.8)
    assert width.scale.tolist() == [WIDEST] * 3


@settings(deadline=None, max_examples=50)  # a busy machine takes its time
@given(arrays(float, (2, 17, 5), elements=st.one_of(st.just(np.nan), st.floats(-1e6, 1e6))))
def test_offsets_ascend_whatever_the_errors(errors: Floats) -> None:
    offsets = of(errors, np.arange(17.0)).offsets(LEVELS, 24)
    assert np.isfinite(offsets).all()
    assert (np.diff(offsets, axis=0) >= -1e-9 * (1 + np.abs(offsets[1:]))).all()
