"""Surges: services for which more people come than expected, in one hall or in the whole city, and since when.

People who came in the last half hour and hour are held against what was expected there. A count scatters as a negative binomial
about its expectation m: variance m + (m · noise)², where `noise` is the relative standard deviation that the expectation itself
has, taken to be the same for the whole hour (the worst case). Both windows are looked at and every item of every hall besides, so
the chances are corrected by Holm's method (Scandinavian Journal of Statistics 6, 1979). A surge is raised when its corrected
chance is at most `RAISE_AT`, at least `RAISE_RATIO` times the expected people came and `LEAST_MORE` more than expected; it lasts
until for `QUIET` neither window shows it any more. Since when: where the likelihood of a change of the mean is greatest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import log

import numpy as np
from scipy.special import betainc, gammainc

from domain.halls import ServiceItem

BIN = timedelta(minutes=5)
SHORT, LONG = 6, 12
"""Bins of the two windows: half an hour and an hour."""
RAISE_AT = 0.002
RAISE_RATIO, KEEP_RATIO = 1.5, 1.2
KEEP_AT = 0.05
LEAST_MORE = 8
QUIET = timedelta(minutes=15)
CITY, ALL = "", ""
"""In place of a hall: all halls together; in place of an item: all items."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Who came for an item in bins of `BIN`, the last of which ends now, beside what was expected; `hall_id` is `CITY` for all
    halls together."""

    hall_id: str
    item: str
    observed: tuple[int, ...]
    expected: tuple[float, ...]
    noise: float


@dataclass(frozen=True, slots=True)
class Surge:
    """`observed` and `expected` are people of the last `minutes`, `chance` is that of so many or more, corrected. `shown_at` is
    when it was last seen."""

    hall_id: str
    item: str
    since: datetime
    raised_at: datetime
    shown_at: datetime
    minutes: int
    observed: int
    expected: float
    chance: float

    @property
    def ratio(self) -> float | None:
        return self.observed / self.expected if self.expected > 0 else None

    @property
    def key(self) -> tuple[str, str]:
        return self.hall_id, self.item


@dataclass(frozen=True, slots=True)
class _Look:
    """One window of one service."""

    counts: Counts
    n_bins: int
    observed: int
    expected: float
    chance: float

    @property
    def ratio(self) -> float:
        return self.observed / max(self.expected, 1e-9)


def chance_of(observed: int, expected: float, noise: float) -> float:
    """Of so many or more."""
    if observed <= 0:
        return 1.0
    if expected <= 0:
        return 0.0
    if noise <= 0:
        return float(gammainc(observed, expected))
    shape = 1 / noise**2
    return float(betainc(observed, shape, expected / (shape + expected)))


def in_bins(first: datetime, step_s: float, values: Sequence[float], start: datetime, n_bins: int) -> list[float]:
    """Amounts of steps from `first` on as amounts of `n_bins` bins from `start` on, each step spread evenly; 0 beyond them."""
    at = np.array([(first - start).total_seconds() + step_s * k for k in range(len(values) + 1)])
    until = np.concatenate([[0.0], np.cumsum(np.asarray(values, float))])
    edges = np.arange(n_bins + 1) * BIN.total_seconds()
    return [float(amount) for amount in np.diff(np.interp(edges, at, until))]


def together(counts: Sequence[Counts]) -> list[Counts]:
    """What single services are too small to show: all items of a hall (item `ALL`), an item in all halls (`CITY`), and all of
    them; where there is more than one to add up. Their expectations are taken to err alike."""
    groups: dict[tuple[str, str], list[Counts]] = {}
    for each in counts:
        for key in ((each.hall_id, ALL), (CITY, each.item), (CITY, ALL)):
            groups.setdefault(key, []).append(each)
    return [_sum(*key, some) for key, some in groups.items() if len(some) > 1]


def _sum(hall_id: str, item: str, some: Sequence[Counts]) -> Counts:
    expected = tuple(map(sum, zip(*(each.expected for each in some), strict=True)))
    total = sum(expected)
    noise = sum(each.noise * sum(each.expected) for each in some) / total if total else 0.0
    return Counts(hall_id, item, tuple(map(sum, zip(*(each.observed for each in some), strict=True))), expected, noise)


def surges(counts: Sequence[Counts], standing: Iterable[Surge], now: datetime) -> tuple[Surge, ...]:
    """Those that are there at `now`, of which some were before (`standing`)."""
    looks = [_look(each, n_bins) for each in counts for n_bins in (SHORT, LONG)]
    corrected = _holm([look.chance for look in looks])
    before = {surge.key: surge for surge in standing}
    found: dict[tuple[str, str], Surge] = {}
    for look, chance in sorted(zip(looks, corrected, strict=True), key=lambda pair: pair[1]):
        key = look.counts.hall_id, look.counts.item
        known = before.get(key)
        if key in found or not (_is_raised(look, chance) or (known is not None and _is_kept(look))):
            continue
        since = known.since if known else now - BIN * _began(look.counts)
        raised_at = known.raised_at if known else now
        minutes = int(look.n_bins * BIN.total_seconds() // 60)
        found[key] = Surge(*key, since, raised_at, now, minutes, look.observed, look.expected, chance)
    for key, known in before.items():
        if key not in found and timedelta() <= now - known.shown_at < QUIET:
            found[key] = replace(known)
    return tuple(sorted(found.values(), key=lambda surge: (surge.chance, surge.hall_id, surge.item)))


def _look(counts: Counts, n_bins: int) -> _Look:
    observed, expected = sum(counts.observed[-n_bins:]), sum(counts.expected[-n_bins:])
    return _Look(counts, n_bins, observed, expected, chance_of(observed, expected, counts.noise))


def _is_raised(look: _Look, chance: float) -> bool:
    return chance <= RAISE_AT and look.ratio >= RAISE_RATIO and look.observed - look.expected >= LEAST_MORE


def _is_kept(look: _Look) -> bool:
    return look.chance <= KEEP_AT and look.ratio >= KEEP_RATIO


def _holm(chances: Sequence[float]) -> list[float]:
    """Corrected for how many there are, in their order."""
    order = sorted(range(len(chances)), key=chances.__getitem__)
    corrected, worst = [1.0] * len(chances), 0.0
    for rank, k in enumerate(order):
        worst = max(worst, min(1.0, chances[k] * (len(chances) - rank)))
        corrected[k] = worst
    return corrected


def _began(counts: Counts) -> int:
    """How many bins ago it began: where O · log(O ÷ E) − (O − E), the logarithm of the likelihood ratio of a Poisson mean that
    has risen since, is greatest."""
    best, began, observed, expected = -1.0, 1, 0, 0.0
    for back in range(1, len(counts.observed) + 1):
        observed, expected = observed + counts.observed[-back], expected + counts.expected[-back]
        if observed > expected:
            gain = observed * log(observed / max(expected, 0.5)) - (observed - expected)
            if gain > best:
                best, began = gain, back
    return began


def sentence(surge: Surge, hall: tuple[str, str] | None) -> tuple[str, str]:
    """What there is to say of a surge, Chinese and English. `hall` are the names of its hall, None for the whole city."""
    item = ServiceItem.known(surge.item)
    named = (item.zh, item.en) if item is not None else (surge.item, surge.item)
    what = ("全部事项", "all services") if surge.item == ALL else named
    where = hall or ("全市", "the whole city")
    expected = round(surge.expected)
    times = (f"（{surge.ratio:.1f} 倍）", f" ({surge.ratio:.1f} times)") if surge.ratio is not None and expected else ("", "")
    return (
        f"{where[0]}·{what[0]}：近 {surge.minutes} 分钟来了 {surge.observed} 人，预计 {expected} 人{times[0]}",
        f"{where[1]}, {what[1]}: {surge.observed} people in {surge.minutes} minutes, {expected} expected{times[1]}",
    )
