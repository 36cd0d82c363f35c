"""The snapshots' desk: says every few minutes how long people will wait at halls that tell no events, from their own snapshots of
how long the wait is, and judges what it said against what they told later.

A hall's model is made anew once a day, one hall a tick. Its bounds come with the model and are not calibrated further.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from domain.moments import Moment
from staffing.books import Seen
from staffing.floor import day_of, local_day
from staffing.practice import HallPractice
from staffing.profiles import DAY_S, IsWorked, day_kind, second_of
from staffing.snapshots import SnapshotModel, fit
from staffing.waits import LEADS_S, Score
from storage import waits
from storage.connection import Connection, is_connection_lost
from storage.observations import load_series
from storage.waits import SNAPSHOTS, StoredCalibration, WaitForecast, WaitScore

log = logging.getLogger(__name__)

STEP_S = 300
LEADS = tuple(lead // STEP_S for lead in LEADS_S)
DAYS = 28
ANEW = timedelta(days=1)
FRESH = timedelta(minutes=15)
"""A snapshot that is older says nothing of now."""
JUDGE_EVERY = timedelta(minutes=10)
LOOKS_EVERY = timedelta(minutes=10)
Floats = npt.NDArray[np.float64]


class SnapshotsDesk:
    """One hall a tick."""

    def __init__(self, practice: HallPractice, zone: ZoneInfo, is_worked: IsWorked) -> None:
        self._every, self._zone, self._is_worked = timedelta(seconds=practice.waits_every_s), zone, is_worked
        self._conn: Connection | None = None
        self._streams: dict[str, dict[str, int]] = {}
        self._listed_at: datetime | None = None
        self._models: dict[str, tuple[datetime, SnapshotModel | None]] = {}
        self._issued_at: dict[str, datetime] = {}
        self._judged: dict[str, datetime] = {}
        self._looked_at: dict[str, datetime] = {}
        self._said: set[str] = set()
        self._n_issued, self._n_faults = 0, 0

    def tick(self, conn: Connection, now: datetime, seen: Seen) -> Mapping[str, Any]:
        if conn is not self._conn:
            self._conn, self._listed_at = conn, None
            self._judged = {hall_id: stored.judged_until for hall_id, stored in waits.list_calibrations(conn).items()}
        if self._listed_at is None or abs(now - self._listed_at) >= LOOKS_EVERY:
            self._listed_at = now
            tellers = {hall.hall_id for hall in seen.now.halls if hall.place is not None and hall.place.tells_events}
            self._streams = {hall_id: of for hall_id, of in waits.list_wait_streams(conn).items() if hall_id not in tellers}
        for hall_id in self._streams:
            try:
                if self._work(conn, now, hall_id, seen.day_kind):
                    break
            except Exception as fault:
                if is_connection_lost(fault):
                    raise
                self._n_faults += 1
                self._issued_at[hall_id] = self._looked_at[hall_id] = now
                said = f"{type(fault).__name__}: {fault}"
                if said not in self._said:
                    self._said.add(said)
                    log.exception("hall %s: its snapshots are not gone by: %s", hall_id, said)
        return {
            "snapshot_halls": len(self._streams),
            "snapshots_issued_total": self._n_issued,
            "snapshots_faults": self._n_faults,
        }

    def _work(self, conn: Connection, now: datetime, hall_id: str, kind: str) -> bool:
        """Whether there was anything to do for a hall."""
        never = now - timedelta(days=2)
        learned_at, model = self._models.get(hall_id, (never, None))
        if abs(now - learned_at) >= ANEW:
            self._models[hall_id] = now, self._learn(conn, now, hall_id, kind)
            return True
        if abs(now - self._issued_at.get(hall_id, never)) >= self._every:
            self._issued_at[hall_id] = now
            return model is not None and self._foresee(conn, now, hall_id, model)
        if abs(now - self._looked_at.get(hall_id, never)) >= JUDGE_EVERY:
            self._looked_at[hall_id] = now
            return self._judge(conn, now, hall_id)
        return False

    def _learn(self, conn: Connection, now: datetime, hall_id: str, kind: str) -> SnapshotModel | None:
        """From the days of today's kind in the last four weeks."""
        numbers = list(self._streams[hall_id].values())
        today = now.astimezone(self._zone).date()
        days = [day_of(today - timedelta(days=back), self._zone) for back in range(DAYS, 0, -1)]
        rows = []
        for day in days:
            if day_kind(day.date, self._is_worked) == kind:
                start = day.end - timedelta(seconds=DAY_S)
                rows.append(load_series(conn, numbers, start=start, end=day.end, step_s=STEP_S, moment=Moment.live(now)).values)
        return fit(np.array(rows), STEP_S, LEADS) if rows else None

    def _foresee(self, conn: Connection, now: datetime, hall_id: str, model: SnapshotModel) -> bool:
        """Issues a forecast from the newest snapshot of each queue; nothing where none is fresh."""
        items, numbers = zip(*self._streams[hall_id].items(), strict=True)
        day = local_day(now, self._zone)
        slot = int(second_of(day, now) // STEP_S)
        start = day.end - timedelta(seconds=DAY_S - slot * STEP_S) - FRESH
        end = start + FRESH + timedelta(seconds=STEP_S)
        series = load_series(conn, numbers, start=start, end=end, step_s=STEP_S, moment=Moment.live(now))
        if series.watermark is None or not 0 <= slot < model.usual.shape[1]:
            return False
        newest = np.array([_last(row) for row in series.values])
        rows = np.full((3, len(items), len(LEADS)), np.nan)
        for k, lead in enumerate(LEADS):
            if lead in model.blends and slot + lead < model.usual.shape[1]:
                rows[:, :, k] = model.foresee(newest, slot, lead)
        unknown = (float("nan"),) * len(LEADS)
        forecasts = []
        for j, item in enumerate(items):
            low, mid, high = (tuple(rows[k, j].tolist()) for k in range(3))
            if np.isfinite(rows[1, j]).any():
                forecasts.append(
                    WaitForecast(
                        hall_id,
                        item,
                        now,
                        min(series.watermark, now),
                        SNAPSHOTS,
                        LEADS_S,
                        low,
                        mid,
                        high,
                        unknown,
                        low,
                        mid,
                        high,
                    )
                )
        waits.write_wait_forecasts(conn, forecasts)
        self._n_issued += bool(forecasts)
        return True

    def _judge(self, conn: Connection, now: datetime, hall_id: str) -> bool:
        """Holds what was said against what the queues told at that time; the present wait is "as long as now"."""
        stored = self._judged.get(hall_id)
        today = local_day(now, self._zone)
        since, until = max(stored or today.start, today.start), now - FRESH
        if until <= since:
            return False
        day_start = today.end - timedelta(seconds=DAY_S)
        streams = self._streams[hall_id]
        told = load_series(
            conn, list(streams.values()), start=day_start, end=today.end, step_s=STEP_S, moment=Moment.live(now)
        ).values
        row_of = {item: told[k] for k, item in enumerate(streams)}
        scores: dict[tuple[str, int], Score] = {}
        for f in waits.list_wait_forecasts(conn, hall_id, since - timedelta(seconds=LEADS_S[-1]), until):
            if f.item not in row_of:
                continue
            for lead, low, mid, high in zip(f.leads_s, f.p10_s, f.p50_s, f.p90_s, strict=True):
                target = f.issued_at + timedelta(seconds=lead)
                slot = int((target - day_start).total_seconds() // STEP_S)
                if not since < target <= until or not 0 <= slot < told.shape[1]:
                    continue
                was = float(row_of[f.item][slot])
                if np.isfinite(was) and np.isfinite(mid):
                    score = Score(1, int(low <= was <= high), int(was < low), abs(was - mid), abs(was - f.p50_s[0]))
                    scores[f.item, lead] = scores.get((f.item, lead), Score()).plus(score)
        rows = [
            WaitScore(item, lead, s.n, s.n_inside, s.n_below, s.abs_error_s, s.persist_s) for (item, lead), s in scores.items()
        ]
        if waits.write_judgement(conn, hall_id, today.date, StoredCalibration(until, []), rows, since=stored):
            self._judged[hall_id] = until
        else:
            self._judged = {each: held.judged_until for each, held in waits.list_calibrations(conn).items()}
        return True


def _last(row: Floats) -> float:
    """The newest value that is known."""
    known = np.flatnonzero(np.isfinite(row))
    return float(row[known[-1]]) if known.size else float("nan")
