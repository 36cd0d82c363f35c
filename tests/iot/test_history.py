"""History: what would have been sent, when it would have arrived."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from domain.observations import DeviceBirth, Quality, Reading
from domain.sensors import SensorKind
from gis_data.city import City
from ingest.parse import parse
from iot.simulated.devices import deploy
from iot.simulated.history import messages
from tests.iot.test_physics import SEED

END = datetime(2026, 3, 2, 1, 0, 5, tzinfo=UTC)
START = END - timedelta(hours=13)


def test_messages_come_in_the_order_of_their_arrival_births_first(paper_city: City) -> None:
    arrivals = list(messages(paper_city, SEED, START, END))
    assert all(before[0] <= after[0] for before, after in pairwise(arrivals))
    assert arrivals[0][0] >= START
    assert arrivals[-1][0] < END
    births = [topic for _, topic, _ in arrivals if topic.endswith("/birth")]
    assert [topic for _, topic, _ in arrivals[: len(births)]] == births


def test_every_message_is_understood_and_arrives_shortly_after_its_measurement(paper_city: City) -> None:
    reports = [r for at, topic, payload in messages(paper_city, SEED, START, END) for r in parse(topic, payload, at)]
    readings = [r for r in reports if isinstance(r, Reading)]
    assert {r.quality for r in readings} == {Quality.SIMULATED}
    assert all(timedelta(0) < r.received_time - r.phenomenon_time < timedelta(seconds=2) for r in readings)
    assert all(r.phenomenon_time.timestamp() % 600 == 0 for r in readings)
    assert not [r for r in reports if type(r).__name__ == "Rejection"]
    assert {b.interval_s for b in reports if isinstance(b, DeviceBirth) and b.properties} == {600.0}
    # 13 hours of 10 minutes, less what is lost on the way.
    loops = [d for d in deploy(paper_city, SEED) if d.kind is SensorKind.TRAFFIC_FLOW]
    n_flow = sum(r.property == "averageVehicleSpeed" for r in readings)
    assert 0.97 * 78 * len(loops) < n_flow <= 79 * len(loops)


def test_the_same_seed_gives_the_same_history_byte_for_byte(paper_city: City) -> None:
    span = (START, START + timedelta(hours=2))
    assert list(messages(paper_city, SEED, *span)) == list(messages(paper_city, SEED, *span))
    assert list(messages(paper_city, SEED, *span)) != list(messages(paper_city, SEED + 1, *span))


def test_a_history_in_two_parts_is_the_same_history(paper_city: City) -> None:
    middle = datetime(2026, 3, 1, 20, 5, tzinfo=UTC)

    def readings(start: datetime, end: datetime) -> set[tuple[str, bytes]]:
        return {(topic, payload) for _, topic, payload in messages(paper_city, SEED, start, end) if topic.endswith("/telemetry")}

    assert readings(START, middle) | readings(middle, END) == readings(START, END)
