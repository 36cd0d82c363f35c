"""The hub: changes only, the same bytes to everyone, newest wins, and a word when the database is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from dashboard.hub import COUNT_EVERY, HALLS, MAP, QUEUE_LENGTH, SYSTEM, Channel, Hub, MapTaker, SystemTaker, Viewer, events
from storage.connection import Connection
from tests.support import loops
from tests.support.scenes import NOW, a_device, a_position, a_reading, a_status, a_unit, an_incident, stored, the_stream

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> datetime:
        return self.time

    def go(self, seconds: float) -> datetime:
        self.time += timedelta(seconds=seconds)
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


def a_channel(clock: Clock, *, always: bool = True) -> Channel:
    return Channel(MAP, lambda conn, now: {}, period_s=0.5, epoch=1, always=always, clock=clock)


async def opened(*channels: Channel) -> Callable[[], Any]:
    """A viewer's stream, its greeting already read; call for the next thing it says."""
    stream = events(channels)
    assert await anext(stream) == b"retry: 2000\n\n"
    return lambda: anext(stream)


def frame(event: bytes) -> dict[str, Any]:
    said: dict[str, Any] = orjson.loads(event.removeprefix(b"data: "))
    return said


def test_a_viewer_that_cannot_keep_up_loses_its_oldest_frames() -> None:
    async def scene() -> list[bytes | None]:
        viewer = Viewer()
        for n in range(QUEUE_LENGTH + 3):
            viewer.offer(b"%d" % n)
        assert viewer.dropped == 3
        return [await viewer.next(1) for _ in range(QUEUE_LENGTH)]

    assert loops.run(scene()) == [b"%d" % n for n in range(3, QUEUE_LENGTH + 3)]


def test_everyone_gets_the_same_bytes_numbered_without_gaps(clock: Clock) -> None:
    async def scene() -> None:
        channel = a_channel(clock)
        one, other = await opened(channel), await opened(channel)
        for n in range(3):
            channel.publish(clock(), {"n": n})
        heard = [await one() for _ in range(3)]
        assert heard == [await other() for _ in range(3)]
        assert [frame(event)["seq"] for event in heard] == [1, 2, 3]
        assert {frame(event)["state"] for event in heard} == {"live"}

    loops.run(scene())


def test_a_viewer_who_leaves_is_forgotten(clock: Clock) -> None:
    async def scene() -> None:
        channel = a_channel(clock)
        stream = events([channel])
        await anext(stream)
        assert len(channel.viewers) == 1
        await stream.aclose()  # type: ignore[attr-defined]
        assert not channel.viewers

    loops.run(scene())


