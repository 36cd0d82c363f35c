"""The hub: one reader of the database for all viewers of this process.

A channel takes a frame every `period_s` in a thread of its own, encodes it once and hands the same bytes to every viewer.
A viewer that cannot keep up loses its oldest frames; it sees the gap in `seq` and asks for everything again. When no frame
comes, the channel says so: frames with `state` "database_away" and the time since when go out instead.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import orjson

from dashboard import wire, wire_halls
from dashboard.overview import CityFigures
from domain.indices import DELIVERED, IndexPolicy
from domain.moments import Moment
from staffing.books import Books, HallsNow
from storage import heartbeats, snapshots
from storage.connection import Connection, DatabaseUnreachable, connect, is_connection_lost, why_lost
from storage.migrate import require_current_schema

log = logging.getLogger(__name__)

MAP, OVERVIEW, HALLS, SYSTEM = "map", "overview", "halls", "system"

PERIOD_S = {MAP: 0.5, OVERVIEW: 5.0, HALLS: 5.0, SYSTEM: 2.0}
AWAY_AFTER_S = 3.0
"""Without a frame for this long (or three periods, if that is longer) the database counts as away."""
RETRY_S = 1.0
STILL_EVERY_S = 2.0
"""A channel that has said nothing for this long says that it is still there, so that viewers soon know when it is not."""
QUEUE_LENGTH = 8
COMMENT_EVERY_S = 10.0
"""Proxies and browsers give up on a stream that says nothing."""

OVERLAP = timedelta(seconds=10)
"""How far a frame looks back behind the one before: readings are stamped before they are committed."""
CATCH_UP = timedelta(minutes=3)
"""After the database was away, ingest writes what it held back, with the old stamps: for so long frames reach back further."""
COUNT_EVERY = timedelta(seconds=10)
"""How often the system page counts how fresh the devices are."""

Clock = Callable[[], datetime]


class Taker(Protocol):
    """Makes the next frame from the database."""

    def __call__(self, conn: Connection, now: datetime) -> dict[str, Any]: ...


class MapTaker:
    """Frames of the map page: what changed since the frame before."""

    def __init__(self) -> None:
        self.newest: snapshots.LiveFrame | None = None
        self._changes = wire.MapChanges()
        self._taken_at: datetime | None = None
        self._reaches_back_to: datetime | None = None
        self._catches_up_until: datetime | None = None

    def __call__(self, conn: Connection, now: datetime) -> dict[str, Any]:
        frame = snapshots.live_frame(conn, Moment.live(now), received_since=self._since(now))
        taken = self._changes.take(frame, heartbeats.list_heartbeats(conn))
        self._taken_at, self.newest = now, frame
        return taken

    def _since(self, now: datetime) -> datetime:
        before = self._taken_at or now
        if self._taken_at is None or now - before > timedelta(seconds=AWAY_AFTER_S):
            self._reaches_back_to, self._catches_up_until = before - CATCH_UP, now + CATCH_UP
        if self._reaches_back_to is None or self._catches_up_until is None or now > self._catches_up_until:
            self._reaches_back_to = None
            return min(before, now) - OVERLAP
        return self._reaches_back_to


class SystemTaker:
    """Frames of the system page: the whole of it, it is small. How fresh the devices are is counted every few seconds only,
    because all of them have to be read for that."""

    def __init__(self) -> None:
        self._kinds: list[wire.Json] = []
        self._counted_at: datetime | None = None

    def __call__(self, conn: Connection, now: datetime) -> dict[str, Any]:
        moment = Moment.live(now)
        if self._counted_at is None or abs(now - self._counted_at) >= COUNT_EVERY:
            self._kinds, self._counted_at = wire.freshness_counts(snapshots.map_snapshot(conn, moment).devices, now), now
        counted = {"kinds": self._kinds, "counted": wire.ms(self._counted_at)}
        return wire.system(snapshots.system_snapshot(conn, moment)) | counted


class HallsTaker:
    """Frames of the halls: every one in figures. `newest` is what the last of them was made from."""

    def __init__(self, zone: ZoneInfo, target_s: float) -> None:
        self.newest: HallsNow | None = None
        self._books, self._target_s = Books(zone), target_s

    def __call__(self, conn: Connection, now: datetime) -> dict[str, Any]:
        self.newest = self._books.read(conn, Moment.live(now))
        return wire_halls.halls(self.newest, self._target_s)


class OverviewTaker:
    """Frames of the city in figures."""

    def __init__(self, zone: ZoneInfo, index: IndexPolicy, districts: Sequence[str]) -> None:
        self._figures = CityFigures(zone, index, districts)

    def __call__(self, conn: Connection, now: datetime) -> dict[str, Any]:
        return self._figures.read(conn, Moment.live(now))


def narrowed(frame: dict[str, Any], own_halls: frozenset[str] | None) -> dict[str, Any]:
    """A frame of halls with those alone that a viewer may see; None: all. Pure."""
    if own_halls is None or "halls" not in frame:
        return frame
    return frame | {"halls": [hall for hall in frame["halls"] if hall["id"] in own_halls]}


class Viewer:
    """One open page: the frames it has not yet been sent, newest wins."""

    def __init__(self, own_halls: frozenset[str] | None = None) -> None:
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_LENGTH)
        self.own_halls = own_halls
        self.dropped = 0

    def offer(self, frame: bytes | None) -> None:
        """Queues a frame; a full queue loses its oldest. None ends the stream."""
        if self._frames.full():
            self._frames.get_nowait()
            self.dropped += 1
        self._frames.put_nowait(frame)

    async def next(self, timeout_s: float) -> bytes | None:
        """The next frame. Raises TimeoutError when none comes in time."""
        return await asyncio.wait_for(self._frames.get(), timeout_s)


class Channel:
    """Frames of one kind of screen, and who is looking. Lives on the event loop, reads in its thread."""

    def __init__(self, name: str, take: Taker, *, period_s: float, epoch: int, always: bool, clock: Clock) -> None:
        self.name = name
        self.epoch = epoch
        self.seq = 0
        self.period_s = period_s
        self.always = always
        self.last_taken_at: datetime | None = None
        self.away_since: datetime | None = None
        self.frame_bytes = 0
        self._take = take
        self._clock = clock
        self._viewers: set[Viewer] = set()
        self._wanted_since = clock()
        self._spoke_at = clock()
        self._recent: deque[tuple[float, float]] = deque(maxlen=120)  # (published, age of the frame when it left), seconds

    @property
    def viewers(self) -> frozenset[Viewer]:
        return frozenset(self._viewers)

    @property
    def is_wanted(self) -> bool:
        return self.always or bool(self._viewers)

    def take(self, conn: Connection, now: datetime) -> tuple[datetime, dict[str, Any]]:
        """Runs in the channel's thread."""
        return now, self._take(conn, now)

    def publish(self, taken_at: datetime, frame: dict[str, Any]) -> None:
        """Gives a frame to every viewer. Runs on the event loop."""
        self.seq += 1
        self.last_taken_at, self.away_since = taken_at, None
        now = self._clock()
        self._recent.append((now.timestamp(), (now - taken_at).total_seconds()))
        self._send({"hub": self.epoch, "seq": self.seq, "state": "live", **frame})

    def say_if_away(self, now: datetime, started_at: datetime, *, is_known_away: bool = False) -> None:
        """Tells viewers when frames stopped coming, again every time it is called, so that they know the server lives.
        `is_known_away`: another channel has found out that the database is away; a slow one need not wait as long."""
        if not self.is_wanted:
            return
        last = self.last_taken_at or started_at
        waited_since = last if self.always else max(last, self._wanted_since)
        longest_s = AWAY_AFTER_S + self.period_s if is_known_away else max(AWAY_AFTER_S, 3 * self.period_s)
        if (now - waited_since).total_seconds() < longest_s:
            return
        self.away_since = last
        self._send({"hub": self.epoch, "seq": self.seq, "state": "database_away", "since": wire.ms(last), "t": wire.ms(now)})

    def say_if_still_there(self, now: datetime) -> None:
        """Tells viewers that the server lives, when the channel has had nothing else to say."""
        if self._viewers and abs(now - self._spoke_at).total_seconds() >= STILL_EVERY_S:
            self._send({"hub": self.epoch, "seq": self.seq, "state": "still"})

    def join(self, viewer: Viewer) -> None:
        if not self._viewers:
            self._wanted_since = self._clock()
        self._viewers.add(viewer)

    def leave(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)

    def close(self) -> None:
        for viewer in self._viewers:
            viewer.offer(None)

    def figures(self, now: datetime) -> dict[str, float]:
        """Frames per second over the last ten seconds, bytes of the last frame, its p95 age when it left (ms)."""
        recent = [age for published, age in self._recent if published > now.timestamp() - 10]
        p95 = sorted(recent)[math.ceil(0.95 * len(recent)) - 1] if recent else 0.0
        return {
            "frames_per_s": round(len(recent) / 10, 1),
            "frame_bytes": self.frame_bytes,
            "frame_age_ms": round(1000 * p95, 1),
        }

    def _send(self, frame: dict[str, Any]) -> None:
        """`now` is when a frame leaves, by which viewers set their clocks; its `t` is what it shows."""
        self._spoke_at = self._clock()
        whole = {"channel": self.name, **frame, "now": wire.ms(self._spoke_at)}
        encoded: dict[frozenset[str] | None, bytes] = {None: orjson.dumps(whole)}
        self.frame_bytes = len(encoded[None])
        for viewer in self._viewers:
            own = viewer.own_halls
            if own not in encoded:
                encoded[own] = orjson.dumps(narrowed(whole, own))
            viewer.offer(encoded[own])


