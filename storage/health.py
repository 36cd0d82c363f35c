"""Health of the data: what every source owed, what of it was good, and why the rest was not.

What is due of a device in an hour is what it owed and more if it said more: due = good + causes, for every group and exactly,
because all sums are made of the same rows of a device and an hour. What it owed follows from its announcements: the moments that
lie whole intervals after its birth, until it was retired, and until one interval (half a minute at least) before the moment asked
about, since a reading may be under way. A device that speaks on change, and one that does not report readings, owes a message in
each interval. Devices that never announced themselves, and vehicles, which are heard of on duty, owe nothing, but what they say
is counted.

Hours are those of measurement (UTC). Counts of what came twice, was corrected or was refused are those of today, also at a past
moment; readings and their causes are as known then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from domain.moments import Moment
from domain.observations import LATE_FLOOR_S
from domain.quality import (
    FEWEST_CONTRADICTIONS,
    READING_CAUSES,
    SAME_PLACE_DEG,
    TARGET,
    Cause,
    Suspicion,
    clock_suspicion,
)
from domain.sensors import SensorKind
from storage.connection import Connection, one_view
from storage.ledger import Account, account

HOUR = timedelta(hours=1)
MOST_SUSPECTS = 200


class ScoreBy(StrEnum):
    """What a score is of."""

    CITY = "city"
    DISTRICT = "district"
    TYPE = "type"
    DEVICE = "device"
    HOUR = "hour"
    DISTRICT_HOUR = "district_hour"
    """A district in an hour, which is the key."""
    TYPE_HOUR = "type_hour"


_HOURLY = (ScoreBy.HOUR, ScoreBy.DISTRICT_HOUR, ScoreBy.TYPE_HOUR)


@dataclass(frozen=True, slots=True)
class Score:
    """What a group of sources owed in the hours asked for, and what became of it: due = good + sum of causes.

    `received` = `stored` + `corrected` + `duplicate` + `rejected` are the ledger's, of messages of every kind; `gaps` are numbers
    (`seq`) of messages that are missing. `district_code` and `type_name` are those of a device.
    """

    key: str
    district_code: str | None
    type_name: str | None
    n_devices: int
    expected: int
    due: int
    good: int
    causes: Mapping[Cause, int]
    received: int
    stored: int
    late: int
    duplicate: int
    corrected: int
    rejected: int
    contradicted: int
    gaps: int
    restarts: int

    @property
    def share(self) -> float | None:
        """Good of due; None when nothing was due."""
        return self.good / self.due if self.due else None

    def meets_target(self, target: float = TARGET) -> bool | None:
        return None if self.share is None else self.share >= target


@dataclass(frozen=True, slots=True)
class Suspect:
    """A source that is wrong as a whole. `offset_s` is how far its clock is off; `n` how many readings, hours, returns to a place
    left before, or contradictions say so; `since` when the first of them was."""

    device_id: str
    district_code: str | None
    type_name: str | None
    name: str | None
    suspicion: Suspicion
    offset_s: float | None
    n: int
    since: datetime


@dataclass(frozen=True, slots=True)
class HealthSnapshot:
    """What the page of the data's health shows. From: device_announcement, device_hour_kept, observation, ingest_ledger."""

    moment: Moment
    since: datetime
    until: datetime
    city: Score
    districts: tuple[Score, ...]
    types: tuple[Score, ...]
    hours: tuple[Score, ...]
    worst: tuple[Score, ...]
    suspects: tuple[Suspect, ...]
    account: Account
    district_hours: tuple[Score, ...]
    """Districts hour by hour, and kinds of devices: where the losses are."""
    type_hours: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class StreamUnit:
    """The unit of a series, and the one in which its device announced it where values are converted (UCUM)."""

    property: str
    item: str
    unit: str | None
    sent_unit: str | None


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """One source: its score, hour by hour, and what is wrong with it as a whole."""

    moment: Moment
    score: Score
    hours: tuple[Score, ...]
    suspects: tuple[Suspect, ...]
    streams: tuple[StreamUnit, ...]


def health_snapshot(conn: Connection, moment: Moment, *, hours: int = 24, worst: int = 50) -> HealthSnapshot:
    """The last full `hours` and the one under way, in one consistent view."""
    since, until = _span(moment, hours)
    with one_view(conn):
        rows = _Rows(conn, moment, since, until)
        return HealthSnapshot(
            moment, since, until, rows.scores(ScoreBy.CITY)[0], rows.scores(ScoreBy.DISTRICT), rows.scores(ScoreBy.TYPE),
            rows.scores(ScoreBy.HOUR), rows.scores(ScoreBy.DEVICE, worst), rows.suspects[:MOST_SUSPECTS],
            account(conn, since=since, until=until), rows.scores(ScoreBy.DISTRICT_HOUR), rows.scores(ScoreBy.TYPE_HOUR),
        )  # fmt: skip


