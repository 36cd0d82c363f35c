"""Scales and the delivered index."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.indices import DELIVERED, Scale

RISING = Scale(((0, 0), (10, 50), (20, 100)))


@pytest.mark.parametrize(("value", "score"), [(-5, 0), (0, 0), (4, 20), (10, 50), (15, 75), (20, 100), (99, 100)])
def test_a_score_lies_on_the_straight_line_between_two_anchors(value: float, score: float) -> None:
    """4 is four tenths of the way from 0 to 10, where the score goes from 0 to 50: 20. Beyond the ends it stays."""
    assert RISING.at(value) == pytest.approx(score)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_scores_of_the_delivered_parts_are_bounded_and_never_turn(one: float, other: float) -> None:
    low, high = sorted((one, other))
    for name, part in DELIVERED.parts.items():
        worse, better = (
            (part.scale.at(low), part.scale.at(high)) if name == "devices" else (part.scale.at(high), part.scale.at(low))
        )
        assert 0 <= worse <= better + 1e-9 <= 100 + 1e-6, name


def test_the_delivered_weights_make_a_hundred() -> None:
    assert sum(part.weight for _, part in DELIVERED.parts.items()) == 100
