"""Series: what is known of the ends of series, so that new readings are judged beside those before them; and the readings around
those that come late.

The end of each series is remembered: the last two readings that count, and how many were equal up to them. It is used as long
as `latest` says that nobody else has written since; otherwise, and for what is late, corrected or said twice, the neighbours are
read from the table. Times in microseconds since 2000.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from domain.observations import Quality
from domain.quality import CAUSE_BITS, FIRST_OF_NEIGHBOURS, QUALITY_OF, Cause
from domain.series import Judge, Judged, Rows
from storage.arrays import int4s, times
from storage.connection import Connection
from storage.devices import Yardsticks

Numbers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_UNKNOWN = np.iinfo(np.int64).min // 4
"""A time before all others, of what is not remembered: nothing lies beside it."""
_BEFORE = 3
"""Neighbours that decide, beside those a stuck sensor needs."""
_CAUSE_MASK = (1 << CAUSE_BITS) - 1
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

QUALITY_CODE_OF = np.full(_CAUSE_MASK + 1, -1, np.int16)
"""Code of the cause → code of the quality that is stored; −1: what the device said."""
for _cause, _quality in QUALITY_OF.items():
    QUALITY_CODE_OF[_cause.code] = _quality.code
DOUBTED_BY_DEVICE = (Quality.UNCERTAIN.code, Quality.BAD.code)


def time_of(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)


class New(NamedTuple):
    """Readings to be judged, in the order of series, measured time and receipt."""

    ids: Numbers
    measured_us: Numbers
    received_us: Numbers
    values: npt.NDArray[np.float64]
    said: npt.NDArray[np.int16]
    """Quality the device gave, as a code."""
    causes: npt.NDArray[np.int16]
    is_correction: Bools


class Change(NamedTuple):
    """A stored reading that looks otherwise beside those that came since: what it is now, and when that showed."""

    datastream_id: int
    measured_us: int
    shown_us: int
    quality: int
    doubt: int | None


class End(NamedTuple):
    """The end of series (m), to be remembered when its readings are stored."""

    ids: Numbers
    newest_us: Numbers
    times: Numbers
    """(m, 2): of the last but one and the last reading that counts."""
    values: npt.NDArray[np.float64]
    runs: npt.NDArray[np.int32]
    causes: npt.NDArray[np.int16]
    said: npt.NDArray[np.int16]


class Ends:
    """The ends of the series that this process has written, by number."""

    def __init__(self) -> None:
        self._newest_us = np.zeros(0, np.int64)
        self._times = np.zeros((0, 2), np.int64)
        self._values = np.zeros((0, 2))
        self._runs = np.zeros((0, 2), np.int32)
        self._causes = np.zeros((0, 2), np.int16)
        self._said = np.zeros((0, 2), np.int16)

    def forget(self) -> None:
        self.__init__()  # type: ignore[misc]

    def judge(
        self, conn: Connection, new: New, yardsticks: Yardsticks, judge: Judge
    ) -> tuple[npt.NDArray[np.int16], list[Change], list[End]]:
        """The cause of each new reading, what changes of stored ones, and the ends to `remember` once all is stored."""
        self._make_room(int(new.ids[-1]) + 1)
        is_known = self._is_in_order(conn, new)
        causes = new.causes.copy()
        changes: list[Change] = []
        ends: list[End] = []
        for part, beside in ((np.flatnonzero(is_known), self._remembered), (np.flatnonzero(~is_known), _read_around)):
            if len(part):
                some = New._make(column[part] for column in new)
                found = _judge_beside(some, beside(conn, some, yardsticks), yardsticks, judge)
                causes[part] = found.causes
                changes += found.changes
                ends.append(found.ends)
        return causes, changes, ends

    def remember(self, ends: Sequence[End]) -> None:
        """Call when the readings have been written."""
        for end in ends:
            self._newest_us[end.ids] = end.newest_us
            self._times[end.ids], self._values[end.ids] = end.times, end.values
            self._runs[end.ids], self._causes[end.ids], self._said[end.ids] = end.runs, end.causes, end.said

    def _make_room(self, n: int) -> None:
        more = n - len(self._newest_us)
        if more <= 0:
            return
        more = max(more, 1_024, len(self._newest_us))
        for name, column in vars(self).items():
            filling = _UNKNOWN if name in ("_newest_us", "_times") else 0
            setattr(self, name, np.concatenate([column, np.full((more, *column.shape[1:]), filling, column.dtype)]))

    def _is_in_order(self, conn: Connection, new: New) -> Bools:
        """Whether all new readings of a series are newer than what is remembered of it, and that is what is stored."""
        first = np.flatnonzero(np.append(True, np.diff(new.ids) != 0))
        ids = new.ids[first]
        newest = self._newest_us[ids]
        is_fine = (newest != _UNKNOWN) & (new.measured_us[first] > newest)
        steps_on = np.append(np.diff(new.measured_us) > 0, True) | np.append(np.diff(new.ids) != 0, True)
        is_fine &= np.logical_and.reduceat(steps_on & ~new.is_correction, first)
        asked = np.flatnonzero(is_fine)
        if len(asked):
            rows = conn.execute(_WRITTEN_BY_OTHERS, (int4s(ids[asked]), times(newest[asked]))).fetchall()
            is_fine &= ~np.isin(ids, np.array([row[0] for row in rows], np.int64))
        return np.repeat(is_fine, np.diff(np.append(first, len(new.ids))))

    def _remembered(self, conn: Connection, new: New, yardsticks: Yardsticks) -> _Neighbours:
        first = np.flatnonzero(np.append(True, np.diff(new.ids) != 0))
        ids = new.ids[first]
        at = self._times[ids].ravel()
        kept = np.flatnonzero(at != _UNKNOWN)
        stored = _Stored(
            np.repeat(np.arange(len(ids)), 2)[kept], at[kept], self._values[ids].ravel()[kept], self._said[ids].ravel()[kept],
            self._causes[ids].ravel()[kept], self._runs[ids].ravel()[kept],
        )  # fmt: skip
        stretch = np.repeat(np.arange(len(ids)), np.diff(np.append(first, len(new.ids))))
        return _Neighbours(stored, stretch, first, np.ones(len(ids), bool), np.full(len(ids), _UNKNOWN), is_all=False)


class _Stored(NamedTuple):
    """Readings that are stored beside new ones, by number of the stretch."""

    series: Numbers
    measured_us: Numbers
    values: npt.NDArray[np.float64]
    said: npt.NDArray[np.int16]
    causes: npt.NDArray[np.int16]
    runs: npt.NDArray[np.int32]


class _Neighbours(NamedTuple):
    """What lies beside new readings (n), which fall into stretches (s): those that can have neighbours in common."""

    stored: _Stored
    stretch: Numbers
    """(n)"""
    first: Numbers
    """(s): the first new reading of each."""
    reaches_end: Bools
    """(s): whether it goes on to the end of its series."""
    newest_us: Numbers
    """(s): of what is stored of the series, where it was asked for."""
    is_all: bool
    """False: only the end is remembered, whose own neighbours are not: it can only turn out to have been a spike."""


class _Found(NamedTuple):
    causes: npt.NDArray[np.int16]
    changes: list[Change]
    ends: End


def _stretches(new: New, yardsticks: Yardsticks) -> tuple[Numbers, Numbers]:
    """Number of the stretch of each new reading, and where each begins. Farther apart than two stretches, readings cannot have
    neighbours in common."""
    ids = new.ids
    reach_us = 2 * _reach(yardsticks, ids) * yardsticks.together_us(ids)
    begins = np.append(True, (np.diff(ids) != 0) | (np.diff(new.measured_us) > reach_us[1:]))
    return np.cumsum(begins) - 1, np.flatnonzero(begins)


def _reach(yardsticks: Yardsticks, ids: Numbers) -> Numbers:
    return yardsticks.still_for[ids].astype(np.int64) + _BEFORE


def _read_around(conn: Connection, new: New, yardsticks: Yardsticks) -> _Neighbours:
    """The stored readings around new ones."""
    stretch, first = _stretches(new, yardsticks)
    last = np.append(first[1:], len(new.ids)) - 1
    ids, reach = new.ids[first], _reach(yardsticks, new.ids[first])
    far = reach * yardsticks.together_us(ids)
    begins, ends = new.measured_us[first], new.measured_us[last]
    parameters = {
        "ids": int4s(ids), "begins": times(begins), "ends": times(ends), "from": times(begins - far), "to": times(ends + far),
        "reach": int4s(reach),
        "oldest": time_of(int((begins - far).min())), "newest": time_of(int((ends + far).max())),
    }  # fmt: skip
    with conn.cursor(binary=True) as cur:
        rows = cur.execute(_AROUND, parameters).fetchall()
        newest: dict[int, datetime] = dict(cur.execute(_NEWEST, (int4s(ids),)).fetchall())
    columns = list(zip(*rows, strict=True)) if rows else [()] * 5
    series = np.fromiter(columns[0], np.int64, len(rows))
    measured = _since_2000_us(columns[1])
    quality, doubt = np.fromiter(columns[3], np.int16, len(rows)), np.fromiter(columns[4], np.int16, len(rows))
    is_doubted_by_device = (doubt < 0) & np.isin(quality, DOUBTED_BY_DEVICE)
    stored = _Stored(
        series, measured, np.fromiter(columns[2], np.float64, len(rows)),
        np.where(doubt < 0, quality, doubt >> CAUSE_BITS).astype(np.int16),
        np.where(is_doubted_by_device, Cause.DOUBTED.code, np.where(doubt < 0, 0, doubt & _CAUSE_MASK)).astype(np.int16),
        np.ones(len(rows), np.int32),
    )  # fmt: skip
    after = np.bincount(series[measured > ends[series]], minlength=len(ids)) if len(rows) else np.zeros(len(ids), np.int64)
    newest_us = np.array([_us(newest[number]) if number in newest else _UNKNOWN for number in ids.tolist()], np.int64)
    return _Neighbours(stored, stretch, first, (after < reach) & (newest_us <= ends + far), newest_us, is_all=True)


def _judge_beside(new: New, beside: _Neighbours, yardsticks: Yardsticks, judge: Judge) -> _Found:
    """Judges new readings among stored ones. Of several for one moment the stored one stands, or else the first to come, unless
    there is a correction: then its last one."""
    n, (stored, stretch, first, *_) = len(new.ids), beside
    ids_of = new.ids[first]
    series = np.concatenate([stored.series, stretch])
    measured = np.concatenate([stored.measured_us, new.measured_us])
    is_new = np.concatenate([np.zeros(len(stored.series), bool), np.ones(n, bool)])
    order = np.lexsort((np.concatenate([np.full(len(stored.series), _UNKNOWN), new.received_us]), measured, series))
    series, measured = series[order], measured[order]
    corrects = np.concatenate([np.zeros(len(stored.series), bool), new.is_correction])[order]

    group = np.cumsum(np.append(True, (np.diff(series) != 0) | (np.diff(measured) != 0))) - 1
    start = np.flatnonzero(np.append(True, np.diff(group) != 0))
    k = np.arange(len(order))
    stands = np.maximum(np.maximum.reduceat(np.where(corrects, k, -1), start), start)
    # A correction that says what is stored changes nothing: the stored reading stands.
    said = {name: np.concatenate([getattr(stored, name), getattr(new, name)]) for name in ("values", "said", "causes")}
    first_at, last_at = order[start], order[stands]
    is_same = ~is_new[first_at] & (said["values"][first_at] == said["values"][last_at])
    stands = np.where(is_same & (said["said"][first_at] == said["said"][last_at]), start, stands)
    at = order[stands]  # among stored and new: the one that stands for each moment
    ids = ids_of[series[stands]]
    is_stored = ~is_new[at]
    both = {name: column[at] for name, column in said.items()}
    is_settled = is_stored & ((both["causes"] == 0) | (both["causes"] >= FIRST_OF_NEIGHBOURS))
    found = judge(
        Rows(
            series[stands], measured[stands], both["values"], both["causes"],
            np.where(is_settled, -np.inf, yardsticks.low[ids]), np.where(is_settled, np.inf, yardsticks.high[ids]),
            yardsticks.step_per_s[ids], yardsticks.still_for[ids], yardsticks.together_us(ids),
            np.concatenate([stored.runs, np.ones(n, np.int32)])[at],
        )
    )  # fmt: skip

    causes = np.zeros(len(order), np.int16)
    causes[order] = found.causes[group]
    shown_us = np.full(len(ids_of), _UNKNOWN)
    np.maximum.at(shown_us, stretch, new.received_us)
    before = np.full(len(ids_of), np.iinfo(np.int64).max)
    np.minimum.at(before, series[stands][~is_stored], np.flatnonzero(~is_stored))  # the first new one of each stretch
    begins_at = before[series[stands]] - 1
    is_changed = is_settled & (found.causes != both["causes"]) & (np.arange(len(at)) >= begins_at)
    if not beside.is_all:
        is_changed &= found.causes == Cause.SPIKE.code
    changes = [
        Change(
            int(ids[j]), int(measured[stands[j]]), int(shown_us[series[stands[j]]]),
            *flagged(int(both["said"][j]), int(found.causes[j])),
        )
        for j in np.flatnonzero(is_changed).tolist()
    ]  # fmt: skip
    kept = np.where(is_settled & ~is_changed, both["causes"], found.causes).astype(np.int16)
    ends = _ends(ids_of, series[stands], measured[stands], both, found._replace(causes=kept), beside)
    return _Found(causes[len(stored.series) :], changes, ends)


def _ends(ids_of: Numbers, series: Numbers, measured: Numbers, both: dict[str, Any], found: Judged, beside: _Neighbours) -> End:
    """The ends of the series of which the last stretch is the end; the others are not known any more."""
    is_last = np.append(np.diff(ids_of) != 0, True)
    which = np.flatnonzero(is_last)
    m = len(which)
    newest = beside.newest_us.copy()
    np.maximum.at(newest, series, measured)
    counts = np.flatnonzero((found.causes == 0) | (found.causes >= FIRST_OF_NEIGHBOURS))
    end_of = np.searchsorted(series[counts], which, side="right")
    begin_of = np.searchsorted(series[counts], which, side="left")
    picks = end_of[:, None] - np.array([2, 1])
    is_there = picks >= begin_of[:, None]
    at = counts[np.where(is_there, picks, 0)] if len(counts) else np.zeros((m, 2), np.int64)
    is_there &= len(counts) > 0
    return End(
        ids_of[which], np.where(beside.reaches_end[which], newest[which], _UNKNOWN), np.where(is_there, measured[at], _UNKNOWN),
        np.where(is_there, both["values"][at], 0.0), np.where(is_there, found.runs[at], 0).astype(np.int32),
        np.where(is_there, found.causes[at], 0).astype(np.int16), np.where(is_there, both["said"][at], 0).astype(np.int16),
    )  # fmt: skip


def flagged(said: int, cause: int) -> tuple[int, int | None]:
    """Quality and doubt that are stored."""
    if cause == 0:
        return said, None
    quality = int(QUALITY_CODE_OF[cause])
    return (said if quality < 0 else quality), said << CAUSE_BITS | cause


def requalify(conn: Connection, changes: Sequence[Change]) -> None:
    """Writes what stored readings have turned out to be; what was believed before is kept with the span in which it was. Call
    before anything else of the transaction is written, with the lock of the corrections."""
    if not changes:
        return
    columns = list(zip(*changes, strict=True))
    conn.execute(
        _REQUALIFY,
        {
            "ids": list(columns[0]), "measured": [time_of(us) for us in columns[1]], "shown": [time_of(us) for us in columns[2]],
            "qualities": list(columns[3]), "doubts": list(columns[4]),
            "first": time_of(min(columns[1])), "last": time_of(max(columns[1])),
        },
    )  # fmt: skip


def _us(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)


def _since_2000_us(times: Sequence[datetime]) -> Numbers:
    return np.fromiter(map(_us, times), np.int64, len(times))


_WRITTEN_BY_OTHERS = """
SELECT given.datastream_id
FROM unnest(%s, %s) AS given (datastream_id, phenomenon_time)
LEFT JOIN latest USING (datastream_id)
WHERE latest.phenomenon_time IS DISTINCT FROM given.phenomenon_time
"""

_NEWEST = "SELECT datastream_id, phenomenon_time FROM latest WHERE datastream_id = ANY(%s)"

# Between new readings all stored ones, before and after only those that count. The bounds given as times keep other days out.
_AROUND = """
SELECT (asked.k - 1)::bigint, beside.phenomenon_time, beside.value, beside.quality, coalesce(beside.doubt, -1)::smallint
FROM unnest(%(ids)s, %(begins)s, %(ends)s, %(from)s, %(to)s, %(reach)s)
     WITH ORDINALITY AS asked (datastream_id, begins, ends, earliest, latest, reach, k)