def device_health(conn: Connection, moment: Moment, device_id: str, *, hours: int = 24) -> DeviceHealth | None:
    """One source; None for one that has said nothing and owed nothing."""
    since, until = _span(moment, hours)
    with one_view(conn):
        rows = _Rows(conn, moment, since, until, device_id=device_id)
        scores = rows.scores(ScoreBy.DEVICE)
        if not scores:
            return None
        streams = conn.execute(
            "SELECT property, item, unit, sent_unit FROM datastream WHERE device_id = %s ORDER BY property, item", (device_id,)
        )
        return DeviceHealth(
            moment, scores[0], rows.scores(ScoreBy.HOUR), rows.suspects, tuple(StreamUnit(*row) for row in streams)
        )


def list_scores(
    conn: Connection,
    moment: Moment,
    by: ScoreBy,
    *,
    since: datetime,
    until: datetime,
    district_code: str | None = None,
    type_name: str | None = None,
    device_id: str | None = None,
    limit: int = 500,
) -> list[Score]:
    """Scores of the hours in [since, until), of all sources or those chosen: hours in their order, others with the most losses
    first."""
    rows = _Rows(conn, moment, since, until, district_code=district_code, type_name=type_name, device_id=device_id)
    return list(rows.scores(by, limit))


def list_suspects(
    conn: Connection, moment: Moment, *, since: datetime, until: datetime, limit: int = MOST_SUSPECTS
) -> list[Suspect]:
    """Sources that are wrong as a whole, by suspicion and device."""
    return list(_Rows(conn, moment, since, until).suspects[:limit])


def _span(moment: Moment, hours: int) -> tuple[datetime, datetime]:
    under_way = moment.at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return under_way - hours * HOUR, under_way + HOUR


_SUMMED = (
    "hours", "expected", "missing", *(f"cause_{cause.code}" for cause in READING_CAUSES), "late_readings", "fine", "gaps",
    "restarts", "received", "stored", "late", "duplicate", "corrected", "rejected", "contradicted",
)  # fmt: skip
"""What the database adds up, in the order of its columns; `fine` is what was kept and has no cause of its own, `hours` the
entries: one for each source in each hour."""
_AT = {name: k for k, name in enumerate((*_SUMMED, "skew", "twin"))}
_OF_CAUSE = {
    **{cause: _AT[f"cause_{cause.code}"] for cause in READING_CAUSES}, Cause.LATE: _AT["late_readings"],
    Cause.MISSING: _AT["missing"], Cause.SKEW: _AT["skew"], Cause.TWIN: _AT["twin"],
}  # fmt: skip
_LOSSES = sorted(_OF_CAUSE.values())
_Sums = npt.NDArray[np.float64]
"""Sums (groups, len(_AT)) of whole numbers, which doubles hold exactly up to 9e15."""


class _Source(NamedTuple):
    """One source over all hours asked for, as read; its clock and its numbering beside its sums."""

    device_id: str
    district_code: str | None
    type_name: str | None
    name: str | None
    interval_s: float
    delays: int
    delay_sum: float
    delay_square_sum: float
    delays_since: datetime | None
    twin_hours: int
    twin_since: datetime | None
    contradicted_since: datetime | None


class _Cell(NamedTuple):
    """All sources of a kind in a district in one hour."""

    hour: datetime
    district_code: str | None
    type_name: str | None


