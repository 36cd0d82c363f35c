"""Derived series: counts of stored events and means of stored readings by the slot, as known at a moment.

Nothing of them is stored but their numbers: their history follows from what halls, desks and devices said, so that an event that
comes late is counted where it belongs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from domain.derived import CITY, Derived, Measure, parse_key
from domain.halls import HallEventKind
from domain.moments import Moment
from domain.observations import USABLE_QUALITY_CODES
from storage.connection import Connection

MOST = 5_000
"""So many are kept, whatever services halls invent names for."""
_TOLD_OF = (
    ("request", "phenomenon_time", Derived(Measure.REQUESTS)),
    ("incident", "reported_at", Derived(Measure.INCIDENTS)),
)
_EVENT_OF = {Measure.ARRIVALS: HallEventKind.ARRIVE, Measure.SERVED: HallEventKind.END}


class DerivedSeries(NamedTuple):
    """A derived series and its number."""

    series_id: int
    derived: Derived


def list_derived(conn: Connection) -> list[DerivedSeries]:
    """Those that have a number, the oldest first; keys of another version are left out."""
    rows = conn.execute("SELECT series_id, key FROM derived_series ORDER BY series_id DESC")
    return [DerivedSeries(number, derived) for number, key in rows if (derived := parse_key(key)) is not None]


def find_derived(conn: Connection, series_id: int) -> Derived | None:
    """The derived series of a number."""
    row = conn.execute("SELECT key FROM derived_series WHERE series_id = %s", (series_id,)).fetchone()
    return parse_key(row[0]) if row else None


def register_derived(conn: Connection, now: datetime, *, since: datetime) -> int:
    """Gives numbers to the city's series and to those of every hall and service that people came to since; returns how many were
    new."""
    known = {row[0] for row in conn.execute("SELECT key FROM derived_series")}
    rows = conn.execute(
        "SELECT DISTINCT hall_id, coalesce(item, '') FROM hall_event WHERE event = %s AND phenomenon_time >= %s "
        "AND phenomenon_time < %s",
        (HallEventKind.ARRIVE.value, since, now),
    ).fetchall()  # fmt: skip
    wanted = [*CITY]
    for hall_id in sorted({hall_id for hall_id, _ in rows}):
        wanted.append(Derived(Measure.ARRIVALS, hall_id))
        wanted += [Derived(Measure.ARRIVALS, hall_id, item) for of, item in sorted(rows) if of == hall_id and item]
    new = [derived.key for derived in wanted if derived.key not in known and parse_key(derived.key) == derived]
    new = new[: max(MOST - len(known), 0)]
    with conn.transaction(), conn.cursor() as cur:
        cur.executemany(
            "INSERT INTO derived_series (key, first_seen) VALUES (%s, %s) ON CONFLICT DO NOTHING", [(key, now) for key in new]
        )
    return len(new)


def load_derived(
    conn: Connection, wanted: Sequence[Derived], *, start: datetime, end: datetime, moment: Moment
) -> npt.NDArray[np.float64]:
    """Values of series of one slot length in [start, end), one row each, as known at the moment. `start` is a boundary of slots.

    A count is 0 where nothing happened, and NaN before the first that the memory holds; a mean is NaN without a usable reading.
    """
    lengths = {derived.step_s for derived in wanted} or {1}
    if len(lengths) != 1:
        raise ValueError(f"slots of {sorted(lengths)} s are asked for together: expected series of one slot length")
    (step_s,) = lengths
    end = min(end, moment.at)
    n_slots = max(0, -(-int((end - start).total_seconds()) // step_s))
    values = np.full((len(wanted), n_slots), np.nan)
    rows_of = {derived: k for k, derived in enumerate(wanted)}
    said = {
        "start": start, "end": end, "step": timedelta(seconds=step_s), "step_s": step_s, "known_at": moment.known_at,
        "usable": list(USABLE_QUALITY_CODES),
    }  # fmt: skip
    for measure, event in _EVENT_OF.items():
        mine = [derived for derived in wanted if derived.measure is measure]
        if not mine:
            continue
        oldest = conn.execute(_OLDEST_AT_HALLS, {**said, "event": event.value}).fetchall()
        _begin(values, rows_of, mine, dict(oldest), start, step_s)
        for hall_id, item, k, n in conn.execute(_AT_HALLS, {**said, "event": event.value}):
            for derived in (Derived(measure, hall_id, item), Derived(measure, hall_id) if item else None, Derived(measure)):
                if derived in rows_of:
                    values[rows_of[derived], k] = np.nansum([values[rows_of[derived], k], n])
    for table, column, derived in _TOLD_OF:
        if derived in rows_of:
            first = conn.execute(_OLDEST.format(table=table, column=column), said).fetchall()
            _begin(values, rows_of, [derived], {str(time): time for (time,) in first}, start, step_s)
            for k, n in conn.execute(_COUNTED.format(table=table, column=column), said):
                values[rows_of[derived], k] = n
    averaged = [derived.quantity for derived in wanted if derived.measure is Measure.MEAN]
    if averaged:
        query = _MEANS_LIVE if moment.is_live else _MEANS_THEN
        for name, k, mean in conn.execute(query, {**said, "properties": averaged}):
            values[rows_of[Derived(Measure.MEAN, quantity=name)], k] = mean
    return values


def load_derived_then(
    conn: Connection, wanted: Sequence[Derived], *, start: datetime, end: datetime, moments: Sequence[datetime]
) -> list[npt.NDArray[np.float64]]:
    """The same as known at each of some past moments (ascending, those of `end` included), in one look at what is stored: every
    row says before which of them it came. Slots that had not ended by a moment are NaN, and a count begins with the first event
    of the time asked for."""
    lengths = {derived.step_s for derived in wanted} or {1}
    if len(lengths) != 1:
        raise ValueError(f"slots of {sorted(lengths)} s are asked for together: expected series of one slot length")
    (step_s,) = lengths
    n_slots = int((end - start).total_seconds()) // step_s
    total, count = (np.zeros((len(moments), len(wanted), n_slots)) for _ in range(2))
    begun = np.full((len(moments), len(wanted)), np.inf)
    row_of = {derived: k for k, derived in enumerate(wanted)}
    said = {
        "start": start, "end": end, "step": timedelta(seconds=step_s), "step_s": step_s, "moments": list(moments),
        "usable": list(USABLE_QUALITY_CODES),
    }  # fmt: skip

    def add(derived: Derived, k: int, known_by: int, n: float, amount: float) -> None:
        if (row := row_of.get(derived)) is not None and known_by < len(moments):
            total[known_by:, row, k] += amount
            count[known_by:, row, k] += n
            begun[known_by:, row] = np.minimum(begun[known_by:, row], k)

    for measure, event in _EVENT_OF.items():
        if any(derived.measure is measure for derived in wanted):
            for hall_id, item, k, known_by, n in conn.execute(_AT_HALLS_THEN, {**said, "event": event.value}):
                for derived in {Derived(measure, hall_id, item), Derived(measure, hall_id), Derived(measure)}:
                    add(derived, k, known_by, n, n)
    for table, column, derived in _TOLD_OF:
        if derived in row_of:
            for k, known_by, n in conn.execute(_COUNTED_THEN.format(table=table, column=column), said):
                add(derived, k, known_by, n, n)
    if averaged := [derived.quantity for derived in wanted if derived.measure is Measure.MEAN]:
        for name, k, known_by, n, amount in conn.execute(_SUMS_THEN, {**said, "properties": averaged}):
            add(Derived(Measure.MEAN, quantity=name), k, known_by, n, amount)
    slots = np.arange(n_slots)
    found = []
    for j, moment in enumerate(moments):
        told = total[j]
        for row, derived in enumerate(wanted):
            if derived.is_count:
                told[row, slots < begun[j, row]] = np.nan
            else:
                told[row] = np.divide(told[row], count[j, row], out=np.full(n_slots, np.nan), where=count[j, row] > 0)
        told[:, int((moment - start).total_seconds()) // step_s :] = np.nan
        found.append(told)
    return found


def _begin(
    values: npt.NDArray[np.float64], rows_of: dict[Derived, int], mine: Iterable[Derived], oldest: dict[str, datetime],
    start: datetime, step_s: int,
) -> None:  # fmt: skip
    """Nobody came: 0, from the first event of the hall (of the city: of any) on."""
    for derived in mine:
        first = oldest.get(derived.hall_id) if derived.hall_id else min(oldest.values(), default=None)
        if first is not None:
            values[rows_of[derived], max(0, int((first - start).total_seconds() // step_s)) :] = 0


_SLOT = "extract(epoch FROM date_bin(%(step)s, {column}, %(start)s) - %(start)s)::integer / %(step_s)s"

_AT_HALLS = f"""
SELECT hall_id, coalesce(item, ''), {_SLOT.format(column="phenomenon_time")} AS k, count(*)
FROM hall_event
WHERE event = %(event)s AND phenomenon_time >= %(start)s AND phenomenon_time < %(end)s AND received_time <= %(known_at)s
GROUP BY 1, 2, 3
"""

# The index goes by hall: the first event of each is one step, however long its history.
_OLDEST_AT_HALLS = """
WITH RECURSIVE hall AS (
    (SELECT hall_id FROM hall_event ORDER BY hall_id LIMIT 1)
    UNION ALL
    SELECT (SELECT hall_id FROM hall_event WHERE hall_event.hall_id > hall.hall_id ORDER BY hall_id LIMIT 1)
    FROM hall WHERE hall.hall_id IS NOT NULL
)
SELECT hall.hall_id, first.phenomenon_time FROM hall CROSS JOIN LATERAL (
    SELECT phenomenon_time FROM hall_event
    WHERE hall_event.hall_id = hall.hall_id AND event = %(event)s AND received_time <= %(known_at)s
    ORDER BY phenomenon_time LIMIT 1
) first
"""

_OLDEST = """
SELECT {column} FROM {table} WHERE exercise_id IS NULL AND received_time <= %(known_at)s ORDER BY {column} LIMIT 1
"""

_COUNTED = f"""
SELECT {_SLOT} AS k, count(*) FROM {{table}}
WHERE exercise_id IS NULL AND {{column}} >= %(start)s AND {{column}} < %(end)s AND received_time <= %(known_at)s
GROUP BY 1
"""

# Hourly figures are kept for the city as it is known now (`storage.rollups`); as it was known then, readings are asked.
_MEANS_LIVE = f"""
SELECT property, {_SLOT.format(column="hour")} AS k, sum(total) / sum(n)
FROM district_hour WHERE property = ANY(%(properties)s) AND hour >= %(start)s AND hour < %(end)s
GROUP BY 1, 2
"""

_MEANS_THEN = f"""
SELECT property, {_SLOT.format(column="phenomenon_time")} AS k, avg(value)
FROM (
    SELECT datastream_id, phenomenon_time, value, quality FROM observation
    WHERE phenomenon_time >= %(start)s AND phenomenon_time < %(end)s AND received_time <= %(known_at)s
    UNION ALL
    SELECT datastream_id, phenomenon_time, value, quality FROM observation_superseded
    WHERE phenomenon_time >= %(start)s AND phenomenon_time < %(end)s AND received_time <= %(known_at)s
      AND superseded_at > %(known_at)s
) known JOIN datastream USING (datastream_id)
WHERE property = ANY(%(properties)s) AND quality = ANY(%(usable)s)
GROUP BY 1, 2
"""

# Before which of some moments each row was known: 0 before the first of them.
_KNOWN_BY = "width_bucket({column}, %(moments)s::timestamptz[])"

_AT_HALLS_THEN = f"""
SELECT hall_id, coalesce(item, ''), {_SLOT.format(column="phenomenon_time")} AS k, {_KNOWN_BY.format(column="received_time")},
       count(*)
