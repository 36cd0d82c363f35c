"""Real sets: public records of real cities, read into the form of benchmarks._records. Where each comes from is told in
docs/real-data.md; nothing but times, numbers and classes is read. Times are local, as the files have them, unless said.

A set is read where its file is there; what is not there is absent, and nothing takes its place.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks._records import WORKDAY, Floats, Record, counted, held, kinds_of_days, meant, taken
from iot.simulated.calendar import EPOCH, day_types

Records = Iterator[tuple[str, Record]]
"""Names of parts, "" for the whole of a set."""

LA_FIRST_DAY = date(2012, 3, 1)
"""A Thursday. The file has no times: this is what papers say of the extract (config/replays/la_speed.toml)."""
BLIZZARD = date(2016, 1, 23)
"""913 calls in Montgomery County, where 390 are usual: it says nothing of how ordinary days scatter."""
SPRING_WEEKS = 12
"""Air has seasons: of every year the weeks from the first Monday of March on, as in the simulated span."""


def read_sets(folder: Path) -> tuple[dict[str, Record], tuple[str, ...]]:
    """Records by name, "set" or "set: part", and the names of the sets that are absent."""
    found: dict[str, Record] = {}
    for name, (file, read) in SETS.items():
        if (folder / name / file).is_file():
            found |= {f"{name}: {part}" if part else name: record for part, record in read(folder / name / file)}
    return found, tuple(name for name, (file, _) in SETS.items() if not (folder / name / file).is_file())


def _la_speed(file: Path) -> Records:
    """Speed at loops of freeways (km/h), every five minutes of 5.6 days."""
    speed = pd.read_parquet(file).to_numpy(dtype=float).T * 1.609344
    days = -(-speed.shape[1] // 288)
    values = np.full((len(speed), days * 288), np.nan)
    values[:, : speed.shape[1]] = speed
    yield "", Record(LA_FIRST_DAY, kinds_of_days(LA_FIRST_DAY, days), values.reshape(len(speed), days, 288))


def _dresden_parking(file: Path) -> Records:
    """Places taken in car parks, as shares, every quarter of an hour. Times are UTC."""
    rows = pd.read_parquet(file)
    of, names = pd.factorize(rows.place_id, sort=True)
    first, kinds, time_s = _calendar(rows.timestamp.dt.tz_convert("Europe/Berlin").dt.tz_localize(None), "DE", "SN")
    yield "", Record(first, kinds, taken(held(of, time_s, rows.free, shape=(len(names), len(kinds), 96))))


def _melbourne(file: Path) -> Records:
    """Pedestrians an hour at four places."""
    rows = pd.read_parquet(file)
    first, kinds, time_s = _calendar(rows.t, "AU", "VIC")
    places = {
        "station": ["Southern Cross Station"],
        "shopping": ["Bourke Street Mall (North)", "QV Market-Elizabeth St (West)"],
        "open space": ["Birrarung Marr"],
        "all": sorted(rows.Sensor.unique()),
    }
    for part, sensors in places.items():
        here = rows.Sensor.isin(sensors).to_numpy()
        of = rows.Sensor[here].map(sensors.index)
        yield part, Record(first, kinds, meant(of, time_s[here], rows.Count[here], shape=(len(sensors), len(kinds), 24)))


def _montgomery(file: Path) -> Records:
    """Calls an hour to a county's 911, without the blizzard."""
    rows = pd.read_parquet(file, columns=["title", "timeStamp"])
    titles = {"all": "", "medical": "EMS:", "accidents": "Traffic: VEHICLE ACCIDENT", "fires": "Fire:"}
    return _calls(rows.timeStamp, {part: rows.title.str.startswith(title) for part, title in titles.items()}, but=[BLIZZARD])


def _sf(file: Path) -> Records:
    """Incidents an hour of a city's fire department; a row is one unit's part in one."""
    rows = pd.read_parquet(file, columns=["incident_number", "received_timestamp", "call_type"])
    rows = rows.sort_values("received_timestamp").drop_duplicates("incident_number")
    parts = {"all": rows.call_type.notna(), "medical": rows.call_type == "Medical Incident"}
    return _calls(rows.received_timestamp, parts)


def _nyc(file: Path) -> Records:
    """Ambulance incidents an hour of a city."""
    rows = pd.read_parquet(file, columns=["t", "num_calls"])
    first, kinds, time_s = _calendar(rows.t)
    yield "medical", Record(first, kinds, meant(np.zeros(len(rows)), time_s, rows.num_calls, shape=(1, len(kinds), 24)))


