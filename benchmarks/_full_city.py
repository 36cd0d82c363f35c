"""A full city: 10,000 devices with some 21,000 datastreams, 500 units and 50 halls, written into a private database at once.

Devices, units, incidents, requests and queues go the way of every message (`storage.ingestion`); the readings of the last day,
one a quarter of an hour, are written by the database itself, since only their number matters here. Everything is drawn from one
seed. `Beat` is what such a city says in a second: every unit where it is, and every datastream once a minute.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks._hall_staff import staff
from domain.batches import Batch, Report
from domain.forecasts import Forecast
from domain.halls import HallEvent, HallEventKind, ServiceItem
from domain.incidents import HAZARD_CLASSES, Grade, IncidentReport, RequestReport
from domain.observations import DeviceBirth, PropertySpec, Reading, Rejection
from domain.publications import Audience, Publication, PublicationStep, Saying
from domain.resources import RequestState, RequestStep, ResourceRequest
from domain.rule_specs import write_spec
from domain.sensors import PROPERTIES, SensorKind
from domain.units import UnitKind, UnitPosition, UnitStatus, UnitStatusReport
from domain.warnings import LevelThreshold, ThresholdRule, WarningLevel, WarningMode
from gis_data.city import City, District
from storage import backtests, hall_city, publications, resources, rollups
from storage.backtests import Backtest
from storage.connection import Connection
from storage.forecasts import write_forecasts
from storage.ingestion import Ingestion
from storage.partitions import DayPartitions
from storage.rules import seed_rules, write_version
from storage.warnings import open_warning

DEVICES = {
    SensorKind.TRAFFIC_FLOW: 3_000, SensorKind.AIR_QUALITY: 300, SensorKind.WEATHER: 200, SensorKind.RAIN: 400,
    SensorKind.NOISE: 700, SensorKind.FLOOD: 300, SensorKind.UNDERPASS: 200, SensorKind.POWER: 800,
    SensorKind.WATER_NETWORK: 700, SensorKind.WASTE: 1_200, SensorKind.PARKING: 600, SensorKind.LIGHT_CABINET: 500,
    SensorKind.KIOSK: 400, SensorKind.CROWD_FLOW: 650, SensorKind.HALL: 50,
}  # fmt: skip
UNITS, WARNINGS, OPEN_INCIDENTS, REJECTIONS = 500, 60, 40, 2_000
INCIDENTS_A_DAY, REQUESTS_A_DAY, HISTORY_DAYS = 12, 1_500, 28
TICKETS_A_HALL, HALL_DAYS = 250, 2
STEP = timedelta(minutes=15)
FORECASTS = 500
DESK = "119-desk"
DAY, MINUTE, SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)
_ORIGIN = "EPSG:4326"
RULE, BACKTEST, REQUEST, REPORT = "bench_rule", "bench-backtest", "bench-request", "r-0"
IDENTIFIER = "99010041600000_20260302085500_1"
_MESSAGE = """<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>bench-{number}</identifier>
<sender>weather@province.example</sender><sent>{sent}</sent><status>Actual</status><msgType>Alert</msgType><scope>Public</scope><info><language>zh-CN</language>
<category>Met</category><event>暴雨黄色预警</event><urgency>Expected</urgency><severity>Moderate</severity><certainty>Likely</certainty>
<effective>{sent}</effective><expires>{until}</expires><headline>暴雨黄色预警</headline>
<area><areaDesc>全市</areaDesc></area></info></alert>"""
_READINGS = """
INSERT INTO observation (datastream_id, phenomenon_time, received_time, value, quality)
SELECT datastream_id, time, time + interval '2 s',
       low + (high - low) * (0.2 + 0.1 * sin(extract(epoch FROM time) / 13751 + datastream_id)), 0
FROM datastream CROSS JOIN generate_series(%(since)s, %(until)s, %(step)s) AS time
"""
_LATEST = """
INSERT INTO latest (datastream_id, phenomenon_time, received_time, value, quality)
SELECT datastream_id, phenomenon_time, received_time, value, quality FROM observation WHERE phenomenon_time = %(until)s
ON CONFLICT DO NOTHING
"""
_LEDGER = """
INSERT INTO ingest_ledger (device_id, hour, received, stored, readings)
SELECT device_id, hour, n, n, n FROM (
    SELECT device_id, date_trunc('hour', phenomenon_time) AS hour, count(*) AS n
    FROM observation JOIN datastream USING (datastream_id) GROUP BY 1, 2
) heard ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class FullCity:
    """What stands in the database, by the names that questions need."""

    devices: tuple[str, ...]
    streams: tuple[tuple[str, str], ...]
    """(device, property) of every datastream."""
    units: tuple[tuple[str, str], ...]
    """(unit, device)."""
    halls: tuple[str, ...]
    incidents: tuple[str, ...]
    warnings: tuple[str, ...]
    bounds: tuple[float, float, float, float]