def test_a_stream_with_nothing_to_say_says_that_it_is_still_there(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.hub.COMMENT_EVERY_S", 0.01)

    async def scene() -> bytes:
        next_event = await opened(a_channel(clock))
        said: bytes = await next_event()
        return said

    assert loops.run(scene()).startswith(b": ")


def test_a_closed_channel_ends_its_streams(clock: Clock) -> None:
    async def scene() -> None:
        channel = a_channel(clock)
        next_event = await opened(channel)
        channel.close()
        with pytest.raises(StopAsyncIteration):
            await next_event()

    loops.run(scene())


def test_when_no_frame_comes_the_database_is_said_to_be_away_since_the_last_one(clock: Clock) -> None:
    async def scene() -> None:
        channel = a_channel(clock)
        next_event = await opened(channel)
        channel.publish(clock(), {})
        await next_event()
        channel.say_if_away(clock.go(2), NOW)
        channel.say_if_away(clock.go(2), NOW)
        said = frame(await next_event())
        assert (said["state"], said["seq"]) == ("database_away", 1)
        assert said["since"] == NOW.timestamp() * 1000
        assert said["t"] == said["since"] + 4000
        channel.publish(clock.go(1), {})
        assert frame(await next_event())["seq"] == 2
        assert channel.away_since is None

    loops.run(scene())


def test_a_slow_channel_says_that_it_is_there_and_with_every_word_what_time_it_is(clock: Clock) -> None:
    async def scene() -> None:
        channel = a_channel(clock)
        next_event = await opened(channel)
        taken_at = clock()
        clock.go(1.5)
        channel.publish(taken_at, {"t": taken_at.timestamp() * 1000})  # the reading took so long
        said = frame(await next_event())
        assert said["now"] - said["t"] == 1_500
        channel.say_if_still_there(clock.go(1))
        channel.say_if_still_there(clock.go(1))
        said = frame(await next_event())
        assert (said["state"], said["seq"]) == ("still", 1)  # not a frame: the numbering goes on after it
        assert said["now"] == clock().timestamp() * 1000
        channel.publish(clock.go(1), {})
        assert frame(await next_event())["seq"] == 2

    loops.run(scene())


def test_a_slow_channel_is_away_as_soon_as_a_quick_one_has_found_out(clock: Clock) -> None:
    async def scene() -> None:
        channel = Channel(HALLS, lambda conn, now: {}, period_s=5, epoch=1, always=False, clock=clock)
        next_event = await opened(channel)
        channel.publish(clock(), {})
        await next_event()
        channel.say_if_away(clock.go(9), NOW)
        channel.say_if_away(clock(), NOW, is_known_away=True)  # what should have come after five has been missing for four
        assert frame(await next_event())["state"] == "database_away"
        channel.publish(clock.go(1), {})
        await next_event()
        channel.say_if_away(clock.go(7), NOW, is_known_away=True)
        assert channel.away_since is None

    loops.run(scene())


def test_a_channel_that_nobody_watches_is_not_away(clock: Clock) -> None:
    async def scene() -> None:
        channel = a_channel(clock, always=False)
        assert not channel.is_wanted
        channel.say_if_away(clock.go(3600), NOW)
        next_event = await opened(channel)  # the first to look has not waited yet
        channel.say_if_away(clock.go(1), NOW)
        channel.publish(clock(), {"n": 1})
        assert frame(await next_event())["n"] == 1

    loops.run(scene())


def test_a_frame_holds_what_changed_and_nothing_else(conn: Connection) -> None:
    take = MapTaker()
    stored(conn, a_device(), a_reading(41), a_unit(), a_position(113.26), a_status("available", minutes_ago=5), an_incident())
    first = take(conn, NOW)
    assert [row[1] for row in first["values"]] == [41.0]
    assert [u["id"] for u in first["units"]] == ["a-1"]
    assert [i["id"] for i in first["incidents"]["changed"]] == first["incidents"]["ids"] == ["i-1"]
    second = take(conn, NOW + timedelta(seconds=1))
    assert (second["values"], second["units"], second["moved"]) == ([], [], [])
    assert {"incidents", "warnings", "orders"} & set(second) == set()
    stored(conn, a_reading(42, minutes_ago=-0.02), a_position(113.27, minutes_ago=-0.02))
    third = take(conn, NOW + timedelta(seconds=2))
    assert third["values"] == [[the_stream(conn), 42.0, 0, 800, 0]]  # good, measured and received 0.8 s before the frame
    assert third["moved"] == [["a-1", 113.27, 23.125, 800, 36, 90]]
    orjson.dumps([first, second, third])


def test_a_frame_stays_small_when_nothing_happens(conn: Connection) -> None:
    take = MapTaker()
    stored(conn, *[a_device(f"440106/environment/north/air-{n}") for n in range(50)])
    take(conn, NOW)
    assert len(orjson.dumps(take(conn, NOW + timedelta(seconds=1)))) < 200


def test_the_system_page_counts_the_devices_now_and_then(conn: Connection) -> None:
    take = SystemTaker()
    stored(conn, a_device(), a_reading(41))
    assert [(kind["type"], kind["counts"]) for kind in take(conn, NOW)["kinds"]] == [("AirQualityObserved", {"fresh": 1})]
    soon = take(conn, NOW + COUNT_EVERY / 2)
    assert soon["counted"] == NOW.timestamp() * 1000
    later = take(conn, NOW + timedelta(minutes=5))
    assert [kind["counts"] for kind in later["kinds"]] == [{"stale": 1}]
    orjson.dumps(later)


def test_what_ingest_held_back_during_an_outage_is_not_missed(conn: Connection) -> None:
    """It is written when the database is back, with the time at which it had been received."""
    take = MapTaker()
    stored(conn, a_device(), a_reading(41))
    take(conn, NOW)
    take(conn, NOW + timedelta(seconds=90))  # the first frame after an outage of a minute and a half
    stored(conn, a_reading(55, minutes_ago=-0.5))  # received half a minute into it, written now
    frame = take(conn, NOW + timedelta(seconds=92))
    assert [row[1] for row in frame["values"]] == [55.0]


def test_a_running_hub_reads_the_database_and_stops(database_url: str, conn: Connection) -> None:
    stored(conn, a_device(), a_reading(41))

    async def scene() -> None:
        hub = Hub(database_url, clock=lambda: NOW, zone=SHANGHAI, hall_target_s=900)
        next_event = await opened(hub.channels[MAP])
        hub.start(asyncio.get_running_loop())
        try:
            said = frame(await asyncio.wait_for(next_event(), 10))
            assert [row[1] for row in said["values"]] == [41.0]
            assert hub.has_database
            assert hub.newest_map_frame is not None
            next_system = await opened(hub.channels[SYSTEM], hub.channels[HALLS])
            heard = {said["channel"]: said for said in [frame(await asyncio.wait_for(next_system(), 10)) for _ in range(2)]}
            assert heard[SYSTEM]["database"]["devices"] == 1
            assert heard[HALLS]["state"] == "live"
            assert hub.figures()["viewers"] == 2  # of three channels
        finally:
            await hub.close()
        assert hub.fault is None

    loops.run(scene())


def test_a_hub_without_a_database_says_so_and_goes_on_trying() -> None:
    async def scene() -> None:
        started = NOW
        ticks = iter(range(100_000))
        hub = Hub(
            "postgresql://127.0.0.1:1/nowhere",
            clock=lambda: started + timedelta(seconds=next(ticks)),
            zone=SHANGHAI,
            hall_target_s=900,
        )
        next_event = await opened(hub.channels[MAP])
        hub.start(asyncio.get_running_loop())
        try:
            said = frame(await asyncio.wait_for(next_event(), 10))
            assert said["state"] == "database_away"
            assert not hub.has_database
        finally:
            await hub.close()
        assert hub.fault is None

    loops.run(scene())
