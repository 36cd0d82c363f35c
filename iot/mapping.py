"""The mapping: how a file of real data is read, told in TOML. It names the columns that are device, time, value, position
or class of an event; nothing else of the file is ever looked at.

What a row says: `telemetry` (values of one moment), `request` or `incident` (one call), or `response` (one unit's part in one
incident, with a column for each step: the incident is reported, the unit sets out, arrives, is free again).

There is no key for free text, names or addresses on purpose: personal data in a file cannot be mapped, so it cannot leave it.
Every fault of a mapping is reported at once, each with file, key, value, expectation and an example.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from domain.sensors import PROPERTIES, DeviceMode
from domain.units import UnitStatus
from gis_data.crs import Crs

Says = Literal["telemetry", "request", "incident", "response"]
Table = Mapping[str, Any]


class UnusableInput(Exception):  # noqa: N818 - said of what we were given
    """A mapping or a data file that cannot be used. `sentences` holds one complete sentence per fault; the message is all."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = tuple(sentences)


@dataclass(frozen=True, slots=True)
class ValueColumn:
    """One observed property: published value = file value × factor + offset, in `unit` (UCUM). Limits inclusive, None unknown.

    `column` is None in the wide layout, where each column is a device. Values in `missing` (as the file has them) and empty
    cells are left out. `high_column` is a column of the places: times `high_factor` it is each device's own upper limit.
    """

    property: str
    column: str | None
    unit: str | None
    factor: float
    offset: float
    missing: tuple[float, ...]
    low: float | None
    high: float | None
    high_column: str | None
    high_factor: float


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """When a row was measured: a column (naive times are local in `zone`), or start + row × step for files without times."""

    column: str | None
    zone: ZoneInfo | None
    format: str | None
    start: datetime | None
    step_s: float | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where one device stands, in the CRS of its `Places`, what it is called; its district, where that is not the mapping's."""

    device: str
    lon: float | None
    lat: float | None
    name_zh: str | None
    name_en: str | None
    district: str | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """Where devices stand: rows given in the mapping, or columns of a CSV or Parquet file beside the data. The one group of
    `key` is the place's name within a device's own (engine E03 is at home in station 3); without it both names are the same."""

    crs: Crs
    rows: tuple[Place, ...]
    file: str | None
    device: str | None
    lon: str | None
    lat: str | None
    name: str | None
    key: re.Pattern[str] | None


@dataclass(frozen=True, slots=True)
class EventClass:
    """Rows whose `column` begins with `begins` are of this class (and severity 1–4 for incidents)."""

    column: str
    begins: str
    class_name: str
    severity: int | None


@dataclass(frozen=True, slots=True)
class EventColumns:
    """Columns of an event. Rows whose class is in no entry of `classes` are `otherwise`, and where a class gives no severity
    `severities` of the word in `severity_column` does. A coordinate that is one of `missing` is none; rows outside `within`
    (west, south, east, north, in the file's CRS) are left out. Rows with one word in `id_column` speak of one event. An incident
    of which the file says no end counts as over after `ends_after_s`. `desk` is the device that reports the incidents of units.
    """

    classes: tuple[EventClass, ...]
    otherwise: str
    source: str
    lon: str
    lat: str
    crs: Crs
    missing: tuple[str | float, ...]
    within: tuple[float, float, float, float] | None
    id_column: str | None
    severity_column: str | None
    severities: Mapping[str, int]
    ends_after_s: float | None
    desk: str | None


@dataclass(frozen=True, slots=True)
class UnitKinds:
    """What a unit is for: values of `column` that begin with the first word of a pair are of its second, others are kept as they
    are."""

    column: str
    kinds: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class DataMapping:
    """A checked mapping. Topics are district/domain/site/device; `device_column` is None in the wide layout and where all
    rows are of the one `device_name`."""

    path: Path
    title: str
    origin: str
    says: Says
    is_wide: bool
    district: str
    domain: str
    site: str
    type_name: str
    device_column: str | None
    device_name: str | None
    item_column: str | None
    interval_s: float
    mode: DeviceMode
    time: TimeColumn
    values: tuple[ValueColumn, ...]
    places: Places | None
    event: EventColumns | None
    steps: tuple[tuple[UnitStatus, str], ...]
    """Of a response: each status of the unit with the column that holds when it began."""
    units: UnitKinds | None

    @property
    def name(self) -> str:
        return self.path.stem


