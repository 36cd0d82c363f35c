"""Needs: run cards by hazard and grade, and what is left of them when some are on their way."""

from __future__ import annotations

import pytest

from dispatch.needs import ANY, card_for, still_needed
from dispatch.practice import RunCard
from domain.incidents import Grade

CARDS = (
    RunCard("fire", Grade.II, {"engine": 4, "ambulance": 2}),
    RunCard("fire", Grade.IV, {"engine": 1}),
    RunCard(ANY, Grade.III, {"police": 1}),
)


@pytest.mark.parametrize(
    ("hazard", "grade", "needs"),
    [
        ("fire", Grade.II, {"engine": 4, "ambulance": 2}),
        ("fire", Grade.I, {"engine": 4, "ambulance": 2}),
        ("fire", Grade.III, {"engine": 1}),
        ("fire", Grade.IV, {"engine": 1}),
        ("crowd", Grade.I, {"police": 1}),
        ("crowd", Grade.IV, None),
    ],
)
def test_a_graver_incident_never_asks_for_less(hazard: str, grade: Grade, needs: dict[str, int] | None) -> None:
    card = card_for(CARDS, hazard, grade)
    assert (card.needs if card else None) == needs


@pytest.mark.parametrize(
    ("engaged", "left"),
    [
        ([], {"engine": 2, "rescue": 1}),
        ([{"engine"}], {"engine": 1, "rescue": 1}),
        ([{"engine", "rescue"}, {"engine"}], {"engine": 1}),
        ([{"engine", "rescue"}, {"engine"}, {"engine"}], {}),
        ([{"police"}], {"engine": 2, "rescue": 1}),
        ([{"engine"}] * 5, {"rescue": 1}),
    ],
)
def test_as_many_heads_are_met_as_can_be(engaged: list[set[str]], left: dict[str, int]) -> None:
    assert still_needed({"engine": 2, "rescue": 1}, map(frozenset, engaged)) == left
    assert still_needed({"engine": 2, "rescue": 1}, map(frozenset, reversed(engaged))) == left
