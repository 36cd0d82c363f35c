"""A city in one process, on a clock of its own: what its devices say is parsed and stored, its rules are judged, its units are sent
and answer. No broker and no child but the one that works out its past, so that pictures of it are the same city at the same hour.
"""

from __future__ import annotations

import io
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any, cast
from zoneinfo import ZoneInfo

from alerts.service import Watch
from dispatch.closing import Unattended
from dispatch.planner.service import Planner
from dispatch.service import Dispatcher, Line
from domain.batches import Batch
from domain.sensors import DeviceState
from forecasting.service import Forecaster
from gis_data.city import load_city
from ingest.parse import parse
from ingest.service import store_batch
from iot.simulated.live import LiveCity, Saying
from iot.topics import parse_topic
from runtime.duty import DutyDesk
from runtime.history import FORECASTS, OPERATIONS, READINGS, write_history
from runtime.policy import Policy
from runtime.workers import DEMONSTRATION_SEED
from storage import backfills
from storage.connection import Connection, connect
from storage.ingestion import Ingestion
from storage.rules import seed_rules
from storage.ticking import run_ticks

PRELUDE = timedelta(minutes=6)
"""So long the city has been live when the first page is opened: calls have come in and the first units are on their way."""
PRELUDE_STEP_S = 3.0
RATED_OVER = timedelta(seconds=10)
Tick = Callable[[Connection, datetime], Mapping[str, Any] | None]


class RunningClock:
    """The time it was at its making, and what has passed since."""

    def __init__(self, starts_at: datetime) -> None:
        self._starts_at, self._began = starts_at, time.monotonic()

    def __call__(self) -> datetime:
        return self._starts_at + timedelta(seconds=time.monotonic() - self._began)


class LiveDevices:
    """What stands in the street: its words are stored as an ingester stores them, commands reach it as through a gateway."""

    def __init__(self, city: LiveCity, now: datetime) -> None:
        self.city = city
        self._ingestion: tuple[Connection, Ingestion] | None = None
        self._said: list[Saying] = []
        self._recent: deque[tuple[datetime, int, int]] = deque()  # when, messages, readings
        self._stored = Counter(stored_total=0, rejected_total=0)
        for district in city.districts:
            self._said += city.introductions(district.code, now.timestamp(), DeviceState.ONLINE)
            self._said += city.roll_call(district.code)

    def tick(self, conn: Connection, now: datetime) -> Mapping[str, Any]:
        """Stores what was said since the last tick; returns what an ingester says of itself."""
        if self._ingestion is None or self._ingestion[0] is not conn:
            self._ingestion = conn, Ingestion(conn)
        said = [*self._said, *self.city.advance(now.timestamp())]
        self._said = []
        batch = Batch()
        for saying in said:
            batch.extend(parse(saying.topic, saying.payload, now))
        counts = store_batch(self._ingestion[1], batch, now)
        self._stored.update(stored_total=counts.stored, rejected_total=counts.rejected)
        self._recent.append((now, len(said), len(batch.readings)))
        while now - self._recent[0][0] > RATED_OVER:
            self._recent.popleft()
        span_s = max(1.0, (now - self._recent[0][0]).total_seconds())
        rates = {
            "messages_per_s": round(sum(entry[1] for entry in self._recent) / span_s, 1),
            "readings_per_s": round(sum(entry[2] for entry in self._recent) / span_s, 1),
        }
        return {**rates, **self._stored, "waiting_messages": 0}

    # What `dispatch.service.Line` is to a dispatcher:

    def is_open(self) -> bool:
        return True

    def open(self, now: datetime) -> bool:
        return True

    def deliver(self, messages: list[tuple[int, str, bytes]], now: datetime) -> list[int]:
        for _, name, payload in messages:
            topic = parse_topic(name)
            assert topic is not None, name
            self._said += self.city.hear(topic, payload, now.timestamp(), is_retained=False)
        return [number for number, _, _ in messages]


@contextmanager
def living(
    database_url: str,
    city_dir: Path,
    policy: Policy,
    zone: ZoneInfo,
    *,
    starts_at: datetime,
    days: int,
    with_forecasts: bool = True,
) -> Iterator[Callable[[], datetime]]:
    """A city that has a past of `days` and lives from `starts_at` on until the block ends; yields its clock."""
    stop = Event()
    born_at = starts_at - PRELUDE
    with connect(database_url) as conn:
        seed_rules(conn, policy.rules, now=born_at - timedelta(days=days))
        for name in (READINGS, OPERATIONS, FORECASTS):
            backfills.begin(conn, name, born_at)
    write_history(database_url, city_dir, policy, days=days, out=io.StringIO(), stop=stop)
    devices = LiveDevices(LiveCity(load_city(city_dir), DEMONSTRATION_SEED, born_at.timestamp()), born_at)
    forecaster = Forecaster(
        horizon_s=policy.forecast_horizon_s, step_s=policy.forecast_step_s, issue_s=policy.forecast_issue_s,
        history_days=policy.forecast_history_days, stop=stop,
    )  # fmt: skip
    unattended = Unattended(policy.unattended_after_s, policy.unattended_grades)
    ticks: dict[str, tuple[Tick, float]] = {
        "ingest": (devices.tick, 1.0),
        "alerts": (Watch(policy.warning_agency).tick, 1.0),
        "dispatcher": (Dispatcher(cast(Line, devices), unattended).tick, 0.5),
        "planner": (Planner(load_city(city_dir), policy.practice).tick, 1.0),
        "simulator": (DutyDesk(policy, zone).tick, 2.0),
        "forecaster": (forecaster.tick, 5.0),
    }
    with connect(database_url) as conn:
        for tick in range(int(PRELUDE.total_seconds() / PRELUDE_STEP_S)):
            now = born_at + timedelta(seconds=tick * PRELUDE_STEP_S)
            for name in ("ingest", "alerts", "dispatcher", "simulator"):
                ticks[name][0](conn, now)
        while with_forecasts and cast(int, (forecaster.tick(conn, starts_at) or {})["waiting"]):
            pass
    clock = RunningClock(starts_at)
    threads = [
        Thread(
            target=partial(run_ticks, database_url, name, tick, period_s=period_s, stop=stop, clock=clock), name=name, daemon=True
        )
        for name, (tick, period_s) in ticks.items()
    ]
    for thread in threads:
        thread.start()
    try:
        yield clock
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
