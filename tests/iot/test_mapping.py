"""Mappings: which files can be read, and what is said of those that cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.sensors import DeviceMode, find_kind
from domain.units import UnitStatus
from gis_data.crs import Crs
from iot.mapping import UnusableInput, load_mapping

SHIPPED = sorted((Path(__file__).parents[2] / "config" / "replays").glob("*.toml"))

GOOD = """
title = "A station"
origin = "nowhere, it is made up"
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
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mapping.toml"
    path.write_text(text, encoding="utf-8")
    return path


def faults_of(tmp_path: Path, text: str) -> list[str]:
    path = written(tmp_path, text)
    with pytest.raises(UnusableInput) as caught:
        load_mapping(path)
    assert all(sentence.startswith(f"{path}") for sentence in caught.value.sentences)
    return [sentence.removeprefix(f"{path}: ") for sentence in caught.value.sentences]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_mapping_delivered_is_good_and_of_a_known_kind(path: Path) -> None:
    mapping = load_mapping(path)
    assert mapping.name == path.stem
    assert mapping.says in ("incident", "request") or find_kind(mapping.type_name) is not None


def test_what_is_not_said_is_the_propertys_usual_unit_and_range(tmp_path: Path) -> None:
    (pm25,) = load_mapping(written(tmp_path, GOOD)).values
    assert (pm25.unit, pm25.low, pm25.high, pm25.factor, pm25.missing) == ("ug/m3", 0, 1000, 1.0, ())


def test_usual_limits_do_not_hold_in_another_unit(tmp_path: Path) -> None:
    (pm25,) = load_mapping(written(tmp_path, GOOD + 'unit = "mg/m3"\n')).values
    assert (pm25.low, pm25.high) == (None, None)


def test_all_faults_are_told_at_once_with_key_value_expectation_and_example(tmp_path: Path) -> None:
    bad = GOOD.replace('"Asia/Shanghai"', '"Mars/Olympus"').replace('"air"', '"a/b"').replace('"A station"', "7")
    bad += 'factor = "two"\n[places]\ncrs = "EPSG:9999"\nfile = "p.csv"\n'
    faults = faults_of(tmp_path, bad)
    expected = {
        'title is 7: expected what the data is, in a few words, such as "Free parking places of Dresden"',
        "device.domain is 'a/b': expected one level of a topic (letters, digits, '.', '_', '-'), such as \"parking\"",
        "time.zone is 'Mars/Olympus': expected a time zone of the IANA database, such as \"Europe/Berlin\"",
        "values.pm25.factor is 'two': expected a number, such as 1.609344",
        "places.crs is 'EPSG:9999': expected one of EPSG:4326, EPSG:4490, GCJ-02, BD-09, such as \"EPSG:4326\"",
        'places.device is missing: expected the name of a column, such as "place_id"',
        'places.lon is missing: expected the name of a column, such as "longitude"',
        'places.lat is missing: expected the name of a column, such as "latitude"',
    }
    assert set(faults) == expected


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("[time]", 'colour = "red"\n[time]'), "device.colour is not a key of a mapping: expected one of district, domain"),
        (('column = "station"', ""), "device.column and device.name: neither is there: expected one of the two"),
        (('column = "station"', 'column = "station"\nname = "x"'), "device.column and device.name: both are there"),
        (('zone = "Asia/Shanghai"', ""), "time.zone is missing: expected the zone of times without an offset"),
        (('column = "PM"', ""), "values.pm25.column is missing"),
        (("[values.pm25]", "[values]"), "[values] has no properties"),
        (('column = "PM"', 'column = "PM"\nmin = 9\nmax = 1'), "values.pm25.min is 9, above the max of 1"),
        (('column = "PM"', 'column = "PM"\nmax_column = "c"'), "values.pm25.max_column is 'c': expected a [places] table"),
        (('column = "t"', "start = 2012-03-01T00:00:00"), "time.start is 2012-03-01T00:00:00: expected a time with an offset"),
        (('"telemetry"', '"incident"'), "[event] is missing: expected a table with source, lon, lat, crs"),
        (('"telemetry"', '"incident"'), '[values] is given where says = "incident": expected it only with says = "telemetry"'),
        (("[time]", "[steps]\n[time]"), '[steps] is given where says = "telemetry": expected it only with says = "response"'),
        (("[device]", 'layout = "wide"\n[device]'), "device.column is 'station': expected none in the wide layout"),
        (('says = "telemetry"', 'says = "telemetry"\nplaces = 3'), "[places] is 3: expected a table with crs"),
    ],
)  # fmt: skip
def test_a_fault_is_named(tmp_path: Path, change: tuple[str, str], sentence: str) -> None:
    assert any(fault.startswith(sentence) for fault in faults_of(tmp_path, GOOD.replace(*change, 1))), faults_of(
        tmp_path, GOOD.replace(*change, 1)
    )


def test_free_text_cannot_be_mapped(tmp_path: Path) -> None:
    event = '[event]\nclass_column = "c"\nsource = "911"\nlon = "x"\nlat = "y"\ncrs = "GPS"\ntext = "desc"\n'
    incidents = GOOD.replace('"telemetry"', '"incident"').replace('[values.pm25]\ncolumn = "PM"\n', event)
    (fault,) = faults_of(tmp_path, incidents)
    assert fault.startswith("event.text is not a key of a mapping")


