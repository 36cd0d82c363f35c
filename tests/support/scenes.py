"""Small scenes for tests: one air station, one ambulance, one fire, told in minutes before a fixed nine o'clock.

NOW is Monday 2026-03-02, 09:00 in Shanghai (01:00 UTC). Builders return reports as a message would have become them;
`stored` puts them into the memory the way the ingester does.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from domain.batches import Batch, BatchCounts, Report
from domain.forecasts import Forecast
from domain.halls import HallEvent, HallEventKind
from domain.incidents import DetectionReport, Grade, IncidentReport, RequestReport
from domain.observations import DeviceBirth, DeviceStateReport, PropertySpec, Quality, Reading, Rejection
from domain.orders import Order, OrderState
from domain.rights import Actor, Role
from domain.units import CommandAck, UnitPosition, UnitStatus, UnitStatusReport
from domain.warnings import LevelThreshold, ThresholdRule, WarningLevel
from storage import orders
from storage.connection import Connection
from storage.devices import list_datastreams
from storage.ingestion import Ingestion

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
STATION = "440106/environment/north/air-1"
AMBULANCE = "440106/emergency/station-1/a-1"
COUNTER = "440106/service/hall-1/queue"
HOTLINE = "440106/emergency/hotline/desk-1"
COMMANDER = Actor("li", Role.COMMANDER)


def minutes(n: float) -> timedelta:
    return timedelta(minutes=n)


def a_device(
    device_id: str = STATION,
    *,
    minutes_ago: float = 60,
    type_name: str = "AirQualityObserved",
    interval_s: float = 60,
    properties: tuple[PropertySpec, ...] = (PropertySpec("pm25", "ug/m3", 0, 1000),),
    mode: str = "periodic",
    name: str | None = None,
    place: tuple[float, float] | None = (113.25, 23.125),
    attributes: tuple[tuple[str, str], ...] = (),
) -> DeviceBirth:
    time = NOW - minutes(minutes_ago)
    lon, lat = place or (None, None)
    return DeviceBirth(
        device_id=device_id, received_time=time, phenomenon_time=time, type_name=type_name, lon=lon, lat=lat,
        crs_origin="EPSG:4326", interval_s=interval_s, mode=mode, properties=properties, name=name, attributes=attributes,
    )  # fmt: skip


def a_unit(unit_id: str = "a-1", *, minutes_ago: float = 60, name_zh: str = "急救1车") -> DeviceBirth:
    said = (("kind", "ambulance"), ("name_zh", name_zh), ("name_en", unit_id.upper()), ("capabilities", "ambulance;rescue"))
    device_id = AMBULANCE.replace("a-1", unit_id)
    return a_device(device_id, type_name="Vehicle", interval_s=1, properties=(), attributes=said, minutes_ago=minutes_ago)


def a_reading(
    value: float,
    *,
    minutes_ago: float = 0,
    delay_minutes: float = 0,
    device_id: str = STATION,
    prop: str = "pm25",
    quality: Quality = Quality.GOOD,
    corrects: bool = False,
    unit: str | None = None,
    item: str = "",
) -> Reading:
    """Measured `minutes_ago` before NOW, received `delay_minutes` after that."""
    measured = NOW - minutes(minutes_ago)
    return Reading(
        device_id=device_id, property=prop, phenomenon_time=measured, received_time=measured + minutes(delay_minutes),
        value=value, quality=quality, unit=unit, item=item, is_correction=corrects,
    )  # fmt: skip


def a_state(state: str, *, minutes_ago: float = 0, delay_minutes: float = 0, device_id: str = STATION) -> DeviceStateReport:
    time = NOW - minutes(minutes_ago)
    return DeviceStateReport(device_id, time, time + minutes(delay_minutes), state)


def a_hall_event(
    event: HallEventKind = HallEventKind.ARRIVE, *, event_id: str = "e1", minutes_ago: float = 0, delay_minutes: float = 0
) -> HallEvent:
    time = NOW - minutes(minutes_ago)
    return HallEvent("hall-1", COUNTER, event_id, time, time + minutes(delay_minutes), event, ticket="A017", item="tax")


def a_position(
    lon: float, *, unit_id: str = "a-1", minutes_ago: float = 0, delay_minutes: float = 0, lat: float = 23.125
) -> UnitPosition:
    time = NOW - minutes(minutes_ago)
    device_id = AMBULANCE.replace("a-1", unit_id)
    return UnitPosition(unit_id, device_id, time, time + minutes(delay_minutes), lon, lat, "EPSG:4326", 36.0, 90.0)


def a_status(
    status: UnitStatus | str,
    *,
    unit_id: str = "a-1",
    minutes_ago: float = 0,
    delay_minutes: float = 0,
    order_id: str | None = None,
) -> UnitStatusReport:
    time = NOW - minutes(minutes_ago)
    device_id = AMBULANCE.replace("a-1", unit_id)
    return UnitStatusReport(unit_id, device_id, time, time + minutes(delay_minutes), str(status), order_id)


def an_ack(command_id: str, result: str = "accepted", *, minutes_ago: float = 0, delay_minutes: float = 0) -> CommandAck:
    time = NOW - minutes(minutes_ago)
    return CommandAck(AMBULANCE, time, time + minutes(delay_minutes), command_id, result)


def an_incident(
    incident_id: str = "i-1", *, minutes_ago: float = 10, delay_minutes: float = 0, grade: Grade = Grade.III, text: str = ""
) -> IncidentReport:
    time = NOW - minutes(minutes_ago)
    return IncidentReport(
        incident_id, HOTLINE, time, time + minutes(delay_minutes), "fire", grade, 113.25, 23.125, "EPSG:4326", "119", text
    )


def a_request(request_id: str = "r-1", *, minutes_ago: float = 0, delay_minutes: float = 0) -> RequestReport:
    time = NOW - minutes(minutes_ago)
    received = time + minutes(delay_minutes)
    return RequestReport(request_id, HOTLINE, time, received, "12345", "waterlogging", 113.25, 23.125, "EPSG:4326")


def a_detection(detection_id: str = "d-1", *, minutes_ago: float = 0, delay_minutes: float = 0) -> DetectionReport:
    time = NOW - minutes(minutes_ago)
    return DetectionReport(detection_id, HOTLINE, time, time + minutes(delay_minutes), "crowd", 0.875)


def a_rejection(*, minutes_ago: float = 0, device_id: str | None = STATION) -> Rejection:
    return Rejection("city/v1/x", b"{", NOW - minutes(minutes_ago), "broken_json", "the payload is not JSON", device_id)


def an_order(
    order_id: str = "o-1",
    *,
    unit_id: str = "a-1",
    incident_id: str = "i-1",
    minutes_ago: float = 5,
    exercise_id: str | None = None,
) -> Order:
    issued_at = NOW - minutes(minutes_ago)
    return Order(order_id, incident_id, unit_id, OrderState.ISSUED, COMMANDER.name, issued_at, exercise_id=exercise_id)


def a_forecast(datastream_id: int, *, minutes_ago: float = 0, median: float = 50, steps: int = 4) -> Forecast:
    """Quarter-hours from the issue on, band median ± 10."""
    issued_at = NOW - minutes(minutes_ago)
    return Forecast(
        datastream_id=datastream_id, issued_at=issued_at, first_target=issued_at, step_s=900, q10=(median - 10.0,) * steps,
        q50=(float(median),) * steps, q90=(median + 10.0,) * steps, model="naive", model_version="1", watermark=issued_at,
    )  # fmt: skip


def a_rule(rule_id: str = "pm25_high") -> ThresholdRule:
    return ThresholdRule(
        rule_id=rule_id, version=1, property="pm25", direction="above",
        thresholds=(LevelThreshold(WarningLevel.YELLOW, 150, 120), LevelThreshold(WarningLevel.BLUE, 100, 80)),
        raise_hold_s=60, clear_hold_s=120, hazard_class="other", zh="PM2.5 偏高", en="PM2.5 is high",
    )  # fmt: skip


def stored(conn: Connection, *reports: Report) -> BatchCounts:
    """Stores the reports as one batch, through an ingester that knows nothing yet."""
    return stored_by(Ingestion(conn), *reports)


def stored_by(ingestion: Ingestion, *reports: Report) -> BatchCounts:
    """Stores the reports as one batch through an ingester that remembers earlier ones."""
    batch = Batch()
    for report in reports:
        batch.add(report)
    ingestion.register(batch, NOW)
    return ingestion.write(batch)


def the_stream(conn: Connection, device_id: str = STATION, prop: str = "pm25") -> int:
    """The number of a datastream that must be registered."""
    return next(s.datastream_id for s in list_datastreams(conn) if (s.device_id, s.property) == (device_id, prop))


def ordered(conn: Connection, order: Order, *, expires_in_minutes: float = 10) -> Order:
    """Writes a new order, valid from its issue."""
    expires_at = order.issued_at + minutes(expires_in_minutes)
    orders.create_order(conn, order, expires_at=expires_at, now=order.issued_at)
    return order
