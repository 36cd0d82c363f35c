"""Observations: one idempotent batch in, series and newest values out.

A batch goes by binary COPY straight into `observation`. Where one of its values is there already, all of it goes through a
temporary table instead: a second value for the same time is a duplicate and changes nothing, unless it is a correction. `latest`
follows the measured time, never the time of arrival. Values in another unit than that of their series are converted. What is
wrong with a reading is stored beside its quality, and judged anew when its neighbours change (`storage.series`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from psycopg.errors import UniqueViolation

from domain.datastreams import Datastream
from domain.moments import Moment
from domain.observations import FUTURE_TOLERANCE, LATE_FLOOR_S, USABLE_QUALITY_CODES, Quality, Reading
from domain.quality import CAUSE_BITS, Cause
from domain.series import Judge
from domain.ucum import find_conversion
from storage.arrays import float8s, int2s, int4s, times
from storage.connection import Connection
from storage.devices import Registry
from storage.ledger import LedgerCounts, LedgerKey
from storage.series import DOUBTED_BY_DEVICE, QUALITY_CODE_OF, End, Ends, New, requalify

_CORRECTIONS_LOCK = 7_205_005
_Row = tuple[int, datetime, datetime, float, int, int | None, int | None]
Numbers = npt.NDArray[np.int64]


class Columns(NamedTuple):
    """Readings (n) as columns, in the order of series, measured time and receipt: the one order in which writers take rows, so
    that no two of them wait for one another. Times in microseconds since 2000, as PostgreSQL counts them."""

    device_ids: Sequence[str]
    ids: Numbers
    measured_us: Numbers
    received_us: Numbers
    values: npt.NDArray[np.float64]
    qualities: npt.NDArray[np.int16]
    """As the device said."""
    causes: npt.NDArray[np.int16]
    """What is wrong with each (code of a `domain.quality.Cause`), 0 for nothing."""
    seqs: Sequence[int | None]
    is_correction: npt.NDArray[np.bool_]
    interval_s: npt.NDArray[np.float64]

    @property
    def days(self) -> list[date]:
        """The UTC days on which they were measured."""
        return [_time(int(day) * _DAY_US).date() for day in np.unique(self.measured_us // _DAY_US)]


def as_columns(registry: Registry, readings: Sequence[Reading]) -> Columns:
    """The readings as columns. Raises LookupError for one whose datastream is not in `registry`."""
    n = len(readings)
    if not n:
        none = np.zeros(0, dtype=np.int64)
        small = np.zeros(0, np.int16)
        return Columns([], none, none, none, np.zeros(0), small, small, [], np.zeros(0, bool), np.zeros(0))
    device_ids, properties, measured, received, values, qualities, seqs, units, items, is_correction = zip(*readings, strict=True)
    try:
        streams = [registry.streams[key] for key in zip(device_ids, properties, items, strict=True)]
    except KeyError as fault:
        device_id, name, _ = fault.args[0]
        raise LookupError(f"{device_id} {name}: expected its datastream to be registered first") from None
    ids = np.fromiter((stream.datastream_id for stream in streams), np.int64, n)
    measured_us, received_us = _since_2000_us(measured), _since_2000_us(received)
    codes = {id(quality): quality.code for quality in Quality}  # an enumeration's own hash is ten times as slow
    said = np.fromiter(map(codes.__getitem__, map(id, qualities)), np.int16, n)
    in_own_unit, causes = _in_own_unit(np.fromiter(values, np.float64, n), units, streams)
    causes[registry.yardsticks.is_foreign[ids]] = Cause.UNIT.code
    causes[np.isin(said, DOUBTED_BY_DEVICE)] = Cause.DOUBTED.code
    order = np.lexsort((received_us, measured_us, ids))
    picked = order.tolist()
    ids = ids[order]
    return Columns(
        device_ids=[device_ids[k] for k in picked],
        ids=ids,
        measured_us=measured_us[order],
        received_us=received_us[order],
        values=in_own_unit[order],
        qualities=said[order],
        causes=causes[order],
        seqs=[seqs[k] for k in picked],
        is_correction=np.fromiter(is_correction, bool, n)[order],
        interval_s=registry.yardsticks.interval_s[ids],
    )


def _in_own_unit(
    values: npt.NDArray[np.float64], units: Sequence[str | None], streams: Sequence[Datastream]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int16]]:
    """The values in the units of their series, and the cause of those that cannot be converted. A value without a unit is in the
    one that was announced."""
    causes = np.zeros(len(values), np.int16)
    for k, (unit, stream) in enumerate(zip(units, streams, strict=True)):
        if (unit or stream.sent_unit) in (None, stream.unit) or stream.unit is None:
            continue
        conversion = find_conversion(unit or stream.sent_unit or "", stream.unit)
        if conversion is None:
            causes[k] = Cause.UNIT.code
        else:
            values[k] = conversion.of(float(values[k]))
    return values, causes


def prepare(conn: Connection) -> None:
    """Makes this session's temporary tables. Call once per connection."""
    conn.execute(_TEMPORARY_TABLES)


