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

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

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
            rows.scores(ScoreBy.HOUR), rows.scores(ScoreBy.DEVICE)[:worst], rows.suspects[:MOST_SUSPECTS],
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
    return list(rows.scores(by)[:limit])


def list_suspects(
    conn: Connection, moment: Moment, *, since: datetime, until: datetime, limit: int = MOST_SUSPECTS
) -> list[Suspect]:
    """Sources that are wrong as a whole, by suspicion and device."""
    return list(_Rows(conn, moment, since, until).suspects[:limit])


def _span(moment: Moment, hours: int) -> tuple[datetime, datetime]:
    under_way = moment.at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return under_way - hours * HOUR, under_way + HOUR


@dataclass(slots=True)
class _Hour:
    """One source in one hour, as read."""

    device_id: str
    hour: datetime
    district_code: str | None
    type_name: str | None
    name: str | None
    interval_s: float
    expected: int
    missing: int
    kept: int
    late_readings: int
    causes: list[int]
    delays: int
    delay_sum: float
    delay_square_sum: float
    gaps: int
    restarts: int
    has_twin: bool
    received: int
    stored: int
    late: int
    duplicate: int
    corrected: int
    rejected: int
    contradicted: int


class _Rows:
    """All sources of the hours asked for, an entry for each hour of each, and what is suspected of them."""

    def __init__(
        self, conn: Connection, moment: Moment, since: datetime, until: datetime, *, district_code: str | None = None,
        type_name: str | None = None, device_id: str | None = None,
    ) -> None:  # fmt: skip
        parameters = {
            "since": since, "until": min(until, moment.at), "hours_until": until, "known_at": moment.known_at,
            "live": moment.is_live, "district": district_code, "type": type_name, "device": device_id,
            "floor_s": LATE_FLOOR_S, "vehicle": SensorKind.UNIT.type_name,
        }  # fmt: skip
        self._hours = [_Hour(*row) for row in conn.execute(_HOURS, parameters)]
        self.suspects = tuple(self._suspects(conn, parameters))
        off = {Suspicion.CLOCK_AHEAD: Cause.SKEW, Suspicion.CLOCK_BEHIND: Cause.SKEW}
        self._wholly: dict[str, Cause] = {}
        for suspect in self.suspects:
            cause = off.get(suspect.suspicion, Cause.TWIN)
            if self._wholly.get(suspect.device_id) is not Cause.TWIN:
                self._wholly[suspect.device_id] = cause

    def scores(self, by: ScoreBy) -> tuple[Score, ...]:
        key_of: Callable[[_Hour], str] = {
            ScoreBy.CITY: lambda h: "", ScoreBy.DISTRICT: lambda h: h.district_code or "",
            ScoreBy.TYPE: lambda h: h.type_name or "", ScoreBy.DEVICE: lambda h: h.device_id,
            ScoreBy.HOUR: lambda h: h.hour.isoformat(),
            ScoreBy.DISTRICT_HOUR: lambda h: f"{h.hour.isoformat()} {h.district_code or ''}",
            ScoreBy.TYPE_HOUR: lambda h: f"{h.hour.isoformat()} {h.type_name or ''}",
        }[by]  # fmt: skip
        groups: dict[str, list[_Hour]] = {"": []} if by is ScoreBy.CITY else {}
        for hour in self._hours:
            groups.setdefault(key_of(hour), []).append(hour)
        scores = [self._score(key, members, by) for key, members in groups.items()]
        if by in _HOURLY:
            return tuple(sorted(scores, key=lambda score: score.key))
        return tuple(sorted(scores, key=lambda score: (score.good - score.due, score.key)))

    def _score(self, key: str, members: list[_Hour], by: ScoreBy) -> Score:
        causes: dict[Cause, int] = dict.fromkeys(Cause, 0)
        good = 0
        for h in members:
            for cause, n in zip(READING_CAUSES, h.causes, strict=True):
                causes[cause] += n
            causes[Cause.LATE] += h.late_readings
            causes[Cause.MISSING] += h.missing
            fine = max(h.kept - h.late_readings - sum(h.causes), 0)
            wholly = self._wholly.get(h.device_id)
            if wholly is None:
                good += fine
            else:
                causes[wholly] += fine
        first = members[0] if members else None
        has_district, has_type = by in (ScoreBy.DEVICE, ScoreBy.DISTRICT_HOUR), by in (ScoreBy.DEVICE, ScoreBy.TYPE_HOUR)
        return Score(
            key=key.partition(" ")[0] if by in _HOURLY else key,
            district_code=first.district_code if first and has_district else None,
            type_name=first.type_name if first and has_type else None,
            n_devices=len({h.device_id for h in members}), expected=sum(h.expected for h in members),
            due=good + sum(causes.values()), good=good, causes=causes, received=sum(h.received for h in members),
            stored=sum(h.stored for h in members), late=sum(h.late for h in members),
            duplicate=sum(h.duplicate for h in members), corrected=sum(h.corrected for h in members),
            rejected=sum(h.rejected for h in members), contradicted=sum(h.contradicted for h in members),
            gaps=sum(h.gaps for h in members), restarts=sum(h.restarts for h in members),
        )  # fmt: skip

    def _suspects(self, conn: Connection, parameters: Mapping[str, Any]) -> list[Suspect]:
        by_device: dict[str, list[_Hour]] = {}
        for hour in self._hours:
            by_device.setdefault(hour.device_id, []).append(hour)
        found = [suspect for members in by_device.values() for suspect in _suspected(members)]
        for device_id, n, since in conn.execute(_BACK_AND_FORTH, {**parameters, "same": SAME_PLACE_DEG}):
            if device_id in by_device:
                found.append(_suspect(by_device[device_id][0], Suspicion.TWO_PLACES, None, n, since))
        return sorted(found, key=lambda suspect: (list(Suspicion).index(suspect.suspicion), suspect.device_id))


