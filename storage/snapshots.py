"""Snapshots: everything one screen needs, as one frozen record, read in one consistent view of the database.

Live screens, the time machine and drills ask the same functions; only the `Moment` differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from domain.forecasts import Forecast
from domain.incidents import Incident
from domain.moments import Moment
from domain.observations import Quality
from domain.orders import Order
from domain.units import Unit
from domain.warnings import Warning
from storage import forecasts, heartbeats, incidents, observations, orders, overview, situations, units, warnings
from storage.connection import Connection, one_view
from storage.deadletters import DeadLetter, list_dead_letters
from storage.heartbeats import Heartbeat
from storage.lifelines import IN_SERVICE, VOICES
from storage.migrate import applied_version, recorded_flavour
from storage.observations import Series
from storage.situations import Situation


@dataclass(frozen=True, slots=True)
class ValueNow:
    """The newest value of one datastream; the value fields are None when it never spoke."""

    datastream_id: int
    property: str
    item: str
    unit: str | None
    value: float | None
    quality: Quality | None
    phenomenon_time: datetime | None
    received_time: datetime | None


@dataclass(frozen=True, slots=True)
class DeviceNow:
    """One device with the newest value of each of its datastreams. lon and lat in WGS-84, None when it has no place."""

    device_id: str
    district_code: str
    type_name: str
    name: str | None
    lon: float | None
    lat: float | None
    interval_s: float
    mode: str
    state: str
    values: tuple[ValueNow, ...]
    name_en: str | None = None
    """Beside `name`, for a device that told both."""
    heard: datetime | None = None
    """Its last word of any kind (`domain.observations.word_age_s`), as of today, like its state."""


@dataclass(frozen=True, slots=True)
class MapSnapshot:
    """What the map page shows. From: device, datastream, latest / observation, unit*, incident*, warning*, dispatch_order."""

    moment: Moment
    devices: tuple[DeviceNow, ...]
    units: tuple[Unit, ...]
    incidents: tuple[Incident, ...]
    warnings: tuple[Warning, ...]
    orders: tuple[Order, ...]
    newest_phenomenon_time: datetime | None
    newest_received_time: datetime | None
    situations: tuple[Situation, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveFrame:
    """What changes every second: readings received since a time, and everything that is few. From the same tables."""

    moment: Moment
    values: tuple[observations.Value, ...]
    units: tuple[Unit, ...]
    incidents: tuple[Incident, ...]
    warnings: tuple[Warning, ...]
    orders: tuple[Order, ...]
    n_devices: int
    newest_phenomenon_time: datetime | None
    newest_received_time: datetime | None
    n_offline: int = 0
    """Devices that say so, or whose Last Will does; gateways are among them."""
    situations: tuple[Situation, ...] = ()


@dataclass(frozen=True, slots=True)
class ChartSnapshot:
    """One datastream's recent slots and its newest forecast. From: observation, forecast."""

    moment: Moment
    device: DeviceNow
    value: ValueNow
    series: Series
    forecast: Forecast | None


@dataclass(frozen=True, slots=True)
class SystemSnapshot:
    """What the system page shows. From: process_heartbeat, ingest_minute, dead_letter, audit_*, schema_version."""

    moment: Moment
    processes: tuple[Heartbeat, ...]
    received_last_hour: int
    stored_last_hour: int
    late_last_hour: int
    duplicate_last_hour: int
    corrected_last_hour: int
    rejected_last_hour: int
    dead_letters: tuple[DeadLetter, ...]
    dead_letters_by_code: tuple[tuple[str, int], ...]
    n_devices: int
    n_datastreams: int
    n_unsent_commands: int
    n_unsealed_audit_entries: int
    newest_received_time: datetime | None
    flavour: str
    schema_version: int
    database_bytes: int


