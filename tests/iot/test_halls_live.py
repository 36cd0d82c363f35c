"""Halls, live and in the past: one truth, told in the words of the message rules; commands; a rush and how windows drain it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest

from domain.halls import HallEvent, HallEventKind, WindowAnswer, WindowState
from domain.observations import DeviceBirth, DeviceStateReport, Quality, Reading
from domain.sensors import PROPERTIES, SensorKind
from domain.units import CommandAck
from gis_data.city import City
from ingest.parse import parse
from iot.payloads import Ack, Event, Telemetry, encode
from iot.scenarios import HallRush, PowerCut, Scene
from iot.simulated.halls import LiveHalls, WindowCommand, births, decode_command, halls_of, history
from iot.simulated.halls.floor import Spoken
from iot.simulated.halls.kiosks import ROLL_TICKETS, Kiosks
from iot.simulated.halls.staff import MINUTE_MS
from iot.topics import parse_topic, topic_of
from tests.iot.test_halls_visitors import DRY, SEED, TUESDAY, ZONE, midnight_s
from tests.support.queues import Queue, fold

HOUR_S = 3_600
SUNDAY = date(2026, 3, 8)


@pytest.fixture(scope="module")
def city(paper_city: City) -> City:
    """A main hall of 24 windows in the west, a branch in the east whose windows nobody counted."""
    main, branch = paper_city.places_of("service_hall")
    return replace(paper_city, places=(replace(main, attributes={"windows": 24, "is_main": 1}), replace(branch, attributes={})))


def at(hours: float, day: date = TUESDAY) -> float:
    return midnight_s(day) + hours * HOUR_S


def moment(hours: float, day: date = TUESDAY) -> datetime:
    return datetime.fromtimestamp(at(hours, day), UTC)


def past(city: City, start: datetime, end: datetime) -> list[Spoken]:
    return list(history(city, DRY, SEED, start, end))


@pytest.fixture(scope="module")
def week(city: City) -> list[Spoken]:
    """From Monday to the Sunday after."""
    return past(city, moment(0, date(2026, 3, 2)), moment(24, SUNDAY))


def events_by_day(spoken: Sequence[Spoken]) -> dict[tuple[str, date], list[Event]]:
    by_day: dict[tuple[str, date], list[Event]] = defaultdict(list)
    for moment_s, device_id, _, payload in spoken:
        if isinstance(payload, Event):
            by_day[device_id, datetime.fromtimestamp(moment_s, ZONE).date()].append(payload)
    return by_day


class Hall:
    """The main hall, switched on in the middle of a day; what it said from then on, and the queue that follows from the whole."""

    def __init__(self, city: City, started_s: float, scenes: Sequence[Scene] = ()):
        self.live = LiveHalls(city, DRY, SEED, started_s)
        self.device_id = self.live.halls[0].device_id
        self.scenes, self.now_s, self.queue, self.day = scenes, started_s, Queue(), date.min
        self.events: list[Event] = []
        self.acks: list[Ack] = []
        today = datetime.fromtimestamp(started_s, ZONE).date()
        for _, device_id, _, payload in past(city, moment(0, today), datetime.fromtimestamp(started_s, UTC)):
            self._hear(device_id, payload)

    def _hear(self, device_id: str, payload: object) -> None:
        if device_id == self.device_id and isinstance(payload, Event):
            day = payload.ts.astimezone(ZONE).date()
            if day != self.day:
                self.day, self.queue = day, Queue()
            self.queue.hear(payload)

    def run(self, until_s: float, *commands: WindowCommand, step_s: float = 60) -> Hall:
        """Goes on to a moment; commands are heard at its first step."""
        heard: Mapping[str, Sequence[WindowCommand]] = {self.device_id: commands}
        while self.now_s < until_s:
            self.now_s = min(self.now_s + step_s, until_s)
            for device_id, _, payload, _ in self.live.advance(self.now_s, self.scenes, heard):
                self._hear(device_id, payload)
                if device_id == self.device_id and isinstance(payload, Event):
                    self.events.append(payload)
                elif isinstance(payload, Ack):
                    self.acks.append(payload)
            heard = {}
        return self

    def closed_windows(self) -> list[int]:
        everyone = range(1, self.live.halls[0].n_windows + 1)
        return [number for number in everyone if self.queue.windows.get(number) is not WindowState.OPEN]


def command(command_id: str = "k1", window: int = 24, state: str = "open", **more: object) -> WindowCommand:
    """As it arrives: encoded by us, decoded by the hall."""
    said = {"id": command_id, "ts": "2026-03-03T01:00:00Z", "cmd": "window", "window": window, "state": state, **more}
    return decode_command(msgspec.json.encode(said))


# One truth


def test_live_halls_go_on_exactly_where_the_history_ended(city: City) -> None:
    whole = past(city, moment(0), moment(24))
    noon = at(12)
    morning = past(city, moment(0), moment(12))
    assert morning == [spoken for spoken in whole if spoken[0] < noon]
    live = LiveHalls(city, DRY, SEED, noon)
    steps = [noon + second for second in range(300)] + [noon + 300 + 37.25 * k for k in range(1, 1_150)]
    told = [said[:3] for now_s in steps for said in live.advance(now_s, (), {})]
    assert told == [spoken[1:] for spoken in whole if noon <= spoken[0] <= steps[-1]]
    assert len(told) > 1_000


def test_live_halls_run_through_nights_weekends_and_mondays_like_the_history(city: City) -> None:
    friday, monday = moment(15, date(2026, 3, 6)), moment(11, date(2026, 3, 9))
    live = LiveHalls(city, DRY, SEED, friday.timestamp())
    told: list[tuple[object, ...]] = []
    now_s = friday.timestamp()
    while now_s < monday.timestamp() - 1:
        now_s = min(now_s + 4_321, monday.timestamp() - 0.001)
        told += (said[:3] for said in live.advance(now_s, (), {}))
    assert told == [spoken[1:] for spoken in past(city, friday, monday)]


def test_a_moment_on_the_border_is_told_once(city: City) -> None:
    """Kiosks speak at whole seconds, events happen at milliseconds: the border belongs to what follows."""
    whole = past(city, moment(9), moment(10))
    for border_s in (whole[300][0], next(spoken[0] for spoken in whole if spoken[2] == "telemetry")):
        border = datetime.fromtimestamp(border_s, UTC)
        before, after = past(city, moment(9), border), past(city, border, moment(10))
        assert before[-1][0] < border_s == after[0][0]
        assert [*before, *after] == whole
        live = LiveHalls(city, DRY, SEED, border_s)
        assert [said[:3] for said in live.advance(border_s, (), {})] == [s[1:] for s in after if s[0] == border_s]


def test_the_same_seed_gives_the_same_days_byte_for_byte(city: City) -> None:
    def told(seed: int) -> list[bytes]:
        return [encode(payload) for _, _, _, payload in history(city, DRY, seed, moment(8), moment(10))]

    assert told(SEED) == told(SEED)
    assert told(SEED) != told(SEED + 1)


def test_what_begins_in_the_middle_of_a_day_changes_nothing_before_it(city: City) -> None:
    quiet, rushed = (
        Hall(city, at(8), scenes).run(at(11)) for scenes in ((), [HallRush(at(10), HOUR_S, (), 3.0)])
    )  # fmt: skip
    ten = datetime.fromtimestamp(at(10), UTC)
    assert [e for e in quiet.events if e.ts < ten] == [e for e in rushed.events if e.ts < ten]
    assert [e for e in quiet.events if e.ts >= ten] != [e for e in rushed.events if e.ts >= ten]


def test_what_is_told_is_in_the_order_of_its_moments(week: list[Spoken]) -> None:
    assert all(before[0] <= after[0] for before, after in pairwise(week))
    for spoken in week:
        assert ts_of(spoken[3]).timestamp() == spoken[0]
    for events in events_by_day(week).values():
        ids = [event.id for event in events]
        assert ids == sorted(set(ids)), "within a day the ids tell the order too"


# Words


def test_every_event_of_a_week_is_understood_and_follows_from_those_before(week: list[Spoken]) -> None:
    by_day = events_by_day(week)
    assert len(by_day) == 2 * 5 + 1  # the main hall is open on Saturday as well
    for (_, day), events in by_day.items():
        queue = fold(events)
        assert not {**queue.waiting, **queue.called, **queue.served, **queue.aside}, "everybody has gone home"
        assert set(queue.windows.values()) == {WindowState.CLOSED}
        assert len(queue.gone) > (80 if day.weekday() == 5 else 250)
    kinds = Counter(event.event for events in by_day.values() for event in events)
    assert set(kinds) >= set(HallEventKind) - {HallEventKind.WINDOW_FAULT}


def test_every_message_is_parsed_into_what_was_meant(city: City, week: list[Spoken]) -> None:
    received = moment(24, SUNDAY)
    seen: Counter[type] = Counter()
    for _, device_id, kind, payload in week:
        for report in parse(topic_of(device_id, kind), encode(payload), received):
            seen[type(report)] += 1
            if isinstance(report, HallEvent):
                assert isinstance(payload, Event)
                assert report.hall_id in ("service_hall-1", "service_hall-2")
                assert (report.event_id, report.event, report.ticket) == (payload.id, payload.event, payload.ticket)
                assert (report.window_no, report.clerk, report.items) == (payload.window, payload.clerk, tuple(payload.items))
            elif isinstance(report, Reading):
                usual = PROPERTIES[report.property]
                assert usual.low <= report.value <= usual.high
                assert report.quality is Quality.SIMULATED
            else:
                assert isinstance(report, DeviceStateReport)
    assert set(seen) == {HallEvent, Reading, DeviceStateReport}


@pytest.fixture(scope="module")
def a_dark_day(city: City) -> list[Event]:
    """A day on which everything happens: the power fails at eleven for ten minutes."""
    return Hall(city, at(8), [PowerCut(at(11), 600, *place(city), 1_000)]).run(at(19)).events


@pytest.mark.parametrize("kind", list(HallEventKind))
def test_the_fields_of_an_event_are_those_of_the_message_rules(a_dark_day: list[Event], kind: HallEventKind) -> None:
    fields = {
        HallEventKind.ARRIVE: {"ticket", "item", "channel"},
        HallEventKind.ABANDON: {"ticket", "item"},
        HallEventKind.TRANSFER: {"ticket", "item", "to_item", "window", "clerk"},
        HallEventKind.RATING: {"ticket", "item", "window", "clerk", "grade"},
        HallEventKind.WINDOW_OPEN: {"window", "clerk", "items"},
        HallEventKind.WINDOW_PAUSE: {"window"},
        HallEventKind.WINDOW_CLOSE: {"window"},
        HallEventKind.WINDOW_FAULT: {"window"},
    }.get(kind, {"ticket", "item", "window", "clerk"})
    event = next(event for event in a_dark_day if event.event == kind)
    assert msgspec.json.decode(encode(event)).keys() == {"id", "ts", "event"} | fields


def place(city: City) -> tuple[float, float]:
    hall = city.places_of("service_hall")[0]
    return hall.lon, hall.lat


def test_births_say_what_and_where_and_are_understood(city: City) -> None:
    halls = halls_of(city, SEED)
    said = dict(births(halls, moment(8)))
    for device_id, birth in said.items():
        (report,) = parse(topic_of(device_id, "birth"), encode(birth), moment(8))
        assert isinstance(report, DeviceBirth)
        assert (report.lon, report.lat) in {(hall.lon, hall.lat) for hall in halls}
    queue = said["990101/hall/service_hall-1/queue-service_hall-1"]
    assert (queue.type, queue.mode) == (SensorKind.HALL.type_name, "on_change")
    assert queue.capabilities == list(halls[0].items)
    kiosk = said["990101/hall/service_hall-1/kiosk-service_hall-1-1"]
    assert (kiosk.type, kiosk.mode, kiosk.interval_s) == (SensorKind.KIOSK.type_name, "periodic", 900)
    assert tuple(kiosk.properties) == SensorKind.KIOSK.properties
    assert len(said) == 2 + 4 + 2
    assert all(parse_topic(topic_of(device_id, "event")) for device_id in said)


def test_a_closed_day_is_silent_but_for_the_beats(week: list[Spoken]) -> None:
    sunday = [spoken for spoken in week if spoken[0] >= at(0, SUNDAY)]
    assert Counter(kind for _, _, kind, _ in sunday) == {"state": 2 * 24, "telemetry": 6 * 96}


def test_a_queue_is_heard_once_an_hour_and_a_kiosk_every_quarter_of_an_hour(week: list[Spoken]) -> None:
    heard: dict[str, list[float]] = defaultdict(list)
    for moment_s, device_id, kind, _ in week:
        if kind != "event":
            heard[device_id].append(moment_s)
    for device_id, moments in heard.items():
        expected = 900 if "/kiosk-" in device_id else HOUR_S
        assert {later - earlier for earlier, later in pairwise(moments)} == {expected}
    seqs = [
        payload.seq for _, device_id, _, payload in week if isinstance(payload, Telemetry) and device_id.endswith("_hall-1-1")
    ]
    assert {later - earlier for earlier, later in pairwise(seqs) if later is not None and earlier is not None} == {1}


# Kiosks


def paper(spoken: Sequence[Spoken]) -> dict[str, list[tuple[float, float]]]:
    levels: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for moment_s, device_id, _, payload in spoken:
        if isinstance(payload, Telemetry):
            levels[device_id].append((moment_s, payload.values["paperLevel"]))
    return levels


def test_the_paper_falls_by_the_tickets_that_were_printed(week: list[Spoken]) -> None:
    arrivals = sum(
        isinstance(payload, Event) and payload.event == "arrive" and device_id.startswith("990101") and moment_s < at(20)
        for moment_s, device_id, _, payload in week
    )
    used = 0.0
    for device_id, levels in paper(week).items():
        if device_id.startswith("990101"):
            fall = [before - after for (_, before), (at_s, after) in pairwise(levels) if at_s < at(20)]
            used += sum(fall) + sum(step < 0 for step in fall)  # a rise is a new roll
    assert used * ROLL_TICKETS == pytest.approx(arrivals, abs=0.5)
    assert arrivals > 1_000


def test_a_roll_is_changed_on_monday_morning_and_when_it_is_empty(city: City, week: list[Spoken]) -> None:
    changes = [
        datetime.fromtimestamp(later, ZONE) for levels in paper(week).values()
        for (_, before), (later, after) in pairwise(levels) if after > before
    ]  # fmt: skip
    assert 0 < len(changes) < 20
    assert all(8 <= change.hour < 17 for change in changes), "paper runs out when it is used"
    monday = date(2026, 3, 9)
    first = paper(past(city, moment(0, monday), moment(1, monday)))
    assert {levels[0][1] for levels in first.values()} == {1.0}


def test_kiosks_are_out_of_order_now_and_then(city: City) -> None:
    """On one day in forty, for some fifty minutes."""
    hall = LiveHalls(city, DRY, SEED, at(8)).halls[0]
    faulty = 0
    for n in range(2_000):
        kiosks = Kiosks(hall, TUESDAY + timedelta(days=n), [0])
        working = [kiosks.read(0, minute * MINUTE_MS)[1] for minute in range(0, 24 * 60, 5)]
        assert set(working) <= {0.0, 1.0}
        faulty += 0.0 in working
    assert faulty / 2_000 == pytest.approx(1 / 40, rel=0.25)


# Power


def test_a_power_cut_silences_the_hall_and_it_goes_on_afterwards(city: City) -> None:
    live = LiveHalls(city, DRY, SEED, at(8))
    cut = PowerCut(at(10), 1_800, *place(city), 1_000)
    said = [said for k in range(1, 15 * 60) for said in live.advance(at(8) + 60 * k, [cut], {}) if said[0].startswith("990101")]
    dark = [(kind, payload) for _, kind, payload, _ in said if moment(10) < ts_of(payload) < moment(10.5)]
    assert {kind for kind, _ in dark} <= {"event"}
    assert {payload.event for _, payload in dark if isinstance(payload, Event)} <= {"abandon", "rating"}
    events = [payload for _, _, payload, _ in said if isinstance(payload, Event)]
    faults = [event for event in events if event.event == "window.fault" and event.ts == moment(10)]
    assert len(faults) > 10
    queue = fold(events)
    assert not {**queue.waiting, **queue.aside}
    assert set(queue.windows.values()) == {WindowState.CLOSED}


def ts_of(payload: object) -> datetime:
    at_: datetime = payload.ts  # type: ignore[attr-defined]
    return at_


# Commands


def test_a_command_is_acknowledged_and_once_more_when_it_comes_again(city: City) -> None:
    hall = Hall(city, at(12.5))
    hall.run(at(12.6), command(items=["social_security"]))
    opened = [event for event in hall.events if event.event == "window.open" and event.window == 24]
    assert [event.items for event in opened] == [["social_security"]]
    hall.run(at(12.7), command("k2", state="closed"))
    hall.run(at(12.9), command(items=["social_security"]))
    assert [(ack.ack, ack.result) for ack in hall.acks] == [("k1", "accepted"), ("k2", "accepted"), ("k1", "accepted")]
    assert hall.queue.windows[24] is WindowState.CLOSED, "a known id is not acted on again"
    assert len({ack.id for ack in hall.acks}) == 3
    (report,) = parse(topic_of(hall.device_id, "ack"), encode(hall.acks[0]), moment(13))
    assert isinstance(report, CommandAck)
    assert (report.device_id, report.result) == (hall.device_id, "accepted")


@pytest.mark.parametrize(
    ("hour", "order", "why"),
    [
        (10, command(window=99), WindowAnswer.NO_SUCH_WINDOW),
        (10, command(state="ajar"), WindowAnswer.NO_SUCH_STATE),
        (10, command(items=["passport"]), WindowAnswer.NOT_OFFERED),
        (10, command(state="paused"), WindowAnswer.WINDOW_CLOSED),
        (10, command(cmd="dance"), WindowAnswer.NO_SUCH_COMMAND),
        (3, command(), WindowAnswer.HALL_CLOSED),
        (20, command(), WindowAnswer.HALL_CLOSED),
        (24 * 5 + 10, command(), WindowAnswer.HALL_CLOSED),
    ],
)
def test_an_impossible_command_is_refused_with_the_reason(
    city: City, hour: float, order: WindowCommand, why: WindowAnswer
) -> None:
    hall = Hall(city, at(hour)).run(at(hour) + 1, order)
    assert [ack.result for ack in hall.acks] == [why.value]
    assert [event for event in hall.events if event.window == order.window and event.event.startswith("window.")] == []


def test_commands_do_not_change_the_next_day(city: City) -> None:
    hall = Hall(city, at(10)).run(at(10.1), command("k1"), command("k2", window=1, state="closed"))
    wednesday = TUESDAY + timedelta(days=1)
    hall.run(at(12, wednesday), step_s=300)
    expected = [
        p for _, d, k, p in past(city, moment(0, wednesday), moment(12, wednesday)) if k == "event" and d == hall.device_id
    ]
    assert [event for event in hall.events if event.ts >= moment(0, wednesday)] == expected


def test_the_roll_is_called_for_all_windows(city: City) -> None:
    hall = Hall(city, at(9.5)).run(at(10.2))
    queue = Queue()
    for device_id, kind, event, is_retained in hall.live.roll_call("990101"):
        assert (device_id, kind, is_retained) == (hall.device_id, "event", False)
        assert isinstance(event, Event)
        assert not parse(topic_of(device_id, kind), encode(event), moment(11))[1:]
        queue.hear(event)
    assert len(queue.windows) == 24
    assert Counter(queue.windows.values())[WindowState.OPEN] > 12
    for number, state in hall.queue.windows.items():
        if number not in hall.queue.at_windows():
            assert queue.windows[number] is state
    by_night = LiveHalls(city, DRY, SEED, at(3))
    assert {e.event for _, _, e, _ in by_night.roll_call("990101") if isinstance(e, Event)} == {"window.close"}


# The surge


def test_a_rush_fills_the_queue_and_windows_opened_by_command_drain_it(city: City) -> None:
    """Two and a half times as many as usual from half past twelve to two, when every other window is at rest; at one o'clock the
    hall is told to open all its windows and finds clerks for eleven of twelve.

    Waiting at half past one: 1 on an ordinary day, 30 in the rush, 5 with the windows; at two 14, 78, 7; at half past 0, 37, 0.
    """
    rush = [HallRush(at(12.5), 1.5 * HOUR_S, (), 2.5)]
    usual, rushed, helped = (Hall(city, at(8), scenes).run(at(13)) for scenes in ((), rush, rush))
    assert helped.events == rushed.events
    helped.run(at(13) + 60, *(command(f"k{number}", number) for number in helped.closed_windows()))
    answers = Counter(ack.result for ack in helped.acks)
    assert set(answers) <= {"accepted", "no_clerk"}
    assert answers["accepted"] >= 8
    waiting = {hour: [len(hall.run(at(hour)).queue.waiting) for hall in (usual, rushed, helped)] for hour in (13.5, 14.0, 14.5)}
    assert waiting[14.0][1] > 3 * waiting[14.0][0]
    assert waiting[14.0][2] < waiting[14.0][1] / 3
    assert waiting[14.5][1] > 25 > 5 > waiting[14.5][2]


def served_after_waits(events: Sequence[Event]) -> Iterator[float]:
    """Minutes between ticket and first call."""
    came = {event.ticket: event.ts for event in events if event.event == "arrive"}
    called: set[str | None] = set()
    for event in events:
        if event.event == "call" and event.ticket not in called:
            called.add(event.ticket)
            yield (event.ts - came[event.ticket]).total_seconds() / 60


def test_waits_are_minutes_as_a_rule_and_up_to_half_an_hour_in_the_peaks(week: list[Spoken]) -> None:
    waits = sorted(wait for events in events_by_day(week).values() for wait in served_after_waits(events))
    assert 4 < sum(waits) / len(waits) < 12
    assert 15 < waits[int(0.9 * len(waits))] < 32
    gone = Counter(kind for events in events_by_day(week).values() for kind in fold(events).gone.values())
    assert gone[HallEventKind.END] / gone.total() > 0.93
    assert 0.01 < (gone[HallEventKind.ABANDON] + gone[HallEventKind.NO_SHOW]) / gone.total() < 0.07
