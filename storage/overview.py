"""The overview: what is asked of the memory for the city in figures. Every question takes a `Moment` and is bounded: in rows by
its span or its limit, in time by TIMEOUT_MS.

Days of counts are spans of 24 hours that end with the moment: day 0 is the last one, day 1 the one before. Local days begin at
midnight of the city's zone, whatever their length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from psycopg import errors

from domain.forecasts import Forecast
from domain.halls import HallEventKind
from domain.moments import Moment
from domain.observations import USABLE_QUALITY_CODES, Quality
from domain.sensors import SensorKind
from domain.units import ATTENDING, UnitStatus
from storage import forecasts, observations
from storage.connection import Connection
from storage.lifelines import IN_SERVICE, VOICES
from storage.observations import Series
from storage.rollups import DistrictHour

Answer = TypeVar("Answer")
Row = TypeVar("Row")

TIMEOUT_MS = 4_000
"""How long one question may take; what is not answered by then counts as not known, and is named."""
MOST_ROWS = 200_000
"""Bound of every list: ten times what a city of 10,000 devices has."""

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HOURLY_PROPERTIES = (
    "averageVehicleSpeed", "pm25", "pm10", "so2", "no2", "co", "o3", "precipitation", "waterLevel", "waterPressure",
)  # fmt: skip
HOURS_BACK = 48
"""The hours shown and, for means over a day, those before them."""
NOMINAL_KV = (0.38, 10, 20, 35, 66, 110, 220, 330, 500, 750, 1000)
"""Nominal voltages (GB/T 156-2017, those of public networks)."""
VOLTAGE_TOLERANCE = 0.10
"""The wider of the limits of GB/T 12325-2008 for the supply voltage: 10 % in all at 35 kV and above, 7 % below."""
FORECAST_PROPERTY = "intensity"


class ReadingNow(NamedTuple):
    """The newest value of a datastream with what is needed to judge its age; value, code of the quality and time are None when
    it never spoke."""

    device_id: str
    district_code: str
    type_name: str
    interval_s: float
    mode: str
    state: str
    property: str
    value: float | None
    quality: int | None
    phenomenon_time: datetime | None
    heard: datetime | None = None
    """The last word of its device beside its values (`domain.observations.word_age_s`)."""


class UnitNow(NamedTuple):
    """A unit: its kind, the district it belongs to, its status and since when."""

    kind: str
    district_code: str
    status: UnitStatus
    since: datetime | None


class IncidentCount(NamedTuple):
    """Incidents of a grade reported in a district on one of the days before the moment."""

    district_code: str
    days_back: int
    grade: str
    n: int


class RequestCount(NamedTuple):
    """Requests of a class in a district on one of the days before the moment."""

    district_code: str
    request_class: str
    days_back: int
    n: int


class Tally(NamedTuple):
    """How many, and the time of the newest of them."""

    n: int
    newest: datetime | None


class Waits(NamedTuple):
    """Waits from arrival to the first call, of those called in a span; `district_code` None: all halls. Seconds."""

    district_code: str | None
    n: int
    p50_s: float
    p90_s: float
    newest: datetime


class Response(NamedTuple):
    """Time from the report of an incident to the first unit there, over the incidents of a span. Seconds; None without any."""

    n: int
    p50_s: float | None
    p90_s: float | None
    newest: datetime | None


class PowerHour(NamedTuple):
    """Readings of voltages in an hour, and how many of them were within the tolerance of a nominal voltage."""

    hour: datetime
    n: int
    n_supplied: int


@dataclass(frozen=True, slots=True)
class SeriesAhead:
    """A stored series that has a forecast, with its last day in slots."""

    datastream_id: int
    device_id: str
    name_zh: str | None
    name_en: str | None
    property: str
    unit: str | None
    series: Series
    forecast: Forecast


@dataclass(frozen=True, slots=True)
class Compared:
    """A day's beginning and a moment of it: today, or the same time on the clock of the day before."""

    start: datetime
    until: datetime

    @classmethod
    def days(cls, at: datetime, zone: ZoneInfo) -> tuple[Compared, Compared]:
        """Today and yesterday, on the clock of `zone`. A time that yesterday's clock skipped is read by the clock before the
        change (PEP 495, fold 0)."""
        local = at.astimezone(zone)
        yesterday = local.date() - DAY
        now_then = datetime.combine(yesterday, local.time(), zone).replace(fold=0)
        return (
            cls(_midnight(local.date(), zone), at),
            cls(_midnight(yesterday, zone), now_then.astimezone(at.tzinfo)),
        )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(ZoneInfo("UTC"))