def _suspected(members: list[_Hour]) -> list[Suspect]:
    """What the hours of one device say of it."""
    found = []
    n = sum(h.delays for h in members)
    if n:
        mean_s = sum(h.delay_sum for h in members) / n
        deviation_s = max(sum(h.delay_square_sum for h in members) / n - mean_s**2, 0.0) ** 0.5
        clock = clock_suspicion(n, mean_s, deviation_s, members[0].interval_s)
        if clock is not None:
            found.append(_suspect(members[0], clock[0], clock[1], n, min(h.hour for h in members if h.delays)))
    if twins := [h for h in members if h.has_twin]:
        found.append(_suspect(twins[0], Suspicion.TWO_SEQUENCES, None, len(twins), min(h.hour for h in twins)))
    contradictions = [h for h in members if h.contradicted]
    if (n := sum(h.contradicted for h in contradictions)) >= FEWEST_CONTRADICTIONS:
        found.append(_suspect(members[0], Suspicion.CONTRADICTIONS, None, n, min(h.hour for h in contradictions)))
    return found


def _suspect(h: _Hour, suspicion: Suspicion, offset_s: float | None, n: int, since: datetime) -> Suspect:
    return Suspect(h.device_id, h.district_code, h.type_name, h.name, suspicion, offset_s, n, since)


