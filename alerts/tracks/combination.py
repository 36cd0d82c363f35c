"""Combinations: how many of some rules stand at once in one district, or within metres of a place.

Any of them is one, all of them is as many as there are. Near to one another means near to an object of the first member."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import asin, cos, radians, sin, sqrt
from typing import NamedTuple

import numpy as np

from alerts.tracks.track import Floats, Track, Watched

EARTH_M = 6_371_008.8


class Stand(NamedTuple):
    """A warning of a member that stood, or would have: where, from when until when (seconds since 1970; infinity: it stands)."""

    rule_id: str
    object_id: str
    district: str | None
    lon: float | None
    lat: float | None
    began_s: float
    ended_s: float
    zh: str = ""
    en: str = ""


def combined(members: Sequence[str], stands: Iterable[Stand], within_m: float | None, at_s: Floats) -> list[Track]:
    """How many members stand at each moment, by district or by object of the first member; places where none ever stood are left
    out."""
    known = [stand for stand in stands if stand.rule_id in members]
    if within_m is None:
        by_district: dict[str, list[Stand]] = {}
        for stand in known:
            if stand.district is not None:
                by_district.setdefault(stand.district, []).append(stand)
        return [
            Track(Watched(f"district/{code}", code, code, _UNIT, district=code), at_s, _standing(here, at_s))
            for code, here in sorted(by_district.items())
        ]
    anchors = {stand.object_id: stand for stand in known if stand.rule_id == members[0] and stand.lon is not None}
    tracks = []
    for object_id, anchor in sorted(anchors.items()):
        near = [stand for stand in known if _distance_m(anchor, stand) <= within_m]
        watched = Watched(
            f"near/{object_id}", anchor.zh, anchor.en, _UNIT, district=anchor.district, lon=anchor.lon, lat=anchor.lat,
            evidence={"near": object_id, "within_m": within_m},
        )  # fmt: skip
        tracks.append(Track(watched, at_s, _standing(near, at_s)))
    return tracks


_UNIT = ("条规则", "rules")


def _standing(stands: Sequence[Stand], at_s: Floats) -> Floats:
    total = np.zeros(len(at_s))
    for rule_id in {stand.rule_id for stand in stands}:
        stood = np.zeros(len(at_s), bool)
        for stand in stands:
            if stand.rule_id == rule_id:
                stood[np.searchsorted(at_s, stand.began_s) : np.searchsorted(at_s, stand.ended_s)] = True
        total += stood
    return total


def _distance_m(one: Stand, other: Stand) -> float:
    """Great-circle distance; infinite where a place is not known."""
    if one.lon is None or one.lat is None or other.lon is None or other.lat is None:
        return float("inf")
    north, east = radians(other.lat - one.lat) / 2, radians(other.lon - one.lon) / 2
    return 2 * EARTH_M * asin(sqrt(sin(north) ** 2 + cos(radians(one.lat)) * cos(radians(other.lat)) * sin(east) ** 2))
