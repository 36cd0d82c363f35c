"""Coverage: how many of the people of each district a free unit of a kind reaches in time, and what sending one takes away.

People stand where the squares of the population grid have their middle. Shares are of people, 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class People:
    """Squares (s): how many live there, and the district (index into `codes`)."""

    residents: Floats
    district: Ints
    codes: tuple[str, ...]

    def shares(self, is_reached: Bools) -> Floats:
        """Of each district, the share of its people that is reached (s); 1 where nobody lives."""
        n = len(self.codes)
        live = np.bincount(self.district, self.residents, minlength=n)
        met = np.bincount(self.district, self.residents * is_reached, minlength=n)
        return np.asarray(np.divide(met, live, out=np.ones(n), where=live > 0))

    def share(self, is_reached: Bools) -> float:
        """Of all people."""
        everybody = float(self.residents.sum())
        return float((self.residents * is_reached).sum() / everybody) if everybody else 1.0


@dataclass(frozen=True, slots=True)
class Loss:
    """What sending units of a kind takes away: the district that loses most of its people (None: none does), its share before and
    after, and the city's."""

    district: str | None
    before: float
    after: float
    city_before: float
    city_after: float


def counted(people: People, reach: Sequence[Bools]) -> Ints:
    """How many units reach each square (s), of those that reach these."""
    return np.sum(reach, axis=0, dtype=np.intp) if len(reach) else np.zeros(len(people.residents), np.intp)


def loss(people: People, counts: Ints, gone: Sequence[Bools], home: str | None = None) -> Loss:
    """What is lost when some of the free units of a kind go: `counts` (s) units reach each square in time, and those that go
    reach `gone`. Where no district loses anybody, the shares are those of `home`, the city's where that is not known."""
    left = counts - counted(people, gone)
    before, after = people.shares(counts > 0), people.shares(left > 0)
    people_lost = np.bincount(people.district, people.residents * ((counts > 0) & (left <= 0)), minlength=len(people.codes))
    city_before, city_after = people.share(counts > 0), people.share(left > 0)
    if not len(people.codes) or people_lost.max() <= 0:
        here = float(before[people.codes.index(home)]) if home in people.codes else city_before
        return Loss(None, here, here, city_before, city_after)
    worst = int(people_lost.argmax())
    return Loss(people.codes[worst], float(before[worst]), float(after[worst]), city_before, city_after)