# A reading just before the hour's end may be stamped just after it: what one hour lacks its neighbour may have too many, at most
# one of each series: whole hours, since it is not known at which second of its interval a device speaks. An announcement holds
# until the next one.
_HOURS = """
WITH announced AS (
    SELECT a.device_id, a.phenomenon_time AS since, a.interval_s, a.n_streams,
           a.mode = 'on_change' OR a.n_streams = 0 AS by_message,
           least(lead(a.phenomenon_time) OVER (PARTITION BY a.device_id ORDER BY a.phenomenon_time), device.retired_at) AS until
    FROM device_announcement a JOIN device USING (device_id)
    WHERE a.received_time <= %(known_at)s AND a.phenomenon_time < %(until)s AND type_name <> %(vehicle)s
      AND (%(device)s::text IS NULL OR a.device_id = %(device)s)
), owed AS (
    SELECT device_id, hour, bool_or(by_message) AS by_message, max(CASE WHEN by_message THEN 1 ELSE n_streams END) AS series,
           bool_and(since <= hour AND stops >= hour + interval '1 hour') AS is_whole,
           sum(greatest(floor(extract(epoch FROM least(hour + interval '1 hour', stops) - since)::numeric / interval_s::numeric)
                        - floor(extract(epoch FROM greatest(hour, since) - since)::numeric / interval_s::numeric), 0)
               * CASE WHEN by_message THEN 1 ELSE n_streams END)::bigint AS expected
    FROM (
        SELECT *, least(coalesce(until, 'infinity'),
                        %(until)s::timestamptz - greatest(interval_s, %(floor_s)s) * interval '1 second') AS stops
        FROM announced
    ) span
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
), hourly AS (
    SELECT device_id, hour, coalesce(owed.expected, 0) AS expected, coalesce(owed.by_message, false) AS by_message,
           coalesce(owed.series, 0) AS series, coalesce(owed.is_whole, false) AS is_whole,
           CASE WHEN owed.by_message THEN greatest(coalesce(ledger.stored, 0), coalesce(said.readings, 0))
                ELSE coalesce(said.readings, 0) END AS kept,
           coalesce(said.late, 0) AS late_readings, coalesce(said.causes, ARRAY[0, 0, 0, 0, 0, 0]) AS causes,
           coalesce(said.delays, 0) AS delays, coalesce(said.delay_sum, 0) AS delay_sum,
           coalesce(said.delay_square_sum, 0) AS delay_square_sum,
           coalesce(said.gaps, 0) + CASE WHEN said.low_seq - lag(said.high_seq) OVER hours - 1 BETWEEN 1 AND 1000000
                                         THEN said.low_seq - lag(said.high_seq) OVER hours - 1 ELSE 0 END AS gaps,
           coalesce(said.restarts, 0) + (said.low_seq <= lag(said.high_seq) OVER hours IS TRUE)::integer AS restarts,
           coalesce(said.has_twin, false) AS has_twin,
           coalesce(ledger.received, 0) AS received, coalesce(ledger.stored, 0) AS stored, coalesce(ledger.late, 0) AS late,
           coalesce(ledger.duplicate, 0) AS duplicate, coalesce(ledger.corrected, 0) AS corrected,
           coalesce(ledger.rejected, 0) AS rejected, coalesce(ledger.contradicted, 0) AS contradicted
    FROM owed FULL JOIN said USING (device_id, hour) FULL JOIN ledger USING (device_id, hour)
    WINDOW hours AS (PARTITION BY device_id ORDER BY hour)
)
SELECT device_id, hour, district_code, type_name, name, coalesce(interval_s, 60), expected,
       greatest(expected - kept - least(series, greatest(
           lag(CASE WHEN is_whole THEN kept - expected END) OVER near,
           lead(CASE WHEN is_whole THEN kept - expected END) OVER near, 0)), 0)::bigint AS missing,
       kept::bigint, late_readings, causes, delays, delay_sum, delay_square_sum, gaps::bigint, restarts, has_twin,
       received, stored, late, duplicate, corrected, rejected, contradicted
FROM hourly LEFT JOIN device USING (device_id)
WHERE (%(device)s::text IS NULL OR device_id = %(device)s) AND (%(district)s::text IS NULL OR district_code = %(district)s)
  AND (%(type)s::text IS NULL OR type_name = %(type)s)
WINDOW near AS (PARTITION BY device_id ORDER BY hour)
ORDER BY hour, device_id
"""

# Announced here, there and here again: each return to a place left before. Vehicles have no place.
_BACK_AND_FORTH = """
SELECT device_id, count(*), min(phenomenon_time)
FROM device_announcement a JOIN device USING (device_id)
WHERE type_name <> %(vehicle)s AND a.lon IS NOT NULL AND a.received_time <= %(known_at)s
  AND a.phenomenon_time >= %(since)s AND a.phenomenon_time < %(until)s
  AND (%(device)s::text IS NULL OR device_id = %(device)s)
  AND EXISTS (
    SELECT FROM device_announcement elsewhere JOIN device_announcement here USING (device_id)
    WHERE elsewhere.device_id = a.device_id AND elsewhere.phenomenon_time < a.phenomenon_time
      AND here.phenomenon_time < elsewhere.phenomenon_time AND elsewhere.received_time <= %(known_at)s
      AND greatest(abs(elsewhere.lon - a.lon), abs(elsewhere.lat - a.lat)) > %(same)s
      AND greatest(abs(here.lon - a.lon), abs(here.lat - a.lat)) <= %(same)s
  )
GROUP BY 1
"""