@dataclass(frozen=True, slots=True)
class Rollups:
    """Hourly figures of districts up to `until`: of the last HOURS_BACK hours, and longer of people and of speeds."""

    taken_at: datetime
    until: datetime
    hours: tuple[DistrictHour, ...]
    people: tuple[DistrictHour, ...]
    speeds: tuple[DistrictHour, ...]
    unanswered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Courses:
    """What else is said by the hour, and which series is shown ahead. `heard_by_hour` is how many devices were heard of; None for
    a past moment, since the ledger does not say when a thing was known."""

    taken_at: datetime
    power_hours: tuple[PowerHour, ...]
    heard_by_hour: tuple[tuple[datetime, int], ...] | None
    request_hours: tuple[tuple[datetime, int], ...] | None
    ahead_id: int | None
    unanswered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IncidentDays:
    """Incidents of earlier days (None: not answered), and the oldest of all."""

    taken_at: datetime
    before: tuple[IncidentCount, ...] | None
    oldest: datetime | None
    unanswered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RequestDays:
    """Requests of earlier days (None: not answered), the oldest of all, and how many there were from midnight to the same time on
    each of those days, newest first."""

    taken_at: datetime
    before: tuple[RequestCount, ...] | None
    oldest: datetime | None
    to_this_time: tuple[int, ...]
    unanswered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HallDays:
    """Waits over 24 hours, and those of the hour before the same time yesterday: they want whole days of events."""

    taken_at: datetime
    waits_day: tuple[Waits, ...]
    waits_hour_before: tuple[Waits, ...]
    unanswered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Minutely:
    """What may be a minute old: halls, responses, yesterday at this time, the series ahead. None is what was not answered."""

    taken_at: datetime
    incidents_before: Tally | None
    requests_before: Tally | None
    served: Tally | None
    served_before: Tally | None
    waits_hour: tuple[Waits, ...]
    response: Response | None
    response_before: Response | None
    units_before: tuple[UnitNow, ...]
    ahead: SeriesAhead | None
    unanswered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """Parts of an earlier snapshot that still hold; what is None is read."""

    rollups: Rollups | None = None
    courses: Courses | None = None
    incident_days: IncidentDays | None = None
    request_days: RequestDays | None = None
    hall_days: HallDays | None = None
    minutely: Minutely | None = None


NOTHING = Known()


@dataclass(frozen=True, slots=True)
class Spans:
    """How far back is asked: days that say what is usual, days that say how fast free traffic is."""

    history_days: int
    free_flow_days: int


@dataclass(frozen=True, slots=True)
class OverviewSnapshot:
    """What the city in figures is made of. From: latest / observation, device, district_hour, unit_status, incident*, request,
    hall_event, dispatch_order, ingest_ledger, forecast."""

    moment: Moment
    readings: tuple[ReadingNow, ...]
    units: tuple[UnitNow, ...]
    incidents_today: Tally | None
    incidents_day: tuple[IncidentCount, ...] | None
    requests_today: Tally | None
    requests_day: tuple[RequestCount, ...] | None
    rollups: Rollups
    courses: Courses
    incident_days: IncidentDays
    request_days: RequestDays
    hall_days: HallDays
    minutely: Minutely
    unanswered: tuple[str, ...]

    @property
    def known(self) -> Known:
        """The parts that a later snapshot may keep."""
        return Known(self.rollups, self.courses, self.incident_days, self.request_days, self.hall_days, self.minutely)


class Questions:
    """Asks within a transaction; a question that takes too long is given up, and the others go on."""

    def __init__(self, conn: Connection, timeout_ms: int = TIMEOUT_MS) -> None:
        self._conn = conn
        self.unanswered: list[str] = []
        conn.execute("SELECT set_config('statement_timeout', %s, true)", (str(timeout_ms),))

    def ask(self, name: str, question: Callable[[], Answer]) -> Answer | None:
        """The answer, or None when it took too long: then `name` is among the unanswered."""
        try:
            with self._conn.transaction():
                return question()
        except errors.QueryCanceled:
            self.unanswered.append(name)
            return None