class _Rows:
    """The sources, each over all hours asked for, and the cells; every score is a sum of the ones or the others. And what is
    suspected of the sources."""

    def __init__(
        self, conn: Connection, moment: Moment, since: datetime, until: datetime, *, district_code: str | None = None,
        type_name: str | None = None, device_id: str | None = None,
    ) -> None:  # fmt: skip
        parameters = {
            "since": since, "until": min(until, moment.at), "hours_until": until, "known_at": moment.known_at,
            "live": moment.is_live, "district": district_code, "type": type_name,
            "devices": None if device_id is None else [device_id], "floor_s": LATE_FLOOR_S, "vehicle": SensorKind.UNIT.type_name,
        }  # fmt: skip
        rows = conn.execute(_GROUPS, parameters).fetchall()
        of_sources, of_cells = [row for row in rows if row[4] is not None], [row for row in rows if row[4] is None]
        self._sources = [_Source(row[4], *row[:4], *row[8 : -len(_SUMMED)]) for row in of_sources]
        self._cells = [_Cell(*row[5:8]) for row in of_cells]
        self._of_sources, self._of_cells = _sums(of_sources), _sums(of_cells)
        self.suspects = tuple(self._suspects(conn, parameters))
        self._blame_wholly(conn, parameters)

    def scores(self, by: ScoreBy, limit: int | None = None) -> tuple[Score, ...]:
        """Hours in their order, others with the most losses first; at most `limit`."""
        if by is ScoreBy.DEVICE:
            lost = self._of_sources[:, _LOSSES].sum(axis=1).tolist()
            worst = sorted(range(len(lost)), key=lambda k: (-lost[k], self._sources[k].device_id))[:limit]
            return tuple(_score(self._sources[k].device_id, 1, self._of_sources[k], *self._sources[k][1:3]) for k in worst)
        if by in _HOURLY:
            return self._hourly(by)[:limit]
        groups: dict[str, list[int]] = {"": []} if by is ScoreBy.CITY else {}
        for k, source in enumerate(self._sources):
            key = {ScoreBy.DISTRICT: source.district_code, ScoreBy.TYPE: source.type_name}.get(by)
            groups.setdefault(key or "", []).append(k)
        scores = [_score(key, len(members), self._of_sources[members].sum(axis=0)) for key, members in groups.items()]
        return tuple(sorted(scores, key=lambda score: (score.good - score.due, score.key))[:limit])

    def _hourly(self, by: ScoreBy) -> tuple[Score, ...]:
        has_district, has_type = by is ScoreBy.DISTRICT_HOUR, by is ScoreBy.TYPE_HOUR
        groups: dict[tuple[str, str, str], list[int]] = {}
        for k, (hour, district_code, type_name) in enumerate(self._cells):
            key = (hour.isoformat(), (district_code or "") * has_district, (type_name or "") * has_type)
            groups.setdefault(key, []).append(k)
        scores = []
        for (hour_key, *_), members in sorted(groups.items()):
            _, district_code, type_name = self._cells[members[0]]
            sums = self._of_cells[members].sum(axis=0)
            of = (district_code if has_district else None, type_name if has_type else None)
            scores.append(_score(hour_key, int(sums[_AT["hours"]]), sums, *of))
        return tuple(scores)

    def _suspects(self, conn: Connection, parameters: Mapping[str, Any]) -> list[Suspect]:
        contradicted = self._of_sources[:, _AT["contradicted"]].tolist()
        found = [suspect for source, n in zip(self._sources, contradicted, strict=True) for suspect in _suspected(source, int(n))]
        known = {source.device_id: source for source in self._sources}
        for device_id, n, since in conn.execute(_BACK_AND_FORTH, {**parameters, "same": SAME_PLACE_DEG}):
            if device_id in known:
                found.append(_suspect(known[device_id], Suspicion.TWO_PLACES, None, n, since))
        return sorted(found, key=lambda suspect: (list(Suspicion).index(suspect.suspicion), suspect.device_id))

    def _blame_wholly(self, conn: Connection, parameters: Mapping[str, Any]) -> None:
        """Of a source that is wrong as a whole, what was fine has that for its cause."""
        wholly: dict[str, str] = {}
        for suspect in self.suspects:
            is_clock = suspect.suspicion in (Suspicion.CLOCK_AHEAD, Suspicion.CLOCK_BEHIND)
            if wholly.get(suspect.device_id) != "twin":
                wholly[suspect.device_id] = "skew" if is_clock else "twin"
        if not wholly:
            return
        cell_of = {cell: k for k, cell in enumerate(self._cells)}
        source_of = {source.device_id: k for k, source in enumerate(self._sources)}
        for device_id, hour, n in conn.execute(_FINE_HOURS, {**parameters, "devices": list(wholly)}):
            k, column = source_of[device_id], _AT[wholly[device_id]]
            cell = cell_of[_Cell(hour, *self._sources[k][1:3])]
            for sums in (self._of_sources[k], self._of_cells[cell]):
                sums[_AT["fine"]] -= n
                sums[column] += n


def _sums(rows: Iterable[Sequence[Any]]) -> _Sums:
    summed = np.array([row[-len(_SUMMED) :] for row in rows], float).reshape(-1, len(_SUMMED))
    return np.hstack([summed, np.zeros((len(summed), len(_AT) - len(_SUMMED)))])