RESPONSES = """
title = "Engines"
origin = "nowhere, it is made up"
says = "response"
[device]
district = "d"
domain = "unit"
site = "s"
column = "unit"
type = "Vehicle"
[time]
column = "called"
zone = "UTC"
[event]
id_column = "call"
class_column = "what"
source = "119"
desk = "d/incident/119/desk"
lon = "x"
lat = "y"
crs = "EPSG:4326"
classes = [{ begins = "Fire", class = "fire" }, { column = "is_gas", begins = "1", class = "gas_leak", severity = 2 }]
severity_column = "code"
severities = { red = 1, 4 = 4 }
missing = ["n/a", 0]
[steps]
enroute = "out"
on_scene = "there"
available = "free"
[units]
kind_column = "type"
kinds = [{ begins = "Eng", kind = "engine" }]
[places]
crs = "EPSG:4326"
rows = [{ device = "3", lon = 1, lat = 2 }]
key = "E0*([0-9]+)"
"""


def test_responses_name_a_column_for_each_step_of_a_unit(tmp_path: Path) -> None:
    mapping = load_mapping(written(tmp_path, RESPONSES))
    assert mapping.steps == (
        (UnitStatus.ENROUTE, "out"),
        (UnitStatus.ON_SCENE, "there"),
        (UnitStatus.AVAILABLE, "free"),
    )
    assert mapping.units is not None
    assert mapping.units.kinds == (("Eng", "engine"),)
    assert mapping.mode is DeviceMode.ON_CHANGE
    assert mapping.event is not None
    assert [entry.column for entry in mapping.event.classes] == ["what", "is_gas"]
    assert mapping.event.severities == {"red": 1, "4": 4}
    assert mapping.event.missing == ("n/a", 0)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (('available = "free"', ""), "steps.available is missing: expected the name of a column: when the unit was available, such as"),
        (('enroute = "out"', 'transport = "out"'), "steps.transport is not a key of a mapping: expected one of available, dispatched"),
        (('desk = "d/incident/119/desk"', ""), "event.desk is missing: expected a device: four levels of a topic, such as"),
        (('"d/incident/119/desk"', '"desk"'), "event.desk is 'desk': expected a device: four levels of a topic, such as"),
        (('id_column = "call"', ""), "event.id_column is missing: expected the name of a column, such as"),
        (('class_column = "what"', ""), "event.class_column is missing: expected the column of every class that names none"),
        (("severities = { red = 1, 4 = 4 }", ""), "event.severity_column and event.severities: only one is there: expected both"),
        (("{ red = 1,", "{ red = 9,"), "event.severities is {'red': 9, '4': 4}: expected a table of words and severities from 1"),
        (('desk = "d', 'ends_after_s = 60\ndesk = "d'), "event.ends_after_s is 60 where says = \"response\": expected it of incidents only"),
        (('[places]\ncrs = "EPSG:4326"', '[places]\ncrs = "BD-09"'), "places.crs is BD-09 and event.crs 'EPSG:4326': expected one"),
        (('key = "E0*([0-9]+)"', 'key = "E[0-9]+"'), "places.key is 'E[0-9]+': expected a regular expression with one group"),
        (('kind = "engine"', 'kind = ""'), "units.kinds[0].kind is '': expected a kind of unit, such as"),
        (("[units]", "[crew]"), "crew is not a key of a mapping: expected one of title, origin"),
    ],
)  # fmt: skip
def test_a_fault_of_responses_is_named(tmp_path: Path, change: tuple[str, str], sentence: str) -> None:
    assert change[0] in RESPONSES
    faults = faults_of(tmp_path, RESPONSES.replace(*change, 1))
    assert any(fault.startswith(sentence) for fault in faults), faults


def test_only_responses_have_a_desk_of_their_own(tmp_path: Path) -> None:
    calls = RESPONSES.replace('"response"', '"incident"')[: RESPONSES.index("[steps]")]
    assert any(fault.startswith("event.desk is 'd/incident/119/desk' where says") for fault in faults_of(tmp_path, calls))


def test_a_mapping_that_is_not_there_or_no_toml_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match=r"nowhere\.toml does not exist: expected a mapping, such as config/replays/"):
        load_mapping(tmp_path / "nowhere.toml")
    with pytest.raises(UnusableInput, match=r"cannot be read .* expected a TOML file"):
        load_mapping(written(tmp_path, "title = "))


def test_places_written_in_the_mapping_keep_their_crs_and_district(tmp_path: Path) -> None:
    places = '[places]\ncrs = "GCJ02"\nrows = [{ device = "A", lon = 116.4, lat = 39.9, district = "110101" }]\n'
    mapping = load_mapping(written(tmp_path, GOOD + places))
    assert mapping.places is not None
    assert mapping.places.crs is Crs.GCJ02
    assert mapping.places.rows[0].district == "110101"
    assert mapping.mode is DeviceMode.PERIODIC