def take(
    conn: Connection, moment: Moment, zone: ZoneInfo, spans: Spans, known: Known = NOTHING, *, timeout_ms: int = TIMEOUT_MS
) -> OverviewSnapshot:
    """The snapshot of a moment; what is known already is not read again. Call inside a transaction."""
    ask = Questions(conn, timeout_ms)
    today, _ = Compared.days(moment.at, zone)
    rollups = known.rollups or take_rollups(conn, moment, spans, timeout_ms)
    courses = known.courses or take_courses(conn, moment, timeout_ms)
    incident_days = known.incident_days or take_incident_days(conn, moment, spans, timeout_ms)
    request_days = known.request_days or take_request_days(conn, moment, zone, spans, timeout_ms)
    hall_days = known.hall_days or take_hall_days(conn, moment, zone, timeout_ms)
    minutely = known.minutely or take_minutely(conn, moment, zone, courses.ahead_id, timeout_ms)
    parts = (rollups, courses, incident_days, request_days, hall_days, minutely)
    return OverviewSnapshot(
        moment=moment,
        readings=tuple(ask.ask("readings", lambda: list_readings(conn, moment)) or ()),
        units=tuple(ask.ask("units", lambda: list_unit_statuses(conn, moment)) or ()),
        incidents_today=ask.ask("incidents_today", lambda: count_reported(conn, moment, today.start)),
        incidents_day=_rows(ask.ask("incidents_day", lambda: count_incidents(conn, moment, 0, days=1))),
        requests_today=ask.ask("requests_today", lambda: count_asked(conn, moment, today.start)),
        requests_day=_rows(ask.ask("requests_day", lambda: count_requests(conn, moment, 0, days=1))),
        rollups=rollups,
        courses=courses,
        incident_days=incident_days,
        request_days=request_days,
        hall_days=hall_days,
        minutely=minutely,
        unanswered=(*ask.unanswered, *(name for part in parts for name in part.unanswered)),
    )


def take_rollups(conn: Connection, moment: Moment, spans: Spans, timeout_ms: int = TIMEOUT_MS) -> Rollups:
    ask = Questions(conn, timeout_ms)
    until = _hour(moment.at)
    free_since = until - spans.free_flow_days * DAY
    hours = ask.ask("hours", lambda: list_hours(conn, moment, HOURLY_PROPERTIES, until - HOURS_BACK * HOUR, until))
    people = ask.ask("people_hours", lambda: list_hours(conn, moment, ("peopleCount",), until - 7 * DAY, until))
    speeds = ask.ask("speed_hours", lambda: list_hours(conn, moment, ("averageVehicleSpeed",), free_since, until))
    return Rollups(
        moment.at, until, tuple(hours or ()), tuple(people or ()), tuple(speeds or ()), tuple(ask.unanswered),
    )  # fmt: skip


def take_courses(conn: Connection, moment: Moment, timeout_ms: int = TIMEOUT_MS) -> Courses:
    ask = Questions(conn, timeout_ms)
    until = _hour(moment.at)
    since = until - DAY
    heard = ask.ask("heard_by_hour", lambda: count_heard(conn, since, until)) if moment.is_live else None
    return Courses(
        moment.at,
        tuple(ask.ask("power_hours", lambda: list_power_hours(conn, moment, since, until)) or ()),
        _rows(heard),
        _rows(ask.ask("request_hours", lambda: count_requests_by_hour(conn, moment, since, until))),
        ask.ask("ahead_id", lambda: find_busiest(conn, moment, FORECAST_PROPERTY)),
        tuple(ask.unanswered),
    )


def take_incident_days(conn: Connection, moment: Moment, spans: Spans, timeout_ms: int = TIMEOUT_MS) -> IncidentDays:
    ask = Questions(conn, timeout_ms)
    before = ask.ask("incidents_before", lambda: count_incidents(conn, moment, 1, days=spans.history_days))
    oldest = ask.ask("oldest_incident", lambda: find_oldest(conn, moment, "incident"))
    return IncidentDays(moment.at, _rows(before), oldest, tuple(ask.unanswered))