def _houston(file: Path) -> Records:
    """Reports of flooding an hour to a city's 311."""
    when = pd.to_datetime(pd.read_parquet(file, columns=["SR CREATE DATE"])["SR CREATE DATE"])
    return _calls(when, {"": when.notna()})


def _bank_calls(file: Path) -> Records:
    """Calls in half an hour to a bank, 7 to 21 on the days that are there."""
    rows = pd.read_parquet(file)
    first, kinds, time_s = _calendar(rows.DateTime)
    of_five_minutes = meant(np.zeros(len(rows)), time_s, rows.Calls, shape=(1, len(kinds), 48))
    yield "", Record(first, kinds, 6 * of_five_minutes).between_hours(7, 21)


def _mva(file: Path) -> Records:
    """People in line at offices, all services together, every five minutes of working days."""
    rows = pd.read_parquet(file, columns=["office", "ts", "num_people"])
    asked = rows.groupby(["office", "ts"]).num_people.sum().reset_index()
    of, names = pd.factorize(asked.office, sort=True)
    first, kinds, time_s = _calendar(asked.ts)
    people = meant(of, time_s, asked.num_people, shape=(len(names), len(kinds), 288))
    people[:, kinds != WORKDAY] = np.nan  # Sundays, closed, are in the file as 0
    yield "", Record(first, kinds, people)


def _beijing(file: Path) -> Records:
    """Air and its temperature at four stations every hour of three springs, one after the other."""
    rows = pd.read_parquet(file)
    of, names = pd.factorize(rows.station, sort=True)
    first, kinds, time_s = _calendar(rows.t)
    kinds = day_types((first - EPOCH).days, len(kinds), ZoneInfo("Asia/Shanghai"))
    marches = [date(year, 3, 1) for year in range(first.year, first.year + 3)]
    mondays = [(march - first).days + -march.weekday() % 7 for march in marches]
    springs = np.concatenate([monday + np.arange(7 * SPRING_WEEKS) for monday in mondays])
    for part, column in {"pm25": "PM2.5", "no2": "NO2", "o3": "O3", "temperature": "TEMP"}.items():
        values = meant(of, time_s, rows[column], shape=(len(names), len(kinds), 24))
        yield part, Record(first, kinds, values).picked(springs)


def _gecco(file: Path) -> Records:
    """Flow through a drinking-water station every minute; nine sensors are there or not together."""
    rows = pd.read_parquet(file, columns=["Time", "Fm"])
    first, kinds, time_s = _calendar(rows.Time, "DE", "TH")
    yield "flow", Record(first, kinds, meant(np.zeros(len(rows)), time_s, rows.Fm, shape=(1, len(kinds), 1_440)))


SETS: Mapping[str, tuple[str, Callable[[Path], Records]]] = {
    "la_speed": ("speed.parquet", _la_speed),
    "dresden_parking": ("free.parquet", _dresden_parking),
    "melbourne": ("pedestrian.parquet", _melbourne),
    "beijing": ("air.parquet", _beijing),
    "gecco": ("geccoIC2018Train.parquet", _gecco),
    "montgomery": ("911.parquet", _montgomery),
    "nyc": ("ems_hourly.parquet", _nyc),
    "sf": ("units.parquet", _sf),
    "houston": ("311_flooding.parquet", _houston),
    "bank_calls": ("calls_5min.parquet", _bank_calls),
    "mva": ("waits.parquet", _mva),
}
"""Folder of each set: its file, and how it is read."""


def _calls(when: Any, parts: Mapping[str, Any], *, but: Container[date] = ()) -> Records:
    """Counts an hour of the rows that belong to each part. A first day on which the first call comes after an hour or later is
    not a whole one, and unknown, as are the days of `but`."""
    first, kinds, time_s = _calendar(when)
    unknown = np.array([(k == 0 and time_s.min() >= 3_600) or first + timedelta(days=k) in but for k in range(len(kinds))])
    for part, rows in parts.items():
        here = rows.to_numpy(dtype=bool)
        counts = counted(np.zeros(here.sum()), time_s[here], shape=(1, len(kinds), 24))
        counts[:, unknown] = np.nan
        yield part, Record(first, kinds, counts)


def _calendar(when: Any, country: str = "US", subdiv: str | None = None) -> tuple[date, NDArray[np.int64], Floats]:
    """The first date of a column of local times, the kinds of the days to its last one, and its seconds since the first
    midnight."""
    first, last = when.min().date(), when.max().date()
    off = holidays.country_holidays(country, subdiv=subdiv, years=range(first.year, last.year + 1))
    time_s = (when.to_numpy("datetime64[us]") - np.datetime64(first)) / np.timedelta64(1, "s")
    return first, kinds_of_days(first, (last - first).days + 1, off), np.asarray(time_s, dtype=float)
