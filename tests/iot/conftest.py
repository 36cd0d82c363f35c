"""Scenes for the devices: a city of two districts that one can draw on paper, a broker, somebody who listens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import paho.mqtt.client as paho
import pytest
import shapely

from gis_data.city import City, Place, write_city
from gis_data.layers import Layer
from iot.mqtt import BrokerAddress, connect, new_client, parse_address
from runtime.embedded_broker import throwaway_broker

Row = Mapping[str, object]
WEST, SOUTH, STEP = 123.40, 30.20, 0.005
COLUMNS, ROWS = 17, 9
"""A grid of streets, 480 m by 556 m a block: two square districts of eight blocks side by side."""

SPEEDS_KMH = {"arterial": 50.0, "secondary": 40.0, "local": 30.0}


def node(column: int, row: int) -> int:
    return row * COLUMNS + column


def place_of(column: float, row: float) -> tuple[float, float]:
    return round(WEST + STEP * column, 6), round(SOUTH + STEP * row, 6)


@pytest.fixture(scope="session")
def paper_city(tmp_path_factory: pytest.TempPathFactory) -> City:
    """Two districts (990101 west, 990102 east), a river from west to east below row 4, one of each place in each district."""
    lines: list[shapely.LineString] = []
    properties: list[Row] = []
    arcs: list[str] = []
    for row in range(ROWS):
        for column in range(COLUMNS):
            for ahead, road_class in (((1, 0), "arterial" if row == 4 else "secondary"), ((0, 1), "local")):
                end = (column + ahead[0], row + ahead[1])
                if end[0] >= COLUMNS or end[1] >= ROWS:
                    continue
                line = shapely.LineString([place_of(column, row), place_of(*end)])
                metres = 481.0 if ahead[0] else 556.0
                for u, v in ((node(column, row), node(*end)), (node(*end), node(column, row))):
                    travel_s = metres / SPEEDS_KMH[road_class] * 3.6
                    arcs.append(f"{u},{v},{travel_s:.1f},{metres:.1f},{road_class},{len(lines)}")
                is_bridge = int(ahead[1] == 1 and row == 3)
                lines.append(line)
                properties.append({
                    "class": road_class, "name_zh": f"{row}号路", "name_en": f"Road {row}", "speed_kmh": SPEEDS_KMH[road_class],
                    "bridge": is_bridge,
                })  # fmt: skip
    nodes = "".join(
        f"{node(column, row)},{place_of(column, row)[1]},{place_of(column, row)[0]}\n"
        for row in range(ROWS)
        for column in range(COLUMNS)
    )
    districts = [shapely.box(*place_of(0, 0), *place_of(8, 8)), shapely.box(*place_of(8, 0), *place_of(16, 8))]
    kinds = (
        "hospital", "school", "fire_station", "police_station", "ambulance_station", "warehouse", "service_hall", "metro_station",
    )  # fmt: skip
    places = [
        (shapely.Point(*place_of(8 * d + 1 + 0.8 * k, 1.5 + 0.7 * k)), {
            "id": f"{kind}-{d + 1}", "kind": kind, "name_zh": f"{'西东'[d]}{kind}", "name_en": f"{kind} {d + 1}",
            "district": f"99010{d + 1}", "attributes": {},
        })
        for d in range(2) for k, kind in enumerate(kinds)
    ]  # fmt: skip
    river = shapely.LineString([place_of(-1, 3.5), place_of(17, 3.5)])
    return write_city(
        tmp_path_factory.mktemp("city") / "paper",
        {"name_zh": "纸城", "name_en": "Paper City", "zone": "Asia/Shanghai", "generator": {"name": "paper"}, "sources": []},
        {
            "districts": _layer("districts", [
                (area, {"code": f"99010{d + 1}", "name_zh": f"{'西东'[d]}区", "name_en": f"District {d + 1}", "population": 300_000 - 200_000 * d})
                for d, area in enumerate(districts)
            ]),
            "roads": _layer("roads", list(zip(lines, properties, strict=True))),
            "waterways": _layer("waterways", [(river, {"kind": "river", "name_zh": "纸河", "name_en": "Paper River"})]),
            "places": _layer("places", places),
        },
        {"nodes.csv": f"node,lat,lon\n{nodes}", "arcs.csv": "from,to,travel_s,length_m,class,road\n" + "\n".join(arcs) + "\n"},
        max_zoom=8,
    )  # fmt: skip


@pytest.fixture(scope="session")
def equipped_city(paper_city: City) -> City:
    """The same with what has devices of its own: an underpass of the arterial, works with ammonia, a substation, a pumping station,
    a shopping centre, a square, a shelter."""
    kinds: tuple[tuple[str, float, float, Mapping[str, object]], ...] = (
        ("underpass", 4.5, 4, {"catchment_ha": 2.0, "pump_m3_s": 0.3, "area_m2": 1_500.0}),
        ("factory", 12, 6, {"ammonia_t": 20}),
        ("substation", 5, 3, {"capacity_mva": 100, "voltage_kv": 110}),
        ("pumping_station", 5.5, 3, {"head_m": 40, "supply_m3_h": 4_000}),
        ("mall", 10, 5, {"area_m2": 50_000}),
        ("square", 6, 5, {"area_m2": 15_000}),
        ("shelter", 7, 2, {"capacity": 1_000}),
    )
    more = [
        Place(f"{kind}-1", kind, f"纸{kind}", f"paper {kind}", *place_of(x, y), f"99010{1 + (x > 8)}", attributes)
        for kind, x, y, attributes in kinds
    ]
    return replace(paper_city, places=(*paper_city.places, *more))


def _layer(name: str, rows: Sequence[tuple[shapely.Geometry, Row]]) -> Layer:
    shapes = np.empty(len(rows), dtype=object)
    shapes[:] = [shape for shape, _ in rows]
    return Layer(name, shapes, [row for _, row in rows])


@pytest.fixture
def broker() -> Iterator[BrokerAddress]:
    """The best broker that this machine has, which remembers nothing."""
    with throwaway_broker() as running:
        yield parse_address(running.url, running.protocol)


@dataclass
class Listener:
    """Somebody who has subscribed and keeps what arrives: topic, payload, when (monotonic)."""

    client: paho.Client
    heard: list[tuple[str, bytes, float]] = field(default_factory=list)

    def payloads(self, end_of_topic: str) -> list[bytes]:
        return [payload for topic, payload, _ in list(self.heard) if topic.endswith(end_of_topic)]

    def wait_for(self, what: str, condition: Callable[[], object], *, within_s: float = 15) -> None:
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, (
                f"{what} did not happen within {within_s} s; {len(self.heard)} messages were heard"
            )
            time.sleep(0.02)


@pytest.fixture
def listener(broker: BrokerAddress) -> Iterator[Listener]:
    client = new_client(broker, "listener")
    listening = Listener(client)
    subscribed = threading.Event()
    client.on_message = lambda _, __, m: listening.heard.append((m.topic, bytes(m.payload), time.monotonic()))
    client.on_subscribe = lambda *_: subscribed.set()
    connect(client, broker, keeps_session=False)
    client.loop_start()
    client.subscribe("city/v1/#", qos=1)
    assert subscribed.wait(10)
    yield listening
    client.disconnect()
    client.loop_stop()