def take_request_days(
    conn: Connection, moment: Moment, zone: ZoneInfo, spans: Spans, timeout_ms: int = TIMEOUT_MS
) -> RequestDays:
    ask = Questions(conn, timeout_ms)
    days = spans.history_days
    before = ask.ask("requests_before", lambda: count_requests(conn, moment, 1, days=days))
    oldest = ask.ask("oldest_request", lambda: find_oldest(conn, moment, "request"))
    counts = ask.ask("requests_usual_today", lambda: count_requests_of_days(conn, moment, zone, days=days))
    return RequestDays(moment.at, _rows(before), oldest, tuple(counts or ()), tuple(ask.unanswered))


def take_hall_days(conn: Connection, moment: Moment, zone: ZoneInfo, timeout_ms: int = TIMEOUT_MS) -> HallDays:
    ask = Questions(conn, timeout_ms)
    then = Moment(Compared.days(moment.at, zone)[1].until, moment.known_at)
    return HallDays(
        moment.at,
        tuple(ask.ask("waits_day", lambda: list_waits(conn, moment, DAY, zone)) or ()),
        tuple(ask.ask("waits_hour_yesterday", lambda: list_waits(conn, then, HOUR, zone)) or ()),
        tuple(ask.unanswered),
    )


def take_minutely(
    conn: Connection, moment: Moment, zone: ZoneInfo, ahead_id: int | None, timeout_ms: int = TIMEOUT_MS
) -> Minutely:
    ask = Questions(conn, timeout_ms)
    today, before = Compared.days(moment.at, zone)
    then = Moment(before.until, moment.known_at)

    def tallied(name: str, count: Callable[[Connection, Moment, datetime], Tally], day: Compared) -> Tally | None:
        return ask.ask(name, lambda: count(conn, Moment(day.until, moment.known_at), day.start))

    return Minutely(
        taken_at=moment.at,
        incidents_before=tallied("incidents_yesterday", count_reported, before),
        requests_before=tallied("requests_yesterday", count_asked, before),
        served=tallied("served", count_served, today),
        served_before=tallied("served_yesterday", count_served, before),
        waits_hour=tuple(ask.ask("waits_hour", lambda: list_waits(conn, moment, HOUR, zone)) or ()),
        response=ask.ask("response", lambda: find_response(conn, moment, today.start)),
        response_before=ask.ask("response_yesterday", lambda: find_response(conn, then, before.start)),
        units_before=tuple(ask.ask("units_yesterday", lambda: list_unit_statuses(conn, then)) or ()),
        ahead=ask.ask("ahead", lambda: find_ahead(conn, moment, ahead_id)) if ahead_id is not None else None,
        unanswered=tuple(ask.unanswered),
    )


def _rows(answer: list[Row] | None) -> tuple[Row, ...] | None:
    return None if answer is None else tuple(answer)


def _hour(at: datetime) -> datetime:
    """The last full hour's end, in UTC as the rollups have it."""
    return at.replace(minute=0, second=0, microsecond=0)


def list_readings(conn: Connection, moment: Moment) -> list[ReadingNow]:
    """The newest value of every datastream at the moment, with its device. Of the past, a device that was not known yet is there
    only with what reached us of that time."""
    if moment.is_live:
        live = {"vehicle": _VEHICLE, "at": moment.at, "limit": MOST_ROWS}
        return [ReadingNow(*row) for row in conn.execute(_READINGS_LIVE, live)]
    values = {value.datastream_id: value for value in observations.list_values(conn, moment)}
    said = {"vehicle": _VEHICLE, "limit": MOST_ROWS, "at": moment.at, "known_at": moment.known_at}
    readings = []
    for number, is_known, *device, heard in conn.execute(_STREAMS_AS_KNOWN, said):
        value = values.get(number)
        if value is None and not is_known:
            continue
        newest = (value.value, value.quality.code, value.phenomenon_time) if value else (None, None, None)
        readings.append(ReadingNow(*device, *newest)._replace(heard=heard))
    return readings


def list_hours(
    conn: Connection, moment: Moment, properties: Sequence[str], since: datetime, until: datetime
) -> list[DistrictHour]:
    """Hourly figures of districts in [since, until), live from the rollups, else from the readings as known at the moment."""
    said = {
        "properties": list(properties), "since": since, "until": until, "limit": MOST_ROWS, "at": moment.at,
        "known_at": moment.known_at, "usable": list(USABLE_QUALITY_CODES),
    }  # fmt: skip
    return [DistrictHour(*row) for row in conn.execute(_HOURS_LIVE if moment.is_live else _HOURS_AS_KNOWN, said)]


