"""Errands: what people bring to a hall, how often, how long it takes at the window, and who books ahead for it.

Times at a window are lognormal, as L. Brown et al., Statistical Analysis of a Telephone Call Center, Journal of the American
Statistical Association 100 (2005), found for services by people. Shares, means and spreads are ours, set so that a licence
takes longer than a card and a registration of property longest; with them the mean over all is some eight and a half minutes.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from domain.halls import ServiceItem as Item


class Errand(NamedTuple):
    """One item. `counter` is the letter of the counters that do it and of its tickets; `share` of tickets in a hall that offers
    all, in per cent; `mean_s` and `spread` (standard deviation ÷ mean) of the time at the window; `booked`, the share that comes
    by appointment; `leads_to`, what some are sent on for."""

    item: Item
    counter: str
    share: float
    mean_s: float
    spread: float
    booked: float
    in_branches: bool = True
    leads_to: Item | None = None

    @property
    def sigma(self) -> float:
        """Standard deviation of the logarithm."""
        return math.sqrt(math.log(1 + self.spread**2))

    @property
    def median_s(self) -> float:
        return self.mean_s / math.sqrt(1 + self.spread**2)


ERRANDS = (
    Errand(Item.SOCIAL_SECURITY, "A", 15, 400, 0.7, 0.20, leads_to=Item.MEDICAL_INSURANCE),
    Errand(Item.MEDICAL_INSURANCE, "A", 11, 350, 0.7, 0.15),
    Errand(Item.PROVIDENT_FUND, "A", 7, 580, 0.6, 0.35),
    Errand(Item.TAX, "B", 11, 460, 0.8, 0.30),
    Errand(Item.BUSINESS_LICENCE, "B", 6, 740, 0.7, 0.40, leads_to=Item.TAX),
    Errand(Item.REAL_ESTATE, "C", 8, 1_000, 0.5, 0.60, in_branches=False, leads_to=Item.TAX),
    Errand(Item.CONSTRUCTION_PERMIT, "C", 2, 1_100, 0.7, 0.50, in_branches=False),
    Errand(Item.HOUSEHOLD_REGISTRATION, "D", 9, 600, 0.6, 0.25, leads_to=Item.ID_CARD),
    Errand(Item.ID_CARD, "D", 8, 280, 0.45, 0.30),
    Errand(Item.ENTRY_EXIT, "D", 5, 440, 0.5, 0.60, in_branches=False),
    Errand(Item.VEHICLE, "D", 5, 500, 0.6, 0.35, in_branches=False),
    Errand(Item.CIVIL_AFFAIRS, "E", 3, 840, 0.6, 0.50),
    Errand(Item.UTILITIES, "E", 3, 280, 0.6, 0.05),
    Errand(Item.ENQUIRY, "E", 7, 150, 0.9, 0.0),
)
ERRAND = {errand.item.value: errand for errand in ERRANDS}

LONGEST_S, SHORTEST_S = 7_200.0, 20.0
"""Nobody is served for longer or less."""

SENT_ON = 0.08
"""Share of those whose errand leads to another who are sent there with the same ticket."""