CROSS JOIN LATERAL (
    (SELECT phenomenon_time, value, quality, doubt FROM observation o
     WHERE o.datastream_id = asked.datastream_id AND o.phenomenon_time < asked.begins AND o.phenomenon_time >= asked.earliest
       AND o.phenomenon_time >= %(oldest)s AND o.phenomenon_time <= %(newest)s
       AND (o.doubt & 15 >= 4 OR (o.doubt IS NULL AND o.quality IN (0, 3, 4)))
     ORDER BY o.phenomenon_time DESC LIMIT asked.reach)
    UNION ALL
    SELECT phenomenon_time, value, quality, doubt FROM observation o
    WHERE o.datastream_id = asked.datastream_id AND o.phenomenon_time >= asked.begins AND o.phenomenon_time <= asked.ends
      AND o.phenomenon_time >= %(oldest)s AND o.phenomenon_time <= %(newest)s
    UNION ALL
    (SELECT phenomenon_time, value, quality, doubt FROM observation o
     WHERE o.datastream_id = asked.datastream_id AND o.phenomenon_time > asked.ends AND o.phenomenon_time <= asked.latest
       AND o.phenomenon_time >= %(oldest)s AND o.phenomenon_time <= %(newest)s
       AND (o.doubt & 15 >= 4 OR (o.doubt IS NULL AND o.quality IN (0, 3, 4)))
     ORDER BY o.phenomenon_time LIMIT asked.reach)
) beside
"""

_REQUALIFY = """
WITH given AS (
    SELECT * FROM unnest(%(ids)s::integer[], %(measured)s::timestamptz[], %(shown)s::timestamptz[], %(qualities)s::smallint[],
                         %(doubts)s::smallint[]) AS given (datastream_id, phenomenon_time, shown, quality, doubt)
), old AS (
    SELECT o.*, given.quality AS new_quality, given.doubt AS new_doubt,
           greatest(given.shown, o.received_time + interval '1 microsecond') AS shown
    FROM given JOIN observation o USING (datastream_id, phenomenon_time)
    WHERE o.phenomenon_time >= %(first)s AND o.phenomenon_time <= %(last)s
), kept AS (
    INSERT INTO observation_superseded (datastream_id, phenomenon_time, received_time, superseded_at, value, quality, doubt, seq)
    SELECT datastream_id, phenomenon_time, received_time, shown, value, quality, doubt, seq FROM old
    ON CONFLICT DO NOTHING
), renewed AS (
    UPDATE latest SET quality = old.new_quality, received_time = old.shown
    FROM old WHERE (latest.datastream_id, latest.phenomenon_time) = (old.datastream_id, old.phenomenon_time)
), marked AS (
    INSERT INTO rollup_mark (hour) SELECT DISTINCT date_trunc('hour', phenomenon_time) FROM old
)
UPDATE observation o SET quality = old.new_quality, doubt = old.new_doubt, received_time = old.shown
FROM old WHERE o.datastream_id = old.datastream_id AND o.phenomenon_time = old.phenomenon_time
  AND o.phenomenon_time >= %(first)s AND o.phenomenon_time <= %(last)s
"""