def list_power_hours(conn: Connection, moment: Moment, since: datetime, until: datetime) -> list[PowerHour]:
    """Voltages by hour in [since, until), as known at the moment."""
    said = {"since": since, "until": until, "known_at": moment.known_at, "bad": Quality.BAD.code}
    return [PowerHour(*row) for row in conn.execute(_POWER_HOURS, said)]


def is_supplied(voltage_kv: float) -> bool:
    """Whether a voltage is within the tolerance of a nominal one."""
    return any(abs(voltage_kv - nominal) <= VOLTAGE_TOLERANCE * nominal for nominal in NOMINAL_KV)


def count_heard(conn: Connection, since: datetime, until: datetime) -> list[tuple[datetime, int]]:
    """Devices that measure something and of which a message was stored, by hour in [since, until)."""
    return [(row[0], row[1]) for row in conn.execute(_HEARD, {"since": since, "until": until, "vehicle": _VEHICLE})]


def count_reported(conn: Connection, moment: Moment, since: datetime) -> Tally:
    """Incidents reported from `since` to the moment, exercises apart."""
    return _tally(
        conn,
        "SELECT count(*), max(reported_at) FROM incident WHERE exercise_id IS NULL AND reported_at >= %(since)s "
        "AND reported_at <= %(at)s AND received_time <= %(known_at)s",
        moment,
        since,
    )


def count_asked(conn: Connection, moment: Moment, since: datetime) -> Tally:
    """Requests made from `since` to the moment, exercises apart."""
    return _tally(
        conn,
        "SELECT count(*), max(phenomenon_time) FROM request WHERE exercise_id IS NULL AND phenomenon_time >= %(since)s "
        "AND phenomenon_time <= %(at)s AND received_time <= %(known_at)s",
        moment,
        since,
    )


def count_served(conn: Connection, moment: Moment, since: datetime) -> Tally:
    """Customers of halls done with from `since` to the moment."""
    return _tally(
        conn,
        f"SELECT count(*), max(phenomenon_time) FROM hall_event WHERE event = '{HallEventKind.END.value}' "
        "AND phenomenon_time >= %(since)s AND phenomenon_time <= %(at)s AND received_time <= %(known_at)s",
        moment,
        since,
    )


def count_incidents(conn: Connection, moment: Moment, first_day: int, *, days: int) -> list[IncidentCount]:
    """Incidents by district (of the desk that took them), day before the moment and grade, from `first_day` on."""
    return [IncidentCount(*row) for row in conn.execute(_INCIDENTS_BY_DAY, _days(moment, first_day, days))]


def count_requests(conn: Connection, moment: Moment, first_day: int, *, days: int) -> list[RequestCount]:
    """Requests by district (of the desk that took them), class and day before the moment, from `first_day` on."""
    return [RequestCount(*row) for row in conn.execute(_REQUESTS_BY_DAY, _days(moment, first_day, days))]


def count_requests_by_hour(conn: Connection, moment: Moment, since: datetime, until: datetime) -> list[tuple[datetime, int]]:
    """Requests by hour in [since, until); an hour without any is absent."""
    said = {"since": since, "until": until, "known_at": moment.known_at}
    return [(row[0], row[1]) for row in conn.execute(_REQUESTS_BY_HOUR, said)]


def count_requests_of_days(conn: Connection, moment: Moment, zone: ZoneInfo, *, days: int) -> list[int]:
    """Requests from midnight to the moment's time of day on each of the `days` local days before, newest first."""
    local = moment.at.astimezone(zone)
    spans = []
    for back in range(1, days + 1):
        day = local.date() - back * DAY
        spans.append((_midnight(day, zone), datetime.combine(day, local.time(), zone).replace(fold=0)))
    said = {"since": [s for s, _ in spans], "until": [u for _, u in spans], "known_at": moment.known_at}
    return [row[0] for row in conn.execute(_REQUESTS_OF_DAYS, said)]


def find_oldest(conn: Connection, moment: Moment, table: str) -> datetime | None:
    """The time of the oldest incident or request that was known at the moment: what is usual is not known before it."""
    column = {"incident": "reported_at", "request": "phenomenon_time"}[table]
    row = conn.execute(
        f"SELECT {column} FROM {table} WHERE exercise_id IS NULL AND {column} <= %s AND received_time <= %s "
        f"ORDER BY {column} LIMIT 1",
        (moment.at, moment.known_at),
    ).fetchone()
    return row[0] if row else None


