"""Coverage: two districts of 100 and 50 people, and what sending one unit takes from them."""

from __future__ import annotations

import numpy as np

from dispatch.coverage import Loss, People, counted, loss

PEOPLE = People(np.array([60.0, 40.0, 50.0]), np.array([0, 0, 1]), ("north", "south"))
"""Squares of 60 and 40 in the north, one of 50 in the south."""


def reach(*squares: int) -> np.ndarray:
    return np.isin(np.arange(3), squares)


def lost(reach: list[np.ndarray], sent: int, home: str | None = None) -> Loss:
    return loss(PEOPLE, counted(PEOPLE, reach), [reach[sent]], home)


def test_what_only_one_unit_reaches_is_lost_with_it() -> None:
    """The first reaches both squares of the north, the second one of them and the south."""
    gone = lost([reach(0, 1), reach(1, 2)], 0)
    assert (gone.district, gone.before, gone.after) == ("north", 1.0, 0.4)
    assert (gone.city_before, gone.city_after) == (1.0, 90 / 150)


def test_the_district_that_loses_most_people_is_named() -> None:
    gone = lost([reach(1, 2)], 0)
    assert (gone.district, gone.before, gone.after) == ("south", 1.0, 0.0), "50 against 40"


def test_where_others_reach_the_same_people_nothing_is_lost() -> None:
    gone = lost([reach(0), reach(0)], 1, "north")
    assert (gone.district, gone.before, gone.after, gone.city_after) == (None, 0.6, 0.6, 0.4)
    assert loss(PEOPLE, counted(PEOPLE, []), []).city_before == 0.0
