"""How large a step is usual at a level, and how far few blocks are believed."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.detectors import rhythm, surprise
from tests.forecasting.detectors.panels import Floats

STEP_S, START_S = 600.0, 1_772_380_800.0


def widths(values: Floats) -> Floats:
    """The usual step beside each value of one series, a series without a rhythm."""
    known, nothing = rhythm.start(1), np.full(1, np.nan)
    said = []
    for row, value in enumerate(values):
        times_s = np.full(1, START_S + STEP_S * row)
        with np.errstate(all="ignore"):
            said.append(float(rhythm.look(known, times_s, 0.0, np.array([value]), nothing, nothing).step_width[0]))
    return np.array(said)


@pytest.mark.parametrize(("is_share", "low", "high"), [(True, 1.8, 4.0), (False, 0.7, 1.5)], ids=["a share", "the same"])
def test_a_step_is_beside_those_of_its_level_where_they_grow_with_it(is_share: bool, low: float, high: float) -> None:
    """Levels of 20 to 80 in waves of a day and a half; noise of a twentieth of the level, or of 2 everywhere. Steps above
    and below the usual told apart, and nothing else, would give 1.6."""
    rng = np.random.default_rng(8)
    level = 40 * 2 ** np.sin(2 * np.pi * np.arange(2_000) / 216)
    said = widths(level + rng.normal(size=2_000) * (0.05 * level if is_share else 2.0))[1_000:]
    ratio = np.median(said[level[1_000:] > 70]) / np.median(said[level[1_000:] < 23])
    assert low < ratio < high


def test_the_fewer_blocks_the_further_out_the_rare_lies() -> None:
    factors = surprise._student(np.array([5.0, 20.0, 1_000.0]))
    assert factors[0] > 1.4 > factors[1] > 1.05 > factors[2] > 1.0
