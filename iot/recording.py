"""A recording: what the rows of a real data file say, read as its mapping says and put in order of time. Times in UTC, values
in the unit of the mapping, positions still in the file's CRS.

A row of a response is taken apart: its incident is reported once and is over when the last of its units is free; the unit's
statuses begin at their times. Where a unit is, such files do not tell on the way; it is taken to be at its home (where one is
known) when it sets out and when it is free again, and at the incident's place from its arrival on.

CSV (with a header) or Parquet by the file's ending. Rows count from 1, without the header.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from domain.units import UnitStatus
from iot.mapping import DataMapping, EventColumns, Place, TimeColumn, UnitKinds, UnusableInput, ValueColumn

Rows = NDArray[np.int64]


class Happening(IntEnum):
    """What a row of a recording says; of what happens in one moment the lower comes first."""

    READING = 0
    REQUEST = 1
    REPORT = 2
    """An incident is reported."""
    STATUS = 3
    POSITION = 4
    CLOSING = 5
    """An incident is over."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Rows in order of time; arrays of one length. `happening` holds the numbers of `Happening`; `device`, `item` and
    `event_class` (of a unit's status: the status) are indices into the names beside them. Of each device: its `places`, and
    what it is for when it is a unit (`kinds`, "" for others).

    Telemetry: `values` (rows × properties, NaN = not given). Events: `key` (which request or incident), `severity` (0 = not
    given). Events and positions: `lon`, `lat` (NaN = not given). `left_out` counts rows of the file without device, value or
    position, or outside the mapping's area.
    """

    mapping: DataMapping
    time_us: Rows
    happening: Rows
    device: Rows
    device_ids: tuple[str, ...]
    places: tuple[Place, ...]
    kinds: tuple[str, ...]
    highs: NDArray[np.float64]
    values: NDArray[np.float64]
    item: Rows
    item_names: tuple[str, ...]
    event_class: Rows
    class_names: tuple[str, ...]
    key: NDArray[np.object_]
    severity: Rows
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    left_out: int

    def __len__(self) -> int:
        return len(self.time_us)


def read_recording(
    mapping: DataMapping, file: Path, *, time_from: datetime | None = None, time_to: datetime | None = None
) -> Recording:
    """The rows of `file` measured in [time_from, time_to). Raises UnusableInput."""
    frame = _read(file, _wanted_columns(mapping), mapping)
    if mapping.event is not None and mapping.units is not None:
        rows = _response_rows(mapping, mapping.event, frame, file)
    elif mapping.event is not None:
        rows = _event_rows(mapping, mapping.event, frame, file)
    elif mapping.is_wide:
        rows = _wide_rows(mapping, frame, file)
    else:
        rows = _long_rows(mapping, frame, file)
    in_span = np.ones(len(rows), dtype=bool)
    if time_from is not None:
        in_span &= rows["time_us"].to_numpy() >= _microseconds(time_from)
    if time_to is not None:
        in_span &= rows["time_us"].to_numpy() < _microseconds(time_to)
    if not in_span.any():
        raise UnusableInput([_nothing_left(file, rows["time_us"].to_numpy(), time_from, time_to)])
    kept = rows[in_span & rows["is_usable"].to_numpy()].sort_values(["time_us", "happening"], kind="stable")
    if kept.empty:
        raise UnusableInput(
            [f"{file}: no row has a device, a value and an acceptable position: expected one; check {mapping.path}"]
        )
    left_out = int(in_span.sum()) - len(kept)
    reported = kept["key"][kept["happening"] == Happening.REPORT]
    kept = kept[(kept["happening"] != Happening.CLOSING) | kept["key"].isin(reported)]  # the others began before the span
    return _recording(mapping, file, kept, left_out=left_out)


def _recording(mapping: DataMapping, file: Path, rows: pd.DataFrame, *, left_out: int) -> Recording:
    devices, names = pd.factorize(rows["device"], sort=True)
    places, highs = _places_of(mapping, file, [str(name) for name in names])
    desk = mapping.event.desk if mapping.event is not None else None
    device_ids = tuple(
        str(desk) if name == desk else f"{place.district or mapping.district}/{mapping.domain}/{mapping.site}/{_level(str(name))}"
        for name, place in zip(names, places, strict=True)
    )
    kinds = rows["kind"].groupby(devices).max()  # the only one that is not empty
    for k, device_id in enumerate(device_ids):
        if device_id in device_ids[:k]:
            twins = f"'{names[device_ids.index(device_id)]}' and '{names[k]}'"
            cure = "expected names that differ in letters or digits"
            raise UnusableInput([f"{file}: devices {twins} would share the topic {device_id}: {cure}"])
    items, item_names = pd.factorize(rows["item"], sort=True)
    classes, class_names = pd.factorize(rows["event_class"], sort=True)
    return Recording(
        mapping=mapping, time_us=rows["time_us"].to_numpy(), happening=rows["happening"].to_numpy(), device=devices,
        device_ids=device_ids, places=places, kinds=tuple(kinds), highs=highs,
        values=rows[[value.property for value in mapping.values]].to_numpy(dtype=float), item=items, item_names=tuple(item_names),
        event_class=classes, class_names=tuple(class_names), key=rows["key"].to_numpy(dtype=object),
        severity=rows["severity"].to_numpy(), lon=rows["lon"].to_numpy(),
        lat=rows["lat"].to_numpy(), left_out=left_out,
    )  # fmt: skip


def _wanted_columns(mapping: DataMapping) -> list[str] | None:
    """The columns to read, or None for all (the wide layout)."""
    if mapping.is_wide:
        return None
    named: list[str | None] = [mapping.time.column, mapping.device_column, mapping.item_column]
    named += [value.column for value in mapping.values]
    if (event := mapping.event) is not None:
        named += [event.id_column, *(entry.column for entry in event.classes), event.severity_column, event.lon, event.lat]
    named += [column for _, column in mapping.steps]
    if mapping.units is not None:
        named.append(mapping.units.column)
    return list(dict.fromkeys(name for name in named if name is not None))


def _read(file: Path, columns: Iterable[str] | None, mapping: DataMapping, *, as_text: tuple[str, ...] = ()) -> pd.DataFrame:
    """The columns of a file, which must all be there. Raises UnusableInput."""
    if file.suffix not in (".csv", ".parquet"):
        raise UnusableInput([f"{file} ends in '{file.suffix}': expected a .csv or a .parquet file"])
    if not file.is_file():
        raise UnusableInput(
            [f"{file} does not exist: expected the data that {mapping.path} maps; it comes from {mapping.origin}"]
        )
    try:
        if file.suffix == ".csv":
            there = [str(name) for name in pd.read_csv(file, nrows=0).columns]
        else:
            there = pyarrow.parquet.read_schema(file).names
        missing = [name for name in columns or () if name not in there]
        if missing:
            known = ", ".join(there[:12]) + (" …" if len(there) > 12 else "")
            raise UnusableInput(
                [
                    f"{file} has no column '{name}': expected one, since {mapping.path} names it; it has {known}"
                    for name in missing
                ]
            )
        wanted = list(columns) if columns is not None else there
        if file.suffix == ".csv":
            return pd.read_csv(file, usecols=wanted, dtype=dict.fromkeys(as_text, str))[wanted]
        return pyarrow.parquet.read_table(file, columns=wanted).to_pandas(ignore_metadata=True)
    except (OSError, ValueError, pyarrow.ArrowException) as fault:
        kind = "a table with a header" if file.suffix == ".csv" else "a Parquet table"
        raise UnusableInput([f"{file} cannot be read ({str(fault).splitlines()[0]}): expected {kind}"]) from None


def _long_rows(mapping: DataMapping, frame: pd.DataFrame, file: Path) -> pd.DataFrame:
    values = {v.property: _values(frame[v.column], v, file) for v in mapping.values if v.column is not None}
    device = _words(frame[mapping.device_column]) if mapping.device_column else mapping.device_name
    rows = _rows(_measured_us(mapping.time, frame, file), device=device, **values)
    if mapping.item_column:
        rows["item"] = _words(frame[mapping.item_column]).fillna("")
    rows["is_usable"] = rows["device"].notna() & rows[list(values)].notna().any(axis=1)
    return rows


def _wide_rows(mapping: DataMapping, frame: pd.DataFrame, file: Path) -> pd.DataFrame:
    """A row per cell, column after column."""
    time_us = _measured_us(mapping.time, frame, file)
    value = mapping.values[0]
    columns = [name for name in frame.columns if name != mapping.time.column]
    cells = [_values(frame[name], value, file) for name in columns]
    devices = np.repeat(np.array([str(name) for name in columns], dtype=object), len(frame))
    rows = _rows(np.tile(time_us, len(columns)), device=devices, **{value.property: np.concatenate(cells) if cells else []})
    rows["is_usable"] = rows[value.property].notna()
    return rows


def _event_rows(mapping: DataMapping, event: EventColumns, frame: pd.DataFrame, file: Path) -> pd.DataFrame:
    """A row per request or report; for incidents whose end is assumed, another row for it."""
    is_request = mapping.says == "request"
    lon, lat = (_coordinates(frame[name], event, file) for name in (event.lon, event.lat))
    rows = _rows(
        _measured_us(mapping.time, frame, file),
        happening=Happening.REQUEST if is_request else Happening.REPORT,
        device=_words(frame[mapping.device_column]) if mapping.device_column else mapping.device_name,
        key=_words(frame[event.id_column]) if event.id_column else [str(k) for k in range(1, len(frame) + 1)],
        lon=lon, lat=lat,
    )  # fmt: skip
    rows["event_class"], rows["severity"] = _classes(event, frame)
    usable = rows["device"].notna() & rows["key"].notna()
    if not is_request:
        usable &= rows["lon"].notna() & rows["lat"].notna()
    if event.within is not None:
        west, south, east, north = event.within
        usable &= rows["lon"].isna() | (rows["lon"].between(west, east) & rows["lat"].between(south, north))
    rows["is_usable"] = usable
    if event.ends_after_s is None:
        return rows
    ends = rows[usable].assign(happening=Happening.CLOSING, lon=np.nan, lat=np.nan)
    ends["time_us"] += round(event.ends_after_s * 1e6)
    return pd.concat([rows, ends], ignore_index=True)


def _classes(event: EventColumns, frame: pd.DataFrame) -> tuple[NDArray[np.object_], Rows]:
    """Class and severity (0 = not given) of each row."""
    classes = np.full(len(frame), event.otherwise, dtype=object)
    severity = np.zeros(len(frame), dtype=np.int64)
    said = {column: _words(frame[column]).fillna("") for column in {entry.column for entry in event.classes}}
    undecided = np.ones(len(frame), dtype=bool)
    for entry in event.classes:
        hit = undecided & said[entry.column].str.startswith(entry.begins).to_numpy(dtype=bool)
        classes[hit], severity[hit] = entry.class_name, entry.severity or 0
        undecided &= ~hit
    if event.severity_column is not None:
        by_word = _words(frame[event.severity_column]).map(event.severities).fillna(0).to_numpy(dtype=np.int64)
        severity = np.where(severity == 0, by_word, severity)
    return classes, severity


def _response_rows(mapping: DataMapping, event: EventColumns, frame: pd.DataFrame, file: Path) -> pd.DataFrame:
    """Rows for all that a file of responses says: reports, statuses, positions, ends. A unit answers one call at a time: what an
    earlier call says of it after it was sent to the next is left out."""
    assert mapping.units is not None
    calls = _event_rows(mapping, event, frame, file)
    calls["kind"] = _kinds(mapping.units, frame)
    unusable, calls = calls[~calls["is_usable"]], calls[calls["is_usable"]]
    turns = pd.concat(
        [  # a microsecond apart, so that steps of one second keep their order
            calls.assign(time_us=_moments_us(frame[column], mapping.time, file) + k, event_class=str(status))
            for k, (status, column) in enumerate(mapping.steps)
        ]
    ).dropna(subset="time_us")  # the index is still the file's row, in what follows as well
    turns["happening"] = Happening.STATUS
    sent_us = turns.groupby(level=0)["time_us"].min().sort_values(kind="stable")
    next_us = sent_us.groupby(calls["device"].reindex(sent_us.index)).shift(-1)
    free_us = turns["time_us"].where(turns["event_class"] == UnitStatus.AVAILABLE).groupby(level=0).max()
    turns = turns[~(turns["time_us"] >= next_us.reindex(turns.index))]
    reports = calls.sort_values("time_us", kind="stable").drop_duplicates("key").assign(device=event.desk, kind="")
    left_us = np.fmin(free_us.reindex(calls.index), next_us.reindex(calls.index)).groupby(calls["key"])
    over_us = left_us.max().where(left_us.count() == left_us.size())  # none while a unit is not known to have left
    ends = reports.assign(time_us=reports["key"].map(over_us), happening=Happening.CLOSING).dropna(subset="time_us")
    rows = pd.concat([unusable, reports, turns, _positions(mapping, file, turns, sent_us), ends])
    return rows.astype({"time_us": np.int64, "is_usable": bool}).reset_index(drop=True)


def _positions(mapping: DataMapping, file: Path, turns: pd.DataFrame, sent_us: pd.Series[Any]) -> pd.DataFrame:
    """Units at home when they are sent (times by row of the file) and when they are free, at the incident on arrival."""
    is_there = turns["event_class"] == UnitStatus.ON_SCENE
    is_home = turns["time_us"].eq(sent_us.reindex(turns.index)) | turns["event_class"].eq(UnitStatus.AVAILABLE)
    at_home = turns[is_home & ~is_there]
    names = list(at_home["device"].unique())
    home = dict(zip(names, _places_of(mapping, file, names)[0], strict=True))
    at_home = at_home.assign(
        lon=at_home["device"].map(lambda name: home[name].lon), lat=at_home["device"].map(lambda name: home[name].lat)
    )
    known = pd.concat([turns[is_there], at_home]).dropna(subset=["lon", "lat"]).drop_duplicates(["device", "time_us"])
    return known.assign(happening=Happening.POSITION, event_class="")


def _kinds(units: UnitKinds, frame: pd.DataFrame) -> pd.Series[Any]:
    """What each row's unit is for: the mapping's word for it, or the file's own in small letters."""
    said = _words(frame[units.column]).fillna("unknown")
    kinds = said.str.lower().str.replace(" ", "_")
    for begins, kind in reversed(units.kinds):  # the first that fits counts
        kinds = kinds.mask(said.str.startswith(begins), kind)
    return kinds


def _rows(time_us: Rows, **columns: Any) -> pd.DataFrame:
    """Rows with every column that a recording needs, the ones not given empty."""
    empty: dict[str, Any] = {
        "happening": Happening.READING, "device": "", "kind": "", "item": "", "event_class": "", "key": "", "severity": 0,
        "lon": np.nan, "lat": np.nan,
    }  # fmt: skip
    return pd.DataFrame({"time_us": time_us, **empty, **columns})


def _measured_us(time: TimeColumn, frame: pd.DataFrame, file: Path) -> Rows:
    """When each row was measured, in microseconds since 1970 UTC."""
    if time.column is None:
        assert time.start is not None
        assert time.step_s is not None
        steps_us = np.arange(len(frame), dtype=np.int64) * round(time.step_s * 1e6)
        return np.asarray(_microseconds(time.start) + steps_us, dtype=np.int64)
    moments_us = _moments_us(frame[time.column], time, file)
    empty = moments_us.isna().to_numpy()
    if empty.any():
        raise _bad_cell(file, frame[time.column], int(empty.argmax()), _expected_time(time))
    return np.asarray(moments_us.astype(np.int64))


def _moments_us(column: pd.Series[Any], time: TimeColumn, file: Path) -> pd.Series[Any]:
    """The times of a column in microseconds since 1970 UTC, NaN where it is empty."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        moments = column
    elif pd.api.types.is_datetime64_dtype(column):
        moments = _localized(column, time)
    else:
        moments = _parsed(column, time)
        bad = moments.isna().to_numpy() & _words(column).notna().to_numpy()
        if bad.any():
            raise _bad_cell(file, column, int(bad.argmax()), _expected_time(time))
    whole = moments.dt.tz_convert("UTC").astype("datetime64[us, UTC]").astype(np.int64)
    return whole.where(moments.notna())  # a float holds microseconds exactly until the year 2255


def _expected_time(time: TimeColumn) -> str:
    return f"a time like {time.format}" if time.format else "an ISO 8601 time, such as 2026-03-02T09:00:05+08:00"


def _parsed(column: pd.Series[Any], time: TimeColumn) -> pd.Series[Any]:
    """Text as times in UTC, each with its own offset or, without one, local in the mapping's zone; NaT where it is no time."""
    text = column.astype("string")
    # A format without one has none, whatever the text ends in: 02-03-2026 is no time in the zone -20:26.
    may_have = time.format is None or time.format.upper().endswith("Z")
    ends = text.str.contains(r"(?:Z|[+-]\d{2}:?\d{2})$", na=False, flags=re.IGNORECASE).to_numpy(dtype=bool)
    has_offset = ends & may_have
    form = time.format or "ISO8601"
    parsed = pd.Series(pd.NaT, index=column.index, dtype="datetime64[us, UTC]")
    if has_offset.any():
        parsed[has_offset] = pd.to_datetime(text[has_offset], format=form, utc=True, errors="coerce")
    if not has_offset.all():
        naive = pd.to_datetime(text[~has_offset], format=form, errors="coerce").astype("datetime64[us]")
        parsed[~has_offset] = _localized(naive, time).dt.tz_convert("UTC")
    return parsed


def _localized(naive: pd.Series[Any], time: TimeColumn) -> pd.Series[Any]:
    """Local times in the mapping's zone. An hour that comes twice counts as its first, one that is skipped as its end."""
    return naive.dt.tz_localize(time.zone, ambiguous=np.ones(len(naive), dtype=bool), nonexistent="shift_forward")


def _values(column: pd.Series[Any], value: ValueColumn, file: Path) -> NDArray[np.float64]:
    numbers = _numbers(column, file)
    numbers[np.isin(numbers, value.missing) | ~np.isfinite(numbers)] = np.nan
    if value.factor != 1 or value.offset != 0:
        numbers = np.round(numbers * value.factor + value.offset, 4)
    return numbers


def _coordinates(column: pd.Series[Any], event: EventColumns, file: Path) -> NDArray[np.float64]:
    """Degrees, NaN where there is none."""
    if words := [word for word in event.missing if isinstance(word, str)]:
        column = column.where(~_words(column).isin(words))
    degrees = _numbers(column, file)
    degrees[np.isin(degrees, [number for number in event.missing if not isinstance(number, str)])] = np.nan
    return degrees


def _numbers(column: pd.Series[Any], file: Path) -> NDArray[np.float64]:
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan, copy=True)
    bad = np.isnan(numbers) & column.notna().to_numpy()
    if bad.any():
        raise _bad_cell(file, column, int(bad.argmax()), "a number, such as 3.1")
    return np.asarray(numbers)


