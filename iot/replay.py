"""Replay: a recording of real data, published over MQTT at a multiple of its own clock, or handed over as back-fill.

With `--shift now` every time is moved by the same amount, so that the last row is measured at the moment it is published:
times arrive in order and are never ahead of the clock, the replay ends at "now".
"""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec import Struct

from domain.observations import Quality
from iot.mapping import DataMapping, UnusableInput, load_mapping
from iot.mqtt import BrokerAddress, Publisher
from iot.payloads import Birth, BirthProperty, Event, Telemetry, UnitTelemetry, encode
from iot.recording import Happening, Recording, read_recording
from iot.topics import topic_of

AS_FAST_AS_POSSIBLE = math.inf
MAX_PAYLOAD_BYTES = 65_536
BATCH_ROWS = 10_000
"""Rows gathered, in order of time, before they are sorted into one message per device: what a restart may send again."""

Progress = Callable[[int, int, datetime], None]
"""Told rows done, rows in all, and the file's own time that has been reached."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The file's clock against ours, in microseconds since 1970 UTC: row times from `first_us` to `last_us`, replayed from
    `start_us` at `speed` times its own pace (infinity = all at once). What lies before `live_from_us` is published at once."""

    first_us: int
    last_us: int
    start_us: int
    speed: float
    shift_now: bool
    live_from_us: int | None = None

    @property
    def offset_us(self) -> int:
        """What is added to every measured time: measured = finish − (last − t), finish = start + (last − first paced) ÷ speed."""
        if not self.shift_now:
            return 0
        return self.start_us + math.floor((self.last_us - self._paced_from_us) / self.speed) - self.last_us

    def due_s(self, time_us: int) -> float:
        """Seconds after the start at which a row is published."""
        return max(0.0, (time_us - self._paced_from_us) / self.speed / 1e6)

    @property
    def _paced_from_us(self) -> int:
        return self.first_us if self.live_from_us is None else self.live_from_us