def _score(key: str, n_devices: int, sums: _Sums, district_code: str | None = None, type_name: str | None = None) -> Score:
    n = [int(each) for each in sums.tolist()]
    causes = {cause: n[_OF_CAUSE[cause]] for cause in Cause}
    good = n[_AT["fine"]]
    ledger = {
        name: n[_AT[name]]
        for name in ("received", "stored", "late", "duplicate", "corrected", "rejected", "contradicted", "gaps", "restarts")
    }
    return Score(
        key, district_code, type_name, n_devices, n[_AT["expected"]], good + sum(causes.values()), good, causes, **ledger
    )


def _suspected(source: _Source, contradicted: int) -> list[Suspect]:
    """What the hours of one source say of it."""
    found = []
    if source.delays and source.delays_since is not None:
        mean_s = source.delay_sum / source.delays
        deviation_s = max(source.delay_square_sum / source.delays - mean_s**2, 0.0) ** 0.5
        clock = clock_suspicion(source.delays, mean_s, deviation_s, source.interval_s)
        if clock is not None:
            found.append(_suspect(source, clock[0], clock[1], source.delays, source.delays_since))
    if source.twin_since is not None:
        found.append(_suspect(source, Suspicion.TWO_SEQUENCES, None, source.twin_hours, source.twin_since))
    if source.contradicted_since is not None and contradicted >= FEWEST_CONTRADICTIONS:
        found.append(_suspect(source, Suspicion.CONTRADICTIONS, None, contradicted, source.contradicted_since))
    return found


def _suspect(source: _Source, suspicion: Suspicion, offset_s: float | None, n: int, since: datetime) -> Suspect:
    return Suspect(source.device_id, source.district_code, source.type_name, source.name, suspicion, offset_s, n, since)


# A reading just before the hour's end may be stamped just after it: what one hour lacks its neighbour may have too many, at most
# one of each series: whole hours, since it is not known at which second of its interval a device speaks. An announcement holds
# until the next one. Counts are summed as doubles: sums of bigint would be numeric, at several times the cost.
_ENTRIES = """
WITH announced AS (
    SELECT a.device_id, a.phenomenon_time AS since, a.interval_s,
           a.mode = 'on_change' OR a.n_streams = 0 AS by_message,
           CASE WHEN a.mode = 'on_change' OR a.n_streams = 0 THEN 1 ELSE a.n_streams END AS series,
           least(lead(a.phenomenon_time) OVER (PARTITION BY a.device_id ORDER BY a.phenomenon_time), device.retired_at,
                 %(until)s::timestamptz - greatest(a.interval_s, %(floor_s)s) * interval '1 second') AS stops
    FROM device_announcement a JOIN device USING (device_id)
    WHERE a.received_time <= %(known_at)s AND a.phenomenon_time < %(until)s AND type_name <> %(vehicle)s
      AND (%(devices)s::text[] IS NULL OR a.device_id = ANY(%(devices)s))
), owed AS (
    SELECT device_id, hour, bool_or(by_message) AS by_message, max(series) AS series,
           bool_and(since <= hour AND stops >= hour + interval '1 hour') AS is_whole,
           sum(greatest(floor(extract(epoch FROM least(hour + interval '1 hour', stops) - since)::float8 / interval_s)
                        - floor(extract(epoch FROM greatest(hour, since) - since)::float8 / interval_s), 0) * series) AS expected
    FROM announced
    CROSS JOIN LATERAL generate_series(greatest(%(since)s::timestamptz, date_trunc('hour', since, 'UTC')),
                                       least(stops, %(hours_until)s::timestamptz - interval '1 hour'), interval '1 hour') AS hour
    WHERE stops > greatest(since, %(since)s::timestamptz)
    GROUP BY 1, 2
), marked AS (
    SELECT DISTINCT hour FROM rollup_mark WHERE hour >= %(since)s AND hour < %(hours_until)s
), said AS (
    SELECT kept.* FROM device_hour_kept kept
    WHERE %(live)s AND hour >= %(since)s AND hour < %(hours_until)s AND hour NOT IN (SELECT hour FROM marked)
    UNION ALL
    SELECT live.* FROM marked CROSS JOIN LATERAL count_device_hours(marked.hour, marked.hour + interval '1 hour', NULL) live
    WHERE %(live)s
    UNION ALL
    SELECT past.* FROM count_device_hours(%(since)s, %(until)s, %(known_at)s) past WHERE NOT %(live)s
), ledger AS (
    SELECT * FROM ingest_ledger WHERE hour >= %(since)s AND hour < %(hours_until)s AND hour <= %(until)s
), joined AS (
    SELECT device_id, hour, coalesce(expected, 0) AS expected, coalesce(owed.series, 0) AS series, is_whole,
           CASE WHEN by_message THEN greatest(stored, said.readings, 0) ELSE coalesce(said.readings, 0) END::float8 AS kept,
           coalesce(said.readings - good, 0) AS unfit, said.late AS late_readings,
           CASE WHEN said.readings > good + said.late THEN causes END AS causes, delays, delay_sum, delay_square_sum,
           gaps, restarts, low_seq, high_seq, has_twin,
           received, stored, ledger.late, duplicate, corrected, rejected, contradicted
    FROM owed FULL JOIN said USING (device_id, hour) FULL JOIN ledger USING (device_id, hour)
    WHERE %(devices)s::text[] IS NULL OR device_id = ANY(%(devices)s)
), entry AS (
    SELECT joined.*, district_code, type_name,
           greatest(expected - kept - least(series, greatest(
               lag(CASE WHEN is_whole THEN kept - expected END) OVER hours,
               lead(CASE WHEN is_whole THEN kept - expected END) OVER hours, 0)), 0) AS missing,
           (low_seq::numeric - lag(high_seq) OVER hours - 1)::float8 AS hole  -- bigint could not hold it
    FROM joined LEFT JOIN device USING (device_id)
    WHERE (%(district)s::text IS NULL OR district_code = %(district)s) AND (%(type)s::text IS NULL OR type_name = %(type)s)
    WINDOW hours AS (PARTITION BY device_id ORDER BY hour)
)
"""