def map_snapshot(conn: Connection, moment: Moment, exercise_id: str | None = None) -> MapSnapshot:
    with one_view(conn):
        values = {v.datastream_id: v for v in observations.list_values(conn, moment)}
        devices = _devices(conn, moment, values)
        measured = [v.phenomenon_time for v in values.values()]
        received = [v.received_time for v in values.values()]
        return MapSnapshot(
            moment=moment,
            devices=devices,
            units=tuple(units.list_units(conn, moment, exercise_id)),
            incidents=tuple(incidents.list_open_incidents(conn, moment, exercise_id)),
            warnings=tuple(warnings.list_open_warnings(conn, moment, exercise_id)),
            orders=tuple(orders.list_orders(conn, moment, exercise_id)),
            newest_phenomenon_time=max(measured, default=None),
            newest_received_time=max(received, default=None),
            situations=tuple(situations.list_open_situations(conn, moment, exercise_id)),
        )


def live_frame(conn: Connection, moment: Moment, *, received_since: datetime, exercise_id: str | None = None) -> LiveFrame:
    """The live map's changes. `received_since` should reach a little behind the last frame, because a batch is stamped
    before it is committed; a value sent twice changes nothing."""
    with one_view(conn):
        values = [
            observations.Value(row[0], row[1], row[2], row[3], Quality.from_code(row[4]))
            for row in conn.execute(
                "SELECT datastream_id, phenomenon_time, received_time, value, quality FROM latest WHERE received_time >= %s",
                (received_since,),
            ).fetchall()  # a row at a time takes twice as long
        ]
        newest = conn.execute("SELECT max(phenomenon_time), max(received_time) FROM latest").fetchone()
        count = conn.execute(
            f"SELECT count(*), count(*) FILTER (WHERE state = 'offline') FROM device WHERE {IN_SERVICE}", {"at": moment.at}
        ).fetchone()
        assert newest is not None
        assert count is not None
        return LiveFrame(
            moment=moment,
            values=tuple(values),
            units=tuple(units.list_units(conn, moment, exercise_id)),
            incidents=tuple(incidents.list_open_incidents(conn, moment, exercise_id)),
            warnings=tuple(warnings.list_open_warnings(conn, moment, exercise_id)),
            orders=tuple(orders.list_orders(conn, moment, exercise_id)),
            n_devices=int(count[0]),
            newest_phenomenon_time=newest[0],
            newest_received_time=newest[1],
            n_offline=int(count[1]),
            situations=tuple(situations.list_open_situations(conn, moment, exercise_id)),
        )


def chart_snapshot(
    conn: Connection, moment: Moment, datastream_id: int, *, hours_back: int = 24, step_s: int = 900
) -> ChartSnapshot | None:
    """A datastream's last hours in slots and what comes next; None for a number that is not known."""
    with one_view(conn):
        values = {v.datastream_id: v for v in observations.list_values(conn, moment)} if not moment.is_live else {}
        if moment.is_live:
            row = conn.execute(
                "SELECT datastream_id, phenomenon_time, received_time, value, quality FROM latest WHERE datastream_id = %s",
                (datastream_id,),
            ).fetchone()
            if row is not None:
                values[datastream_id] = observations.Value(row[0], row[1], row[2], row[3], Quality.from_code(row[4]))
        devices = _devices(conn, moment, values, datastream_id)
        if not devices:
            return None
        device = devices[0]
        value = next(v for v in device.values if v.datastream_id == datastream_id)
        seconds = int(moment.at.timestamp()) // step_s * step_s
        end = datetime.fromtimestamp(seconds, tz=moment.at.tzinfo) + timedelta(seconds=step_s)
        series = observations.load_series(
            conn, [datastream_id], start=end - timedelta(hours=hours_back), end=end, step_s=step_s, moment=moment
        )
        return ChartSnapshot(moment, device, value, series, forecasts.find_forecast(conn, datastream_id, moment))


