"""The map of a large city: kinds that nobody foresaw, hundreds of sensors, units at their stations, names that give way to marks."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from domain.observations import PropertySpec
from domain.units import UnitStatus
from storage.connection import Connection
from tests.browser.conftest import Serve, Visit, soon
from tests.support.scenes import STATION, a_device, a_position, a_reading, a_status, a_unit, an_incident, stored

pytestmark = pytest.mark.browser


def drawn(page: Page, layer: str) -> Any:
    """What a layer of the map holds: whether it is visible, and its rows."""
    return page.evaluate(
        "id => { const l = cityhelm.map.drawn?.find(l => l?.id === id); return l ? [l.props.visible, l.props.data] : null; }",
        layer,
    )


def devices(conn: Connection, n: int, type_name: str = "AirQualityObserved") -> None:
    """`n` devices of a kind on a grid over the small city; all have measured."""
    rows: list[Any] = []
    for k in range(n):
        device_id = f"440106/environment/north/{type_name.lower()}-{k}"
        place = (113.12 + (k % 30) * 0.009, 23.06 + (k // 30) * 0.004)
        rows += [
            a_device(device_id, type_name=type_name, place=place, properties=(PropertySpec("pm25", None),)),
            a_reading(k % 50, device_id=device_id),
        ]
    stored(conn, *rows)


@pytest.mark.long
def test_the_list_of_layers_is_made_of_the_kinds_that_are_there(
    serve: Serve, visit: Visit, database_url: str, conn: Connection
) -> None:
    """One of them is unknown to this version: it has a row, a picture and no words of its own, and nothing breaks."""
    devices(conn, 3)
    devices(conn, 2, "SeismicObserved")
    stored(conn, a_unit(), a_position(113.26), a_status(UnitStatus.AVAILABLE))
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        rows = page.locator('#layers .layer[data-layer^="sensor/"], #layers .layer[data-layer^="unit/"]')
        expect(rows).to_have_count(3)
        assert sorted((text.split() for text in rows.all_inner_texts()), key=len) == [
            ["空气监测站", "3"],
            ["其他设备", "2"],
            ["医", "救护车", "1"],
        ]
        pictures = page.evaluate(
            "[...document.querySelectorAll('#layers .kind-mark')].map(e => getComputedStyle(e).maskImage.split('/').pop())"
        )
        assert pictures == ['AirQualityObserved.svg")', 'Unknown.svg")']
        stored(
            conn,
            a_device("440106/environment/north/new", type_name="TsunamiBuoy"),
            a_reading(1, device_id="440106/environment/north/new"),
        )
        expect(rows).to_have_count(4)


@pytest.mark.long
def test_a_kind_that_is_hidden_stays_hidden_and_is_said_to_be(
    serve: Serve, visit: Visit, database_url: str, conn: Connection
) -> None:
    devices(conn, 2)
    devices(conn, 2, "OffStreetParking")
    stored(conn, a_unit(), a_position(113.26), a_status(UnitStatus.AVAILABLE))
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map", with_map=True)
        soon(lambda: len(drawn(page, "sensors")[1]) == 4, "four sensors")
        page.locator('[data-layer="sensor/OffStreetParking"]').click()
        soon(lambda: {row["icon"] for row in drawn(page, "sensors")[1]} == {"sensor/AirQualityObserved/fresh"}, "car parks to go")
        page.locator('[data-layer="unit/ambulance"]').click()
        soon(lambda: drawn(page, "units")[1] == [], "ambulances to go")
        expect(page.locator(".layer-note")).to_contain_text("已隐藏 2 类")
        page.evaluate("cityhelm.clicks.choose({kind: 'unit', id: 'a-1'})")
        soon(lambda: [row["id"] for row in drawn(page, "chosen")[1]] == ["a-1"], "what is chosen to be seen all the same")
        visit.open(f"{server.url}/map")
        off = page.locator('.layer-off[data-layer^="sensor/"], .layer-off[data-layer^="unit/"]')
        expect(off).to_have_count(2)
        page.locator('[data-layer="all"]').click()
        expect(off).to_have_count(0)


@pytest.mark.long
def test_many_sensors_are_gathered_and_few_have_pictures(serve: Serve, visit: Visit, database_url: str, conn: Connection) -> None:
    devices(conn, 800)
    devices(conn, 8, "WeatherObserved")
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map", with_map=True)
        clusters = soon(lambda: drawn(page, "clusters")[1], "clusters")
        assert sum(row["n"] for row in clusters) + len(drawn(page, "sensors")[1]) == 808
        page.locator('[data-layer="sensor/AirQualityObserved"]').click()
        soon(lambda: len(drawn(page, "sensors")[1]) == 8 and not drawn(page, "clusters")[1], "pictures of the few that are left")
        page.locator('[data-layer="all"]').click()
        soon(lambda: drawn(page, "clusters")[1], "clusters again")
        page.evaluate("cityhelm.map.view.jumpTo({center: [113.2, 23.1], zoom: 13.5})")
        soon(
            lambda: not drawn(page, "clusters")[1] and len(drawn(page, "sensors")[1]) == 808,
            "pictures where there is room for them",
        )


@pytest.mark.long
def test_units_at_a_station_are_one_mark_from_afar_and_several_from_near(
    serve: Serve, visit: Visit, database_url: str, conn: Connection
) -> None:
    for k in range(4):
        unit_id = f"a-{k}"
        stored(conn, a_unit(unit_id), a_position(113.25, unit_id=unit_id), a_status(UnitStatus.AVAILABLE, unit_id=unit_id))
    stored(conn, a_unit("a-9"), a_position(113.25, unit_id="a-9"), a_status(UnitStatus.ENROUTE, unit_id="a-9"))
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map", with_map=True)
        soon(
            lambda: (
                [(row["pick"], row["n"]) for row in drawn(page, "units")[1]] == [("stack", 4)]
                and [row["id"] for row in drawn(page, "movers")[1]] == ["a-9"]
            ),
            "a stack and one under way",
        )
        page.evaluate("cityhelm.map.fly([113.25, 23.125])")
        soon(lambda: len(drawn(page, "units")[1]) == 4, "all of them")
        assert len({tuple(round(offset) for offset in row["aside"]) for row in drawn(page, "units")[1]}) == 4


@pytest.mark.long
def test_the_names_of_districts_are_drawn_above_the_sensors(
    serve: Serve, visit: Visit, database_url: str, conn: Connection
) -> None:
    stored(conn, a_device(), a_reading(41), an_incident())
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map", with_map=True)
        soon(lambda: drawn(page, "districts"), "the names")
        assert {row["text"] for row in drawn(page, "districts")[1]} == {"东区", "西区"}
        order = page.evaluate("cityhelm.map.drawn.filter(Boolean).map(l => l.id)")
        assert order.index("sensors") < order.index("districts") < order.index("units") < order.index("incidents")
        assert "district-name" not in page.evaluate("cityhelm.map.view.getStyle().layers.map(l => l.id)")


@pytest.mark.long
def test_names_are_written_where_they_cover_least(serve: Serve, visit: Visit, database_url: str) -> None:
    """A name of 40 × 25 pixels in a frame of 400 × 300; marks are boxes with what it costs to cover them."""
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")

        def written(names: list[dict[str, Any]], there: list[dict[str, Any]]) -> list[tuple[int, int]]:
            found = page.evaluate("([names, there]) => cityhelm.places.amongst(names, there, 20, [400, 300])", [names, there])
            return [(round(place["x"]), round(place["y"])) for place in found]

        name = {"x": 200, "y": 150, "text": "东区"}
        assert written([name], []) == [(200, 150)]
        assert written([name], [{"box": [195, 145, 205, 155], "weight": 3}]) == [(200, 125)]  # a line higher
        both = [{"box": [195, 145, 205, 155], "weight": 3}, {"box": [195, 120, 205, 130], "weight": 3}]
        assert written([name], both) == [(200, 175)]  # a line lower
        assert written([name], [{"box": [0, 0, 400, 300], "weight": 3}]) == [
            (200, 150)
        ]  # everything is covered: where it belongs
        assert written([name, name], []) == [(200, 150), (200, 125)]
        again = """name => {
          const at = (there, before) => cityhelm.places.amongst([name], there, 20, [400, 300], before);
          const moved = at([{ box: [195, 145, 205, 155], weight: 3 }]);
          return [at([], moved)[0].y, at([{ box: [195, 120, 205, 130], weight: 3 }], moved)[0].y];
        }"""
        assert page.evaluate(again, name) == [125, 150]  # it stays where it was written until something is there
        assert written([{"x": 5, "y": 150, "text": "东区"}], []) == [(28, 150)]  # half a name to the side, to stay in the frame
        crowded = page.evaluate("(names) => cityhelm.places.amongst(names, [], 20, [400, 300])", [name] * 20)
        boxes = [place["box"] for place in crowded if place is not None]  # the others are not written: there is no room
        assert 3 < len(boxes) < 20
        assert not any(a[0] < b[2] and a[2] > b[0] and a[1] < b[3] and a[3] > b[1] for a, b in combinations(boxes, 2))


@pytest.mark.long
def test_a_wall_s_map_has_letters_of_a_wall(serve: Serve, visit: Visit, database_url: str) -> None:
    layer = {
        "id": "road", "minzoom": 12, "paint": {"line-color": "#fff", "line-width": ["interpolate", ["linear"], ["zoom"], 10, 1, 12, 2]},
        "layout": {"text-size": 13, "text-field": ["get", "name"], "symbol-sort-key": ["match", ["get", "class"], "a", 0, 3]},
    }  # fmt: skip
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        grown = page.evaluate("layer => cityhelm.map.grown(layer, 2)", layer)
        assert grown["layout"] == {**layer["layout"], "text-size": 26}
        assert grown["paint"] == {"line-color": "#fff", "line-width": ["interpolate", ["linear"], ["zoom"], 11, 2, 13, 4]}
        assert grown["minzoom"] == 13
        assert page.evaluate("layer => cityhelm.map.grown(layer, 0.7)", layer) == layer


@pytest.mark.long
def test_the_address_brings_back_what_was_chosen(serve: Serve, visit: Visit, database_url: str, conn: Connection) -> None:
    stored(conn, a_device(name="空气站 1"), a_reading(41))
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map#sensor/{STATION.replace('/', '%2F')}")
        expect(page.locator(".object-head h2")).to_have_text("空气站 1")
        page.goto("about:blank")
        page = visit.open(f"{server.url}/map#sensor/%E0%A4")  # cut off in the middle of a letter
        expect(page.locator(".overview-title")).to_be_visible()