_SUMS_OF_CAUSES = ", ".join(f"coalesce(sum(causes[{cause.code}]), 0)" for cause in READING_CAUSES)
_SUMS_OF_LEDGER = ", ".join(
    f"coalesce(sum({name}::float8), 0)"
    for name in ("received", "stored", "late", "duplicate", "corrected", "rejected", "contradicted")
)

_GROUPS = f"""
{_ENTRIES}
SELECT device.district_code, device.type_name, device.name, coalesce(device.interval_s, 60), sums.*
FROM (
    SELECT device_id, hour, district_code, type_name,
           coalesce(sum(delays), 0) AS delays, coalesce(sum(delay_sum), 0), coalesce(sum(delay_square_sum), 0),
           min(hour) FILTER (WHERE delays > 0), count(*) FILTER (WHERE has_twin), min(hour) FILTER (WHERE has_twin),
           min(hour) FILTER (WHERE contradicted > 0),
           count(*), sum(expected), sum(missing), {_SUMS_OF_CAUSES}, coalesce(sum(late_readings), 0), sum(kept - unfit),
           coalesce(sum(gaps), 0) + coalesce(sum(hole) FILTER (WHERE hole BETWEEN 1 AND 1000000), 0),
           coalesce(sum(restarts), 0) + count(*) FILTER (WHERE hole < 0),
           {_SUMS_OF_LEDGER}
    FROM entry
    GROUP BY GROUPING SETS ((device_id), (hour, district_code, type_name))
) sums LEFT JOIN device USING (device_id)
"""

_FINE_HOURS = f"{_ENTRIES} SELECT device_id, hour, kept - unfit FROM entry WHERE kept > unfit"

# Announced here, there and here again: each return to a place left before. Vehicles have no place.
_BACK_AND_FORTH = """
SELECT device_id, count(*), min(phenomenon_time)
FROM device_announcement a JOIN device USING (device_id)
WHERE type_name <> %(vehicle)s AND a.lon IS NOT NULL AND a.received_time <= %(known_at)s
  AND a.phenomenon_time >= %(since)s AND a.phenomenon_time < %(until)s
  AND (%(devices)s::text[] IS NULL OR device_id = ANY(%(devices)s))
  AND EXISTS (
    SELECT FROM device_announcement elsewhere JOIN device_announcement here USING (device_id)
    WHERE elsewhere.device_id = a.device_id AND elsewhere.phenomenon_time < a.phenomenon_time
      AND here.phenomenon_time < elsewhere.phenomenon_time AND elsewhere.received_time <= %(known_at)s
      AND greatest(abs(elsewhere.lon - a.lon), abs(elsewhere.lat - a.lat)) > %(same)s
      AND greatest(abs(here.lon - a.lon), abs(here.lat - a.lat)) <= %(same)s
  )
GROUP BY 1
"""
