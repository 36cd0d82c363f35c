"""Devices and datastreams: who speaks, where it stands, which numbers its series have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from psycopg.types.json import Jsonb

from domain.datastreams import Datastream
from domain.observations import DeviceBirth, DeviceStateReport
from domain.sensors import PROPERTIES, SensorKind
from storage.connection import Connection

DatastreamKey = tuple[str, str, str]
"""device_id, property, item."""


class Registry:
    """Datastreams known to this process, so that a batch costs no look-ups for what was seen before.

    After a transaction that used it has failed, call `forget`: what it had learnt was rolled back.
    """

    def __init__(self) -> None:
        self._streams: dict[DatastreamKey, Datastream] = {}
        self._devices: set[str] = set()

    def forget(self) -> None:
        self.__init__()  # type: ignore[misc]

    def load(self, conn: Connection) -> None:
        self._devices = {row[0] for row in conn.execute("SELECT device_id FROM device")}
        self._remember(conn, "", ())

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
                    (birth.device_id, spec.name, "", _district(birth.device_id), spec.unit, spec.low, spec.high)
                    for birth in counted
                    for spec in birth.properties
                ],
            )
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
        rows = []
        for (device_id, name, item), unit in sorted(missing.items()):
            usual = PROPERTIES.get(name)
            is_usual_unit = usual is not None and unit in (None, usual.unit)
            low, high = (usual.low, usual.high) if usual is not None and is_usual_unit else (None, None)
            rows.append((device_id, name, item, _district(device_id), unit or (usual.unit if usual else None), low, high))
        with conn.cursor() as cur:
            cur.executemany(_INSERT_DATASTREAM, rows)
        self._remember(conn, "WHERE datastream.device_id = ANY(%s)", (sorted({key[0] for key in missing}),))

    def _remember(self, conn: Connection, condition: str, parameters: tuple[object, ...]) -> None:
        for row in conn.execute(_SELECT_DATASTREAMS + condition, parameters):
            stream = Datastream(*row)
            self._streams[(stream.device_id, stream.property, stream.item)] = stream


def write_states(conn: Connection, states: list[DeviceStateReport]) -> list[DeviceStateReport]:
    """Stores online / offline reports and the newest of each device; returns those not stored before."""
    stored = []
    for report in states:
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


def find_name(conn: Connection, device_id: str) -> str | None:
    """What the device calls itself; None when it is not known or has given no name."""
    row = conn.execute("SELECT name FROM device WHERE device_id = %s", (device_id,)).fetchone()
    return row[0] if row is not None else None


def _district(device_id: str) -> str:
    return device_id.split("/", 1)[0]


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
    "SELECT datastream_id, device_id, property, item, unit, low, high, interval_s FROM datastream JOIN device USING (device_id) "
)

_UPSERT_BIRTH = """
INSERT INTO device (device_id, district_code, domain_name, site, type_name, name, lon, lat, crs_origin,
                    interval_s, mode, birth_time, first_seen, attributes)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (device_id) DO UPDATE SET
    type_name = excluded.type_name, name = excluded.name, lon = excluded.lon, lat = excluded.lat,
    crs_origin = excluded.crs_origin, interval_s = excluded.interval_s, mode = excluded.mode,
    birth_time = excluded.birth_time, attributes = excluded.attributes
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
INSERT INTO datastream (device_id, property, item, district_code, unit, low, high) VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (device_id, property, item) DO UPDATE SET
    unit = coalesce(excluded.unit, datastream.unit), low = coalesce(excluded.low, datastream.low),
    high = coalesce(excluded.high, datastream.high)
"""

_UPSERT_UNIT = """
INSERT INTO unit (unit_id, device_id, kind, name_zh, name_en, capabilities, department, home_lon, home_lat)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (unit_id) DO UPDATE SET
    device_id = excluded.device_id, kind = excluded.kind, name_zh = excluded.name_zh, name_en = excluded.name_en,
    capabilities = excluded.capabilities, department = excluded.department,
    home_lon = excluded.home_lon, home_lat = excluded.home_lat
"""
