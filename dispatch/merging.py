"""Merging: whether two reports tell of one incident, as a score between 0 and 1 with its reasons. Pure.

score = hazard × 2^-(distance / scale_m)² × 2^-(time apart / scale_s), lifted by like words. The scales say how far apart, in
metres and in time, two reports of one incident usually lie: half the score remains there. They are of our own making, wider than
the 80 m and 5 to 10 minutes within which alerting services drop a repeated call unseen (Active911: 0.05 miles), because here a
person decides; a caller's phone is placed within 50 m for four calls of five (47 CFR 9.10(i)). What is seen or smelt from afar
has wider scales. Words are compared by pairs of characters, which suits Chinese (Dice's coefficient, 1945).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import cos, radians
from types import MappingProxyType

from gis_data.crs import METRES_PER_DEGREE
from gis_data.surroundings import distance_m

LIKELY = 0.5
SHOWN = 0.2
KINDRED_SCORE = 0.6
"""What one person calls smoke another calls fire; what differs in kind needs to be nearer."""
MOST = 10
LOOKS_BACK = timedelta(hours=12)
"""Ended incidents are looked at when they were reported since then: twice the longest scale of time."""
REACH_M = 3_300.0
"""Beyond it no pair scores `SHOWN`, even with the widest scale and the same words: 1,500 m × √log₂ 25."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How far apart two reports of one incident usually lie."""

    metres: float
    seconds: float


SCALES: Mapping[str, Scale] = MappingProxyType({
    "fire": Scale(300, 3_600), "medical": Scale(40, 1_200), "traffic_accident": Scale(150, 2_700),
    "waterlogging": Scale(300, 10_800), "flood": Scale(1_000, 21_600), "gas_leak": Scale(200, 7_200),
    "hazmat": Scale(500, 10_800), "water_supply": Scale(1_000, 21_600), "crowd": Scale(300, 5_400),
    "power_failure": Scale(1_000, 14_400),
    "traffic_hazard": Scale(150, 7_200), "air_pollution": Scale(1_500, 21_600), "parking": Scale(150, 7_200),
    "congestion": Scale(500, 5_400),
})  # fmt: skip
OTHER = Scale(100, 3_600)

KINDRED: frozenset[frozenset[str]] = frozenset(
    frozenset(pair)
    for pair in (
        ("fire", "gas_leak"), ("fire", "hazmat"), ("fire", "air_pollution"), ("fire", "power_failure"), ("fire", "medical"),
        ("gas_leak", "hazmat"), ("hazmat", "air_pollution"), ("gas_leak", "air_pollution"), ("hazmat", "medical"),
        ("waterlogging", "flood"), ("waterlogging", "water_supply"), ("flood", "water_supply"),
        ("waterlogging", "traffic_hazard"), ("traffic_accident", "traffic_hazard"), ("traffic_accident", "medical"),
        ("traffic_accident", "congestion"), ("traffic_hazard", "congestion"), ("traffic_accident", "fire"),
        ("crowd", "medical"),
    )
)  # fmt: skip
"""Hazards under which two people may report one incident."""


@dataclass(frozen=True, slots=True)
class Report:
    """What is compared: where, when, what, in whose words."""

    hazard_class: str
    lon: float
    lat: float
    reported_at: datetime
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two reports are, and why. `text` is None where one of them has no words."""

    score: float
    is_same_hazard: bool
    distance_m: float
    apart_s: float
    text: float | None
    scale: Scale

    @property
    def is_likely(self) -> bool:
        return self.score >= LIKELY


def likeness(one: Report, other: Report) -> Likeness | None:
    """How alike two reports are, whichever came first; None for hazards that are no kin."""
    is_same = one.hazard_class == other.hazard_class
    if not is_same and frozenset((one.hazard_class, other.hazard_class)) not in KINDRED:
        return None
    scale = _wider(SCALES.get(one.hazard_class, OTHER), SCALES.get(other.hazard_class, OTHER))
    away = distance_m(one.lon, one.lat, other.lon, other.lat)
    apart = abs((one.reported_at - other.reported_at).total_seconds())
    words = max((_dice(a, b) for a in one.texts for b in other.texts if len(a) > 1 and len(b) > 1), default=None)
    plain = (1.0 if is_same else KINDRED_SCORE) * 2 ** -((away / scale.metres) ** 2) * 2 ** -(apart / scale.seconds)
    return Likeness(plain ** (1 - (words or 0.0) / 2), is_same, away, apart, words, scale)


def candidates(report: Report, known: Iterable[tuple[str, Report]]) -> Sequence[tuple[str, Likeness]]:
    """Which of the known incidents (by id) the report may tell of, likeliest first, at most `MOST`."""
    compared = ((incident_id, likeness(report, other)) for incident_id, other in known)
    fit = [(incident_id, alike) for incident_id, alike in compared if alike is not None and alike.score >= SHOWN]
    return sorted(fit, key=lambda row: (-row[1].score, row[0]))[:MOST]


def box(lon: float, lat: float) -> tuple[float, float, float, float]:
    """West, south, east, north of what lies within `REACH_M` of a point, and some more in the corners."""
    up = REACH_M / METRES_PER_DEGREE
    across = up / max(cos(radians(lat)), 0.01)
    return lon - across, lat - up, lon + across, lat + up


def _wider(one: Scale, other: Scale) -> Scale:
    return Scale(max(one.metres, other.metres), max(one.seconds, other.seconds))


def _dice(one: str, other: str) -> float:
    """Share of pairs of neighbouring characters that two texts have in common.

    >>> _dice("三楼冒烟", "三楼着火")
    0.3333333333333333
    """
    a, b = (Counter(pairwise(text)) for text in (one, other))
    return 2 * (a & b).total() / (a.total() + b.total())