def _words(column: pd.Series[Any]) -> pd.Series[Any]:
    words: pd.Series[Any] = column.astype("string").str.strip().replace("", pd.NA)
    return words


def _places_of(mapping: DataMapping, file: Path, names: list[str]) -> tuple[tuple[Place, ...], NDArray[np.float64]]:
    """Place and upper limits (devices × properties, NaN = none) of each device; names are compared without regard to case.

    The names of a place's own file are not those of the devices where the mapping has a key from one to the other.
    """
    usual = [np.nan if v.high is None else float(v.high) for v in mapping.values]
    highs = np.tile(np.array(usual, dtype=float), (len(names), 1))
    if mapping.places is None:
        return tuple(Place(name, None, None, None, None) for name in names), highs
    known: dict[str | None, Place] = {place.device.casefold(): place for place in mapping.places.rows}
    keys = [_place_name(mapping.places.key, name) for name in names]
    if mapping.places.file is not None:
        beside = file.parent / mapping.places.file
        p = mapping.places
        named = (p.device, p.lon, p.lat, p.name, *(v.high_column for v in mapping.values))
        wanted = dict.fromkeys(name for name in named if name is not None)
        frame = _read(beside, wanted, mapping, as_text=tuple(n for n in (p.device, p.name) if n))
        placed = _words(frame[p.device]).fillna("").str.casefold()
        lon, lat = (_numbers(frame[name], beside) for name in (p.lon, p.lat))
        said = _words(frame[p.name]) if p.name else pd.Series(pd.NA, index=frame.index)
        for k, place in enumerate(placed):
            called = None if pd.isna(said.iloc[k]) else str(said.iloc[k])
            is_placed = bool(np.isfinite(lon[k]) and np.isfinite(lat[k]))
            known[place] = Place(place, float(lon[k]) if is_placed else None, float(lat[k]) if is_placed else None, None, called)
        for j, value in enumerate(mapping.values):
            if value.high_column is not None:
                limit_of = dict(zip(placed, _numbers(frame[value.high_column], beside) * value.high_factor, strict=True))
                own = np.array([limit_of.get(key, np.nan) for key in keys])
                highs[:, j] = np.where(np.isnan(own), highs[:, j], own)
    return tuple(known.get(key, Place(name, None, None, None, None)) for name, key in zip(names, keys, strict=True)), highs


