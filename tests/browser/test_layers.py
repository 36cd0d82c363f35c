"""Layers, heat, tools, search and list of the map: what scenes show, what is computed in the browser, and by keys alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from domain.units import UnitStatus
from storage.connection import Connection
from tests.browser.conftest import Serve, Visit, soon
from tests.support.scenes import STATION, a_device, a_position, a_reading, a_status, a_unit, an_incident, stored

pytestmark = pytest.mark.browser

BOX = [113.0, 23.0, 113.2, 23.2]


def test_heat_keeps_its_weight_and_has_the_shape_of_its_kernel(serve: Serve, visit: Visit, database_url: str) -> None:
    """Three points of weight 1, 2 and 3 in a box of 20 × 22 km: what the field holds in all is 6, and around a lone point it is
    highest there. Three boxes of variance σ² in all are 2σ wide each and 0.75 / 2σ high in the middle, along each axis."""
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        total, peak, where = page.evaluate(
            """box => {
              const { field, SIDE } = cityhelm.heat;
              const [w, s, e, n] = box;
              const height = 6371.0088 * (n - s) * Math.PI / 180, width = 40075.0167 / 360 * (e - w) * Math.cos((s + n) / 2 * Math.PI / 180);
              const points = new Float32Array([113.05, 23.1, 1, 113.1, 23.1, 2, 113.15, 23.1, 3]);
              const sum = field(points, box, 700).reduce((a, b) => a + b, 0) * width * height / SIDE ** 2;
              const lone = field(new Float32Array([113.1, 23.1, 5]), box, 700);
              const most = Math.max(...lone), at = lone.indexOf(most);
              return [sum, most, [at % SIDE / SIDE, Math.floor(at / SIDE) / SIDE]];
            }""",
            BOX,
        )
        assert total == pytest.approx(6, rel=0.01)
        assert peak == pytest.approx(5 * (0.75 / (2 * 0.7)) ** 2, rel=0.02)  # the bell itself: 5 / (2π · 0.7²), 1.62
        assert where == pytest.approx([0.5, 0.5], abs=0.01)
        assert page.evaluate("cityhelm.heat.top(new Float32Array([0, 1.3]))") == 1.5
        assert page.evaluate("cityhelm.heat.top(new Float32Array([0, 70]))") == 75
        assert page.evaluate("cityhelm.heat.top(new Float32Array([0, 0]))") == 0


def test_lengths_areas_and_gatherings(serve: Serve, visit: Visit, database_url: str) -> None:
    """A degree of the equator is 111.195 km; a square of one degree there 12,363.7 km²."""
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        assert page.evaluate("cityhelm.places.distance([0, 0], [1, 0])") == pytest.approx(111.195, abs=0.001)
        assert page.evaluate("cityhelm.places.length([[0, 0], [1, 0], [1, 1]])") == pytest.approx(222.390, abs=0.002)
        square = [[0, 0], [1, 0], [1, 1], [0, 1]]
        for ring in (square, square[::-1]):
            assert page.evaluate("ring => cityhelm.places.area(ring)", ring) == pytest.approx(12_363.7, rel=0.001)
        assert page.evaluate("ring => [[.5, .5], [1.5, .5]].map((at) => cityhelm.places.isInside(at, ring))", square) == [
            True,
            False,
        ]
        things = [{"id": str(k), "at": [113 + 0.01 * k, 23], "weight": k} for k in range(50)]
        gathered = page.evaluate(
            "things => cityhelm.places.clusters(things, 10, 50).map(({ members }) => members.map(({ id }) => id))", things
        )
        assert sorted(int(k) for members in gathered for k in members) == list(range(50))
        assert 7 < len(gathered) < 25  # 14.6 pixels apart, gathered by 50
        kept = page.evaluate("things => cityhelm.places.thinned(things, 10, 20).map(({ id }) => Number(id))", things)
        assert kept == list(range(49, 0, -2))  # the heaviest has the first choice; every second has 20 pixels to itself
        assert page.evaluate("things => cityhelm.places.thinned(things, 18, 20).length", things) == 50


@pytest.mark.long
def test_a_scene_brings_its_layers_and_keeps_what_was_changed(
    serve: Serve, visit: Visit, database_url: str, conn: Connection
) -> None:
    stored(conn, a_device(), a_reading(41), an_incident())
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        sensor = page.locator('[data-layer="sensor/AirQualityObserved"]')
        expect(sensor).to_have_attribute("aria-pressed", "true")
        page.locator('[data-layer="preset/traffic"]').click()
        expect(page.locator('[data-layer="preset/traffic"]')).to_have_attribute("aria-pressed", "true")
        expect(sensor).to_have_attribute("aria-pressed", "false")
        assert page.evaluate("['road', 'incident', 'request'].map(cityhelm.layers.isShown)") == [True, True, False]
        sensor.click()
        expect(page.locator(".layer-note")).to_contain_text("1")
        page.locator('[data-layer="preset/environment"]').click()
        assert page.evaluate("cityhelm.layers.area()") == "aqi"
        page.evaluate("cityhelm.map.paintDistricts('rain')")
        assert page.evaluate("cityhelm.layers.area()") == "rain"
        page.locator('[data-layer="preset/traffic"]').click()
        expect(sensor).to_have_attribute("aria-pressed", "true")
        assert page.evaluate("cityhelm.layers.area()") is None
        page.locator('[data-layer="preset/traffic"]').click()
        assert page.evaluate("cityhelm.layers.preset") is None


@pytest.mark.long
def test_a_place_is_found_by_a_part_of_its_name_with_keys_alone(
    serve: Serve, visit: Visit, database_url: str, conn: Connection
) -> None:
    stored(conn, a_device(name="北山空气站"), a_reading(41), a_unit(), a_position(113.26), a_status(UnitStatus.AVAILABLE))
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map", with_map=True)
        soon(lambda: page.evaluate("cityhelm.map.ground !== null"), "the ground")
        assert [row["kind"] for row in page.evaluate("cityhelm.search.find('西')")] == ["district", "way"]
        assert page.evaluate("cityhelm.search.find('EAST')[0].title") == "东区"
        assert page.evaluate("cityhelm.search.find(' ')") == []
        field = page.locator("#map-find")
        field.fill("空气")
        expect(page.locator(".found")).to_have_count(1)
        field.press("ArrowDown")
        expect(field).to_have_attribute("aria-activedescendant", "found-0")
        field.press("Enter")
        soon(lambda: page.evaluate("cityhelm.map.chosen()?.id") == STATION, "the device to be chosen")
        expect(page.locator("#map-found")).to_be_hidden()
        field.fill("没有这样的地方")
        expect(page.locator("#map-found")).to_contain_text("没有找到")


@pytest.mark.long
def test_what_is_in_view_stands_in_a_table_too(serve: Serve, visit: Visit, database_url: str, conn: Connection) -> None:
    stored(
        conn, a_device(name="空气站"), a_reading(41), an_incident(), a_unit(), a_position(113.26), a_status(UnitStatus.AVAILABLE)
    )
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map", with_map=True)
        page.locator('[data-map="list"]').first.click()
        rows = page.locator("#map-list tbody tr")
        expect(rows).to_have_count(3)
        assert [text.split("\t")[1].strip() for text in rows.all_inner_texts()] == ["火灾", "急救1车", "空气站"]
        page.evaluate("cityhelm.map.view.jumpTo({center: [113.15, 23.06], zoom: 13})")
        expect(page.locator("#map-list")).to_contain_text("没有")


@pytest.mark.long
def test_an_area_drawn_with_keys_says_what_is_inside(serve: Serve, visit: Visit, database_url: str, conn: Connection) -> None:
    stored(conn, a_device(), a_reading(41), an_incident())
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map", with_map=True)
        page.locator('[data-map="inside"]').click()
        page.locator("#map").focus()
        for corner in ([113.2, 23.1], [113.3, 23.1], [113.3, 23.15], [113.2, 23.15]):
            page.evaluate("at => cityhelm.map.view.jumpTo({center: at})", corner)
            page.keyboard.press("Space")
        page.keyboard.press("Enter")
        result = page.locator("#map-result")
        expect(result).to_contain_text("km²")
        assert page.evaluate("cityhelm.tools.liveInside([[113.2, 23.1], [113.3, 23.1], [113.3, 23.15], [113.2, 23.15]])") == {
            "devices": 1, "units": 0, "kinds": [], "incidents": 1, "warnings": 0,
        }  # fmt: skip
        page.keyboard.press("Escape")
        expect(result).to_be_hidden()


@pytest.mark.long
def test_a_distance_is_measured_with_the_mouse_and_facts_make_room_for_it(
    serve: Serve, visit: Visit, database_url: str, conn: Connection
) -> None:
    stored(conn, a_device(), a_reading(41))
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map", with_map=True)
        page.evaluate("cityhelm.map.choose({kind: 'district', id: '440106'})")
        facts = page.locator("#map-facts")
        expect(facts).to_be_visible()
        box = facts.bounding_box()
        assert box is not None
        page.locator('[data-map="distance"]').click()
        expect(facts).to_be_hidden()
        page.mouse.click(box["x"] - 200, box["y"] + 200)
        page.mouse.click(box["x"] - 100, box["y"] + 250)
        page.keyboard.press("Enter")
        expect(page.locator("#map-result .sheet-figure")).to_contain_text("公里")
        expect(facts).to_be_visible()


@pytest.mark.long
def test_hours_of_updates_leave_nothing_behind(serve: Serve, visit: Visit, database_url: str, conn: Connection) -> None:
    """3,600 positions of a unit, one picture each: what the page holds for it is as large as before."""
    stored(conn, a_device(), a_reading(41), a_unit(), a_position(113.26), a_status(UnitStatus.ENROUTE))
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map", with_map=True)
        soon(lambda: drawn_movers(page), "the unit")
        before, after = page.evaluate(
            """() => {
              const { city, scene } = cityhelm;
              const step = (k) => {
                const unit = city.units.get("a-1");
                Object.assign(unit, { lon: 113.2 + 0.0001 * (k % 900), heading_deg: k % 360 });
                scene.recount();
                scene.paint(performance.now() + 1100 * k);
              };
              for (let k = 0; k < 20; k += 1) step(k);
              const before = scene.holdings();
              for (let k = 20; k < 3600; k += 1) step(k);
              return [before, scene.holdings()];
            }"""
        )
        assert before == after


def drawn_movers(page: object) -> object:
    return page.evaluate("cityhelm.map.drawn?.find(l => l?.id === 'movers')?.props.data.length")  # type: ignore[attr-defined]