def list_waits(conn: Connection, moment: Moment, span: timedelta, zone: ZoneInfo) -> list[Waits]:
    """Waits of those first called in the `span` before the moment: of all halls (district None), and by district."""
    since = moment.at - span
    said = {
        "since": since, "opened": _midnight(since.astimezone(zone).date(), zone), "at": moment.at, "known_at": moment.known_at,
        "zone": zone.key,
    }  # fmt: skip
    return [Waits(*row) for row in conn.execute(_WAITS, said)]


def find_response(conn: Connection, moment: Moment, since: datetime) -> Response:
    """How long the first unit took, for the incidents reported from `since` to the moment that one had reached by then."""
    said = {"since": since, "at": moment.at, "known_at": moment.known_at, "attending": [status.value for status in ATTENDING]}
    row = conn.execute(_RESPONSE, said).fetchone()
    assert row is not None
    return Response(*row)


def list_unit_statuses(conn: Connection, moment: Moment) -> list[UnitNow]:
    """Every unit's status at the moment; one that never said any is out of service."""
    rows = conn.execute(_UNITS, {"at": moment.at, "known_at": moment.known_at, "limit": MOST_ROWS})
    return [UnitNow(kind, code, UnitStatus.known(said) or UnitStatus.OUT_OF_SERVICE, since) for kind, code, said, since in rows]


def find_busiest(conn: Connection, moment: Moment, name: str) -> int | None:
    """The datastream of the property with the largest mean over the day before the moment among those with a forecast."""
    said = {"property": name, "at": moment.at, "since": moment.at - DAY, "known_at": moment.known_at,
            "usable": list(USABLE_QUALITY_CODES)}  # fmt: skip
    row = conn.execute(_BUSIEST, said).fetchone()
    return row[0] if row else None