def fill(conn: Connection, city: City, now: datetime) -> FullCity:
    """Writes the city as it stands at `now`, in an empty database with the current schema: about two minutes."""
    dice = random.Random(1)
    births = [*_births(city, dice, now), _desk(city, now)]
    ingestion = Ingestion(conn)
    _write(ingestion, births, now)
    sensors = [birth for birth in births if birth.properties]
    units = [(b.device_id.rpartition("/")[2], b.device_id) for b in births if b.type_name == SensorKind.UNIT.type_name]
    halls = [birth for birth in births if birth.type_name == SensorKind.HALL.type_name]
    streams = [(birth.device_id, spec.name) for birth in sensors for spec in birth.properties]
    _register(ingestion, streams, now)
    _write_readings(conn, now)
    reports = [*_statuses(units, dice, now), *_calls(city, births[-1].device_id, dice, now), *_refused(sensors, now)]
    for day in range(HALL_DAYS):
        reports += [said for hall in halls for said in _queue(hall, dice, now - day * DAY)]
    for start in range(0, len(reports), 20_000):
        _write(ingestion, reports[start : start + 20_000], now)
    incidents = tuple(f"i-{n}" for n in range(OPEN_INCIDENTS))
    numbers = conn.execute("SELECT datastream_id FROM datastream ORDER BY property = 'intensity' DESC LIMIT %s", (FORECASTS,))
    write_forecasts(conn, DayPartitions(conn), [_forecast(number, now) for (number,) in numbers.fetchall()])
    warnings = [_warn(conn, n, sensors[n].device_id, now) for n in range(WARNINGS)]
    decide(conn, city, incidents[0], warnings[0], now)
    _reckon(conn, [hall.device_id.split("/")[2] for hall in halls], now)
    staff(conn, halls[0].device_id.split("/")[2], [item.value for item in ServiceItem][:6], now)
    while rollups.refresh(conn, now):
        pass
    conn.execute("ANALYZE")
    return FullCity(
        tuple(b.device_id for b in sensors), tuple(streams), tuple(units),
        tuple(b.device_id.split("/")[2] for b in halls), incidents, tuple(w for w in warnings if w), city.bounds,
    )  # fmt: skip


def message(now: datetime) -> str:
    """A warning as another office sends it (CAP 1.2), of a time of its own."""
    sent, until = (time.isoformat(timespec="seconds") for time in (now, now + DAY))
    return _MESSAGE.format(number=f"{now:%Y%m%d%H%M%S%f}", sent=sent, until=until)


def wanted_rule() -> dict[str, Any]:
    """A third version of the rule, as somebody writes it."""
    return {"rule": RULE, "spec": write_spec(_bench_rule(3))}


def decide(conn: Connection, city: City, incident: str, warning: str | None, now: datetime) -> None:
    """What people have done: a rule in two versions with a back-test, a request for resources, a warning said outside."""
    first = _bench_rule(1)
    seed_rules(conn, [first], now=now - DAY)
    with conn.transaction():
        write_version(conn, _bench_rule(2), author="bench", approver=None, reason="bench", backtest_id=None, now=now)
    asked = Backtest(BACKTEST, RULE, write_spec(first), 1, 28, "bench", now, "running", 0.0, now)
    backtests.start_backtest(conn, asked)
    backtests.end_backtest(conn, BACKTEST, now, result={"days": 28})
    step = RequestStep(RequestState.REQUESTED, now, "bench", "", None)
    resources.create_request(conn, ResourceRequest(REQUEST, incident, "pump", 2, None, now, (step,)))
    if warning is not None:
        code = city.districts[0].code
        saying = Saying("暴雨黄色预警", "Rainstorm, yellow", "降雨", "Rain", "注意", "Take care", code, code)
        publications.add(conn, Publication(
            0, warning, 1, PublicationStep.PUBLISH, WarningLevel.YELLOW, WarningMode.ACTUAL, IDENTIFIER, "bench@city.example",
            now, now, now + DAY, (Audience.PUBLIC,), saying, message(now), "bench",
        ))  # fmt: skip


def _reckon(conn: Connection, halls: Sequence[str], now: datetime) -> None:
    """What the weeks say of every hall, by weekday and hour."""
    best = [
        {"hall_id": hall, "item": "", "weekday": weekday, "hour": hour, "p50_s": 300.0 + hour, "n": 100, "n_days": 4}
        for hall in halls for weekday in range(1, 6) for hour in range(9, 17)
    ]  # fmt: skip
    hall_city.write_weeks(conn, {"days": 28, "cross": [], "best": best}, now)