async def events(channels: Sequence[Channel], own_halls: frozenset[str] | None = None) -> AsyncIterator[bytes]:
    """The stream of one viewer of these channels, as server-sent events; a frame names its channel. `own_halls` are
    those that the viewer may see, None: all."""
    viewer = Viewer(own_halls)
    for channel in channels:
        channel.join(viewer)
    try:
        yield b"retry: 2000\n\n"
        while True:
            try:
                frame = await viewer.next(COMMENT_EVERY_S)
            except TimeoutError:
                yield b": still here\n\n"
                continue
            if frame is None:
                return
            yield b"data: " + frame + b"\n\n"
    finally:
        for channel in channels:
            channel.leave(viewer)


class Hub:
    """The channels of this process and their threads."""

    def __init__(
        self, database_url: str, *, clock: Clock, zone: ZoneInfo, hall_target_s: float, index: IndexPolicy = DELIVERED,
        districts: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._database_url = database_url
        self._clock = clock
        self._stop = Event()
        self._threads: list[Thread] = []
        self._watcher: asyncio.Task[None] | None = None
        self.started_at = clock()
        self.fault: BaseException | None = None
        epoch = wire.ms(self.started_at) or 0
        self._map_taker = MapTaker()
        self.halls = HallsTaker(zone, hall_target_s)
        figures = OverviewTaker(zone, index, districts)
        self.channels = {
            MAP: Channel(MAP, self._map_taker, period_s=PERIOD_S[MAP], epoch=epoch, always=True, clock=clock),
            OVERVIEW: Channel(OVERVIEW, figures, period_s=PERIOD_S[OVERVIEW], epoch=epoch, always=False, clock=clock),
            HALLS: Channel(HALLS, self.halls, period_s=PERIOD_S[HALLS], epoch=epoch, always=False, clock=clock),
            SYSTEM: Channel(SYSTEM, SystemTaker(), period_s=PERIOD_S[SYSTEM], epoch=epoch, always=False, clock=clock),
        }

    @property
    def has_database(self) -> bool:
        """Whether frames come; the map's channel is always read."""
        channel = self.channels[MAP]
        return channel.last_taken_at is not None and channel.away_since is None

    @property
    def newest_map_frame(self) -> snapshots.LiveFrame | None:
        """The records behind the last map frame, for deciders that work on what is shown."""
        return self._map_taker.newest

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        for channel in self.channels.values():
            thread = Thread(target=self._read, args=(channel, loop), name=f"hub-{channel.name}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._watcher = loop.create_task(self._watch())

    async def close(self) -> None:
        """Ends every stream and every thread; a thread that waits for the database is left to the process's end."""
        self._stop.set()
        for channel in self.channels.values():
            channel.close()
        if self._watcher is not None:
            self._watcher.cancel()
        for thread in self._threads:
            await asyncio.to_thread(thread.join, 1.0)

    def figures(self) -> dict[str, float]:
        """For the heartbeat: viewers, of however many channels each, and the figures of the map's frames."""
        return {
            "viewers": len(frozenset[Viewer]().union(*(channel.viewers for channel in self.channels.values()))),
            **self.channels[MAP].figures(self._clock()),
        }

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            is_away = self.channels[MAP].away_since is not None
            for channel in self.channels.values():
                channel.say_if_away(self._clock(), self.started_at, is_known_away=is_away)
                channel.say_if_still_there(self._clock())

    def _read(self, channel: Channel, loop: asyncio.AbstractEventLoop) -> None:
        conn: Connection | None = None
        try:
            while not self._stop.is_set():
                if not channel.is_wanted:
                    self._stop.wait(0.1)
                    continue
                begun = self._clock()
                try:
                    if conn is None:
                        conn = connect(self._database_url, application=f"cityhelm-dashboard-{channel.name}")
                        require_current_schema(conn)
                    taken = channel.take(conn, begun)
                except Exception as fault:
                    if not isinstance(fault, DatabaseUnreachable) and not is_connection_lost(fault):
                        raise
                    told = str(fault) if isinstance(fault, DatabaseUnreachable) else why_lost(fault)
                    log.warning("%s; trying again in %.0f s", told, RETRY_S)
                    if conn is not None:
                        conn.close()
                        conn = None
                    self._stop.wait(RETRY_S)
                    continue
                if self._stop.is_set():
                    break
                loop.call_soon_threadsafe(channel.publish, *taken)
                self._stop.wait(max(0.0, channel.period_s - (self._clock() - begun).total_seconds()))
        except BaseException as fault:  # the service stops and says it; the supervisor starts it again
            self.fault = self.fault or fault
        finally:
            if conn is not None:
                conn.close()
