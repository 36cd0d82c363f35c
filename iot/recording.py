"""A recording: the rows of a real data file, read as its mapping says and put in order of time. Times in UTC, values in the
unit of the mapping, positions still in the file's CRS.

CSV (with a header) or Parquet by the file's ending. Rows count from 1, without the header.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from iot.mapping import DataMapping, EventColumns, Place, TimeColumn, UnusableInput, ValueColumn

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Recording:
    """Rows in order of time; arrays of one length. `device`, `item` and `event_class` are indices into the names beside them.

    Telemetry: `values` (rows × properties, NaN = not given). Events: `severity` (0 = not given), `lon`, `lat` (NaN = not
    given). `left_out` counts rows without device, value or position, or outside the mapping's area.
    """

    mapping: DataMapping
    time_us: Rows
    device: Rows
    device_ids: tuple[str, ...]
    places: tuple[Place, ...]
    highs: NDArray[np.float64]
    values: NDArray[np.float64]
    item: Rows
    item_names: tuple[str, ...]
    event_class: Rows
    class_names: tuple[str, ...]
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
    if mapping.event is not None:
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
    kept = rows[in_span & rows["is_usable"].to_numpy()].sort_values("time_us", kind="stable")
    if kept.empty:
        raise UnusableInput(
            [f"{file}: no row has a device, a value and an acceptable position: expected one; check {mapping.path}"]
        )
    return _recording(mapping, file, kept, left_out=int(in_span.sum()) - len(kept))


def _recording(mapping: DataMapping, file: Path, rows: pd.DataFrame, *, left_out: int) -> Recording:
    devices, names = pd.factorize(rows["device"], sort=True)
    places, highs = _places_of(mapping, file, [str(name) for name in names])
    device_ids = tuple(
        f"{place.district or mapping.district}/{mapping.domain}/{mapping.site}/{_level(str(name))}"
        for name, place in zip(names, places, strict=True)
    )
    for k, device_id in enumerate(device_ids):
        if device_id in device_ids[:k]:
            twins = f"'{names[device_ids.index(device_id)]}' and '{names[k]}'"
            cure = "expected names that differ in letters or digits"
            raise UnusableInput([f"{file}: devices {twins} would share the topic {device_id}: {cure}"])
    items, item_names = pd.factorize(rows["item"], sort=True)
    classes, class_names = pd.factorize(rows["event_class"], sort=True)
    return Recording(
        mapping=mapping, time_us=rows["time_us"].to_numpy(), device=devices, device_ids=device_ids, places=places, highs=highs,
        values=rows[[value.property for value in mapping.values]].to_numpy(dtype=float), item=items, item_names=tuple(item_names),
        event_class=classes, class_names=tuple(class_names), severity=rows["severity"].to_numpy(), lon=rows["lon"].to_numpy(),
        lat=rows["lat"].to_numpy(), left_out=left_out,
    )  # fmt: skip


def _wanted_columns(mapping: DataMapping) -> list[str] | None:
    """The columns to read, or None for all (the wide layout)."""
    if mapping.is_wide:
        return None
    named: list[str | None] = [mapping.time.column, mapping.device_column, mapping.item_column]
    named += [value.column for value in mapping.values]
    if mapping.event is not None:
        named += [mapping.event.class_column, mapping.event.lon, mapping.event.lat]
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
    rows = _rows(
        _measured_us(mapping.time, frame, file),
        device=_words(frame[mapping.device_column]) if mapping.device_column else mapping.device_name,
        lon=_numbers(frame[event.lon], file), lat=_numbers(frame[event.lat], file),
    )  # fmt: skip
    said = _words(frame[event.class_column]).fillna("")
    classes = np.full(len(rows), event.otherwise, dtype=object)
    severity = np.zeros(len(rows), dtype=np.int64)
    undecided = np.ones(len(rows), dtype=bool)
    for entry in event.classes:
        hit = undecided & said.str.startswith(entry.begins).to_numpy(dtype=bool)
        classes[hit], severity[hit] = entry.class_name, entry.severity or 0
        undecided &= ~hit
    rows["event_class"], rows["severity"] = classes, severity
    usable = rows["device"].notna()
    if mapping.says == "incident":
        usable &= rows["lon"].notna() & rows["lat"].notna()
    if event.within is not None:
        west, south, east, north = event.within
        usable &= rows["lon"].isna() | (rows["lon"].between(west, east) & rows["lat"].between(south, north))
    rows["is_usable"] = usable
    return rows


def _rows(time_us: Rows, **columns: Any) -> pd.DataFrame:
    """Rows with every column that a recording needs, the ones not given empty."""
    empty: dict[str, Any] = {"device": "", "item": "", "event_class": "", "severity": 0, "lon": np.nan, "lat": np.nan}
    return pd.DataFrame({"time_us": time_us, **empty, **columns})


def _measured_us(time: TimeColumn, frame: pd.DataFrame, file: Path) -> Rows:
    """When each row was measured, in microseconds since 1970 UTC."""
    if time.column is None:
        assert time.start is not None
        assert time.step_s is not None
        steps_us = np.arange(len(frame), dtype=np.int64) * round(time.step_s * 1e6)
        return np.asarray(_microseconds(time.start) + steps_us, dtype=np.int64)
    column = frame[time.column]
    if not isinstance(column.dtype, pd.DatetimeTZDtype) and not pd.api.types.is_datetime64_dtype(column):
        column = _parsed(column, time)
    elif not isinstance(column.dtype, pd.DatetimeTZDtype):
        column = _localized(column, time)
    bad = column.isna().to_numpy()
    if bad.any():
        expected = f"a time like {time.format}" if time.format else "an ISO 8601 time, such as 2026-03-02T09:00:05+08:00"
        raise _bad_cell(file, frame[time.column], int(bad.argmax()), expected)
    return np.asarray(column.dt.tz_convert("UTC").astype("datetime64[us, UTC]").astype(np.int64))


def _parsed(column: pd.Series[Any], time: TimeColumn) -> pd.Series[Any]:
    """Text as times in UTC, each with its own offset or, without one, local in the mapping's zone; NaT where it is no time."""
    text = column.astype("string")
    has_offset = text.str.contains(r"(?:Z|[+-]\d{2}:?\d{2})$", na=False, flags=re.IGNORECASE).to_numpy(dtype=bool)
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
    """Place and upper limits (devices × properties, NaN = none) of each device; names are compared without regard to case."""
    usual = [np.nan if v.high is None else float(v.high) for v in mapping.values]
    highs = np.tile(np.array(usual, dtype=float), (len(names), 1))
    if mapping.places is None:
        return tuple(Place(name, None, None, None, None) for name in names), highs
    known = {place.device.casefold(): place for place in mapping.places.rows}
    if mapping.places.file is not None:
        beside = file.parent / mapping.places.file
        p = mapping.places
        named = (p.device, p.lon, p.lat, p.name, *(v.high_column for v in mapping.values))
        wanted = dict.fromkeys(name for name in named if name is not None)
        frame = _read(beside, wanted, mapping, as_text=tuple(n for n in (p.device, p.name) if n))
        keys = _words(frame[p.device]).fillna("").str.casefold()
        lon, lat = (_numbers(frame[name], beside) for name in (p.lon, p.lat))
        said = _words(frame[p.name]) if p.name else pd.Series(pd.NA, index=frame.index)
        for k, key in enumerate(keys):
            called = None if pd.isna(said.iloc[k]) else str(said.iloc[k])
            is_placed = bool(np.isfinite(lon[k]) and np.isfinite(lat[k]))
            known[key] = Place(key, float(lon[k]) if is_placed else None, float(lat[k]) if is_placed else None, None, called)
        for j, value in enumerate(mapping.values):
            if value.high_column is not None:
                limit_of = dict(zip(keys, _numbers(frame[value.high_column], beside) * value.high_factor, strict=True))
                own = np.array([limit_of.get(name.casefold(), np.nan) for name in names])
                highs[:, j] = np.where(np.isnan(own), highs[:, j], own)
    return tuple(known.get(name.casefold(), Place(name, None, None, None, None)) for name in names), highs


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