class Beat:
    """What the city says in a second, through the ingester's own door."""

    def __init__(self, conn: Connection, city: FullCity) -> None:
        self._ingestion, self._city, self._turn = Ingestion(conn), city, 0
        self._dice = random.Random(2)

    def __call__(self, now: datetime) -> int:
        """Writes it; returns how many reports that were."""
        dice, city = self._dice, self._city
        west, south, east, north = city.bounds
        spoken = city.streams[self._turn :: 60]
        self._turn = (self._turn + 1) % 60
        reports: list[Report] = [
            Reading(device, name, now, now, round(_within(name, dice.uniform(0.2, 0.3)), 3)) for device, name in spoken
        ]
        reports += [
            UnitPosition(unit, device, now, now, dice.uniform(west, east), dice.uniform(south, north), _ORIGIN, 40.0, 90.0)
            for unit, device in city.units
        ]
        _write(self._ingestion, reports, now)
        return len(reports)


def _write(ingestion: Ingestion, reports: Iterable[Report], now: datetime) -> None:
    batch = Batch()
    for report in reports:
        batch.add(report)
    ingestion.register(batch, now)
    ingestion.write(batch)


def _register(ingestion: Ingestion, streams: Sequence[tuple[str, str]], now: datetime) -> None:
    """Makes the datastreams known without a reading of theirs."""
    batch = Batch()
    for device, name in streams:
        batch.add(Reading(device, name, now, now, 0.0))
    ingestion.register(batch, now)


