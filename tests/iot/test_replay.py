"""Replay: the arithmetic of time, what the messages say, and a replay over a broker."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.incidents import Grade, IncidentClosing, IncidentReport
from domain.observations import DeviceBirth, Quality, Reading
from domain.units import UnitPosition, UnitStatusReport
from ingest.parse import parse
from iot.mapping import UnusableInput, load_mapping
from iot.mqtt import BrokerAddress
from iot.recording import Happening, Recording, read_recording
from iot.replay import AS_FAST_AS_POSSIBLE, Timeline, births, iter_import, iter_messages, replay
from tests.iot.conftest import Listener
from tests.iot.test_recording import CALLS, LONG, RESPONSES, UNITS, afternoon, mapped, read

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
DATA = Path(__file__).parents[3] / "shared" / "data"
REPLAYS = Path(__file__).parents[2] / "config" / "replays"
REAL = {
    "dresden_parking": ("dresden_parking/free.parquet", 12, 288_448),
    "la_speed": ("la_speed/speed.parquet", 207, 333_684),
    "beijing_air": ("beijing/air.parquet", 4, 973_492),
    "montgomery_911": ("montgomery/911.parquet", 1, 55_057),
    "mva_halls": ("mva/waits.parquet", 24, 264_908),
    "houston_311": ("houston/311_flooding.parquet", 1, 7_826),
    "henan_720": ("henan_720/posts.parquet", 1, 535),
    "sf_fire": ("sf/units.parquet", 165, 2_795),
}
"""File, devices, and readings, incidents or placed requests after empty cells and points outside are left out."""

spans = st.integers(0, 10_000_000_000)


@given(first_us=spans, span_us=spans, at=st.floats(0, 1), speed=st.floats(1, 10_000), start_us=st.integers(10**15, 2 * 10**15))
def test_shifted_times_are_never_ahead_of_the_clock_and_end_at_now(
    first_us: int, span_us: int, at: float, speed: float, start_us: int
) -> None:
    timeline = Timeline(first_us, first_us + span_us, start_us, speed, shift_now=True)
    time_us = first_us + int(at * span_us)
    measured_us, published_us = time_us + timeline.offset_us, start_us + timeline.due_s(time_us) * 1e6
    assert measured_us <= published_us + 1
    last_us, finish_us = timeline.last_us + timeline.offset_us, start_us + timeline.due_s(timeline.last_us) * 1e6
    assert abs(last_us - finish_us) <= 2


def test_what_lies_before_live_from_is_history_and_the_rest_is_paced() -> None:
    """Two hours at sixty times their speed, the first of them history: it takes one minute and ends at now."""
    hour_us = 3_600_000_000
    timeline = Timeline(0, 2 * hour_us, 10**15, 60, shift_now=True, live_from_us=hour_us)
    assert [timeline.due_s(time_us) for time_us in (0, hour_us - 1, hour_us, 2 * hour_us)] == [0, 0, 0, 60]
    assert 2 * hour_us + timeline.offset_us == 10**15 + 60_000_000


def test_at_full_speed_everything_was_measured_before_the_start() -> None:
    timeline = Timeline(0, 3_600_000_000, 10**15, AS_FAST_AS_POSSIBLE, shift_now=True)
    assert timeline.last_us + timeline.offset_us == 10**15
    assert timeline.due_s(3_600_000_000) == 0


def test_unshifted_times_stay_as_they_are() -> None:
    timeline = Timeline(0, 3_600_000_000, 10**15, 60, shift_now=False)
    assert timeline.offset_us == 0
    assert timeline.due_s(3_600_000_000) == 60


@pytest.fixture
def hours(tmp_path: Path) -> Recording:
    """Station A at 0, 1 and 2 o'clock, B at 1 o'clock."""
    return read(
        tmp_path,
        LONG,
        "station,t,PM\nA,2015-03-02 08:00,40\nA,2015-03-02 09:00,41\nB,2015-03-02 09:00,50\nA,2015-03-02 10:00,42.5\n",
    )


def timeline_of(recording: Recording, speed: float, *, shift_now: bool = True) -> Timeline:
    return Timeline(int(recording.time_us[0]), int(recording.time_us[-1]), int(NOW.timestamp() * 1e6), speed, shift_now)


def test_what_is_sent_is_what_is_understood(hours: Recording) -> None:
    finish = NOW + timedelta(minutes=2)
    messages = list(iter_messages(hours, timeline_of(hours, 60), is_batched=False))
    assert [message.due_s for message in messages] == [0, 60, 60, 120]
    understood = [report for m in messages for report in parse(m.topic, m.payload, finish)]
    assert [(r.device_id, r.property, r.phenomenon_time, r.value, r.quality) for r in understood if isinstance(r, Reading)] == [
        ("d/air/s/A", "pm25", finish - timedelta(hours=2), 40.0, Quality.GOOD),
        ("d/air/s/A", "pm25", finish - timedelta(hours=1), 41.0, Quality.GOOD),
        ("d/air/s/B", "pm25", finish - timedelta(hours=1), 50.0, Quality.GOOD),
        ("d/air/s/A", "pm25", finish, 42.5, Quality.GOOD),
    ]
    assert len(understood) == 4


def test_a_birth_says_place_unit_and_range(tmp_path: Path) -> None:
    places = '[places]\ncrs = "EPSG:4326"\nrows = [{ device = "A", lon = 113.2, lat = 23.1, name_zh = "甲", name_en = "A" }]\n'
    recording = read(tmp_path, LONG + places, "station,t,PM\nA,2015-03-02 08:00,40\n")
    ((topic, payload),) = births(recording, int(NOW.timestamp() * 1e6))
    (birth,) = parse(topic, payload, NOW)
    assert isinstance(birth, DeviceBirth)
    assert (birth.device_id, birth.type_name, birth.lon, birth.lat) == ("d/air/s/A", "AirQualityObserved", 113.2, 23.1)
    assert [(p.name, p.unit, p.low, p.high) for p in birth.properties] == [("pm25", "ug/m3", 0, 1000)]
    assert dict(birth.attributes)["name_zh"] == "甲"


def test_a_device_that_measures_per_item_announces_no_series_and_its_readings_carry_the_unit(tmp_path: Path) -> None:
    per_item = LONG.replace('column = "station"', 'column = "station"\nitem_column = "service"')
    recording = read(tmp_path, per_item, "station,service,t,PM\nA,tax,2015-03-02 08:00,40\n")
    ((topic, payload),) = births(recording, int(NOW.timestamp() * 1e6))
    (birth,) = parse(topic, payload, NOW)
    assert isinstance(birth, DeviceBirth)
    assert birth.properties == ()
    (message,) = iter_messages(recording, timeline_of(recording, 60), is_batched=False)
    (reading,) = parse(message.topic, message.payload, NOW + timedelta(days=1))
    assert isinstance(reading, Reading)
    assert (reading.item, reading.value, reading.unit) == ("tax", 40, "ug/m3")


def test_responses_are_heard_as_units_that_move_and_an_incident_that_ends(tmp_path: Path) -> None:
    rows = afternoon("7", "E03", "Fire", "16:00", "16:01", "", "16:05", "16:30") + afternoon(
        "7", "M2", "Fire", "16:00", "16:01", "", "", "16:20", kind="MEDIC"
    )
    recording = read(tmp_path, RESPONSES, UNITS + rows)
    parsed = {topic: parse(topic, payload, NOW) for topic, payload in births(recording, int(NOW.timestamp() * 1e6))}
    engine, medic, desk = (parsed[f"city/v1/d/{name}/birth"][0] for name in ("unit/s/E03", "unit/s/M2", "incident/119/desk"))
    assert isinstance(engine, DeviceBirth)
    assert isinstance(medic, DeviceBirth)
    assert isinstance(desk, DeviceBirth)
    assert (engine.type_name, dict(engine.attributes)["kind"], engine.lon) == ("Vehicle", "engine", -122.5)
    assert (dict(medic.attributes)["kind"], medic.lon) == ("medic", None)
    assert desk.type_name == "CallDesk"

    messages = list(iter_messages(recording, timeline_of(recording, 60), is_batched=False))
    *before, (topic, last) = [(m.topic, m.payload) for m in messages]
    said = [report for t, payload in before for report in parse(t, payload, NOW + timedelta(hours=1))]
    statuses = [(r.unit_id, r.status) for r in said if isinstance(r, UnitStatusReport)]
    assert statuses == [
        ("E03", "dispatched"), ("M2", "dispatched"), ("E03", "on_scene"), ("M2", "available"), ("E03", "available"),
    ]  # fmt: skip
    assert [(r.unit_id, r.lon) for r in said if isinstance(r, UnitPosition)] == [
        ("E03", -122.5),
        ("E03", -122.4),
        ("E03", -122.5),
    ]
    (report,) = (r for r in said if isinstance(r, IncidentReport))
    (closing,) = parse(topic, last, NOW + timedelta(hours=1))
    assert isinstance(closing, IncidentClosing)
    assert (closing.incident_id, closing.device_id) == (report.incident_id, "d/incident/119/desk")
    assert round((closing.phenomenon_time - report.phenomenon_time).total_seconds()) == 30 * 60


def test_in_batches_the_words_of_one_unit_keep_their_order(tmp_path: Path) -> None:
    rows = "".join(afternoon(str(k), f"E{k:02}", "Fire", "16:00", "16:01", "16:01", "16:05", "16:30") for k in range(1, 30))
    recording = read(tmp_path, RESPONSES, UNITS + rows)
    batches = list(iter_messages(recording, timeline_of(recording, math.inf), is_batched=True))
    assert len(batches) == 59  # statuses and positions of each unit: but only E03 has a home; and what the desk says
    for batch in batches:
        times = [said.ts for said in msgspec.json.decode(batch.payload, type=list[_Ts])]
        assert times == sorted(times)


def test_batches_say_the_same_in_fewer_messages_of_at_most_64_kib(tmp_path: Path) -> None:
    start = datetime(2015, 3, 1, tzinfo=UTC)
    rows = [f"{name},{start + timedelta(minutes=k)},{k % 90}" for k in range(1_500) for name in ("A", "B")]
    recording = read(tmp_path, LONG, "station,t,PM\n" + "\n".join(rows) + "\n")
    singly = iter_messages(recording, timeline_of(recording, 60), is_batched=False)
    batched = list(iter_messages(recording, timeline_of(recording, 60), is_batched=True))
    assert all(len(message.payload) <= 65_536 for message in batched)
    assert len(batched) < 10

    def readings(messages: Iterator[tuple[str, bytes]]) -> list[tuple[str, datetime, float]]:
        finish = NOW + timedelta(days=1)
        said = [r for topic, payload in messages for r in parse(topic, payload, finish) if isinstance(r, Reading)]
        return sorted((r.device_id, r.phenomenon_time, r.value) for r in said)

    from_batches = readings((m.topic, m.payload) for m in batched)
    assert from_batches == readings((m.topic, m.payload) for m in singly)
    assert len(from_batches) == 3_000 == sum(m.readings for m in batched)


def test_incidents_carry_class_severity_and_place_and_nothing_personal(tmp_path: Path) -> None:
    csv = "t,kind,x,y,desc,addr\n2016-01-23 08:22,Fire: BUILDING,-75.3,40.1,call MR SMITH 555-1234,12 SMITH ST\n"
    recording = read(tmp_path, CALLS, csv)
    (message,) = iter_messages(recording, timeline_of(recording, 60), is_batched=False)
    assert b"SMITH" not in message.payload
    (incident,) = parse(message.topic, message.payload, NOW + timedelta(hours=1))
    assert (incident.hazard_class, incident.grade, incident.lon, incident.channel, incident.text) == (
        "fire",
        Grade.II,
        -75.3,
        "911",
        "",
    )


def test_a_call_replayed_again_later_is_another_call_but_not_within_one_replay(tmp_path: Path) -> None:
    recording = read(tmp_path, CALLS, "t,kind,x,y\n2016-01-23 08:22,Fire: A,-75.3,40.1\n2016-01-23 08:22,Fire: B,-75.3,40.1\n")

    def ids(start: datetime, *, shift_now: bool = True) -> list[str]:
        timeline = Timeline(int(recording.time_us[0]), int(recording.time_us[-1]), int(start.timestamp() * 1e6), 60, shift_now)
        return [msgspec.json.decode(m.payload)["id"] for m in iter_messages(recording, timeline, is_batched=False)]

    assert len({*ids(NOW), *ids(NOW + timedelta(days=1))}) == 4
    assert ids(NOW) == ids(NOW)
    assert ids(NOW, shift_now=False) == ids(NOW + timedelta(days=1), shift_now=False)


def test_an_import_keeps_its_times_is_marked_and_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iot.replay.BATCH_ROWS", 500)
    rows = "".join(f"{name},2015-03-02 {h:02}:{m:02},{m}\n" for h in range(3) for m in range(60) for name in "ABCDEFGHI")
    (tmp_path / "data.csv").write_text("station,t,PM\n" + rows, encoding="utf-8")
    mapping = mapped(tmp_path, LONG)
    total = 3 * 60 * 9

    def stored(messages: Iterator[tuple[int, str, bytes]]) -> dict[tuple[str, datetime], Reading]:
        said = [r for _, topic, payload in messages for r in parse(topic, payload, NOW) if isinstance(r, Reading)]
        return {(r.device_id, r.phenomenon_time): r for r in said}

    whole = stored(iter_import(mapping, tmp_path / "data.csv"))
    assert len(whole) == total
    assert {r.quality for r in whole.values()} == {Quality.BACKFILLED}
    assert min(time for _, time in whole) == datetime(2015, 3, 1, 16, tzinfo=UTC)

    # Stopped after any message, the row it gave leads to the rest: nothing is missing.
    messages = list(iter_import(mapping, tmp_path / "data.csv"))
    for stop_after in (3, 15, len(messages) - 2):
        before = messages[: stop_after + 1]
        after = iter_import(mapping, tmp_path / "data.csv", from_row=before[-1][0])
        assert stored(iter(before)) | stored(after) == whole
    assert messages[-1][0] == total


def test_a_replay_slower_than_the_clock_cannot_end_at_now(tmp_path: Path, broker: BrokerAddress) -> None:
    with pytest.raises(UnusableInput, match=r"--speed is 0\.5: expected 1 or more with --shift now"):
        _replay(tmp_path, broker, speed=0.5)


def _replay(folder: Path, broker: BrokerAddress, *, speed: float, now: datetime = NOW, stop: threading.Event | None = None):  # type: ignore[no-untyped-def]
    (folder / "data.csv").write_text(
        "station,t,PM\n" + "".join(f"{name},2015-03-02 08:{m:02},{m}\n" for m in range(60) for name in "AB"), encoding="utf-8"
    )
    mapped(folder, LONG)
    return replay(
        folder / "mapping.toml", folder / "data.csv", broker, speed=speed, time_from=None, time_to=None, shift_now=True, now=now,
        stop=stop or threading.Event(),
    )  # fmt: skip


def test_a_replay_over_a_broker_begins_with_births_and_ends_now(
    tmp_path: Path, broker: BrokerAddress, listener: Listener
) -> None:
    began = datetime.now(UTC)
    report = _replay(tmp_path, broker, speed=3_540 * 1.25, now=began)  # 59 minutes in 0.8 s
    listener.wait_for("the last reading", lambda: len(listener.payloads("/telemetry")) == 120)
    assert (report.messages, report.readings, report.left_out, report.is_complete) == (120, 120, 0, True)
    assert [topic.rsplit("/", 1)[1] for topic, _, _ in listener.heard][:3] == ["birth", "birth", "telemetry"]
    times = [msgspec.json.decode(payload, type=_Ts).ts for payload in listener.payloads("/telemetry")]
    assert times == sorted(times)
    assert times[-1] == report.last_time
    assert abs((report.last_time - began).total_seconds() - 0.8) < 0.01
    assert report.last_time - report.first_time == timedelta(minutes=59)
    assert 0.8 <= report.seconds < 5


def test_a_replay_at_full_speed_is_batched_and_complete(tmp_path: Path, broker: BrokerAddress, listener: Listener) -> None:
    report = _replay(tmp_path, broker, speed=AS_FAST_AS_POSSIBLE, now=NOW)
    listener.wait_for("two batches", lambda: len(listener.payloads("/telemetry")) == 2)
    assert (report.messages, report.readings, report.last_time) == (2, 120, NOW)


def test_a_replay_that_is_told_to_stop_says_that_it_is_not_complete(tmp_path: Path, broker: BrokerAddress) -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    began_s = time.monotonic()
    report = _replay(tmp_path, broker, speed=1, now=datetime.now(UTC), stop=stop)
    assert not report.is_complete
    assert report.readings == 2  # what is due at the very beginning
    assert time.monotonic() - began_s < 5


@pytest.mark.parametrize("name", REAL)
def test_the_real_files_become_messages_that_are_all_understood(name: str) -> None:
    file, n_devices, n_readings = REAL[name]
    if not (DATA / file).exists():
        pytest.skip(f"the public data set {file} is not beside this checkout: nothing to read")
    mapping = load_mapping(REPLAYS / f"{name}.toml")
    recording = read_recording(mapping, DATA / file)
    assert len(recording.device_ids) == n_devices
    is_report = (recording.happening == Happening.REPORT) | (recording.happening == Happening.REQUEST)
    values = recording.values if mapping.event is None else recording.lon[is_report]
    assert int((values == values).sum()) == n_readings
    timeline = timeline_of(recording, math.inf)
    last = max(len(recording) - 3_000, 0)
    understood = [
        report
        for topic, payload in [
            *births(recording, timeline.start_us),
            *((m.topic, m.payload) for m in iter_messages(recording, timeline, is_batched=True, from_row=last)),
        ]
        for report in parse(topic, payload, NOW)
    ]
    assert len(understood) >= min(3_000, len(recording))
    assert {type(report).__name__ for report in understood} <= {
        "DeviceBirth", "Reading", "IncidentReport", "IncidentClosing", "RequestReport", "UnitStatusReport", "UnitPosition",
    }  # fmt: skip


class _Ts(msgspec.Struct):
    ts: datetime