class Message(NamedTuple):
    """One message: when it is due (seconds after the start), what it says, and the row (from 0) up to which everything has
    been said once it and those before it have been."""

    due_s: float
    topic: str
    payload: bytes
    readings: int
    row: int


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What a replay published. Times are measured times as published; `left_out` counts rows that could not be used."""

    messages: int
    readings: int
    first_time: datetime
    last_time: datetime
    seconds: float
    left_out: int
    is_complete: bool


def replay(
    mapping_path: Path,
    file: Path,
    broker: BrokerAddress,
    *,
    speed: float,
    time_from: datetime | None,
    time_to: datetime | None,
    shift_now: bool,
    now: datetime,
    stop: threading.Event,
    live_from: datetime | None = None,
    progress: Progress | None = None,
) -> ReplayReport:
    """Publishes the rows of `file` in [time_from, time_to), births first. `speed` is AS_FAST_AS_POSSIBLE for "max"; rows before
    `live_from` are published as fast as possible, as the history of those that follow.

    `now` is the moment of the call. Returns early, incomplete, when `stop` is set. Raises UnusableInput, BrokerUnreachable.
    """
    if not speed > 0 or (shift_now and speed < 1):
        least = "1 or more with --shift now, since slower would run ahead of the clock" if shift_now else "more than 0"
        raise UnusableInput([f"--speed is {speed:g}: expected {least}, such as 60, or max"])
    recording = read_recording(load_mapping(mapping_path), file, time_from=time_from, time_to=time_to)
    began_s = time.monotonic()
    publisher = Publisher(broker, f"cityhelm-replay-{secrets.token_hex(4)}").open()
    try:
        first_us, last_us = int(recording.time_us[0]), int(recording.time_us[-1])
        live_from_us = None if live_from is None else min(max(_microseconds(live_from), first_us), last_us)
        timeline = Timeline(first_us, last_us, _microseconds(now), speed, shift_now, live_from_us)
        n_history = 0 if live_from_us is None else int(np.searchsorted(recording.time_us, live_from_us))
        is_all_batched = speed == AS_FAST_AS_POSSIBLE
        messages = chain(
            iter_messages(recording, timeline, is_batched=True, to_row=n_history),
            iter_messages(recording, timeline, is_batched=is_all_batched, from_row=n_history),
        )
        births_at_us = timeline.start_us if shift_now else first_us
        for topic, payload in births(recording, births_at_us):
            publisher.publish(topic, payload, retain=True)
        publisher.flush()
        n_messages = n_readings = row = 0
        if progress is not None:
            progress(0, len(recording), _time(first_us))
        for message in messages:
            wait_s = message.due_s - (time.monotonic() - began_s)
            if stop.wait(wait_s) if wait_s > 0 else stop.is_set():
                break
            publisher.publish(message.topic, message.payload)
            n_messages, n_readings, row = n_messages + 1, n_readings + message.readings, message.row
            if progress is not None:
                progress(row, len(recording), _time(int(recording.time_us[max(row - 1, 0)])))
        publisher.flush()
    finally:
        publisher.close()
    return ReplayReport(
        messages=n_messages, readings=n_readings, first_time=_time(first_us + timeline.offset_us),
        last_time=_time(int(recording.time_us[max(row - 1, 0)]) + timeline.offset_us), seconds=time.monotonic() - began_s,
        left_out=recording.left_out, is_complete=row == len(recording),
    )  # fmt: skip


def iter_import(mapping: DataMapping, file: Path, *, from_row: int = 0) -> Iterator[tuple[int, str, bytes]]:
    """The same data as back-fill with its original times: (row, topic, payload), births first, quality "backfilled".

    Rows are counted in order of time, the same for the same file and mapping. When a message and all before it are stored,
    `row` is where to go on after an interruption. Raises UnusableInput.
    """
    recording = read_recording(mapping, file)
    first_us, last_us = int(recording.time_us[0]), int(recording.time_us[-1])
    for topic, payload in births(recording, first_us):
        yield from_row, topic, payload
    timeline = Timeline(first_us, last_us, first_us, AS_FAST_AS_POSSIBLE, shift_now=False)
    for message in iter_messages(recording, timeline, is_batched=True, quality=Quality.BACKFILLED, from_row=from_row):
        yield message.row, message.topic, message.payload


def births(recording: Recording, at_us: int) -> Iterator[tuple[str, bytes]]:
    """What each device of a recording says of itself, dated `at_us`.

    A device that measures per item announces no property: each would count as one more series, of which nothing ever comes. Its
    readings carry their units instead.
    """
    m = recording.mapping
    crs = m.event.crs if m.event else (m.places.crs if m.places else "EPSG:4326")
    devices = zip(recording.device_ids, recording.places, recording.kinds, recording.highs, strict=True)
    for device_id, place, kind, highs in devices:
        properties = {
            value.property: BirthProperty(value.unit, value.low, None if math.isnan(high) else float(high))
            for value, high in zip(m.values, highs, strict=True)
            if m.item_column is None
        }
        is_desk = m.event is not None and device_id == m.event.desk
        birth = Birth(
            id="birth", ts=_time(at_us), type="CallDesk" if is_desk else m.type_name, crs=str(crs), interval_s=m.interval_s,
            mode=m.mode.value, position=None if place.lon is None or place.lat is None else (place.lon, place.lat),
            properties=properties, name=place.name_zh or place.name_en, name_zh=place.name_zh, name_en=place.name_en,
            kind=kind or None,
        )  # fmt: skip
        yield topic_of(device_id, "birth"), encode(birth)


def iter_messages(
    recording: Recording,
    timeline: Timeline,
    *,
    is_batched: bool,
    quality: Quality | None = None,
    from_row: int = 0,
    to_row: int | None = None,
) -> Iterator[Message]:
    """A message per row in order of time; batched: arrays of what one device says of one kind, as many as fit a message."""
    last_row = len(recording) if to_row is None else to_row
    topics = [topic_of(device_id, kind) for device_id in recording.device_ids for kind in ("telemetry", "event")]
    measures = (recording.happening == Happening.READING) | (recording.happening == Happening.POSITION)
    channel = 2 * recording.device + ~measures
    said = _events(recording, timeline) if recording.mapping.event is not None else _readings(recording, timeline, quality)
    if not is_batched:
        for row in range(from_row, last_row):
            payload, readings = said(row)
            yield Message(timeline.due_s(int(recording.time_us[row])), topics[channel[row]], payload, readings, row + 1)
        return
    for begin in range(from_row, last_row, BATCH_ROWS):
        end = min(begin + BATCH_ROWS, last_row)
        due_s = timeline.due_s(int(recording.time_us[begin]))
        order = begin + np.argsort(channel[begin:end], kind="stable")
        cuts = np.flatnonzero(np.diff(channel[order])) + 1
        groups = [
            (topics[channel[rows[0]]], *packed)
            for rows in np.split(order, cuts)
            for packed in _packed(said(row) for row in rows.tolist())
        ]
        for k, (topic, payload, readings) in enumerate(groups, 1):
            yield Message(due_s, topic, payload, readings, end if k == len(groups) else begin)


def _readings(recording: Recording, timeline: Timeline, quality: Quality | None) -> Callable[[int], tuple[bytes, int]]:
    names = [value.property for value in recording.mapping.values]
    has_items = recording.mapping.item_column is not None
    unit = {value.property: value.unit for value in recording.mapping.values if has_items and value.unit is not None}
    offset_us, q = timeline.offset_us, quality.value if quality else None
    to_json = msgspec.json.Encoder().encode

    def say(row: int) -> tuple[bytes, int]:
        values = {name: value for name, value in zip(names, recording.values[row].tolist(), strict=True) if value == value}
        item = recording.item_names[recording.item[row]]
        ts = _time(int(recording.time_us[row]) + offset_us)
        return to_json(Telemetry(id=f"{row:x}", ts=ts, values=values, unit=unit, q=q, item=item)), len(values)

    return say


def _events(recording: Recording, timeline: Timeline) -> Callable[[int], tuple[bytes, int]]:
    event = recording.mapping.event
    assert event is not None
    crs = str(event.crs)
    # Replayed again on another day, a call is another call: its id carries the shift.
    run = f"-{timeline.offset_us // 1_000_000:x}" if timeline.shift_now else ""
    to_json = msgspec.json.Encoder().encode

    def say(row: int) -> tuple[bytes, int]:
        ts = _time(int(recording.time_us[row]) + timeline.offset_us)
        lon, lat = float(recording.lon[row]), float(recording.lat[row])
        position = None if math.isnan(lon) or math.isnan(lat) else (lon, lat)
        word, key = recording.class_names[recording.event_class[row]], f"{recording.key[row]}{run}"
        said: Struct
        match recording.happening[row]:
            case Happening.REQUEST:
                said = Event(id=key, ts=ts, event="request.opened", class_=word, source=event.source, position=position, crs=crs)
            case Happening.REPORT:
                said = Event(
                    id=key, ts=ts, event="incident.reported", class_=word, severity=int(recording.severity[row]) or None,
                    channel=event.source, position=position, crs=crs,
                )  # fmt: skip
            case Happening.CLOSING:
                said = Event(id=f"{key}-closed", ts=ts, event="incident.closed", incident=key)
            case Happening.STATUS:
                said = Event(id=f"{word}-{ts.timestamp():.0f}", ts=ts, event="status", status=word)
            case _:
                assert position is not None
                said = UnitTelemetry(id=f"p{ts.timestamp():.0f}", ts=ts, position=position, crs=crs)
        return to_json(said), 1

    return say


def _packed(objects: Iterable[tuple[bytes, int]]) -> Iterator[tuple[bytes, int]]:
    """Objects as arrays of at most MAX_PAYLOAD_BYTES, with the readings in each."""
    parts: list[bytes] = []
    size = readings = 0
    for part, n in objects:
        if parts and size + len(part) + 2 > MAX_PAYLOAD_BYTES:
            yield b"[" + b",".join(parts) + b"]", readings
            parts, size, readings = [], 0, 0
        parts.append(part)
        size += len(part) + 1
        readings += n
    yield b"[" + b",".join(parts) + b"]", readings


def _time(us: int) -> datetime:
    return datetime.fromtimestamp(us // 1_000_000, UTC).replace(microsecond=us % 1_000_000)


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6)
