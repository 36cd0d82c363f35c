"""Recordings: rows of a file in order of time, as the mapping says; and what is wrong with a file, in a sentence."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from iot.mapping import DataMapping, UnusableInput, load_mapping
from iot.recording import Recording, read_recording

HEAD = 'title = "T"\norigin = "the publisher of T"\n'
LONG = (
    HEAD
    + """
says = "telemetry"
[device]
district = "d"
domain = "air"
site = "s"
column = "station"
type = "AirQualityObserved"
[time]
column = "t"
zone = "Asia/Shanghai"
[values.pm25]
column = "PM"
missing = [-1]
"""
)
WIDE = (
    HEAD
    + """
says = "telemetry"
layout = "wide"
[device]
district = "d"
domain = "traffic"
site = "s"
type = "TrafficFlowObserved"
[time]
start = 2012-03-01T00:00:00-08:00
step_s = 300
[values.averageVehicleSpeed]
factor = 1.609344
missing = [0]
"""
)
CALLS = (
    HEAD
    + """
says = "incident"
[device]
district = "d"
domain = "incident"
site = "911"
name = "desk"
type = "CallDesk"
[time]
column = "t"
zone = "America/New_York"
[event]
class_column = "kind"
source = "911"
lon = "x"
lat = "y"
crs = "EPSG:4326"
within = [-76.0, 39.0, -75.0, 41.0]
classes = [{ begins = "Fire: ALARM", class = "fire", severity = 4 }, { begins = "Fire:", class = "fire", severity = 2 }]
"""
)


def mapped(folder: Path, text: str) -> DataMapping:
    path = folder / "mapping.toml"
    path.write_text(text, encoding="utf-8")
    return load_mapping(path)


def read(folder: Path, mapping: str, csv: str, name: str = "data.csv", **span: datetime) -> Recording:
    (folder / name).write_text(csv, encoding="utf-8")
    return read_recording(mapped(folder, mapping), folder / name, **span)


def times_of(recording: Recording) -> list[str]:
    return [f"{pd.Timestamp(int(us), unit='us', tz='UTC'):%Y-%m-%dT%H:%M}" for us in recording.time_us]


def sentence_of(folder: Path, mapping: str, csv: str, **span: datetime) -> str:
    with pytest.raises(UnusableInput) as caught:
        read(folder, mapping, csv, **span)
    return str(caught.value).replace(f"{folder}/", "")


def test_long_rows_come_in_order_of_time_and_local_times_become_utc(tmp_path: Path) -> None:
    recording = read(tmp_path, LONG, "station,t,PM\nB,2015-03-02 09:00,41\nA,2015-03-02 08:00,40\n")
    assert recording.device_ids == ("d/air/s/A", "d/air/s/B")
    assert times_of(recording) == ["2015-03-02T00:00", "2015-03-02T01:00"]
    assert recording.device.tolist() == [0, 1]
    assert recording.values.tolist() == [[40.0], [41.0]]


def test_an_offset_in_the_file_wins_over_the_zone_of_the_mapping(tmp_path: Path) -> None:
    csv = "station,t,PM\nA,2015-03-02T09:00:00+01:00,1\nA,2015-03-02T17:00:00,2\nA,2015-03-02T10:00:00Z,3\n"
    assert times_of(read(tmp_path, LONG, csv)) == ["2015-03-02T08:00", "2015-03-02T09:00", "2015-03-02T10:00"]


def test_an_hour_that_summer_time_skips_counts_as_its_end_and_one_that_comes_twice_as_its_first(tmp_path: Path) -> None:
    new_york = LONG.replace("Asia/Shanghai", "America/New_York")
    csv = "station,t,PM\nA,2016-03-13 02:30,1\nA,2015-11-01 01:30,2\n"
    assert times_of(read(tmp_path, new_york, csv)) == ["2015-11-01T05:30", "2016-03-13T07:00"]


def test_other_forms_of_time_are_read_by_their_format(tmp_path: Path) -> None:
    form = LONG.replace('zone = "Asia/Shanghai"', 'zone = "UTC"\nformat = "%d.%m.%Y %H:%M"')
    assert times_of(read(tmp_path, form, "station,t,PM\nA,02.03.2015 09:00,1\n")) == ["2015-03-02T09:00"]


def test_missing_and_empty_values_are_left_out_not_zero(tmp_path: Path) -> None:
    recording = read(tmp_path, LONG, "station,t,PM\nA,2015-03-02 09:00,-1\nA,2015-03-02 10:00,\nA,2015-03-02 11:00,0\n")
    assert recording.values.tolist() == [[0.0]]
    assert recording.left_out == 2


def test_wide_columns_are_devices_and_rows_are_steps_from_the_start(tmp_path: Path) -> None:
    recording = read(tmp_path, WIDE, "773,774\n10,20\n0,30\n")
    assert recording.device_ids == ("d/traffic/s/773", "d/traffic/s/774")
    assert times_of(recording) == ["2012-03-01T08:00", "2012-03-01T08:00", "2012-03-01T08:05"]
    assert recording.values[:, 0].tolist() == [16.0934, 32.1869, 48.2803]  # 10, 20 and 30 mph
    assert recording.left_out == 1


def test_parquet_says_the_same_as_csv(tmp_path: Path) -> None:
    rows = "station,t,PM\nA,2015-03-02 09:00,41\nB,2015-03-02 09:30,42\n"
    from_csv = read(tmp_path, LONG, rows)
    frame = pd.read_csv(tmp_path / "data.csv", parse_dates=["t"])
    frame.to_parquet(tmp_path / "data.parquet")
    from_parquet = read_recording(mapped(tmp_path, LONG), tmp_path / "data.parquet")
    assert times_of(from_parquet) == times_of(from_csv)
    assert from_parquet.values.tolist() == from_csv.values.tolist()


def test_only_rows_in_the_asked_span_are_read(tmp_path: Path) -> None:
    csv = "station,t,PM\n" + "".join(f"A,2015-03-02 {hour:02}:00,{hour}\n" for hour in range(24))
    span = {"time_from": datetime(2015, 3, 2, 1, tzinfo=UTC), "time_to": datetime(2015, 3, 2, 3, tzinfo=UTC)}
    assert read(tmp_path, LONG, csv, **span).values[:, 0].tolist() == [9.0, 10.0]
    said = sentence_of(tmp_path, LONG, csv, time_from=datetime(2016, 1, 1, tzinfo=UTC))
    assert said == (
        "data.csv has no rows from 2016-01-01T00:00:00+00:00 to the end: "
        "expected times between 2015-03-01T16:00:00+00:00 and 2015-03-02T15:00:00+00:00"
    )


def test_places_stand_beside_the_data_and_names_may_differ_in_case(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("id,x,y,called,size\nlot a,13.7,51.0,Lot A,100\nlot b,,,Lot B,\n", encoding="utf-8")
    places = '[places]\nfile = "p.csv"\ndevice = "id"\nlon = "x"\nlat = "y"\nname = "called"\ncrs = "EPSG:4326"\n'
    mapping = LONG.replace("missing = [-1]", 'max_column = "size"\nmax_factor = 1.5') + places
    recording = read(
        tmp_path, mapping, "station,t,PM\nLot A,2015-03-02 09:00,1\nLot B,2015-03-02 09:00,2\nLot C,2015-03-02 09:00,3\n"
    )
    assert [(place.lon, place.name_en) for place in recording.places] == [(13.7, "Lot A"), (None, "Lot B"), (None, None)]
    assert recording.highs[:, 0].tolist() == [150.0, 1000.0, 1000.0]  # its own × 1.5; else the property's usual limit
    assert recording.device_ids[0] == "d/air/s/Lot-A"


def test_the_first_class_that_fits_counts_and_points_outside_are_left_out(tmp_path: Path) -> None:
    csv = (
        "t,kind,x,y,desc\n2016-01-23 08:22,Fire: ALARM,-75.3,40.1,SMITH ST\n2016-01-23 08:23,Fire: BUILDING,-75.3,40.1,MR SMITH\n"
        "2016-01-23 08:24,EMS: FALL,-75.3,40.1,\n2016-01-23 08:25,EMS: FALL,-86.2,32.3,\n2016-01-23 08:26,EMS: FALL,,,\n"
    )
    recording = read(tmp_path, CALLS, csv)
    classes = [recording.class_names[k] for k in recording.event_class]
    assert list(zip(classes, recording.severity.tolist(), strict=True)) == [("fire", 4), ("fire", 2), ("other", 0)]
    assert recording.left_out == 2
    assert np.isfinite(recording.lon).all()


@pytest.mark.parametrize(
    ("csv", "sentence"),
    [
        ("station,t,PM\nA,2015-03-02 09:00,1\nA,2015-03-02 10:00,n/k\n", "row 2, column 'PM' is 'n/k': expected a number, such as 3.1"),
        ("station,t,PM\nA,yesterday,1\n", "row 1, column 't' is 'yesterday': expected an ISO 8601 time, such as "),
        ("station,t,PM\nA,,1\n", "row 1, column 't' is empty: expected an ISO 8601 time, such as "),
        ("station,PM\nA,1\n", "has no column 't': expected one, since mapping.toml names it; it has station, PM"),
        ("station,t,PM\n", "has no rows: expected at least one"),
        ("", "cannot be read (No columns to parse from file): expected a table with a header"),
        ("station,t,PM\nA,2015-03-02 09:00,\n", "data.csv: no row has a device, a value and an acceptable position: expected one; check mapping.toml"),
        ("station,t,PM\na b,2015-03-02 09:00,1\na-b,2015-03-02 09:00,1\n", "devices 'a b' and 'a-b' would share the topic d/air/s/a-b"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_named(tmp_path: Path, csv: str, sentence: str) -> None:
    assert sentence in sentence_of(tmp_path, LONG, csv)


def test_a_file_that_is_not_there_says_where_it_comes_from(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match=r"none\.csv does not exist: expected the data .*; it comes from the publisher of T"):
        read_recording(mapped(tmp_path, LONG), tmp_path / "none.csv")
    with pytest.raises(UnusableInput, match=r"ends in '\.xlsx': expected a \.csv or a \.parquet file"):
        read_recording(mapped(tmp_path, LONG), tmp_path / "none.xlsx")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no table")
    with pytest.raises(UnusableInput, match=r"broken\.parquet cannot be read .* expected a Parquet table"):
        read_recording(mapped(tmp_path, LONG), tmp_path / "broken.parquet")