FROM hall_event WHERE event = %(event)s AND phenomenon_time >= %(start)s AND phenomenon_time < %(end)s
GROUP BY 1, 2, 3, 4
"""

_COUNTED_THEN = f"""
SELECT {_SLOT} AS k, {_KNOWN_BY.format(column="received_time")}, count(*) FROM {{table}}
WHERE exercise_id IS NULL AND {{column}} >= %(start)s AND {{column}} < %(end)s
GROUP BY 1, 2
"""

# What a correction has replaced was known until then, and is taken off again.
_SUMS_THEN = f"""
SELECT property, {_SLOT.format(column="phenomenon_time")} AS k, {_KNOWN_BY.format(column="known_from")},
       sum(sign), sum(sign * value)
FROM (
    SELECT datastream_id, phenomenon_time, value, quality, received_time AS known_from, 1 AS sign FROM observation
    WHERE phenomenon_time >= %(start)s AND phenomenon_time < %(end)s
    UNION ALL
    SELECT datastream_id, phenomenon_time, value, quality, unnest(ARRAY[received_time, superseded_at]), unnest(ARRAY[1, -1])
    FROM observation_superseded WHERE phenomenon_time >= %(start)s AND phenomenon_time < %(end)s
) known JOIN datastream USING (datastream_id)
WHERE property = ANY(%(properties)s) AND quality = ANY(%(usable)s)
GROUP BY 1, 2, 3
"""
