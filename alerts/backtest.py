"""Back-test: what a version of a rule would have done over stored history, and how that compares with what happened and with the
version that is live. Pure; `alerts.rehearsal` reads and replays.

An incident is caught by a warning near it, in its district or within NEAR_M, that stood at some time from CATCHES_BEFORE before
it was reported until CATCHES_AFTER after. A forecast rule is held against its own thresholds instead: it catches a crossing that
it warned of beforehand. What was warned of and not followed by either is unanswered: a false alarm, or one that helped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from math import cos, hypot, radians
from statistics import median
from typing import Any, NamedTuple

from alerts.replay import Episode, compared
from alerts.rules import gravity
from alerts.tracks.track import Watched
from domain.warnings import WarningLevel
from gis_data.crs import METRES_PER_DEGREE

SHIFT = timedelta(hours=8)
NEAR_M = 2_000.0
CATCHES_BEFORE, CATCHES_AFTER = timedelta(hours=2), timedelta(minutes=30)
MOST_LISTED, MOST_MISSED = 200, 50


class Fired(NamedTuple):
    """A warning that would have been: of which object, and when."""

    watched: Watched
    episode: Episode


@dataclass(frozen=True, slots=True)
class Replayed:
    """What one version would have done: its warnings by time, how many numbers it looked at, of how many objects, and the first
    moment of which anything is told (None: there is nothing)."""

    fired: tuple[Fired, ...]
    readings: int
    objects: int
    left_out: int
    first: datetime | None
    is_cut: bool = False

    def by_object(self) -> dict[str, list[Episode]]:
        found: dict[str, list[Episode]] = {}
        for one in self.fired:
            found.setdefault(one.watched.object_id, []).append(one.episode)
        return found


class Occurrence(NamedTuple):
    """Something that a rule should have warned of: an incident, or a threshold crossed at an object."""

    occurrence_id: str
    at: datetime
    kind: str
    district: str | None
    lon: float | None
    lat: float | None
    object_id: str | None = None
    words: tuple[str, str] = ("", "")


class Outcome(NamedTuple):
    """Of what happened: how many were warned of, which were missed, how long before (median, seconds; None: none before), and
    how many warnings nothing followed."""

    n: int
    caught: int
    missed: tuple[Occurrence, ...]
    unanswered: int
    median_lead_s: float | None


def outcome(replayed: Replayed, occurred: Sequence[Occurrence], until: datetime, ahead: timedelta | None) -> Outcome:
    """`ahead`: how far a forecast rule looks; None for a rule that is held against incidents."""
    answered: set[int] = set()
    missed, leads = [], []
    for what in occurred:
        hits = [k for k, one in enumerate(replayed.fired) if _catches(one, what, until, ahead)]
        answered.update(hits)
        if not hits:
            missed.append(what)
            continue
        lead_s = (what.at - min(replayed.fired[k].episode.began for k in hits)).total_seconds()
        if lead_s > 0:
            leads.append(lead_s)
    unanswered = len(replayed.fired) - len(answered)
    return Outcome(len(occurred), len(occurred) - len(missed), tuple(missed), unanswered, median(leads) if leads else None)


def _catches(one: Fired, what: Occurrence, until: datetime, ahead: timedelta | None) -> bool:
    began, ended = one.episode.began, one.episode.ended or until
    if ahead is not None:
        return what.object_id == one.watched.object_id and began <= what.at <= ended + ahead and what.at - began <= 2 * ahead
    if not (began <= what.at + CATCHES_AFTER and ended >= what.at - CATCHES_BEFORE):
        return False
    place = one.watched
    if place.lon is not None and place.lat is not None and what.lon is not None and what.lat is not None:
        east = (what.lon - place.lon) * cos(radians(place.lat))
        if hypot(east, what.lat - place.lat) * METRES_PER_DEGREE <= NEAR_M:
            return True
    return place.district is None or place.district == what.district


def crossings(physical: Iterable[Fired]) -> list[Occurrence]:
    """The beginnings of what was measured beyond a threshold, as occurrences of their objects."""
    found = []
    for w, e in physical:
        name = f"{w.object_id}@{e.began.isoformat()}"
        found.append(Occurrence(name, e.began, e.peak.value, w.district, w.lon, w.lat, w.object_id, (w.zh, w.en)))
    return sorted(found, key=lambda what: what.at)


def summary(replayed: Replayed, start: datetime, until: datetime, zone: tzinfo) -> dict[str, Any]:
    """What one version would have done, as it is stored and sent; times in milliseconds since 1970."""
    days: dict[str, Counter[str]] = {}
    for _, episode in replayed.fired:
        days.setdefault(episode.began.astimezone(zone).date().isoformat(), Counter())[episode.peak.value] += 1
    day = max(start, replayed.first or until).astimezone(zone).date()
    per_day = []
    while day <= until.astimezone(zone).date():
        counts = days.get(day.isoformat(), Counter())
        per_day.append({"day": day.isoformat(), **{level.value: counts[level.value] for level in WarningLevel}})
        day += timedelta(days=1)
    levels = Counter(one.episode.peak.value for one in replayed.fired)
    return {
        "episodes": len(replayed.fired), "by_level": {level.value: levels[level.value] for level in WarningLevel},
        "per_day": per_day, "per_shift": per_shift(replayed, start, until),
        "listed": [_listed(one) for one in replayed.fired[:MOST_LISTED]],
    }  # fmt: skip


def per_shift(replayed: Replayed, start: datetime, until: datetime) -> float | None:
    """Warnings per shift of eight hours of the history there is; None without any."""
    if replayed.first is None:
        return None
    shifts = (until - max(start, replayed.first)) / SHIFT
    return round(len(replayed.fired) / shifts, 3) if shifts > 0 else None


def _listed(one: Fired) -> dict[str, Any]:
    watched, episode = one
    return {
        "object": watched.object_id, "zh": watched.zh, "en": watched.en, "district": watched.district, "lon": watched.lon,
        "lat": watched.lat, "began": _ms(episode.began), "ended": _ms(episode.ended), "level": episode.peak.value,
    }  # fmt: skip


def outcome_json(found: Outcome, basis: str) -> dict[str, Any]:
    return {
        "basis": basis, "n": found.n, "caught": found.caught, "missed": len(found.missed), "unanswered": found.unanswered,
        "median_lead_s": found.median_lead_s,
        "missed_listed": [
            {"id": what.occurrence_id, "at": _ms(what.at), "class": what.kind, "district": what.district, "lon": what.lon,
             "lat": what.lat, "zh": what.words[0], "en": what.words[1]}
            for what in found.missed[:MOST_MISSED]
        ],
    }  # fmt: skip


def comparison(before: Replayed | None, after: Replayed) -> dict[str, int] | None:
    """Warnings that both versions have, and that one alone has; None without a version before."""
    if before is None:
        return None
    both, only_before, only_after = compared(before.by_object(), after.by_object())
    return {"both": both, "only_before": only_before, "only_after": only_after}


def in_order(fired: Iterable[Fired]) -> tuple[Fired, ...]:
    """By time, the gravest first of those that began together."""
    return tuple(sorted(fired, key=lambda one: (one.episode.began, -gravity(one.episode.peak), one.watched.object_id)))


def _ms(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)
