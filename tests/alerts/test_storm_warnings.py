"""The rainstorm of the catalogue over the demonstration city, as the watch meets it with the rules as they are delivered, minute
by minute: who was warned of what, how long before, and how much an operator had to look at.

Readings are what the simulated gauges, stations and road detectors say. What is physical is what the water really did
(`true_values`): an underpass is closed from 0.27 m on, a stream stands above its warning stage from 3.0 m on (config/city.toml).
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from alerts.alarm_rate import PEAK, Load, load
from alerts.service import Watch
from dashboard.wire_warnings import as_alarm
from domain.batches import Batch
from domain.moments import Moment
from domain.observations import Quality, Reading
from domain.sensors import SensorKind
from gis_data.city import City
from ingest.parse import parse
from iot.payloads import encode
from iot.scenarios import Scene
from iot.scenarios.catalogue import get_scenario
from iot.simulated.devices import deploy
from iot.simulated.instruments import Instruments
from iot.simulated.weather import Weather
from iot.topics import topic_of
from runtime.policy import load_policy
from runtime.workers import DEMONSTRATION_SEED as SEED
from storage.alarms import list_alarms
from storage.connection import Connection
from storage.ingestion import Ingestion
from storage.rules import seed_rules
from storage.situations import list_open_situations
from tests.support.cities import CHECKOUT

START = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
"""A Monday, 09:30: rush hour is over."""
MINUTES = 270
KINDS = (
    SensorKind.RAIN,
    SensorKind.FLOOD,
    SensorKind.UNDERPASS,
    SensorKind.WEATHER,
    SensorKind.TRAFFIC_FLOW,
    SensorKind.AIR_QUALITY,
)
CLOSED_M, STAGE_M = 0.27, 3.0
RAIN = ("rain_1h", "rain_12h", "rain_6h", "rain_3h")


class Storm:
    """The city, what it says, and the processes that listen."""

    def __init__(self, conn: Connection, city: City) -> None:
        policy = load_policy(CHECKOUT / "config" / "city.toml")
        self.conn, self._ingestion = conn, Ingestion(conn)
        weather = Weather(SEED, ZoneInfo(city.zone))
        self.instruments = Instruments(deploy(city, SEED), weather)
        self.scenes: tuple[Scene, ...] = tuple(get_scenario("rainstorm").plan(city, weather, SEED, START.timestamp()))
        seed_rules(conn, policy.rules, now=START)
        self.watch = Watch("99010000100100", practice=policy.warning_practice)
        born = Batch()
        for kind in KINDS:
            for device in self.instruments.devices(kind):
                said = encode(device.birth(START))
                born.extend(parse(topic_of(device.device_id, "birth"), said, START))
        self._ingestion.register(born, START)
        self._ingestion.write(born)

    def speak(self, kinds: tuple[SensorKind, ...], since: datetime, until: datetime, scenes: tuple[Scene, ...]) -> None:
        batch = Batch()
        for kind in kinds:
            devices = self.instruments.devices(kind)
            said = self.instruments.between(kind, since.timestamp(), until.timestamp(), scenes)
            for name, values in said.values.items():
                rows = zip(said.device.tolist(), said.time_s.tolist(), values.tolist(), strict=True)
                batch.readings += [
                    Reading(devices[k].device_id, name, at, at + timedelta(seconds=1), value, Quality.SIMULATED)
                    for k, at_s, value in rows
                    for at in (datetime.fromtimestamp(at_s, UTC),)
                ]
        self._ingestion.write(batch)

    def live(self) -> None:
        for minute in range(MINUTES):
            now = START + timedelta(minutes=minute + 1)
            self.speak(KINDS, now - timedelta(minutes=1), now, self.scenes)
            self.watch.tick(self.conn, now + timedelta(seconds=2))

    def minutes_of(self, kind: SensorKind, name: str) -> np.ndarray:
        """What it really was at each minute (devices, minutes)."""
        moments = START.timestamp() + 60.0 * np.arange(MINUTES)
        return np.asarray(self.instruments.true_values(kind, moments, self.scenes)[name])

    def raised(self) -> list[tuple[str, str, str | None, float]]:
        """Rule, object, device, and the minute in which it warned."""
        rows = self.conn.execute("SELECT rule_id, object_id, device_id, raised_at FROM warning ORDER BY raised_at")
        return [(rule, name, device, (at - START) / timedelta(minutes=1)) for rule, name, device, at in rows]


def first(is_so: np.ndarray) -> float:
    return float(np.argmax(is_so)) if is_so.any() else float("inf")


@pytest.mark.long
def test_the_rainstorm_is_warned_of_before_the_water_is_there_and_without_a_flood_of_alarms(
    conn: Connection, small_city: City, capsys: pytest.CaptureFixture[str]
) -> None:
    storm = Storm(conn, small_city)
    storm.live()
    raised = storm.raised()
    end = START + timedelta(minutes=MINUTES)
    depth_m, level_m = storm.minutes_of(SensorKind.UNDERPASS, "waterDepth"), storm.minutes_of(SensorKind.FLOOD, "waterLevel")
    closed_min = first((depth_m >= CLOSED_M).any(axis=0))
    rain_min = min(minute for rule, _, _, minute in raised if rule in RAIN)
    water_min = min(minute for rule, _, _, minute in raised if rule == "underpass_flooded")
    gauges = [device.device_id for device in storm.instruments.devices(SensorKind.FLOOD)]
    over = {gauge: first(row >= STAGE_M) for gauge, row in zip(gauges, level_m, strict=True) if (row >= STAGE_M).any()}
    rising = {device: minute for rule, _, device, minute in reversed(raised) if rule == "water_level_rising"}
    leads = {gauge: minute - rising.get(gauge, float("inf")) for gauge, minute in over.items()}

    alarms = [as_alarm(row) for row in list_alarms(conn, Moment.live(end), START)]
    begins = min(alarm.raised_at for alarm in alarms)
    upset: Load = load(alarms, begins, begins + timedelta(minutes=10))
    whole = load(alarms, START, end)
    situations = list_open_situations(conn, Moment.live(end))
    again = {key: n for key, n in Counter((rule, name) for rule, name, _, _ in raised).items() if n > 1}
    ahead = ", ".join(f"{lead:.0f}" for lead in sorted(leads.values()))
    with capsys.disabled():
        print(
            f"\nrain warned of at minute {rain_min:.0f}, water in an underpass at {water_min:.0f}, the first underpass closed at "
            f"{closed_min:.0f}: {closed_min - rain_min:.0f} and {closed_min - water_min:.0f} min ahead; "
            f"streams above their stage: {len(over)}, warned of ahead by {ahead} min; "
            f"rising elsewhere: {len(rising.keys() - over.keys())}; {whole.raised} raw alarms {dict(Counter(row[0] for row in raised))}, "
            f"{whole.shown} shown, {upset.shown} in the first ten minutes ({upset.raised} raw), at most {whole.peak} in ten minutes, "
            f"{whole.standing} standing, situations of {[len(one.members) for one in situations]}; raised again: {again}"
        )
    assert rain_min < water_min < closed_min
    assert over, "a stream goes over its stage"
    assert all(lead > 0 for lead in leads.values())
    assert upset.shown <= PEAK
    assert whole.peak <= PEAK
    assert whole.chattering == ()