def _write_readings(conn: Connection, now: datetime) -> None:
    until = datetime.fromtimestamp(now.timestamp() // STEP.total_seconds() * STEP.total_seconds(), UTC)
    since = until - DAY
    span = {"since": since, "until": until, "step": STEP}
    DayPartitions(conn).ensure(conn, "observation", {since.date(), until.date()})
    conn.execute(_READINGS, span)
    conn.execute(_LATEST, span)
    conn.execute(_LEDGER)
    conn.execute("INSERT INTO rollup_mark (hour) SELECT DISTINCT hour FROM ingest_ledger")


def _births(city: City, dice: random.Random, now: datetime) -> list[DeviceBirth]:
    births = []
    for kind, n in DEVICES.items():
        about = [PROPERTIES[name] for name in kind.properties]
        specs = tuple(PropertySpec(p.name, p.unit, p.low, p.high) for p in about)
        for k in range(n):
            district = city.districts[k % len(city.districts)]
            said: tuple[tuple[str, str], ...] = ()
            if kind is SensorKind.HALL:
                items = ";".join(item.value for item in _ITEMS)
                said = (("name_zh", f"政务大厅{k}"), ("name_en", f"Hall {k}"), ("capabilities", items))
            name = f"{kind.type_name.lower()}-{k}"
            births.append(_birth(kind, f"{district.code}/bench/{name}/{name}", district, dice, now, specs, said))
    for k in range(UNITS):
        district, what = city.districts[k % len(city.districts)], tuple(UnitKind)[k % len(UnitKind)]
        names = ("name_zh", f"{what.label('zh')}{k}"), ("name_en", f"{what.label('en')} {k}")
        said = (("kind", what.value), *names, ("capabilities", "rescue"))
        births.append(_birth(SensorKind.UNIT, f"{district.code}/emergency/station/u-{k}", district, dice, now, (), said))
    return births


def _birth(
    kind: SensorKind, device_id: str, district: District, dice: random.Random, now: datetime,
    properties: tuple[PropertySpec, ...], said: tuple[tuple[str, str], ...] = (),
) -> DeviceBirth:  # fmt: skip
    lon, lat = district.centroid
    born = now - 30 * DAY
    return DeviceBirth(
        device_id=device_id, received_time=born, phenomenon_time=born, type_name=kind.type_name, lon=lon + dice.gauss(0, 0.02),
        lat=lat + dice.gauss(0, 0.02), crs_origin=_ORIGIN, interval_s=float(kind.interval_s), mode="periodic",
        properties=properties, name=device_id.rpartition("/")[2], attributes=said,
    )  # fmt: skip


def _desk(city: City, now: datetime) -> DeviceBirth:
    """Where incidents and requests are taken."""
    district = city.districts[0]
    return _birth(SensorKind.KIOSK, f"{district.code}/incident/119/{DESK}", district, random.Random(3), now, ())


def _statuses(units: Sequence[tuple[str, str]], dice: random.Random, now: datetime) -> list[Report]:
    said: list[Report] = []
    for unit, device in units:
        for status in (UnitStatus.ENROUTE, UnitStatus.ON_SCENE, UnitStatus.WORKING, UnitStatus.RETURNING, UnitStatus.AVAILABLE):
            at = now - (5 - len(said) % 5) * timedelta(minutes=dice.uniform(1, 60))
            said.append(UnitStatusReport(unit, device, at, at, status.value))
    return said


def _calls(city: City, desk: str, dice: random.Random, now: datetime) -> list[Report]:
    west, south, east, north = city.bounds
    said: list[Report] = []
    for n in range(OPEN_INCIDENTS + INCIDENTS_A_DAY * HISTORY_DAYS):
        at = now - (n * 5 * MINUTE if n < OPEN_INCIDENTS else dice.uniform(1, HISTORY_DAYS) * DAY)
        hazard, grade = dice.choice(list(HAZARD_CLASSES)), dice.choice(list(Grade))
        place = dice.uniform(west, east), dice.uniform(south, north)
        said.append(IncidentReport(f"i-{n}", desk, at, at, hazard, grade, *place, _ORIGIN, "119"))
    for n in range(REQUESTS_A_DAY * HISTORY_DAYS):
        at = now - dice.uniform(0, HISTORY_DAYS) * DAY
        place = dice.uniform(west, east), dice.uniform(south, north)
        said.append(RequestReport(f"r-{n}", desk, at, at, "12345", dice.choice(_REQUESTS), *place, _ORIGIN))
    return said


_REQUESTS = ("waterlogging", "noise", "parking", "street_light", "rubbish", "road_damage")
_ITEMS = tuple(ServiceItem)[:6]


def _queue(hall: DeviceBirth, dice: random.Random, until: datetime) -> list[Report]:
    """A day's tickets of a hall in the eight hours before a time, each called, served and done with; the last ones wait."""
    name = hall.device_id.split("/")[2]
    said: list[Report] = []

    def tell(k: int, what: HallEventKind, at: datetime, window: int | None = None) -> None:
        if at <= until:
            item = _ITEMS[k % len(_ITEMS)].value
            event_id = f"{until:%d}-{k}-{what.value}"
            said.append(HallEvent(name, hall.device_id, event_id, at, at, what, f"A{k:03d}", item, window))

    for window in range(8):
        at = until - timedelta(hours=8)
        said.append(
            HallEvent(name, hall.device_id, f"{until:%d}-w{window}", at, at, HallEventKind.WINDOW_OPEN, window_no=window,
                      clerk=f"c{window}", items=tuple(item.value for item in _ITEMS))
        )  # fmt: skip
    for k in range(TICKETS_A_HALL):
        came = until - timedelta(hours=8) * (1 - k / TICKETS_A_HALL)
        called = came + timedelta(minutes=dice.uniform(1, 20))
        tell(k, HallEventKind.ARRIVE, came)
        tell(k, HallEventKind.CALL, called, k % 8)
        tell(k, HallEventKind.START, called + SECOND * 20, k % 8)
        tell(k, HallEventKind.END, called + timedelta(minutes=dice.uniform(3, 12)), k % 8)
    return said


def _refused(sensors: Sequence[DeviceBirth], now: datetime) -> list[Report]:
    reason = "broken_json", "the payload is not JSON"
    devices = [sensor.device_id for sensor in sensors[:REJECTIONS]]
    return [Rejection(f"city/v1/{d}/telemetry", b"{", now - n * MINUTE / 2, *reason, d) for n, d in enumerate(devices)]


def _forecast(number: int, now: datetime) -> Forecast:
    issued = now - 10 * MINUTE
    return Forecast(
        datastream_id=number, issued_at=issued, first_target=issued, step_s=900, q10=(40.0,) * 96, q50=(50.0,) * 96,
        q90=(60.0,) * 96, model="naive", model_version="1", watermark=issued,
    )  # fmt: skip


def _bench_rule(version: int) -> ThresholdRule:
    thresholds = (LevelThreshold(WarningLevel.YELLOW, 150.0 + version, 120),)
    return ThresholdRule(
        rule_id=RULE, version=version, property="intensity", direction="above", thresholds=thresholds, raise_hold_s=60,
        clear_hold_s=120, hazard_class="other", zh="车流量偏高", en="Traffic is heavy",
    )  # fmt: skip


def _warn(conn: Connection, n: int, device: str, now: datetime) -> str | None:
    level = (WarningLevel.YELLOW, WarningLevel.BLUE, WarningLevel.ORANGE)[n % 3]
    rule = ThresholdRule(
        rule_id=f"bench_{n}", version=1, property="intensity", direction="above", thresholds=(LevelThreshold(level, 150, 120),),
        raise_hold_s=60, clear_hold_s=120, hazard_class="other", zh=f"车流量偏高 {n}", en=f"Traffic is heavy {n}",
    )  # fmt: skip
    return open_warning(
        conn, rule, level, identifier=f"bench{n:026d}", object_id=device, device_id=device, now=now - n * MINUTE, evidence={}
    )


def _within(name: str, share: float) -> float:
    about = PROPERTIES[name]
    return about.low + share * (about.high - about.low)