def find_ahead(conn: Connection, moment: Moment, datastream_id: int) -> SeriesAhead | None:
    """The series with its forecast; None when no forecast looks ahead of the moment."""
    forecast = forecasts.find_forecast(conn, datastream_id, moment)
    if forecast is None:
        return None
    row = conn.execute(
        "SELECT device_id, attributes->>'name_zh', attributes->>'name_en', name, property, unit FROM datastream "
        "JOIN device USING (device_id) WHERE datastream_id = %s",
        (datastream_id,),
    ).fetchone()
    assert row is not None
    step = forecast.step_s
    end = datetime.fromtimestamp(int(moment.at.timestamp()) // step * step + step, tz=moment.at.tzinfo)
    series = observations.load_series(conn, [datastream_id], start=end - DAY, end=end, step_s=step, moment=moment)
    return SeriesAhead(datastream_id, row[0], row[1] or row[3], row[2] or row[3], row[4], row[5], series, forecast)


def _tally(conn: Connection, query: str, moment: Moment, since: datetime) -> Tally:
    row = conn.execute(query, {"since": since, "at": moment.at, "known_at": moment.known_at}).fetchone()
    assert row is not None
    return Tally(*row)


def _days(moment: Moment, first_day: int, days: int) -> dict[str, object]:
    newest = moment.at - first_day * DAY
    return {
        "at": moment.at, "until": newest, "since": newest - days * DAY, "known_at": moment.known_at, "limit": MOST_ROWS,
    }  # fmt: skip


_VEHICLE = SensorKind.UNIT.type_name

_READINGS_LIVE = f"""
SELECT device.device_id, device.district_code, type_name, interval_s, mode, voice.state, property, value, quality,
       phenomenon_time, heard_at
FROM datastream JOIN device USING (device_id) JOIN ({VOICES}) voice USING (device_id) LEFT JOIN latest USING (datastream_id)
WHERE type_name <> %(vehicle)s AND {IN_SERVICE} LIMIT %(limit)s
"""

_STREAMS_AS_KNOWN = f"""
SELECT datastream_id, first_seen <= %(known_at)s, device.device_id, device.district_code, type_name, interval_s, mode,
       coalesce(said.state, 'unknown'), property, CASE WHEN said.state = 'online' THEN said.phenomenon_time END
FROM datastream JOIN device USING (device_id)
LEFT JOIN LATERAL (
    SELECT state, phenomenon_time FROM device_state
    WHERE device_state.device_id = device.device_id AND phenomenon_time <= %(at)s AND received_time <= %(known_at)s
    ORDER BY phenomenon_time DESC, received_time DESC LIMIT 1
) said ON true
WHERE type_name <> %(vehicle)s AND {IN_SERVICE} LIMIT %(limit)s
"""

_HOURS_LIVE = """
SELECT district_code, property, hour, n, total / n, low, high FROM district_hour
WHERE property = ANY(%(properties)s) AND hour >= %(since)s AND hour < %(until)s
ORDER BY hour, district_code LIMIT %(limit)s
"""

_HOURS_AS_KNOWN = """
SELECT district_code, property, date_trunc('hour', phenomenon_time), count(*), avg(value), min(value), max(value)
FROM datastream CROSS JOIN LATERAL (
    SELECT phenomenon_time, value, quality FROM observation
    WHERE observation.datastream_id = datastream.datastream_id AND phenomenon_time >= %(since)s
      AND phenomenon_time < %(until)s AND phenomenon_time <= %(at)s AND received_time <= %(known_at)s
    UNION ALL
    SELECT phenomenon_time, value, quality FROM observation_superseded
    WHERE observation_superseded.datastream_id = datastream.datastream_id AND phenomenon_time >= %(since)s
      AND phenomenon_time < %(until)s AND phenomenon_time <= %(at)s AND received_time <= %(known_at)s
      AND superseded_at > %(known_at)s
) known
WHERE property = ANY(%(properties)s) AND quality = ANY(%(usable)s)
GROUP BY 1, 2, 3 ORDER BY 3, 1 LIMIT %(limit)s
"""

_SUPPLIED = " OR ".join(
    f"value BETWEEN {kv * (1 - VOLTAGE_TOLERANCE):.4f} AND {kv * (1 + VOLTAGE_TOLERANCE):.4f}" for kv in NOMINAL_KV
)
_POWER_HOURS = f"""
SELECT date_trunc('hour', phenomenon_time), count(*), count(*) FILTER (WHERE {_SUPPLIED})
FROM datastream CROSS JOIN LATERAL (
    SELECT phenomenon_time, value FROM observation
    WHERE observation.datastream_id = datastream.datastream_id AND phenomenon_time >= %(since)s AND phenomenon_time < %(until)s
      AND received_time <= %(known_at)s AND quality <> %(bad)s
) reading
WHERE property = 'voltage' GROUP BY 1 ORDER BY 1
"""

_HEARD = """
SELECT hour, count(*) FROM ingest_ledger
JOIN (SELECT DISTINCT device_id FROM datastream JOIN device USING (device_id) WHERE type_name <> %(vehicle)s) measuring
USING (device_id)
WHERE hour >= %(since)s AND hour < %(until)s AND stored > 0 GROUP BY 1 ORDER BY 1
"""

# What has no known desk belongs to no district. Grades as known at the moment, of whatever day the incident is.
_INCIDENTS_BY_DAY = """
SELECT coalesce(device.district_code, ''), floor(extract(epoch FROM %(at)s - reported_at) / 86400.0)::int, status.grade,
       count(*)
FROM incident LEFT JOIN device USING (device_id)
JOIN LATERAL (
    SELECT grade FROM incident_history
    WHERE incident_history.incident_id = incident.incident_id AND valid_from <= %(at)s AND recorded_at <= %(known_at)s
    ORDER BY valid_from DESC, recorded_at DESC LIMIT 1
) status ON true
WHERE exercise_id IS NULL AND reported_at > %(since)s AND reported_at <= %(until)s AND incident.received_time <= %(known_at)s
GROUP BY 1, 2, 3 LIMIT %(limit)s
"""

_REQUESTS_BY_DAY = """
SELECT device.district_code, request_class, day, sum(n)::bigint
FROM (
    SELECT device_id, request_class, floor(extract(epoch FROM %(at)s - phenomenon_time) / 86400.0)::int AS day,
           count(*) AS n
    FROM request
    WHERE exercise_id IS NULL AND phenomenon_time > %(since)s AND phenomenon_time <= %(until)s
      AND received_time <= %(known_at)s
    GROUP BY 1, 2, 3
) counted JOIN device USING (device_id)
GROUP BY 1, 2, 3 LIMIT %(limit)s
"""

_REQUESTS_BY_HOUR = """
SELECT date_trunc('hour', phenomenon_time), count(*) FROM request
WHERE exercise_id IS NULL AND phenomenon_time >= %(since)s AND phenomenon_time < %(until)s AND received_time <= %(known_at)s
GROUP BY 1 ORDER BY 1
"""

_REQUESTS_OF_DAYS = """
SELECT counted.n FROM unnest(%(since)s::timestamptz[], %(until)s::timestamptz[]) WITH ORDINALITY AS day (since, until, k)
CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM request
    WHERE exercise_id IS NULL AND phenomenon_time >= day.since AND phenomenon_time <= day.until
      AND received_time <= %(known_at)s
) counted ORDER BY k
"""

# A ticket's number is its own within one hall and local day.
_WAITS = f"""
SELECT district_code, count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY wait_s),
       percentile_cont(0.9) WITHIN GROUP (ORDER BY wait_s), max(called)
FROM (
    SELECT device_id, called, extract(epoch FROM called - arrived)::float8 AS wait_s
    FROM (
        SELECT hall_id, ticket, (phenomenon_time AT TIME ZONE %(zone)s)::date, min(device_id) AS device_id,
               min(phenomenon_time) FILTER (WHERE event = '{HallEventKind.ARRIVE.value}') AS arrived,
               min(phenomenon_time) FILTER (WHERE event = '{HallEventKind.CALL.value}') AS called
        FROM hall_event
        WHERE event IN ('{HallEventKind.ARRIVE.value}', '{HallEventKind.CALL.value}') AND phenomenon_time >= %(opened)s
          AND phenomenon_time <= %(at)s AND received_time <= %(known_at)s AND ticket IS NOT NULL
        GROUP BY 1, 2, 3
    ) ticket
    WHERE called > %(since)s AND called >= arrived
) waited JOIN device USING (device_id)
GROUP BY GROUPING SETS ((), (district_code)) HAVING count(*) > 0
"""

_RESPONSE = """
SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY response_s),
       percentile_cont(0.9) WITHIN GROUP (ORDER BY response_s), max(there_at)
FROM (
    SELECT there_at, extract(epoch FROM there_at - reported_at)::float8 AS response_s
    FROM incident CROSS JOIN LATERAL (
        SELECT min(unit_status.valid_from) AS there_at
        FROM dispatch_order JOIN unit_status USING (unit_id, order_id)
        WHERE dispatch_order.incident_id = incident.incident_id AND unit_status.exercise_id IS NULL
          AND unit_status.status = ANY(%(attending)s) AND unit_status.valid_from >= dispatch_order.issued_at
          AND unit_status.valid_from <= %(at)s AND unit_status.recorded_at <= %(known_at)s
    ) first_unit
    WHERE exercise_id IS NULL AND reported_at >= %(since)s AND reported_at <= %(at)s AND received_time <= %(known_at)s
      AND there_at >= reported_at
) reached
"""

_UNITS = """
SELECT unit.kind, device.district_code, status.status, status.valid_from
FROM unit JOIN device USING (device_id)
LEFT JOIN LATERAL (
    SELECT status, valid_from FROM unit_status
    WHERE unit_status.unit_id = unit.unit_id AND exercise_id IS NULL AND valid_from <= %(at)s AND recorded_at <= %(known_at)s
    ORDER BY valid_from DESC, recorded_at DESC LIMIT 1
) status ON true
LIMIT %(limit)s
"""

_BUSIEST = """
SELECT datastream.datastream_id FROM datastream CROSS JOIN LATERAL (
    SELECT avg(value) AS mean FROM observation
    WHERE observation.datastream_id = datastream.datastream_id AND phenomenon_time > %(since)s AND phenomenon_time <= %(at)s
      AND received_time <= %(known_at)s AND quality = ANY(%(usable)s)
) day
WHERE property = %(property)s AND mean IS NOT NULL
  AND EXISTS (SELECT FROM forecast WHERE forecast.datastream_id = datastream.datastream_id AND issued_at <= %(at)s
              AND issued_at > %(at)s - interval '1 day')
ORDER BY mean DESC, datastream.datastream_id LIMIT 1
"""
