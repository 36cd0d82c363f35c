"""Whether two reports tell of one incident: alike in kind, place, time and words."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.merging import KINDRED, LIKELY, REACH_M, SCALES, SHOWN, Report, box, candidates, likeness
from domain.incidents import HAZARD_CLASSES
from gis_data.surroundings import distance_m
from tests.support.scenes import NOW, minutes

METRE = 1 / 111_195
"""Of latitude, in degrees."""


def fire(metres: float = 0, minutes_ago: float = 0, *texts: str, hazard: str = "fire") -> Report:
    return Report(hazard, 113.25, 23.125 + metres * METRE, NOW - minutes(minutes_ago), texts)


def score(one: Report, other: Report) -> float:
    found = likeness(one, other)
    return found.score if found else 0.0


def test_half_is_left_at_the_scale_of_distance_and_at_that_of_time() -> None:
    """A fire's are 300 m and an hour."""
    assert score(fire(), fire()) == 1
    assert score(fire(), fire(300)) == pytest.approx(0.5, rel=1e-3)
    assert score(fire(), fire(0, 60)) == pytest.approx(0.5)
    assert score(fire(), fire(300, 60)) == pytest.approx(0.25, rel=1e-3)


def test_kin_is_less_than_the_same_and_strangers_are_nothing() -> None:
    assert score(fire(), fire(hazard="gas_leak")) == pytest.approx(0.6)
    assert likeness(fire(), fire(hazard="parking")) is None


def test_like_words_lift_and_unlike_ones_do_not_lower() -> None:
    plain = score(fire(), fire(300))
    same = likeness(fire(0, 0, "三楼冒烟"), fire(300, 0, "三楼冒烟"))
    other = likeness(fire(0, 0, "三楼冒烟"), fire(300, 0, "车库着火"))
    assert same is not None
    assert other is not None
    assert (same.text, same.score) == (1, pytest.approx(plain**0.5))
    assert (other.text, other.score) == (0, pytest.approx(plain))
    assert likeness(fire(0, 0, "三楼"), fire()).text is None  # type: ignore[union-attr]


def test_two_patients_of_one_street_are_two() -> None:
    """Ambulance calls a hundred metres apart are not one because they come at once."""
    assert score(fire(hazard="medical"), fire(100, hazard="medical")) < SHOWN
    assert score(fire(hazard="medical"), fire(20, 5, hazard="medical")) > LIKELY


def test_candidates_come_likeliest_first_and_only_where_there_is_a_reason() -> None:
    known = [("far", fire(5000)), ("near", fire(50)), ("late", fire(0, 90)), ("other", fire(hazard="parking"))]
    assert [name for name, _ in candidates(fire(), known)] == ["near", "late"]


hazards = st.sampled_from([*HAZARD_CLASSES, "unheard_of"])
reports = st.builds(
    Report, hazards, st.floats(113.2, 113.3), st.floats(23.1, 23.2), st.integers(0, 1000).map(lambda n: NOW + timedelta(minutes=n)),
    st.lists(st.text("火烟三楼水", max_size=6), max_size=2).map(tuple),
)  # fmt: skip


@given(reports, reports)
def test_likeness_is_mutual_and_a_share(one: Report, other: Report) -> None:
    assert likeness(one, other) == likeness(other, one)
    assert 0 <= score(one, other) <= 1


@given(hazards, st.floats(0, 4000), st.floats(0, 4000), st.floats(0, 900), st.floats(0, 900))
def test_farther_and_later_is_never_likelier(hazard: str, near: float, far: float, soon: float, late: float) -> None:
    near, far, soon, late = min(near, far), max(near, far), min(soon, late), max(soon, late)
    here = fire(hazard=hazard)
    assert score(here, fire(far, late, hazard=hazard)) <= score(here, fire(near, soon, hazard=hazard)) + 1e-9


@given(hazards, st.floats(0, 360))
def test_beyond_the_reach_nothing_is_shown_so_that_nothing_is_looked_for(hazard: str, turn: float) -> None:
    same = "同一句话"
    assert score(fire(0, 0, same, hazard=hazard), fire(REACH_M, 0, same, hazard=hazard)) < SHOWN


def test_the_box_holds_what_is_within_reach() -> None:
    west, south, east, north = box(113.25, 23.125)
    assert distance_m(113.25, 23.125, 113.25, north) == pytest.approx(REACH_M, rel=1e-3)
    assert distance_m(113.25, 23.125, east, 23.125) == pytest.approx(REACH_M, rel=1e-3)
    assert (west + east) / 2 == pytest.approx(113.25)
    assert (south + north) / 2 == pytest.approx(23.125)


def test_every_hazard_that_is_spoken_of_is_known() -> None:
    assert SCALES.keys() <= HAZARD_CLASSES.keys()
    assert {hazard for pair in KINDRED for hazard in pair} <= HAZARD_CLASSES.keys()
    assert all(len(pair) == 2 for pair in KINDRED)
