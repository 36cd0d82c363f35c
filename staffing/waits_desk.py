"""The waits' desk: says every few minutes how long people will wait at each hall, judges what it said when those people have been
called, and sets its bounds right by that.

Of a forecast nothing is ever rewritten. How far a hall's forecasts are judged is stored with the scores, in one transaction, so
that none counts twice, whenever the process dies."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32
from zoneinfo import ZoneInfo

import numpy as np

from staffing.books import Hall, Seen
from staffing.floor import local_day
from staffing.practice import HallPractice
from staffing.profiles import IsWorked
from staffing.waits import (
    ANY,
    CLOSED,
    LEADS_S,
    REACH_S,
    Ahead,
    Calibration,
    Issued,
    Outlook,
    judge,
    look_ahead,
    realised,
    settled_until,
)
from storage import waits
from storage.connection import Connection, is_connection_lost
from storage.waits import SIMULATION, StoredCalibration, WaitForecast, WaitScore

log = logging.getLogger(__name__)

JUDGE_EVERY = timedelta(minutes=10)
REASON_EVERY = timedelta(minutes=20)
"""Why nothing is foreseen is stored this often."""
TIDY_EVERY = timedelta(minutes=10)
KEPT = timedelta(days=14)
_LONGEST_LEAD = timedelta(seconds=LEADS_S[-1])


class WaitsDesk:
    """One hall's forecast a tick at most."""

    def __init__(self, practice: HallPractice, zone: ZoneInfo, is_worked: IsWorked) -> None:
        self._every, self._zone = timedelta(seconds=practice.waits_every_s), zone
        self._conn: Connection | None = None
        self._issued_at: dict[str, datetime] = {}
        self._reasons: dict[str, tuple[str | None, datetime]] = {}
        self._calibrations: dict[str, Calibration] = {}
        self._judged_until: dict[str, datetime] = {}
        self._looked_at: dict[str, datetime] = {}
        self._tidied_at: datetime | None = None
        self._faults: set[str] = set()
        self._n_issued, self._n_judged, self._n_faults, self._took_ms = 0, 0, 0, 0.0

    def tick(self, conn: Connection, now: datetime, seen: Seen) -> Mapping[str, Any]:
        if conn is not self._conn:
            self._load(conn, now)
        tellers = [hall for hall in seen.now.halls if hall.place is None or hall.place.tells_events]
        self._each(tellers, lambda hall: self._foresee(conn, now, seen, hall), self._issued_at, self._every, now)
        self._each(tellers, lambda hall: self._judge(conn, now, seen, hall.hall_id), self._looked_at, JUDGE_EVERY, now)
        if self._tidied_at is None or abs(now - self._tidied_at) >= TIDY_EVERY:
            self._tidied_at = now
            waits.delete_wait_forecasts(conn, now - KEPT)
        reasons = [reason for reason, _ in self._reasons.values()]
        return {
            "waits_halls": reasons.count(None), "waits_issued_total": self._n_issued, "waits_judged_total": self._n_judged,
            "waits_ms": round(self._took_ms, 1), "waits_faults": self._n_faults,
        }  # fmt: skip

    def _load(self, conn: Connection, now: datetime) -> None:
        self._conn = conn
        self._issued_at = waits.newest_wait_issues(conn, now)
        for hall_id, stored in waits.list_calibrations(conn).items():
            self._calibrations[hall_id] = Calibration.from_json(stored.content)
            self._judged_until[hall_id] = stored.judged_until

    def _each(
        self, halls: list[Hall], work: Callable[[Hall], bool], done_at: dict[str, datetime], every: timedelta, now: datetime
    ) -> None:  # fmt: skip
        """Works on the halls whose turn it is, who has waited longest first, until one was work. A fault is that hall's alone."""
        never = now - timedelta(days=1)
        due = [hall for hall in halls if abs(now - done_at.get(hall.hall_id, never)) >= every]
        for hall in sorted(due, key=lambda hall: done_at.get(hall.hall_id, never)):
            done_at[hall.hall_id] = now
            try:
                if work(hall):
                    return
            except Exception as fault:
                if is_connection_lost(fault):
                    raise
                self._n_faults += 1
                said = f"{type(fault).__name__}: {fault}"
                if said not in self._faults:
                    self._faults.add(said)
                    log.exception("hall %s: its waits are not foreseen: %s", hall.hall_id, said)

    def _foresee(self, conn: Connection, now: datetime, seen: Seen, hall: Hall) -> bool:
        hall_id = hall.hall_id
        began = time.perf_counter()
        floor = seen.floors.get(hall_id)
        seed = crc32(f"{hall_id} {now.isoformat()}".encode())
        found = look_ahead(floor, seen.profiles.get(hall_id), seen.demands.get(hall_id), now, seen.day, seen.day_kind, seed=seed)
        known_until = min(now, floor.newest) if floor is not None and floor.newest is not None else now
        if found.reason is not None:
            self._say_why(conn, hall_id, found, now, known_until)
            return False
        calibration = self._calibrations.setdefault(hall_id, Calibration())
        forecasts = [
            _stored(hall_id, item, now, known_until, SIMULATION, calibration.right(item, ahead), ahead)
            for item, ahead in found.items.items()
        ]
        waits.write_wait_forecasts(conn, forecasts)
        self._reasons[hall_id] = None, now
        self._n_issued += 1
        self._took_ms = 1000 * (time.perf_counter() - began)
        return True

    def _say_why(self, conn: Connection, hall_id: str, found: Outlook, now: datetime, known_until: datetime) -> None:
        """A forecast without waits, whose basis is the reason; of a hall that is closed nobody asks."""
        assert found.reason is not None
        last, at = self._reasons.get(hall_id, (None, now - REASON_EVERY))
        if (found.reason == last and abs(now - at) < REASON_EVERY) or found.reason == last == CLOSED:
            return
        self._reasons[hall_id] = found.reason, now
        nothing = np.full(len(LEADS_S), np.nan)
        empty = Ahead(LEADS_S, nothing, nothing, nothing, nothing)
        waits.write_wait_forecasts(conn, [_stored(hall_id, ANY, now, known_until, found.reason, empty, empty)])

    def _judge(self, conn: Connection, now: datetime, seen: Seen, hall_id: str) -> bool:
        """Judges the forecasts of those who have been called since the last time, of this local day."""
        floor = seen.floors.get(hall_id)
        if floor is None:
            return False
        stored = self._judged_until.get(hall_id)
        since = max(stored, seen.day.start) if stored is not None else seen.day.start
        until = settled_until(floor, now) - timedelta(seconds=REACH_S)
        if until <= since:
            return False
        calibration = Calibration.from_json(self._calibrations.get(hall_id, Calibration()).as_json())
        issued = [
            Issued(f.item, f.issued_at, _ahead(f.leads_s, f.p10_s, f.p50_s, f.p90_s, f.leave_share),
                   _ahead(f.leads_s, f.raw_p10_s, f.raw_p50_s, f.raw_p90_s, f.leave_share))
            for f in waits.list_wait_forecasts(conn, hall_id, since - _LONGEST_LEAD, until) if f.raw_p10_s
        ]  # fmt: skip
        scores = judge(issued, realised(floor), since, until, calibration)
        rows = [
            WaitScore(item, lead, s.n, s.n_inside, s.n_below, s.abs_error_s, s.persist_s) for (item, lead), s in scores.items()
        ]  # fmt: skip
        held = StoredCalibration(until, calibration.as_json())
        if waits.write_judgement(conn, hall_id, local_day(until, self._zone).date, held, rows, since=stored):
            self._calibrations[hall_id], self._judged_until[hall_id] = calibration, until
            self._n_judged += sum(score.n for score in scores.values())
        else:
            self._load(conn, now)
        return bool(issued)


def _stored(
    hall_id: str, item: str, now: datetime, known_until: datetime, basis: str, shown: Ahead, raw: Ahead
) -> WaitForecast:  # fmt: skip
    rows = (shown.low_s, shown.median_s, shown.high_s, shown.leave, raw.low_s, raw.median_s, raw.high_s)
    return WaitForecast(hall_id, item, now, known_until, basis, shown.leads_s, *(tuple(row.tolist()) for row in rows))


def _ahead(leads_s: tuple[int, ...], *rows: tuple[float, ...]) -> Ahead:
    return Ahead(leads_s, *(np.array(row) for row in rows))
