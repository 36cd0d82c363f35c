"""Needs: how many units of which capability an incident asks for, by its hazard and grade, and what of that is met already.

Run cards are policy: hazard class × grade → needs. A hazard without a card of its own takes the one of `ANY`; a grade without one
takes that of the next lighter grade that has one, since a graver incident never asks for less.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from dispatch.practice import Needs, RunCard
from domain.incidents import Grade

ANY = "any"
"""The hazard class of cards for all hazards that have none."""
GRAVEST_FIRST = (Grade.I, Grade.II, Grade.III, Grade.IV)


def card_for(cards: Sequence[RunCard], hazard_class: str, grade: Grade) -> RunCard | None:
    """The card of an incident; None where the policy asks for nobody."""
    by_key = {(card.hazard_class, card.grade): card for card in cards}
    for hazard in (hazard_class, ANY):
        if any(card.hazard_class == hazard for card in cards):
            lighter = GRAVEST_FIRST[GRAVEST_FIRST.index(grade) :]
            return next((by_key[hazard, each] for each in lighter if (hazard, each) in by_key), None)
    return None


def still_needed(needs: Needs, engaged: Iterable[frozenset[str]], *, is_shared: bool = False) -> dict[str, int]:
    """What is missing of the needs when units with these capabilities are on their way or there already: each of them counts for
    one head that it is capable of, so that as many heads as possible are met, and among those what fewer of them can do. Where
    needs are shared, each counts for one head of every need that it is capable of.

    >>> still_needed({"engine": 2, "rescue": 1}, [frozenset({"engine", "rescue"}), frozenset({"engine"})])
    {'engine': 1}
    """
    if is_shared:
        there = list(engaged)
        missing = {need: n - sum(need in each for each in there) for need, n in needs.items()}
        return {need: n for need, n in missing.items() if n > 0}
    heads = [need for need, n in needs.items() for _ in range(n)]
    able = np.array([[need in each for need in heads] for each in sorted(engaged, key=sorted)], bool).reshape(-1, len(heads))
    units, met = linear_sum_assignment(able * (1 + 0.01 / np.maximum(able.sum(axis=0), 1)), maximize=True)
    left = Counter(heads)
    left.subtract(heads[head] for unit, head in zip(units, met, strict=True) if able[unit, head])
    return {need: n for need, n in left.items() if n > 0}
