"""Accuracy: how well series are served by their forecasts, from the scores of stored ones. Pure.

A ratio is the mean error of the forecasts over that of the same slot of the day before (seasonal naive), for the same targets:
below 1 is better than that. Of several series the median counts, since one that never changes has a ratio of any size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from domain.scores import ScoreRow, Tally
from forecasting.champions import REFERENCE, ratios
from storage.outlook import Service, Standing

LEADS_H = (1, 6, 24)
LEAST = 8
"""Targets without which a series has no ratio."""
LONGEST_LIST = 40


@dataclass(frozen=True, slots=True)
class Served:
    """Series of one group whose forecasts one model made (None: whichever): how many, how many targets, the median ratio by lead,
    the share of series with a ratio above 1 at the longest lead known, and the shares of targets inside their intervals."""

    group: str | None
    model: str | None
    n_series: int
    n: int
    ratios: Mapping[int, float | None]
    worse: float | None
    coverage_80: float | None
    coverage_90: float | None


@dataclass(frozen=True, slots=True)
class Badly:
    """A series that is served worse than by repeating the day before."""

    standing: Standing
    lead_h: int
    tally: Tally


@dataclass(frozen=True, slots=True)
class Contestant:
    """A model on the contested series of a group: how many it was tried on, on how many targets, the median ratio, the share of
    series on which it erred by more than the day before, and of how many it is the champion."""

    group: str
    model: str
    n_series: int
    n: int
    ratio: float
    worse: float
    crowned: int


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The whole, by group, by group and model, and the series that are served worst, the worst first."""

    total: Served
    rows: Sequence[Served]
    worst: Sequence[Badly]
    models: Mapping[str, int] = field(default_factory=dict)
    """Model → series that it speaks for now."""
    n_series: int = 0
    n_foreseen: int = 0
    n_fallback: int = 0


def accuracy(service: Service) -> Accuracy:
    """What the scores of a service say."""
    known = [row for row in service.scores if row.series_id in service.standings]
    by: dict[tuple[str | None, str | None], list[ScoreRow]] = defaultdict(list)
    for row in known:
        group = service.standings[row.series_id].named.group
        by[group, None].append(row)
        by[group, row.model].append(row)
    foreseen = [standing for standing in service.standings.values() if standing.model is not None]
    models: dict[str, int] = defaultdict(int)
    for standing in foreseen:
        models[standing.model or ""] += 1
    return Accuracy(
        total=_served(None, None, known), rows=[_served(*key, rows) for key, rows in sorted(by.items(), key=_by_group)],
        worst=_worst(service, known), models=dict(models), n_series=len(service.standings), n_foreseen=len(foreseen),
        n_fallback=sum(1 for standing in foreseen if standing.fallback_reason),
    )  # fmt: skip


def contest(service: Service) -> list[Contestant]:
    """What all models said from the same origins, on what came: by group, the best first. Series count with the models that were
    tried on the targets of the others."""
    known = [row for row in service.rivals if row.series_id in service.standings]
    group_of = {series_id: standing.named.group for series_id, standing in service.standings.items()}
    targets: dict[tuple[str, str], int] = defaultdict(int)
    for row in known:
        targets[group_of[row.series_id], row.model] += row.tally.n_compared
    found: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    for series_id, told in ratios(known).items():
        for model, ratio in told.items():
            found[group_of[series_id], model][series_id] = ratio
    crowned: dict[tuple[str, str], int] = defaultdict(int)
    for series_id, champion in service.champions.items():
        if series_id in group_of and champion.model != REFERENCE:
            crowned[group_of[series_id], champion.model] += 1
    rows = [
        Contestant(
            *key, len(of), targets[key], median(of.values()), sum(ratio > 1 for ratio in of.values()) / len(of), crowned[key]
        )
        for key, of in found.items()
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (row.group, row.ratio, row.model))


def added(tallies: Iterable[Tally]) -> Tally:
    """Tallies added up."""
    rows = list(tallies)
    return Tally(*(sum(column) for column in zip(*rows, strict=True))) if rows else Tally()


def by_series(rows: Iterable[ScoreRow]) -> dict[tuple[int, int], Tally]:
    """Tallies by series and lead, whichever model."""
    found: dict[tuple[int, int], list[Tally]] = defaultdict(list)
    for row in rows:
        found[row.series_id, row.lead_h].append(row.tally)
    return {key: added(tallies) for key, tallies in found.items()}


def _served(group: str | None, model: str | None, rows: Sequence[ScoreRow]) -> Served:
    each = by_series(rows)
    ratios = {key: ratio for key, tally in each.items() if (ratio := _ratio(tally)) is not None}
    of_lead = {lead: [ratio for (_, h), ratio in ratios.items() if h == lead] for lead in LEADS_H}
    longest: dict[int, float] = {}
    for series_id, lead in sorted(ratios):
        longest[series_id] = ratios[series_id, lead]
    whole = added(each.values())
    return Served(
        group, model, len({series_id for series_id, _ in each}), whole.n,
        {lead: median(found) if found else None for lead, found in of_lead.items()},
        sum(ratio > 1 for ratio in longest.values()) / len(longest) if longest else None, whole.coverage_80, whole.coverage_90,
    )  # fmt: skip


def _ratio(tally: Tally) -> float | None:
    return tally.against_reference if tally.n_compared >= LEAST else None


def _worst(service: Service, rows: Iterable[ScoreRow]) -> list[Badly]:
    worst: dict[int, tuple[float, int, Tally]] = {}
    for (series_id, lead), tally in sorted(by_series(rows).items()):
        ratio = _ratio(tally)
        if ratio is not None and ratio > max(1.0, worst.get(series_id, (1.0,))[0]):
            worst[series_id] = (ratio, lead, tally)
    ranked = sorted(worst.items(), key=lambda item: -item[1][0])[:LONGEST_LIST]
    return [Badly(service.standings[series_id], lead, tally) for series_id, (_, lead, tally) in ranked]


def _by_group(item: tuple[tuple[str | None, str | None], object]) -> tuple[str, str]:
    (group, model), _ = item
    return (group or "", model or "")