def system_snapshot(conn: Connection, moment: Moment) -> SystemSnapshot:
    with one_view(conn):
        since = moment.at - timedelta(hours=1)
        totals = _one(
            conn,
            "SELECT coalesce(sum(received), 0)::bigint, coalesce(sum(stored), 0)::bigint, coalesce(sum(late), 0)::bigint, "
            "coalesce(sum(duplicate), 0)::bigint, coalesce(sum(corrected), 0)::bigint, coalesce(sum(rejected), 0)::bigint "
            "FROM ingest_minute WHERE minute > %s AND minute <= %s",
            (since, moment.at),
        )
        by_code = conn.execute(
            "SELECT code, sum(n)::bigint FROM dead_letter WHERE received_time >= %s AND replayed_at IS NULL "
            "GROUP BY code ORDER BY 2 DESC, 1",
            (moment.at - timedelta(days=1),),
        ).fetchall()
        return SystemSnapshot(
            moment=moment,
            processes=tuple(heartbeats.list_heartbeats(conn)),
            received_last_hour=totals[0],
            stored_last_hour=totals[1],
            late_last_hour=totals[2],
            duplicate_last_hour=totals[3],
            corrected_last_hour=totals[4],
            rejected_last_hour=totals[5],
            dead_letters=tuple(list_dead_letters(conn, limit=20)),
            dead_letters_by_code=tuple((str(code), int(n)) for code, n in by_code),
            n_devices=_one(conn, f"SELECT count(*) FROM device WHERE {IN_SERVICE}", {"at": moment.at})[0],
            n_datastreams=_one(conn, "SELECT count(*) FROM datastream")[0],
            n_unsent_commands=_one(conn, "SELECT count(*) FROM outbox WHERE sent_at IS NULL AND exercise_id IS NULL")[0],
            n_unsealed_audit_entries=_one(conn, "SELECT count(*) FROM audit_unsealed")[0],
            newest_received_time=_one(conn, "SELECT max(received_time) FROM latest")[0],
            flavour=recorded_flavour(conn),
            schema_version=applied_version(conn),
            database_bytes=_one(conn, "SELECT pg_database_size(current_database())")[0],
        )


def overview_snapshot(
    conn: Connection, moment: Moment, zone: ZoneInfo, spans: overview.Spans, known: overview.Known = overview.NOTHING
) -> overview.OverviewSnapshot:
    """The city in figures. Days are local days of `zone`; `known` are parts of an earlier snapshot that still hold."""
    with one_view(conn):
        return overview.take(conn, moment, zone, spans, known)


def _one(conn: Connection, query: str, parameters: tuple[object, ...] | dict[str, object] = ()) -> tuple[Any, ...]:
    row = conn.execute(query, parameters).fetchone()
    assert row is not None
    return tuple(row)


def _devices(
    conn: Connection, moment: Moment, values: dict[int, observations.Value], datastream_id: int | None = None
) -> tuple[DeviceNow, ...]:
    """Devices in service with their datastreams, joined with the given newest values, or the one of a datastream, whatever has
    become of it. Units and devices that only report events (they have no datastream) are not among them."""
    condition = f"WHERE device.type_name <> 'Vehicle' AND {IN_SERVICE}"
    if datastream_id is not None:
        condition = "WHERE device.device_id = (SELECT device_id FROM datastream WHERE datastream_id = %(number)s)"
    query = _DEVICES.format(condition=condition)
    devices: list[DeviceNow] = []
    for row in conn.execute(query, {"number": datastream_id, "at": moment.at}).fetchall():
        streams = []
        for number, name, item, unit in zip(row[9], row[10], row[11], row[12], strict=True):
            v = values.get(number)
            streams.append(
                ValueNow(
                    number, name, item, unit,
                    v.value if v else None, v.quality if v else None,
                    v.phenomenon_time if v else None, v.received_time if v else None,
                )
            )  # fmt: skip
        said = (row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8])
        devices.append(DeviceNow(*said, tuple(streams), row[13], row[14]))
    return tuple(devices)


_DEVICES = f"""
SELECT device.device_id, device.district_code, type_name, name, lon, lat, interval_s, mode, voice.state,
       streams.numbers, streams.properties, streams.items, streams.units, attributes ->> 'name_en', voice.heard_at
FROM device
JOIN ({VOICES}) voice USING (device_id)
JOIN (
    SELECT device_id, array_agg(datastream_id ORDER BY datastream_id) AS numbers,
           array_agg(property ORDER BY datastream_id) AS properties, array_agg(item ORDER BY datastream_id) AS items,
           array_agg(unit ORDER BY datastream_id) AS units
    FROM datastream GROUP BY device_id
) streams USING (device_id)
{{condition}}
ORDER BY device.device_id
"""