@dataclass(frozen=True, slots=True)
class _Key:
    accepts: Callable[[Any], bool]
    expected: str
    example: str
    is_required: bool = False


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _level(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[\w.-]+", value) is not None


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _positive(value: Any) -> bool:
    return _number(value) and value > 0


def _numbers(value: Any) -> bool:
    return isinstance(value, list) and all(map(_number, value))


def _words_or_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(_text(word) or _number(word) for word in value)


def _severities(value: Any) -> bool:
    return isinstance(value, dict) and all(severity in (1, 2, 3, 4) for severity in value.values())


def _is_device(value: Any) -> bool:
    return isinstance(value, str) and len(value.split("/")) == 4 and all(map(_level, value.split("/")))


def _is_pattern(value: Any) -> bool:
    try:
        return _text(value) and re.compile(value).groups == 1
    except re.error:
        return False


def _tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def _one_of(*words: str) -> Callable[[Any], bool]:
    return lambda value: value in words


def _is_zone(value: Any) -> bool:
    try:
        return _text(value) and bool(ZoneInfo(value))
    except (ValueError, OSError, LookupError):
        return False


def _is_crs(value: Any) -> bool:
    try:
        return _text(value) and bool(Crs.of(value))
    except ValueError:
        return False


def _is_start(value: Any) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None


def _is_box(value: Any) -> bool:
    return _numbers(value) and len(value) == 4 and value[0] < value[2] and value[1] < value[3]


_LEVEL = "one level of a topic (letters, digits, '.', '_', '-')"
_COLUMN = "the name of a column"
_CRS = _Key(_is_crs, f"one of {', '.join(Crs)}", '"EPSG:4326"', is_required=True)

_KEYS: dict[str, dict[str, _Key]] = {
    "": {
        "title": _Key(_text, "what the data is, in a few words", '"Free parking places of Dresden"', is_required=True),
        "origin": _Key(_text, "where the file can be had", '"the publisher, and the name of the data set"', is_required=True),
        "says": _Key(_one_of(*get_args(Says)), f"one of {', '.join(get_args(Says))}", '"telemetry"', is_required=True),
        "layout": _Key(_one_of("long", "wide"), "long (a row per device and time) or wide (a column per device)", '"long"'),
    },
    "device": {
        "district": _Key(_level, _LEVEL, '"dresden"', is_required=True),
        "domain": _Key(_level, _LEVEL, '"parking"', is_required=True),
        "site": _Key(_level, _LEVEL, '"dresden"', is_required=True),
        "type": _Key(_text, "a device type", '"OffStreetParking"', is_required=True),
        "column": _Key(_text, _COLUMN, '"place_id"'),
        "name": _Key(_level, _LEVEL, '"hotline"'),
        "item_column": _Key(_text, _COLUMN, '"service"'),
        "interval_s": _Key(_positive, "a positive number of seconds", "900"),
        "mode": _Key(_one_of(*DeviceMode), f"one of {', '.join(DeviceMode)}", '"periodic"'),
    },
    "time": {
        "column": _Key(_text, _COLUMN, '"timestamp"'),
        "zone": _Key(_is_zone, "a time zone of the IANA database", '"Europe/Berlin"'),
        "format": _Key(_text, "a strptime format, for times that are not ISO 8601", '"%d.%m.%Y %H:%M"'),
        "start": _Key(_is_start, "a time with an offset, without quotes", "2012-03-01T00:00:00-08:00"),
        "step_s": _Key(_positive, "a positive number of seconds", "300"),
    },
    "values": {
        "column": _Key(_text, _COLUMN, '"free"'),
        "unit": _Key(_text, "a UCUM unit", '"km/h"'),
        "factor": _Key(_number, "a number", "1.609344"),
        "offset": _Key(_number, "a number", "0"),
        "missing": _Key(_numbers, "a list of the numbers that stand for a missing value", "[-1]"),
        "min": _Key(_number, "a number", "0"),
        "max": _Key(_number, "a number", "1000"),
        "max_column": _Key(_text, "the name of a column of the places file", '"capacity"'),
        "max_factor": _Key(_positive, "a positive number", "1.5"),
    },
    "places": {
        "crs": _CRS,
        "file": _Key(_text, "the name of a file beside the data file", '"places.csv"'),
        "device": _Key(_text, _COLUMN, '"place_id"'),
        "lon": _Key(_text, _COLUMN, '"longitude"'),
        "lat": _Key(_text, _COLUMN, '"latitude"'),
        "name": _Key(_text, _COLUMN, '"place_name"'),
        "key": _Key(_is_pattern, "a regular expression with one group, the place's name in a device's name", "'E0*([0-9]+)'"),
        "rows": _Key(_tables, "a list of tables with device, lon and lat", '[{ device = "A", lon = 116.4, lat = 39.9 }]'),
    },
    "places.rows": {
        "device": _Key(_text, "a device as the data file names it", '"Dongsi"', is_required=True),
        "lon": _Key(lambda v: _number(v) and -180 <= v <= 180, "degrees from -180 to 180", "116.4", is_required=True),
        "lat": _Key(lambda v: _number(v) and -90 <= v <= 90, "degrees from -90 to 90", "39.9", is_required=True),
        "name_zh": _Key(_text, "a name in Chinese", '"东四"'),
        "name_en": _Key(_text, "a name in English", '"Dongsi"'),
        "district": _Key(_level, _LEVEL, '"110101"'),
    },
    "event": {
        "class_column": _Key(_text, _COLUMN, '"title"'),
        "classes": _Key(_tables, "a list of tables with begins and class", '[{ begins = "Fire:", class = "fire" }]'),
        "otherwise": _Key(_text, "the class of rows that are in no other", '"other"'),
        "source": _Key(_text, "who was told: the channel of an incident, the source of a request", '"911"', is_required=True),
        "lon": _Key(_text, _COLUMN, '"lng"', is_required=True),
        "lat": _Key(_text, _COLUMN, '"lat"', is_required=True),
        "crs": _CRS,
        "missing": _Key(_words_or_numbers, "a list of what stands for no position", '["Unknown"]'),
        "within": _Key(_is_box, "[west, south, east, north] in degrees", "[-76.0, 39.8, -74.8, 40.6]"),
        "id_column": _Key(_text, _COLUMN, '"case_number"'),
        "severity_column": _Key(_text, _COLUMN, '"priority"'),
        "severities": _Key(_severities, "a table of words and severities from 1 (worst) to 4", '{ "urgent" = 2 }'),
        "ends_after_s": _Key(_positive, "a positive number of seconds", "3600"),
        "desk": _Key(_is_device, "a device: four levels of a topic", '"san-francisco/incident/911/desk"'),
    },
    "event.classes": {
        "column": _Key(_text, f"{_COLUMN} other than class_column", '"is_fire"'),
        "begins": _Key(_text, "how the file's words begin", '"Fire:"', is_required=True),
        "class": _Key(_text, "a hazard class", '"fire"', is_required=True),
        "severity": _Key(lambda v: v in (1, 2, 3, 4), "1 (worst) to 4", "3"),
    },
    "steps": {
        status.value: _Key(_text, f"{_COLUMN}: when the unit was {status.en}", '"available_time"', status is UnitStatus.AVAILABLE)
        for status in UnitStatus
    },
    "units": {
        "kind_column": _Key(_text, _COLUMN, '"unit_type"', is_required=True),
        "kinds": _Key(_tables, "a list of tables with begins and kind", '[{ begins = "MEDIC", kind = "ambulance" }]'),
    },
    "units.kinds": {
        "begins": _Key(_text, "how the file's words begin", '"MEDIC"', is_required=True),
        "kind": _Key(_level, "a kind of unit", '"ambulance"', is_required=True),
    },
}  # fmt: skip


_SAID_BY: Mapping[str, tuple[Says, ...]] = {
    "values": ("telemetry",), "event": ("request", "incident", "response"), "steps": ("response",), "units": ("response",),
}  # fmt: skip
"""Tables that not every row can fill, and what rows must say for it."""

_TABLES = ("device", "time", "places", *_SAID_BY)


def load_mapping(path: Path) -> DataMapping:
    """The mapping in the TOML file at `path`. Raises UnusableInput with every fault at once."""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UnusableInput([f"{path} does not exist: expected a mapping, such as config/replays/dresden_parking.toml"]) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise UnusableInput(
            [f"{path} cannot be read ({fault}): expected a TOML file, such as config/replays/dresden_parking.toml"]
        ) from None
    return _Reading(path, said).mapping()


class _Reading:
    """One reading of a mapping file, which gathers every fault before it gives up."""

    def __init__(self, path: Path, said: Table) -> None:
        self.path = path
        self.said = said
        self.faults: list[str] = []

    def mapping(self) -> DataMapping:
        root = self.table("", "", {name: value for name, value in self.said.items() if name not in _TABLES})
        is_wide = root.get("layout") == "wide"
        says = root.get("says", "telemetry")
        device = self.table("device", "device", self.said.get("device"))
        self.exactly_one("device", device, ("column", "name"), unless=is_wide)
        for name in self.said.keys() & _SAID_BY.keys():
            if says not in _SAID_BY[name]:
                fitting = " or ".join(f'"{word}"' for word in _SAID_BY[name])
                self.fault(f'[{name}] is given where says = "{says}": expected it only with says = {fitting}')
        time = self.time(is_wide)
        values = self.values(is_wide) if says == "telemetry" else ()
        steps = self.table("steps", "steps", self.said.get("steps")) if says == "response" else {}
        units = self.units() if says == "response" else None
        places = self.places() if "places" in self.said else None
        event = self.event(says, places) if says != "telemetry" else None
        if self.faults:
            raise UnusableInput(self.faults)
        return DataMapping(
            path=self.path, title=root["title"], origin=root["origin"], says=says, is_wide=is_wide,
            district=device["district"], domain=device["domain"], site=device["site"], type_name=device["type"],
            device_column=device.get("column"), device_name=device.get("name"), item_column=device.get("item_column"),
            interval_s=float(device.get("interval_s", time.step_s or 60)),
            mode=DeviceMode.of(device.get("mode", "periodic" if says == "telemetry" else "on_change")),
            time=time, values=values, places=places, event=event, units=units,
            steps=tuple((UnitStatus.of(name), steps[name]) for name in self.given("steps")),
        )  # fmt: skip

    def fault(self, sentence: str) -> None:
        self.faults.append(f"{self.path}: {sentence}")

    def given(self, name: str) -> Table:
        """The table as the file has it; empty when it has none."""
        said = self.said.get(name)
        return said if isinstance(said, dict) else {}

    def table(self, kind: str, shown: str, said: Any) -> Table:
        """The known keys of a table with acceptable values; everything else of it becomes faults."""
        keys = _KEYS[kind]
        prefix = f"{shown}." if shown else ""
        if not isinstance(said, dict):
            needed = ", ".join(name for name, key in keys.items() if key.is_required) or "its keys"
            self.fault(f"[{shown}] is {'missing' if said is None else repr(said)}: expected a table with {needed}")
            return {}
        for name in sorted(said.keys() - keys.keys()):
            known = ", ".join([*keys, *(f"[{table}]" for table in _TABLES if not shown)])
            self.fault(f"{prefix}{name} is not a key of a mapping: expected one of {known}")
        accepted = {}
        for name, key in keys.items():
            if name not in said:
                if key.is_required:
                    self.fault(f"{prefix}{name} is missing: expected {key.expected}, such as {key.example}")
            elif key.accepts(said[name]):
                accepted[name] = said[name]
            else:
                shown_value = said[name].isoformat() if isinstance(said[name], datetime) else repr(said[name])
                self.fault(f"{prefix}{name} is {shown_value}: expected {key.expected}, such as {key.example}")
        return accepted

    def exactly_one(self, shown: str, table: Table, names: tuple[str, str], *, unless: bool = False) -> None:
        said = self.given(shown)
        given = [name for name in names if name in said]
        first, second = names
        if unless and given:
            self.fault(f"{shown}.{given[0]} is {said[given[0]]!r}: expected none in the wide layout, where columns are devices")
        elif not unless and table and len(given) != 1:
            example = _KEYS[shown][first].example
            how = "neither is there" if not given else "both are there"
            self.fault(f"{shown}.{first} and {shown}.{second}: {how}: expected one of the two, such as {first} = {example}")

    def time(self, is_wide: bool) -> TimeColumn:
        time = self.table("time", "time", self.said.get("time"))
        self.exactly_one("time", time, ("column", "start"))
        if "column" in time and "zone" not in time and "zone" not in self.given("time"):
            self.fault('time.zone is missing: expected the zone of times without an offset, such as "Europe/Berlin" (or "UTC")')
        if "start" in time and "step_s" not in self.given("time"):
            self.fault("time.step_s is missing: expected the seconds between two rows, such as 300")
        if "start" in time and not is_wide:
            self.fault("time.start is given: expected it in the wide layout only, where each row is one moment; name time.column")
        zone = time.get("zone")
        return TimeColumn(
            time.get("column"), ZoneInfo(zone) if zone else None, time.get("format"), time.get("start"), time.get("step_s")
        )

    def values(self, is_wide: bool) -> tuple[ValueColumn, ...]:
        said = self.said.get("values")
        if not isinstance(said, dict) or not said or not all(isinstance(table, dict) for table in said.values()):
            self.fault('[values] has no properties: expected a table for each, such as [values.pm25] with column = "PM2.5"')
            return ()
        if is_wide and len(said) > 1:
            self.fault(f"[values] has {', '.join(said)}: expected one property in the wide layout, where columns are devices")
        columns = []
        for name, table in said.items():
            shown = f"values.{name}"
            row = self.table("values", shown, table)
            if is_wide and "column" in row:
                self.fault(f"{shown}.column is {row['column']!r}: expected none in the wide layout, where columns are devices")
            if not is_wide and "column" not in table:
                self.fault(f'{shown}.column is missing: expected the name of a column, such as "free"')
            if "max_column" in row and "file" not in self.given("places"):
                self.fault(f"{shown}.max_column is {row['max_column']!r}: expected a [places] table with a file that has it")
            columns.append(_value_column(name, row))
            low, high = columns[-1].low, columns[-1].high
            if low is not None and high is not None and low > high:
                self.fault(f"{shown}.min is {low}, above the max of {high}: expected min ≤ max, such as min = 0")
        return tuple(columns)

    def event(self, says: Says, places: Places | None) -> EventColumns | None:
        event = self.table("event", "event", self.said.get("event"))
        classes = [self.table("event.classes", f"event.classes[{k}]", row) for k, row in enumerate(event.get("classes", []))]
        common = event.get("class_column")
        if event and common is None and not all("column" in row for row in classes):
            self.fault('event.class_column is missing: expected the column of every class that names none, such as "title"')
        if event and ("severity_column" in event) != ("severities" in event):
            self.fault('event.severity_column and event.severities: only one is there: expected both, such as { "urgent" = 2 }')
        if "ends_after_s" in event and says != "incident":
            self.fault(f'event.ends_after_s is {event["ends_after_s"]} where says = "{says}": expected it of incidents only')
        if event and says == "response":
            for name in sorted({"desk", "id_column"} - self.given("event").keys()):
                key = _KEYS["event"][name]
                self.fault(f"event.{name} is missing: expected {key.expected}, such as {key.example}")
            if places is not None and "crs" in event and places.crs != Crs.of(event["crs"]):
                self.fault(f"places.crs is {places.crs} and event.crs {event['crs']!r}: expected one, as units go between them")
        elif "desk" in event:
            self.fault(f'event.desk is {event["desk"]!r} where says = "{says}": expected none, since the device is the desk')
        if self.faults:
            return None
        return EventColumns(
            classes=tuple(
                EventClass(row.get("column", common), row["begins"], row["class"], row.get("severity")) for row in classes
            ),
            otherwise=event.get("otherwise", "other"), source=event["source"], lon=event["lon"], lat=event["lat"],
            crs=Crs.of(event["crs"]), missing=tuple(event.get("missing", ())),
            within=tuple(event["within"]) if "within" in event else None, id_column=event.get("id_column"),
            severity_column=event.get("severity_column"), severities=event.get("severities", {}),
            ends_after_s=event.get("ends_after_s"), desk=event.get("desk"),
        )  # fmt: skip

    def units(self) -> UnitKinds | None:
        units = self.table("units", "units", self.said.get("units"))
        kinds = [self.table("units.kinds", f"units.kinds[{k}]", row) for k, row in enumerate(units.get("kinds", []))]
        if self.faults:
            return None
        return UnitKinds(units["kind_column"], tuple((row["begins"], row["kind"]) for row in kinds))

    def places(self) -> Places | None:
        places = self.table("places", "places", self.said["places"])
        self.exactly_one("places", places, ("file", "rows"))
        if "file" in places:
            for name in sorted({"device", "lon", "lat"} - self.given("places").keys()):
                self.fault(f"places.{name} is missing: expected {_COLUMN}, such as {_KEYS['places'][name].example}")
        rows = [self.table("places.rows", f"places.rows[{k}]", row) for k, row in enumerate(places.get("rows", []))]
        if self.faults:
            return None
        return Places(
            crs=Crs.of(places["crs"]),
            rows=tuple(_place(row) for row in rows),
            file=places.get("file"), device=places.get("device"), lon=places.get("lon"), lat=places.get("lat"),
            name=places.get("name"), key=re.compile(places["key"]) if "key" in places else None,
        )  # fmt: skip


def _place(row: Table) -> Place:
    return Place(row["device"], row["lon"], row["lat"], row.get("name_zh"), row.get("name_en"), row.get("district"))


def _value_column(name: str, row: Table) -> ValueColumn:
    """Unit and limits that are not said are the property's usual ones; limits hold in the usual unit only."""
    usual = PROPERTIES.get(name)
    unit = row.get("unit", usual.unit if usual else None)
    low, high = (usual.low, usual.high) if usual and unit == usual.unit else (None, None)
    return ValueColumn(
        property=name, column=row.get("column"), unit=unit,
        factor=float(row.get("factor", 1)), offset=float(row.get("offset", 0)),
        missing=tuple(map(float, row.get("missing", ()))), low=row.get("min", low), high=row.get("max", high),
        high_column=row.get("max_column"), high_factor=float(row.get("max_factor", 1)),
    )  # fmt: skip
