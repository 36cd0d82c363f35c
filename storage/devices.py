"""Devices and datastreams: who speaks, where it stands, which numbers its series have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from psycopg.types.json import Jsonb

from domain.datastreams import Datastream
from domain.observations import SHORTEST_INTERVAL_S, DeviceBirth, DeviceStateReport, PropertySpec
from domain.sensors import PROPERTIES, SensorKind
from domain.ucum import find_conversion
from storage.connection import Connection

DatastreamKey = tuple[str, str, str]
"""device_id, property, item."""


TOGETHER_INTERVALS = 4
"""Readings farther apart than so many intervals of their device say nothing of one another."""


class Yardsticks:
    """What readings are measured by, as arrays by number of the datastream: a batch is judged at once."""

    def __init__(self) -> None:
        self.low: npt.NDArray[np.float64] = np.zeros(0)
        self.high: npt.NDArray[np.float64] = np.zeros(0)
        self.interval_s: npt.NDArray[np.float64] = np.zeros(0)
        self.step_per_s: npt.NDArray[np.float64] = np.zeros(0)
        """Largest plausible change; infinite where the property may jump."""
        self.still_for: npt.NDArray[np.int32] = np.zeros(0, np.int32)
        """Equal readings in a row from which a sensor is stuck; 0 where it may stand still."""
        self.is_foreign: npt.NDArray[np.bool_] = np.zeros(0, bool)
        """Announced in a unit that cannot become the property's own."""

    def set(self, stream: Datastream) -> None:
        number, known = stream.datastream_id, PROPERTIES.get(stream.property)
        if number >= len(self.low):
            more = max(1_024, number + 1 - len(self.low), len(self.low))
            for name, column in vars(self).items():
                setattr(self, name, np.concatenate([column, np.zeros(more, column.dtype)]))
        self.low[number] = -np.inf if stream.low is None else stream.low
        self.high[number] = np.inf if stream.high is None else stream.high
        self.interval_s[number] = stream.interval_s
        judged = known if stream.is_periodic else None
        step = judged.step_per_min if judged is not None else None
        self.step_per_s[number] = np.inf if step is None else step / 60
        self.still_for[number] = (judged.still_for if judged is not None else None) or 0
        self.is_foreign[number] = known is not None and stream.unit is not None and stream.unit != known.unit

    def together_us(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """How far apart readings of these datastreams may lie and still be neighbours, in microseconds."""
        spans = TOGETHER_INTERVALS * np.maximum(self.interval_s[numbers], SHORTEST_INTERVAL_S) * 1e6
        return spans.astype(np.int64)


class Registry:
    """Datastreams known to this process, so that a batch costs no look-ups for what was seen before.

    After a transaction that used it has failed, call `forget`: what it had learnt was rolled back.
    """

    def __init__(self) -> None:
        self._streams: dict[DatastreamKey, Datastream] = {}
        self._devices: set[str] = set()
        self.yardsticks = Yardsticks()

    def forget(self) -> None:
        self.__init__()  # type: ignore[misc]

    def load(self, conn: Connection) -> None:
        self._devices = {row[0] for row in conn.execute("SELECT device_id FROM device")}
        self._remember(conn, "", ())
        strange = [s for s in self._streams.values() if _settled(s.property, s.unit, s.low, s.high, None)[3] is not None]
        if strange:  # announced before units were converted
            with conn.cursor() as cur:
                cur.executemany(
                    "UPDATE datastream SET unit = %s, low = %s, high = %s, sent_unit = %s WHERE datastream_id = %s",
                    [(*_settled(s.property, s.unit, s.low, s.high, None), s.datastream_id) for s in strange],
                )
            self._remember(conn, "WHERE datastream_id = ANY(%s)", ([s.datastream_id for s in strange],))

    @property
    def streams(self) -> Mapping[DatastreamKey, Datastream]:
        """The datastreams known."""
        return self._streams

    def find(self, key: DatastreamKey) -> Datastream | None:
        return self._streams.get(key)

    def apply_births(self, conn: Connection, births: Iterable[DeviceBirth]) -> None:
        """Writes what devices say of themselves; the newest birth counts, an older one changes nothing."""
        newest: dict[str, DeviceBirth] = {}
        for birth in births:
            known = newest.get(birth.device_id)
            if known is None or birth.phenomenon_time >= known.phenomenon_time:
                newest[birth.device_id] = birth
        if not newest:
            return
        ordered = [newest[device_id] for device_id in sorted(newest)]  # one order for all writers: no deadlock
        with conn.cursor() as cur:
            cur.executemany(_UPSERT_BIRTH, [_birth_row(birth) for birth in ordered], returning=True)
            counted = [newest[row[0]] for result in cur.results() for row in result]
            cur.executemany(
                _UPSERT_DATASTREAM,
                [
                    (birth.device_id, spec.name, "", _district(birth.device_id), *self._in_own_unit(birth.device_id, spec))
                    for birth in counted
                    for spec in birth.properties
                ],
            )
            cur.executemany(_ANNOUNCE, [_announcement(birth) for birth in sorted(births, key=_birth_order)])
            cur.executemany(_UPSERT_UNIT, [_unit_row(b) for b in counted if b.type_name == SensorKind.UNIT.type_name])
        self._devices.update(newest)
        self._remember(conn, "WHERE datastream.device_id = ANY(%s)", (list(newest),))

    def ensure_devices(self, conn: Connection, device_ids: Iterable[str], now: datetime) -> None:
        """Registers devices that spoke before their birth was seen."""
        missing = sorted(set(device_ids) - self._devices)
        if missing:
            with conn.cursor() as cur:
                cur.executemany(
                    "INSERT INTO device (device_id, district_code, domain_name, site, first_seen) VALUES (%s, %s, %s, %s, %s) "
                    "ON CONFLICT DO NOTHING",
                    [(device_id, *device_id.split("/")[:3], now) for device_id in missing],
                )
            self._devices.update(missing)

    def ensure_units(self, conn: Connection, units: Iterable[tuple[str, str]]) -> None:
        """Registers units (unit_id, device_id) that reported before their birth was seen, of unknown kind."""
        rows = sorted({(unit_id, device_id, unit_id, unit_id) for unit_id, device_id in units})
        if rows:
            with conn.cursor() as cur:
                cur.executemany(
                    "INSERT INTO unit (unit_id, device_id, kind, name_zh, name_en) VALUES (%s, %s, 'unknown', %s, %s) "
                    "ON CONFLICT DO NOTHING",
                    rows,
                )

    def ensure_datastreams(self, conn: Connection, wanted: dict[DatastreamKey, str | None]) -> None:
        """Makes datastreams that no birth announced; `wanted` maps each key to the unit the message gave, if any."""
        missing = {key: unit for key, unit in wanted.items() if key not in self._streams}
        if not missing:
            return
        rows: list[tuple[object, ...]] = []
        for (device_id, name, item), unit in sorted(missing.items()):
            usual = PROPERTIES.get(name)
            if usual is not None and (unit is None or find_conversion(unit, usual.unit) is not None):
                rows.append((device_id, name, item, _district(device_id), usual.unit, usual.low, usual.high))
            else:
                rows.append((device_id, name, item, _district(device_id), unit, None, None))
        with conn.cursor() as cur:
            cur.executemany(_INSERT_DATASTREAM, rows)
        self._remember(conn, "WHERE datastream.device_id = ANY(%s)", (sorted({key[0] for key in missing}),))

    def _in_own_unit(self, device_id: str, spec: PropertySpec) -> tuple[str | None, float | None, float | None, str | None]:
        """Unit, limits and announced unit of a property: its series keeps the unit it has where values can be converted."""
        known = self._streams.get((device_id, spec.name, ""))
        return _settled(spec.name, spec.unit, spec.low, spec.high, known.unit if known is not None else None)

    def _remember(self, conn: Connection, condition: str, parameters: tuple[object, ...]) -> None:
        for row in conn.execute(_SELECT_DATASTREAMS + condition, parameters):
            stream = Datastream(*row)
            self._streams[(stream.device_id, stream.property, stream.item)] = stream
            self.yardsticks.set(stream)


def write_states(conn: Connection, states: list[DeviceStateReport]) -> list[DeviceStateReport]:
    """Stores online / offline reports and the newest of each device; returns those not stored before."""
    stored = []
    for report in sorted(states, key=lambda report: (report.device_id, report.phenomenon_time)):  # one order for all writers
        said = {"device": report.device_id, "at": report.phenomenon_time, "received": report.received_time, "state": report.state}
        row = conn.execute(_INSERT_STATE, said).fetchone()
        if row is None:
            continue
        stored.append(report)
        conn.execute(
            "UPDATE device SET state = %s, state_time = %s WHERE device_id = %s AND coalesce(state_time, '-infinity') <= %s",
            (report.state, report.phenomenon_time, report.device_id, report.phenomenon_time),
        )
    return stored


def list_datastreams(conn: Connection, *, properties: Iterable[str] | None = None) -> list[Datastream]:
    """All datastreams, or those of the given properties, by number."""
    if properties is None:
        return [Datastream(*row) for row in conn.execute(_SELECT_DATASTREAMS + "ORDER BY 1")]
    query = _SELECT_DATASTREAMS + "WHERE property = ANY(%s) ORDER BY 1"
    return [Datastream(*row) for row in conn.execute(query, (list(properties),))]


def count_series(conn: Connection, device_ids: Iterable[str]) -> dict[str, int]:
    """How many datastreams each of the devices has; one without any is absent."""
    query = "SELECT device_id, count(*) FROM datastream WHERE device_id = ANY(%s) GROUP BY device_id"
    return {str(device_id): int(n) for device_id, n in conn.execute(query, (list(device_ids),))}


def find_name(conn: Connection, device_id: str) -> str | None:
    """What the device calls itself; None when it is not known or has given no name."""
    row = conn.execute("SELECT name FROM device WHERE device_id = %s", (device_id,)).fetchone()
    return row[0] if row is not None else None


def _district(device_id: str) -> str:
    return device_id.split("/", 1)[0]


@dataclass(frozen=True, slots=True)
class Service:
    """Of what kind a device is and, if it is out of service, since when."""

    type_name: str
    retired_at: datetime | None


def find_service_for_update(conn: Connection, device_id: str) -> Service | None:
    """Locks the device until the caller's transaction ends; None when it is not known."""
    row = conn.execute("SELECT type_name, retired_at FROM device WHERE device_id = %s FOR UPDATE", (device_id,)).fetchone()
    return Service(*row) if row is not None else None


def retire(conn: Connection, device_id: str, at: datetime | None) -> bool:
    """From `at` on the device owes nothing; None takes it back into service, as a birth after `at` does. False when it is not
    known."""
    return conn.execute("UPDATE device SET retired_at = %s WHERE device_id = %s", (at, device_id)).rowcount == 1


def _settled(
    name: str, unit: str | None, low: float | None, high: float | None, held: str | None
) -> tuple[str | None, float | None, float | None, str | None]:
    """Unit, limits and announced unit of a series announced in `unit`: the property's own unit, or the one the series `held`
    so far, where values can be converted; otherwise what was announced."""
    usual = PROPERTIES.get(name)
    wanted = usual.unit if usual is not None else held
    conversion = find_conversion(unit, wanted) if unit is not None and wanted is not None and unit != wanted else None
    if conversion is None:
        return unit, low, high, None
    low, high = (None if limit is None else conversion.of(limit) for limit in (low, high))
    return wanted, low, high, unit


def _birth_order(birth: DeviceBirth) -> tuple[str, datetime]:
    return birth.device_id, birth.phenomenon_time


def _announcement(birth: DeviceBirth) -> Mapping[str, object]:
    return {
        "device": birth.device_id, "at": birth.phenomenon_time, "received": birth.received_time, "interval_s": birth.interval_s,
        "mode": birth.mode, "n": len(birth.properties), "lon": birth.lon, "lat": birth.lat,
    }  # fmt: skip


def _birth_row(birth: DeviceBirth) -> tuple[object, ...]:
    district, domain_name, site, _ = birth.device_id.split("/")
    return (
        birth.device_id, district, domain_name, site, birth.type_name, birth.name, birth.lon, birth.lat, birth.crs_origin,
        birth.interval_s, birth.mode, birth.phenomenon_time, birth.received_time, Jsonb(dict(birth.attributes)),
    )  # fmt: skip


def _unit_row(birth: DeviceBirth) -> tuple[object, ...]:
    said = dict(birth.attributes)
    unit_id = birth.device_id.rsplit("/", 1)[1]
    capabilities = [word for word in said.get("capabilities", "").split(";") if word]
    return (
        unit_id, birth.device_id, said.get("kind", "unknown"), said.get("name_zh", birth.name or unit_id),
        said.get("name_en", birth.name or unit_id), capabilities, said.get("department"), birth.lon, birth.lat,
    )  # fmt: skip


_SELECT_DATASTREAMS = (
    "SELECT datastream_id, device_id, property, item, unit, low, high, interval_s, mode = 'periodic', sent_unit "
    "FROM datastream JOIN device USING (device_id) "
)

_UPSERT_BIRTH = """
INSERT INTO device (device_id, district_code, domain_name, site, type_name, name, lon, lat, crs_origin,
                    interval_s, mode, birth_time, first_seen, attributes)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (device_id) DO UPDATE SET
    type_name = excluded.type_name, name = excluded.name, lon = excluded.lon, lat = excluded.lat,
    crs_origin = excluded.crs_origin, interval_s = excluded.interval_s, mode = excluded.mode,
    birth_time = excluded.birth_time, attributes = excluded.attributes,
    retired_at = CASE WHEN excluded.birth_time > device.retired_at THEN NULL ELSE device.retired_at END
WHERE coalesce(device.birth_time, '-infinity') <= excluded.birth_time
RETURNING device_id
"""

# The same report delivered twice has another time of receipt: it is known by what it says.
_INSERT_STATE = """
INSERT INTO device_state (device_id, phenomenon_time, received_time, state)
SELECT %(device)s, %(at)s, %(received)s, %(state)s
WHERE NOT EXISTS (SELECT FROM device_state old WHERE old.device_id = %(device)s AND old.phenomenon_time = %(at)s
                  AND old.state = %(state)s)
ON CONFLICT DO NOTHING RETURNING 1
"""

_INSERT_DATASTREAM = """
INSERT INTO datastream (device_id, property, item, district_code, unit, low, high) VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING
"""

_UPSERT_DATASTREAM = """
INSERT INTO datastream (device_id, property, item, district_code, unit, low, high, sent_unit)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (device_id, property, item) DO UPDATE SET
    unit = coalesce(excluded.unit, datastream.unit), low = coalesce(excluded.low, datastream.low),
    high = coalesce(excluded.high, datastream.high),
    sent_unit = CASE WHEN excluded.unit IS NULL THEN datastream.sent_unit ELSE excluded.sent_unit END
"""

# A birth says again what held before, as a rule: only what changes is kept. One that comes late moves the beginning of what it
# announces back.
_ANNOUNCE = """
WITH said AS (
    SELECT %(device)s::text AS device_id, %(at)s::timestamptz AS at, %(received)s::timestamptz AS received_time,
           %(interval_s)s::float8 AS interval_s, %(mode)s::text AS mode, %(n)s::integer AS n_streams, %(lon)s::float8 AS lon,
           %(lat)s::float8 AS lat
), before AS (
    SELECT a.* FROM device_announcement a JOIN said USING (device_id)
    WHERE a.phenomenon_time <= said.at ORDER BY a.phenomenon_time DESC LIMIT 1
), after AS (
    SELECT a.* FROM device_announcement a JOIN said USING (device_id)
    WHERE a.phenomenon_time > said.at ORDER BY a.phenomenon_time LIMIT 1
), moved AS (
    UPDATE device_announcement a SET phenomenon_time = said.at, received_time = least(a.received_time, said.received_time)
    FROM after JOIN said USING (device_id, interval_s, mode, n_streams)
    WHERE (a.device_id, a.phenomenon_time) = (after.device_id, after.phenomenon_time)
      AND (after.lon, after.lat) IS NOT DISTINCT FROM (said.lon, said.lat)
      AND NOT EXISTS (SELECT FROM before)
    RETURNING 1
)
INSERT INTO device_announcement (device_id, phenomenon_time, received_time, interval_s, mode, n_streams, lon, lat)
SELECT said.* FROM said
WHERE NOT EXISTS (SELECT FROM moved) AND NOT EXISTS (
    SELECT FROM before WHERE (before.interval_s, before.mode, before.n_streams, before.lon, before.lat)
                       IS NOT DISTINCT FROM (said.interval_s, said.mode, said.n_streams, said.lon, said.lat))
ON CONFLICT DO NOTHING
"""

_UPSERT_UNIT = """
INSERT INTO unit (unit_id, device_id, kind, name_zh, name_en, capabilities, department, home_lon, home_lat)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (unit_id) DO UPDATE SET
    device_id = excluded.device_id, kind = excluded.kind, name_zh = excluded.name_zh, name_en = excluded.name_en,
    capabilities = excluded.capabilities, department = excluded.department,
    home_lon = excluded.home_lon, home_lat = excluded.home_lat
"""