def write_readings(
    conn: Connection, columns: Columns, ledger: LedgerCounts, registry: Registry, ends: Ends, judge: Judge | None
) -> Callable[[], None]:
    """Stores readings inside the caller's transaction and counts them in `ledger`. Call what is returned when it has committed.

    Without `judge` they are stored as their devices say. Partitions of the days concerned must exist (`partitions.ensure`).
    Raises OverflowError for a sequence number that does not fit 8 bytes.
    """
    if not len(columns.ids):
        return lambda: None
    to_remember: list[End] = []
    if judge is not None:
        new = New(
            columns.ids, columns.measured_us, columns.received_us, columns.values, columns.qualities, columns.causes,
            columns.is_correction,
        )  # fmt: skip
        causes, changes, to_remember = ends.judge(conn, new, registry.yardsticks, judge)
        columns = columns._replace(causes=causes)
        if changes:
            conn.execute("SELECT pg_advisory_xact_lock(%s)", (_CORRECTIONS_LOCK,))
            requalify(conn, changes)
    if columns.is_correction.any() or not _copy_new(conn, columns):
        _store_beside_known(conn, columns, ledger)
    else:
        _count_new(conn, columns, ledger)
    return lambda: ends.remember(to_remember)


def _count_new(conn: Connection, columns: Columns, ledger: LedgerCounts) -> None:
    """What follows when all of them are new."""
    _update_latest(conn, columns)
    hours = np.unique(columns.measured_us // _HOUR_US) * _HOUR_US
    conn.execute("INSERT INTO rollup_mark (hour) SELECT unnest(%s)", (times(hours),))
    waited_s = (columns.received_us - columns.measured_us) / 1e6
    is_late = waited_s > np.maximum(columns.interval_s, LATE_FLOOR_S)
    late = _by_device_and_hour(columns, is_late)
    for key, n in _by_device_and_hour(columns).items():
        ledger.count_readings(key, n, n, late[key], 0)
    late_by_minute = _by_minute(columns.received_us[is_late])
    for minute, n in _by_minute(columns.received_us).items():
        ledger.count_minute(minute, n, n, late_by_minute.get(minute, 0), 0)


def _copy_new(conn: Connection, columns: Columns) -> bool:
    """Stores all of them if none is there yet; else none, and returns False."""
    try:
        with conn.transaction(), conn.cursor() as cur, cur.copy(_COPY.format("observation")) as copy:
            copy.write(_binary_rows(columns, np.arange(len(columns.ids))))
    except UniqueViolation:
        return False
    return True


def _update_latest(conn: Connection, columns: Columns) -> None:
    """Of each series the newest measured value, in place of an older one."""
    last = np.flatnonzero(np.append(np.diff(columns.ids) != 0, True))
    conn.execute(
        _UPSERT_LATEST,
        (
            int4s(columns.ids[last]), times(columns.measured_us[last]), times(columns.received_us[last]),
            float8s(columns.values[last]), int2s(_stored_qualities(columns)[last]),
        ),
    )  # fmt: skip


def _store_beside_known(conn: Connection, columns: Columns, ledger: LedgerCounts) -> None:
    """Stores what is new, corrects what a correction is for, and counts the rest as duplicates."""
    corrections = np.flatnonzero(columns.is_correction).tolist()
    qualities, doubts = _stored_qualities(columns), _doubts(columns)
    with conn.cursor() as cur:
        if corrections:
            # Locking the row itself is what one would do; TimescaleDB cannot lock rows of the columnstore.
            cur.execute("SELECT pg_advisory_xact_lock(%s)", (_CORRECTIONS_LOCK,))
        with cur.copy(_COPY.format("incoming")) as copy:
            copy.write(_binary_rows(columns, np.flatnonzero(~columns.is_correction)))
        cur.execute(_STORE_INCOMING)
        for device_id, hour, n in cur.execute(_COUNT_CONTRADICTED).fetchall():
            ledger.count("contradicted", device_id, hour, n)
        for step, k in enumerate(corrections, start=1):
            row = (
                int(columns.ids[k]), _time(int(columns.measured_us[k])), _time(int(columns.received_us[k])),
                float(columns.values[k]), int(qualities[k]), columns.seqs[k], int(doubts[k]) if doubts[k] >= 0 else None,
            )  # fmt: skip
            _correct(conn, row, step)
        cur.execute(_UPDATE_LATEST)
        cur.execute(_MARK_HOURS)
        kept = {(row[0], row[1]): row[2:] for row in cur.execute(_COUNT_STORED, (LATE_FLOOR_S,)).fetchall()}
        minutes = {row[0]: row[1:] for row in cur.execute(_COUNT_MINUTES, (LATE_FLOOR_S,)).fetchall()}
    for key, n in _by_device_and_hour(columns).items():
        ledger.count_readings(key, n, *kept.get(key, (0, 0, 0)))
    for minute, n in _by_minute(columns.received_us).items():
        ledger.count_minute(minute, n, *minutes.get(minute, (0, 0, 0)))


def copy_plainly(conn: Connection, rows: int, now: datetime) -> None:
    """Copies so many rows into a table like `observation` without keys and undoes it: what no way of storing can exceed. For
    benchmarks. Call `prepare` first."""
    at = np.full(rows, _since_2000_us([now])[0])
    columns = Columns(
        [""] * rows, np.arange(rows), at, at, np.ones(rows), np.zeros(rows, np.int16), np.zeros(rows, np.int16),
        [None] * rows, np.zeros(rows, bool), np.ones(rows),
    )  # fmt: skip
    with conn.transaction(force_rollback=True), conn.cursor() as cur:
        cur.execute("CREATE TABLE plainly (LIKE incoming)")
        with cur.copy(_COPY.format("plainly")) as copy:
            copy.write(_binary_rows(columns, np.arange(rows)))


_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_US = 946_684_800_000_000
"""PostgreSQL counts microseconds since 2000-01-01 UTC."""
_DAY_US, _HOUR_US, _MINUTE_US = 86_400_000_000, 3_600_000_000, 60_000_000


def _since_2000_us(times: Sequence[datetime]) -> Numbers:
    """Microseconds since 2000. A double holds today's seconds to a quarter of a microsecond."""
    seconds = np.fromiter(map(datetime.timestamp, times), dtype=np.float64, count=len(times))
    return np.rint(seconds * 1e6).astype(np.int64) - _EPOCH_US


def _time(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)


def _times(us: Numbers) -> list[datetime]:
    return [_time(each) for each in us.tolist()]


def _stored_qualities(columns: Columns) -> npt.NDArray[np.int16]:
    """What the device said, unless a cause says otherwise."""
    decided = QUALITY_CODE_OF[columns.causes]
    return np.where((columns.causes == 0) | (decided < 0), columns.qualities, decided).astype(np.int16)


def _doubts(columns: Columns) -> npt.NDArray[np.int16]:
    """The cause with what the device said; −1 where there is none."""
    return np.where(columns.causes == 0, -1, columns.qualities << CAUSE_BITS | columns.causes).astype(np.int16)


def _binary_rows(columns: Columns, chosen: npt.NDArray[np.intp]) -> bytes:
    """Rows of `observation` in PostgreSQL's binary COPY format (big-endian, each field after its length; manual, "COPY", Binary
    Format): made as one array, which takes a twentieth of the time of writing row by row. Those with a number, and of these those
    with a doubt, go apart, because the format gives rows without another length."""
    is_numbered = np.fromiter((seq is not None for seq in columns.seqs), dtype=bool, count=len(columns.seqs))
    qualities, doubts = _stored_qualities(columns), _doubts(columns)
    parts = [b"PGCOPY\n\xff\r\n\0" + bytes(8)]
    for with_seq, with_doubt in ((True, False), (False, False), (True, True), (False, True)):
        where = chosen[(is_numbered[chosen] == with_seq) & ((doubts[chosen] >= 0) == with_doubt)]
        if not len(where):
            continue
        rows = np.zeros(len(where), dtype=_ROW[with_seq, with_doubt])
        rows["fields"] = 7
        for name, length, values in (
            ("id", 4, columns.ids), ("measured", 8, columns.measured_us), ("received", 8, columns.received_us),
            ("value", 8, columns.values), ("quality", 2, qualities),
        ):  # fmt: skip
            rows[f"{name}_length"], rows[name] = length, values[where]
        rows["seq_length"], rows["doubt_length"] = -1, -1
        if with_seq:
            rows["seq_length"] = 8
            rows["seq"] = [columns.seqs[k] for k in where.tolist()]
        if with_doubt:
            rows["doubt_length"] = 2
            rows["doubt"] = doubts[where]
        parts.append(rows.tobytes())
    return b"".join([*parts, b"\xff\xff"])


_FIELDS = [
    ("fields", ">i2"), ("id_length", ">i4"), ("id", ">i4"), ("measured_length", ">i4"), ("measured", ">i8"),
    ("received_length", ">i4"), ("received", ">i8"), ("value_length", ">i4"), ("value", ">f8"),
    ("quality_length", ">i4"), ("quality", ">i2"),
]  # fmt: skip
_ROW = {
    (with_seq, with_doubt): np.dtype(
        [*_FIELDS, ("seq_length", ">i4"), *[("seq", ">i8")][:with_seq], ("doubt_length", ">i4"), *[("doubt", ">i2")][:with_doubt]]
    )
    for with_seq in (True, False)
    for with_doubt in (True, False)
}


def _by_device_and_hour(columns: Columns, chosen: npt.NDArray[np.bool_] | None = None) -> Counter[LedgerKey]:
    """How many readings (or chosen ones) came of each device for each hour."""
    where = np.arange(len(columns.ids)) if chosen is None else np.flatnonzero(chosen)
    hours = columns.measured_us[where] // _HOUR_US
    keys = columns.ids[where] << 32 | (hours + (1 << 31))  # hours before 2000 are negative
    _, first, counts = np.unique(keys, return_index=True, return_counts=True)
    counted: Counter[LedgerKey] = Counter()
    for k, n in zip(first.tolist(), counts.tolist(), strict=True):
        counted[(columns.device_ids[where[k]], _time(int(hours[k]) * _HOUR_US))] += n
    return counted


def _by_minute(received_us: Numbers) -> dict[datetime, int]:
    minutes, counts = np.unique(received_us // _MINUTE_US, return_counts=True)
    return dict(zip(_times(minutes * _MINUTE_US), counts.tolist(), strict=True))


def _correct(conn: Connection, row: _Row, step: int) -> None:
    """Puts a correction in place of the stored value and keeps the old one with the span in which it was believed.

    The spans of a value's versions never overlap: at every moment one of them is believed.
    """
    datastream_id, phenomenon_time, received_time, value, quality, seq, doubt = row
    found = conn.execute(
        "SELECT received_time, value, quality, doubt, seq FROM observation WHERE datastream_id = %s AND phenomenon_time = %s",
        (datastream_id, phenomenon_time),
    ).fetchone()
    if found is None:
        conn.execute(
            "INSERT INTO observation (datastream_id, phenomenon_time, received_time, value, quality, seq, doubt) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            row,
        )
    elif found[1] == value and _said(found[2], found[3]) == _said(quality, doubt):
        return
    else:
        # One message may correct a value twice, and two ingesters may write in another order than they received.
        received_time = max(received_time, found[0] + timedelta(microseconds=1))
        conn.execute(
            "INSERT INTO observation_superseded "
            "(datastream_id, phenomenon_time, received_time, superseded_at, value, quality, doubt, seq) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            (datastream_id, phenomenon_time, found[0], received_time, *found[1:]),
        )
        conn.execute(
            "UPDATE observation SET received_time = %s, value = %s, quality = %s, seq = coalesce(%s, seq), doubt = %s "
            "WHERE datastream_id = %s AND phenomenon_time = %s",
            (received_time, value, quality, seq, doubt, datastream_id, phenomenon_time),
        )
    conn.execute(
        "INSERT INTO stored (datastream_id, phenomenon_time, received_time, value, quality, is_correction, step) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (datastream_id, phenomenon_time, received_time, value, quality, found is not None, step),
    )


def _said(quality: int, doubt: int | None) -> int:
    """The quality that the device gave."""
    return quality if doubt is None else doubt >> CAUSE_BITS


@dataclass(frozen=True, slots=True)
class Series:
    """Regular series of several datastreams: `values[i, k]` is the mean of datastream i in the slot that starts at
    `start + k × step_s`; NaN where nothing usable was measured. `watermark` is the newest measured time used."""

    datastream_ids: tuple[int, ...]
    start: datetime
    step_s: int
    values: npt.NDArray[np.float64]
    watermark: datetime | None


def load_series(
    conn: Connection, datastream_ids: Sequence[int], *, start: datetime, end: datetime, step_s: int, moment: Moment
) -> Series:
    """Slot means of usable values measured in [start, end), as known at the moment. `start` must lie on a step boundary."""
    n_slots = int((end - start).total_seconds() // step_s)
    values = np.full((len(datastream_ids), n_slots), np.nan)
    row_of = {number: row for row, number in enumerate(datastream_ids)}
    watermark: datetime | None = None
    parameters = {
        "ids": list(datastream_ids), "start": start, "end": min(end, moment.at), "known_at": moment.known_at,
        "step": timedelta(seconds=step_s), "step_s": step_s, "usable": list(USABLE_QUALITY_CODES),
    }  # fmt: skip
    query = _SLOTS.format(known=_KNOWN_LIVE if moment.is_live else _KNOWN_THEN)
    with conn.cursor(binary=True) as cur:
        for number, slots, means, newest in cur.execute(query, parameters):
            values[row_of[number], slots] = means
            watermark = newest if watermark is None or newest > watermark else watermark
    return Series(tuple(datastream_ids), start, step_s, values, watermark)


@dataclass(frozen=True, slots=True)
class Value:
    """The newest value of a datastream at some moment."""

    datastream_id: int
    phenomenon_time: datetime
    received_time: datetime
    value: float
    quality: Quality


SEEN_WITHIN = timedelta(days=7)
"""Enough to tell silent from stale: what is older than that shows as never seen, at a past moment. A bound given as a time keeps
the days beyond it out of the plan; reckoned in SQL it would not."""


def list_values(conn: Connection, moment: Moment) -> list[Value]:
    """The latest measured value of every datastream at the moment; datastreams that never spoke are absent."""
    query = _LATEST_LIVE if moment.is_live else _LATEST_AS_KNOWN
    parameters = {
        "at": moment.at, "horizon": moment.at + FUTURE_TOLERANCE, "oldest": moment.at - SEEN_WITHIN, "known_at": moment.known_at,
    }  # fmt: skip
    return [
        Value(row[0], row[1], row[2], row[3], Quality.from_code(row[4])) for row in conn.execute(query, parameters).fetchall()
    ]


_TEMPORARY_TABLES = """
CREATE TEMPORARY TABLE IF NOT EXISTS incoming (
    datastream_id integer, phenomenon_time timestamptz, received_time timestamptz,
    value double precision, quality smallint, seq bigint, doubt smallint
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS stored (
    datastream_id integer, phenomenon_time timestamptz, received_time timestamptz,
    value double precision, quality smallint, is_correction boolean DEFAULT false, step integer DEFAULT 0
) ON COMMIT DELETE ROWS;
"""

_COPY = "COPY {} (datastream_id, phenomenon_time, received_time, value, quality, seq, doubt) FROM STDIN (FORMAT BINARY)"

# The order by series and time keeps index pages warm and makes concurrent writers take rows in one order (no deadlock).
_STORE_INCOMING = """
WITH inserted AS (
    INSERT INTO observation (datastream_id, phenomenon_time, received_time, value, quality, seq, doubt)
    SELECT datastream_id, phenomenon_time, received_time, value, quality, seq, doubt FROM incoming
    ORDER BY datastream_id, phenomenon_time, received_time
    ON CONFLICT DO NOTHING
    RETURNING datastream_id, phenomenon_time, received_time, value, quality
)
INSERT INTO stored (datastream_id, phenomenon_time, received_time, value, quality) SELECT * FROM inserted
"""

_WHERE_OLDER = """
ON CONFLICT (datastream_id) DO UPDATE SET
    phenomenon_time = excluded.phenomenon_time, received_time = excluded.received_time,
    value = excluded.value, quality = excluded.quality
WHERE latest.phenomenon_time <= excluded.phenomenon_time
"""

_UPSERT_LATEST = f"""
INSERT INTO latest (datastream_id, phenomenon_time, received_time, value, quality)
SELECT * FROM unnest(%s, %s, %s, %s, %s)
{_WHERE_OLDER}"""

_UPDATE_LATEST = f"""
INSERT INTO latest (datastream_id, phenomenon_time, received_time, value, quality)
SELECT DISTINCT ON (datastream_id) datastream_id, phenomenon_time, received_time, value, quality
FROM stored ORDER BY datastream_id, phenomenon_time DESC, step DESC
{_WHERE_OLDER}"""

_MARK_HOURS = "INSERT INTO rollup_mark (hour) SELECT DISTINCT date_trunc('hour', phenomenon_time) FROM stored"

# A second value for a moment, other than the first: one device would not say it.
_COUNT_CONTRADICTED = """
SELECT device_id, date_trunc('hour', phenomenon_time), count(*)
FROM incoming JOIN observation o USING (datastream_id, phenomenon_time) JOIN datastream USING (datastream_id)
WHERE incoming.value <> o.value AND NOT EXISTS (
    SELECT FROM observation_superseded old
    WHERE (old.datastream_id, old.phenomenon_time, old.value) = (incoming.datastream_id, incoming.phenomenon_time, incoming.value)
)
GROUP BY 1, 2
"""

_COUNT_STORED = """
SELECT device_id, hour, sum(n)::bigint, sum(late)::bigint, sum(corrected)::bigint
FROM (
    SELECT datastream_id, date_trunc('hour', phenomenon_time) AS hour, count(*) FILTER (WHERE NOT is_correction) AS n,
           count(*) FILTER (WHERE NOT is_correction
                            AND received_time - phenomenon_time > greatest(%s, interval_s) * interval '1 second') AS late,
           count(*) FILTER (WHERE is_correction) AS corrected
    FROM stored JOIN datastream USING (datastream_id) JOIN device USING (device_id)
    GROUP BY 1, 2
) counted JOIN datastream USING (datastream_id)
GROUP BY 1, 2
"""

_COUNT_MINUTES = """
SELECT date_trunc('minute', received_time), count(*) FILTER (WHERE NOT is_correction),
       count(*) FILTER (WHERE NOT is_correction
                        AND received_time - phenomenon_time > greatest(%s, interval_s) * interval '1 second'),
       count(*) FILTER (WHERE is_correction)
FROM stored JOIN datastream USING (datastream_id) JOIN device USING (device_id)
GROUP BY 1
"""

# One row a series: a row a slot would cost a process more to read than the database to gather.
_SLOTS = """
SELECT datastream_id, array_agg(k), array_agg(mean), max(newest)
FROM (
    SELECT datastream_id, avg(value) AS mean, max(phenomenon_time) AS newest,
           extract(epoch FROM date_bin(%(step)s, phenomenon_time, %(start)s) - %(start)s)::integer / %(step_s)s AS k
    FROM ({known}) known
    WHERE quality = ANY(%(usable)s)
    GROUP BY datastream_id, k
) slots
GROUP BY 1
"""

_KNOWN_LIVE = """
SELECT datastream_id, phenomenon_time, value, quality FROM observation
WHERE datastream_id = ANY(%(ids)s) AND phenomenon_time >= %(start)s AND phenomenon_time < %(end)s
"""

_KNOWN_THEN = """
SELECT datastream_id, phenomenon_time, value, quality FROM observation
WHERE datastream_id = ANY(%(ids)s) AND phenomenon_time >= %(start)s AND phenomenon_time < %(end)s
  AND received_time <= %(known_at)s
UNION ALL
SELECT datastream_id, phenomenon_time, value, quality FROM observation_superseded
WHERE datastream_id = ANY(%(ids)s) AND phenomenon_time >= %(start)s AND phenomenon_time < %(end)s
  AND received_time <= %(known_at)s AND superseded_at > %(known_at)s
"""

_LATEST_LIVE = "SELECT datastream_id, phenomenon_time, received_time, value, quality FROM latest"

# What has reached us was measured, even where the device's clock runs ahead of ours.
_LATEST_AS_KNOWN = """
SELECT datastream.datastream_id, newest.*
FROM datastream
CROSS JOIN LATERAL (
    SELECT phenomenon_time, received_time, value, quality FROM (
        (SELECT phenomenon_time, received_time, value, quality FROM observation
         WHERE observation.datastream_id = datastream.datastream_id AND received_time <= %(known_at)s
           AND least(phenomenon_time, received_time) <= %(at)s
           AND phenomenon_time <= %(horizon)s AND phenomenon_time > %(oldest)s
         ORDER BY phenomenon_time DESC LIMIT 1)
        UNION ALL
        (SELECT phenomenon_time, received_time, value, quality FROM observation_superseded
         WHERE observation_superseded.datastream_id = datastream.datastream_id AND received_time <= %(known_at)s
           AND superseded_at > %(known_at)s
           AND least(phenomenon_time, received_time) <= %(at)s
           AND phenomenon_time <= %(horizon)s AND phenomenon_time > %(oldest)s
         ORDER BY phenomenon_time DESC LIMIT 1)
    ) candidates
    ORDER BY phenomenon_time DESC LIMIT 1
) newest
"""