def _place_name(key: re.Pattern[str] | None, name: str) -> str | None:
    """What the place of a device is called, in small letters; None where its name tells of none."""
    if key is None:
        return name.casefold()
    found = key.fullmatch(name)
    return found[1].casefold() if found and found[1] else None


def _level(name: str) -> str:
    """A name as one level of a topic."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-") or "device"


def _microseconds(time: datetime) -> int:
    return round(time.timestamp() * 1e6)


def _bad_cell(file: Path, column: pd.Series[Any], k: int, expected: str) -> UnusableInput:
    value = column.iloc[k]
    shown = "empty" if pd.isna(value) else repr(str(value))
    return UnusableInput([f"{file}: row {k + 1}, column '{column.name}' is {shown}: expected {expected}"])


def _nothing_left(file: Path, time_us: Rows, time_from: datetime | None, time_to: datetime | None) -> str:
    if not len(time_us):
        return f"{file} has no rows: expected at least one"
    first, last = (pd.Timestamp(int(t), unit="us", tz="UTC").isoformat() for t in (time_us.min(), time_us.max()))
    asked = f"from {time_from.isoformat() if time_from else 'the beginning'} to {time_to.isoformat() if time_to else 'the end'}"
    return f"{file} has no rows {asked}: expected times between {first} and {last}"
