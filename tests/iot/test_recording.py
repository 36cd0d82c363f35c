"""Recordings: rows of a file in order of time, as the mapping says; and what is wrong with a file, in a sentence."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from iot.mapping import DataMapping, UnusableInput, load_mapping
from iot.recording import Happening, Recording, read_recording

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
RESPONSES = (
    HEAD
    + """
says = "response"
[device]
district = "d"
domain = "unit"
site = "s"
column = "unit"
type = "Vehicle"
[time]
column = "called"
zone = "America/Los_Angeles"
[event]
id_column = "call"
class_column = "what"
source = "119"
desk = "d/incident/119/desk"
lon = "x"
lat = "y"
crs = "EPSG:4326"
classes = [{ begins = "Fire", class = "fire", severity = 2 }, { begins = "Fall", class = "medical" }]
severity_column = "code"
severities = { 3 = 3 }
[steps]
dispatched = "sent"
enroute = "out"
on_scene = "there"
available = "free"
[units]
kind_column = "type"
kinds = [{ begins = "ENGINE", kind = "engine" }]
[places]
crs = "EPSG:4326"
rows = [{ device = "3", lon = -122.5, lat = 37.5 }]
key = "E0*([0-9]+)"
"""
)
"""Local times of the afternoon of 17 January 2018, eight hours behind UTC."""
UNITS = "call,unit,type,what,code,x,y,called,sent,out,there,free\n"


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


def test_a_date_that_ends_like_an_offset_is_local_all_the_same(tmp_path: Path) -> None:
    form = LONG.replace('zone = "Asia/Shanghai"', 'zone = "Asia/Shanghai"\nformat = "%H:%M %d-%m-%Y"')
    recording = read(tmp_path, form, "t,station,PM\n09:00 02-03-2026,a,1\n")
    assert datetime.fromtimestamp(recording.time_us[0] / 1e6, UTC) == datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


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


def afternoon(call: str, unit: str, what: str, *clock: str, x: float = -122.4, kind: str = "ENGINE") -> str:
    """A row of responses; clock times (empty: none) of call, order, leaving, arrival, being free again."""
    times = ",".join(f"2018-01-17 {time}" if time else "" for time in clock)
    return f"{call},{unit},{kind},{what},3,{x},37.8,{times}\n"


def told(recording: Recording) -> list[str]:
    """Each row as minute, what happens, device and word, in UTC."""
    words = [recording.class_names[k] for k in recording.event_class]
    devices = [recording.device_ids[k].rsplit("/", 1)[1] for k in recording.device]
    return [
        " ".join(filter(None, (time[-5:], Happening(what).name, device, word)))
        for time, what, device, word in zip(times_of(recording), recording.happening, devices, words, strict=True)
    ]


def test_a_response_is_taken_apart_into_what_happened_when(tmp_path: Path) -> None:
    rows = afternoon("7", "E03", "Fire: house", "16:00", "16:01", "16:02", "16:05", "16:30") + afternoon(
        "7", "M2", "Fire: house", "16:00", "16:02", "16:03", "", "16:40", kind="MEDIC ONE"
    )
    recording = read(tmp_path, RESPONSES, UNITS + rows)
    assert told(recording) == [
        "00:00 REPORT desk fire",
        "00:01 STATUS E03 dispatched", "00:01 POSITION E03",
        "00:02 STATUS M2 dispatched", "00:02 STATUS E03 enroute",
        "00:03 STATUS M2 enroute",
        "00:05 STATUS E03 on_scene", "00:05 POSITION E03",
        "00:30 STATUS E03 available", "00:30 POSITION E03",
        "00:40 STATUS M2 available", "00:40 CLOSING desk fire",
    ]  # fmt: skip
    at_home, at_scene = (-122.5, 37.5), (-122.4, 37.8)
    places = list(zip(recording.lon, recording.lat, strict=True))
    positions = recording.happening == Happening.POSITION
    assert [place for place, is_position in zip(places, positions, strict=True) if is_position] == [at_home, at_scene, at_home]
    assert dict(zip(recording.device_ids, recording.kinds, strict=True)) == {
        "d/incident/119/desk": "", "d/unit/s/E03": "engine", "d/unit/s/M2": "medic_one",
    }  # fmt: skip
    assert set(recording.key[recording.happening != Happening.STATUS]) == {"7"}


def test_a_class_without_a_severity_takes_that_of_its_row(tmp_path: Path) -> None:
    rows = afternoon("7", "E03", "Fire", "16:00", "16:01", "", "", "16:30") + afternoon(
        "8", "E04", "Fall", "16:00", "16:01", "", "", "16:30"
    )
    recording = read(tmp_path, RESPONSES, UNITS + rows)
    reports = recording.happening == Happening.REPORT
    assert recording.severity[reports].tolist() == [2, 3]


def test_steps_of_the_same_second_keep_their_order(tmp_path: Path) -> None:
    recording = read(tmp_path, RESPONSES, UNITS + afternoon("7", "E03", "Fire", "16:00", "16:01", "16:01", "16:01", "16:30"))
    statuses = [line for line in told(recording) if "STATUS" in line]
    assert [line.split()[-1] for line in statuses] == ["dispatched", "enroute", "on_scene", "available"]
    assert np.diff(recording.time_us[recording.happening == Happening.STATUS]).min() > 0


def test_a_unit_sent_on_before_it_was_free_does_not_become_free_in_between(tmp_path: Path) -> None:
    rows = afternoon("7", "E03", "Fire", "16:00", "16:01", "", "", "16:30") + afternoon(
        "8", "E03", "Fire", "16:10", "16:20", "", "", "16:50"
    )
    recording = read(tmp_path, RESPONSES, UNITS + rows)
    assert [line for line in told(recording) if "STATUS" in line or "CLOSING" in line] == [
        "00:01 STATUS E03 dispatched", "00:20 STATUS E03 dispatched", "00:20 CLOSING desk fire",
        "00:50 STATUS E03 available", "00:50 CLOSING desk fire",
    ]  # fmt: skip


def test_an_incident_stays_open_while_one_of_its_units_is_not_known_to_be_free(tmp_path: Path) -> None:
    rows = afternoon("7", "E03", "Fire", "16:00", "16:01", "", "", "16:30") + afternoon(
        "7", "E04", "Fire", "16:00", "16:01", "", "", ""
    )
    assert not any("CLOSING" in line for line in told(read(tmp_path, RESPONSES, UNITS + rows)))


def test_a_span_shows_what_goes_on_in_it_and_no_end_of_what_began_before(tmp_path: Path) -> None:
    rows = afternoon("7", "E03", "Fire", "16:00", "16:01", "", "", "16:30") + afternoon(
        "8", "E04", "Fire", "16:20", "16:21", "16:22", "", "16:50"
    )
    span = {"time_from": datetime(2018, 1, 18, 0, 20, tzinfo=UTC), "time_to": datetime(2018, 1, 18, 0, 45, tzinfo=UTC)}
    assert told(read(tmp_path, RESPONSES, UNITS + rows, **span)) == [
        "00:20 REPORT desk fire", "00:21 STATUS E04 dispatched", "00:22 STATUS E04 enroute", "00:30 STATUS E03 available", "00:30 POSITION E03",
    ]  # fmt: skip


def test_a_response_without_a_place_is_left_out_and_counted(tmp_path: Path) -> None:
    rows = (
        afternoon("7", "E03", "Fire", "16:00", "16:01", "", "", "16:30")
        + "8,E04,ENGINE,Fire,3,,,2018-01-17 16:00,2018-01-17 16:01,,,\n"
    )
    recording = read(tmp_path, RESPONSES, UNITS + rows)
    assert recording.left_out == 1
    assert not any("E04" in line for line in told(recording))


def test_a_step_that_is_no_time_is_named(tmp_path: Path) -> None:
    row = afternoon("7", "E03", "Fire", "16:00", "16:01", "", "", "16:30").replace("2018-01-17 16:30", "later")
    assert "row 1, column 'free' is 'later': expected an ISO 8601 time" in sentence_of(tmp_path, RESPONSES, UNITS + row)


def test_an_incident_of_unknown_end_is_over_after_the_time_the_mapping_says(tmp_path: Path) -> None:
    csv = "t,kind,x,y\n2016-01-23 08:22,Fire: A,-75.3,40.1\n2016-01-23 08:30,Fire: B,-75.3,40.1\n"
    calls = CALLS.replace('source = "911"', 'source = "911"\nends_after_s = 600')
    recording = read(tmp_path, calls, csv)
    assert told(recording) == [
        "13:22 REPORT desk fire", "13:30 REPORT desk fire", "13:32 CLOSING desk fire", "13:40 CLOSING desk fire",
    ]  # fmt: skip
    assert recording.key.tolist() == ["1", "2", "1", "2"]


REQUESTS = CALLS.replace('"incident"\n[device]', '"request"\n[device]')


def test_what_stands_for_no_position_is_none_and_a_request_without_one_is_kept(tmp_path: Path) -> None:
    csv = "t,kind,x,y\n2016-01-23 08:22,Flood,-75.3,40.1\n2016-01-23 08:23,Flood,n/k,n/k\n2016-01-23 08:24,Flood,0,0\n"
    recording = read(tmp_path, REQUESTS.replace("within", 'missing = ["n/k", 0]\nwithin'), csv)
    assert recording.lon.tolist() == pytest.approx([-75.3, np.nan, np.nan], nan_ok=True)
    assert recording.left_out == 0
    assert "row 2, column 'x' is 'n/k': expected a number" in sentence_of(tmp_path, REQUESTS, csv)


def test_a_class_may_stand_in_a_column_of_its_own_and_an_id_in_another(tmp_path: Path) -> None:
    csv = "t,no,ill,wet,x,y\n2021-07-20 08:00,a7,0,1,-75.3,40.1\n2021-07-20 08:01,a8,1,1,-75.3,40.1\n2021-07-20 08:02,a9,0,0,-75.3,40.1\n"
    flags = '[{ column = "ill", begins = "1", class = "medical" }, { column = "wet", begins = "1", class = "waterlogging" }]'
    before, _, after = REQUESTS.partition('class_column = "kind"')
    after = after[: after.index("classes = ")]
    recording = read(tmp_path, f'{before}id_column = "no"{after}classes = {flags}\n', csv)
    classes = [recording.class_names[k] for k in recording.event_class]
    assert dict(zip(recording.key, classes, strict=True)) == {"a7": "waterlogging", "a8": "medical", "a9": "other"}
    assert set(recording.happening) == {Happening.REQUEST}


def test_a_file_that_is_not_there_says_where_it_comes_from(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match=r"none\.csv does not exist: expected the data .*; it comes from the publisher of T"):
        read_recording(mapped(tmp_path, LONG), tmp_path / "none.csv")
    with pytest.raises(UnusableInput, match=r"ends in '\.xlsx': expected a \.csv or a \.parquet file"):
        read_recording(mapped(tmp_path, LONG), tmp_path / "none.xlsx")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no table")
    with pytest.raises(UnusableInput, match=r"broken\.parquet cannot be read .* expected a Parquet table"):
        read_recording(mapped(tmp_path, LONG), tmp_path / "broken.parquet")
