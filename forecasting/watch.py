"""The watch: shows the newest values to the detectors once a minute, and stores what they find odd.

Series that come into the watch together are a cohort. What its detectors remember is kept in the database every KEPT_EVERY; after
a restart they are shown what happened meanwhile, and of that nothing is stored: nobody could act on it any more.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.anomalies import Oddity
from domain.datastreams import Datastream
from domain.derived import Derived
from domain.forecasts import Forecast
from domain.moments import Moment
from domain.observations import USABLE_QUALITY_CODES
from forecasting.anomalies import Detectors, Outdated
from forecasting.panel import Floats
from forecasting.series import boundary
from storage.anomalies import end_anomalies, list_open_series, write_anomalies
from storage.champions import find_state, keep_state
from storage.connection import Connection
from storage.histories import list_new_values
from storage.observations import load_series

log = logging.getLogger(__name__)

DAY = timedelta(days=1)
WATCHED_EVERY = timedelta(minutes=1)
KEPT_EVERY = timedelta(minutes=5)
COHORTS_EVERY = timedelta(minutes=10)
LEARNS_FROM = DAY
"""So much of the past is shown to detectors that know nothing yet."""
LEARNT_ROWS = 3_000_000
"""At most so many values at a start: with many series less of the past."""
LEARNT_TOGETHER = 400
CALM_FOR = timedelta(minutes=30)
OWED_BY_PERIODIC = (Oddity.SILENT, Oddity.STUCK)
"""A device that speaks on change owes no regular readings, and repeats itself as it likes."""
ODD_SCORE = 0.75
"""A score from which a series is still odd, whether or not it is worth another alarm (`forecasting.anomalies`)."""


@dataclass(slots=True)
class _Cohort:
    """Series that came into the watch together, and the memory of their detectors."""

    name: str
    detectors: Detectors
    ids: list[int]
    newest_s: Floats
    kept_at: datetime
    index: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.index = {number: k for k, number in enumerate(self.ids)}


class Watch:
    """The detectors of all series, and which of them are odd now."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._cohorts: list[_Cohort] = []
        self._looked: datetime | None = None
        self._grown: datetime | None = None
        self._bands: dict[int, tuple[float, int, npt.NDArray[np.float32]]] = {}
        self._odd: dict[int, datetime] = {}
        self._on_change: frozenset[int] = frozenset()

    def expect(self, forecasts: Iterable[Forecast]) -> None:
        """Remembers the wide interval of forecasts that were just issued."""
        for f in forecasts:
            band = np.array([f.q05 or f.q10, f.q95 or f.q90], dtype=np.float32)
            self._bands[f.datastream_id] = (f.first_target.timestamp(), f.step_s, band)

    def tick(
        self, conn: Connection, now: datetime, streams: Sequence[Datastream], derived: Mapping[int, Derived]
    ) -> dict[str, Any]:
        """Looks once a minute. Returns figures for the system page."""
        if self._looked is not None and timedelta(0) <= now - self._looked < WATCHED_EVERY:
            return {}
        began = perf_counter()
        if self._looked is None:
            self._odd = dict.fromkeys(list_open_series(conn, since=now - 2 * DAY), now)
        self._grow(conn, now, [stream for stream in streams if stream.datastream_id not in derived])
        since = max(self._looked or now - WATCHED_EVERY, now - timedelta(minutes=15))
        n_found = 0
        values = list_new_values(conn, received_since=since)
        for cohort in self._cohorts:
            n_found += self._show(conn, cohort, values, now)
            if now - cohort.kept_at >= KEPT_EVERY:
                keep_state(conn, cohort.name, _packed(cohort), now)
                cohort.kept_at = now
        calm = [number for number, seen in self._odd.items() if now - seen >= CALM_FOR]
        if calm:
            end_anomalies(conn, calm, now)
            for number in calm:
                del self._odd[number]
        self._looked = now
        watched = sum(len(cohort.ids) for cohort in self._cohorts)
        return {"watched": watched, "found": n_found, "watch_ms": round(1000 * (perf_counter() - began))}

    def _grow(self, conn: Connection, now: datetime, streams: Sequence[Datastream]) -> None:
        """Takes in series that are not watched yet, as a cohort of their own."""
        if self._grown is not None and abs(now - self._grown) < COHORTS_EVERY:
            return
        if self._grown is None:
            self._restore(conn, now)
        self._on_change = frozenset(stream.datastream_id for stream in streams if not stream.is_periodic)
        known = {number for cohort in self._cohorts for number in cohort.ids}
        new = [stream for stream in streams if stream.datastream_id not in known]
        if new:
            ids = [stream.datastream_id for stream in new]
            together: dict[str, list[int]] = defaultdict(list)
            for k, stream in enumerate(new):
                together[stream.device_id].append(k)
            stations = [members for members in together.values() if len(members) > 1]
            detectors = Detectors(len(ids), self._zone, ids=ids, stations=stations)
            cohort = _Cohort(f"detectors/{len(self._cohorts)}", detectors, ids, np.full(len(ids), -np.inf), now - KEPT_EVERY)
            self._learn(conn, cohort, now - LEARNS_FROM, now)
            self._cohorts.append(cohort)
        self._grown = now

    def _restore(self, conn: Connection, now: datetime) -> None:
        """Goes on where an earlier process left off; what happened in between is shown to the detectors."""
        while (kept := find_state(conn, f"detectors/{len(self._cohorts)}")) is not None:
            kept_at, content = kept
            try:
                ids, newest_s, detectors = _unpacked(content, self._zone)
            except Outdated as why:
                log.info("%s", why)
                return
            cohort = _Cohort(f"detectors/{len(self._cohorts)}", detectors, ids, newest_s, now)
            self._learn(conn, cohort, max(kept_at, now - LEARNS_FROM), now)
            self._cohorts.append(cohort)

    def _learn(self, conn: Connection, cohort: _Cohort, since: datetime, now: datetime) -> None:
        """Shows a cohort the minutes of the past, and stores nothing of what it finds: nobody could act on it any more."""
        minutes = min(int((now - since).total_seconds()) // 60, LEARNT_ROWS // max(len(cohort.ids), 1))
        if minutes < 1:
            return
        end = boundary(now, 60)
        start = end - timedelta(minutes=minutes)
        moment = Moment.live(now)
        parts = [cohort.ids[first : first + LEARNT_TOGETHER] for first in range(0, len(cohort.ids), LEARNT_TOGETHER)]
        read = [load_series(conn, ids, start=start, end=end, step_s=60, moment=moment).values for ids in parts]
        values = np.concatenate(read)
        offset_s = _offset_s(now, self._zone)
        for k in range(minutes):
            column = values[:, k]
            if np.isfinite(column).any():
                time_s = start.timestamp() + 60.0 * k
                times_s = np.where(np.isfinite(column), time_s, np.nan)
                cohort.detectors.judge(times_s, offset_s, column)
                cohort.newest_s = np.where(np.isfinite(column), time_s, cohort.newest_s)

    def _show(self, conn: Connection, cohort: _Cohort, values: Sequence[Any], now: datetime) -> int:
        """Shows new values to the detectors, and stores what they find odd; returns how much that was."""
        times_s, told = np.full(len(cohort.ids), np.nan), np.full(len(cohort.ids), np.nan)
        low, high = np.full(len(cohort.ids), np.nan), np.full(len(cohort.ids), np.nan)
        for value in values:
            k = cohort.index.get(value.datastream_id)
            time_s = value.phenomenon_time.timestamp()
            if k is None or time_s <= cohort.newest_s[k] or value.quality.code not in USABLE_QUALITY_CODES:
                continue
            times_s[k], told[k] = time_s, value.value
            low[k], high[k] = self._band(value.datastream_id, time_s)
        is_here = np.isfinite(times_s)
        if not is_here.any():
            return 0
        cohort.newest_s = np.where(is_here, times_s, cohort.newest_s)
        judged = cohort.detectors.judge(times_s, _offset_s(now, self._zone), told, low, high)
        for k in np.flatnonzero(np.nan_to_num(judged.score) >= ODD_SCORE).tolist():
            if judged.is_alarm[k] or cohort.ids[k] in self._odd:
                self._odd[cohort.ids[k]] = now
        found = [cohort.detectors.anomaly(judged, k) for k in np.flatnonzero(judged.is_alarm).tolist()]
        found = [a for a in found if not (a.datastream_id in self._on_change and a.cause in OWED_BY_PERIODIC)]
        return write_anomalies(
            conn, [replace(a, value=_finite(a.value), low=_finite(a.low), high=_finite(a.high)) for a in found]
        )

    def _band(self, series_id: int, time_s: float) -> tuple[float, float]:
        band = self._bands.get(series_id)
        if band is None:
            return np.nan, np.nan
        first_s, step_s, values = band
        k = int((time_s - first_s) // step_s)
        return (float(values[0, k]), float(values[1, k])) if 0 <= k < values.shape[1] else (np.nan, np.nan)


def _finite(number: float) -> float:
    return float(np.clip(number, -1e300, 1e300))


def _offset_s(now: datetime, zone: tzinfo) -> float:
    offset = now.astimezone(zone).utcoffset()
    return offset.total_seconds() if offset else 0.0


def _packed(cohort: _Cohort) -> bytes:
    """How many series, their numbers, the newest times they have shown, and what the detectors remember."""
    ids, n = np.array(cohort.ids, "<i4"), np.array([len(cohort.ids)], "<i8")
    return n.tobytes() + ids.tobytes() + cohort.newest_s.astype("<f8").tobytes() + cohort.detectors.to_bytes()


def _unpacked(content: bytes, zone: tzinfo) -> tuple[list[int], Floats, Detectors]:
    n = int(np.frombuffer(content, "<i8", 1)[0])
    ids = np.frombuffer(content, "<i4", n, 8).tolist()
    newest_s = np.frombuffer(content, "<f8", n, 8 + 4 * n).astype(np.float64)
    return ids, newest_s, Detectors.from_bytes(content[8 + 12 * n :], zone)
