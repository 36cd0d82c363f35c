"""The cockpit and the wall: scenes that follow one another and stop, wartime that comes and goes, the way down and back, and a page
that says so where it knows nothing, on every wall in both languages."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from playwright.sync_api import Page, expect

from domain.incidents import Grade
from domain.units import UnitStatus
from domain.warnings import WarningLevel, WarningState
from gis_data.city import write_city
from gis_data.layers import Layer
from storage import warnings as warnings_table
from storage.connection import Connection
from tests.browser.conftest import Serve, Visit
from tests.browser.conftest import soon as within
from tests.support.overflow import WALLS, overflowing
from tests.support.scenes import (
    NOW,
    STATION,
    a_device,
    a_position,
    a_reading,
    a_rule,
    a_status,
    a_unit,
    an_incident,
    minutes,
    stored,
    the_stream,
)

pytestmark = pytest.mark.browser
CJK = re.compile("[\u4e00-\u9fff]")
ROADSIDE = "440106/environment/road/air-2"
AVENUE = "东西大道"
PATIENCE_S = 60
"""Several cards are drawn after each press, by a processor that others need too."""
TOUCHED = {"isHeld": False, "isWall": False}


@pytest.fixture(scope="session")
def small_city_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two districts and an avenue through both, with a school on it in the east."""
    east, west = shapely.box(113.25, 23.05, 113.40, 23.20), shapely.box(113.10, 23.05, 113.25, 23.20)
    layers = {
        "districts": Layer("districts", np.array([east, west]), [
            {"id": 0, "code": "440106", "name_zh": "东区", "name_en": "East", "population": 600_000},
            {"id": 1, "code": "440107", "name_zh": "西区", "name_en": "West", "population": 400_000},
        ]),
        "roads": Layer("roads", np.array([shapely.LineString([(113.11, 23.13), (113.25, 23.13)]), shapely.LineString([(113.25, 23.13), (113.39, 23.13)])]), [
            {"id": k, "class": "arterial", "name_zh": AVENUE, "name_en": "East West Avenue", "bridge": 0} for k in range(2)
        ]),
        "places": Layer("places", np.array([shapely.Point(113.30, 23.1305)]), [
            {"id": "school-1", "kind": "school", "name_zh": "东区小学", "name_en": "East School", "district": "440106", "attributes": {"pupils": 640}},
        ]),
    }  # fmt: skip
    place = tmp_path_factory.mktemp("city") / "avenue"
    write_city(place, {"name_zh": "小城", "name_en": "Smalltown", "zone": "Asia/Shanghai"}, layers, max_zoom=11)
    return place


@pytest.fixture
def scene(conn: Connection) -> int:
    """A station, a sensor at the avenue, two ambulances and a fire of the third grade. Returns the station's datastream."""
    stored(
        conn, a_device(name="空气站 1"), a_reading(41), a_device(ROADSIDE, name="路边站", place=(113.30, 23.1301)),
        a_reading(35, device_id=ROADSIDE), a_unit(), a_unit("a-2", name_zh="急救2车"), a_position(113.26),
        a_position(113.30, unit_id="a-2"), a_status(UnitStatus.AVAILABLE, minutes_ago=30),
        a_status(UnitStatus.AVAILABLE, unit_id="a-2", minutes_ago=30), an_incident(),
    )  # fmt: skip
    return the_stream(conn)


def soon(condition: Callable[[], Any], what: str) -> Any:
    """The first true answer of `condition`."""
    return within(condition, what, PATIENCE_S)


def warned(conn: Connection, stream: int, level: WarningLevel, rule: str = "pm25_high", *, exercise_id: str | None = None) -> str:
    """A warning of the station, open since a minute ago."""
    warning_id = warnings_table.open_warning(
        conn, a_rule(rule), level, identifier=f"990100001001_{rule}", object_id=str(stream), device_id=STATION, now=NOW - minutes(1),
        evidence={"value": 151.5, "threshold": 150.0, "direction": "above", "property": "pm25", "unit": "ug/m3"}, exercise_id=exercise_id,
    )  # fmt: skip
    assert warning_id is not None
    return warning_id


def mode(page: Page) -> str:
    return str(page.locator("#cockpit").get_attribute("data-mode"))


def cards(page: Page) -> list[str]:
    """The names of the cards that are shown, from left to right."""
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('.side .city-card')].filter(e => e.checkVisibility()).map(e => e.className.match(/card-([a-z0-9_]+)/)[1])"
    )
    return found


def shown_scene(page: Page) -> str:
    return str(page.evaluate("cityhelm.cockpit.scenes?.scene ?? null"))


def test_scenes_follow_one_another_every_half_minute_unless_held_or_touched(
    serve: Serve, visit: Visit, database_url: str
) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/")

        def stepped(state: dict[str, Any], now: int, **more: bool) -> dict[str, Any]:
            found: dict[str, Any] = page.evaluate(
                "([state, now, told]) => cityhelm.scenes.step(state, now, told)", [state, now, {**TOUCHED, **more}]
            )
            return found

        begun = page.evaluate("cityhelm.scenes.begin(1000)")
        assert stepped(begun, 30_999)["scene"] == "overall"
        assert stepped(begun, 31_000)["scene"] == "emergency"
        assert page.evaluate("cityhelm.scenes.after('environment')") == "overall"
        held = stepped(begun, 31_000, isHeld=True)
        assert (held["scene"], stepped(held, 60_999)["scene"], stepped(held, 61_000)["scene"]) == (
            "overall",
            "overall",
            "emergency",
        )
        touched = page.evaluate("state => cityhelm.scenes.touched(state, 5000)", begun)
        assert stepped(touched, 900_000) == touched  # the leaders' page stays where it was put
        assert stepped(touched, 124_999, isWall=True) == touched
        assert stepped(touched, 125_000, isWall=True)["turns"] is True  # the wall goes on after two minutes
        assert page.evaluate("cityhelm.scenes.begin(0, 'nonsense').scene") == "overall"


@pytest.mark.long
def test_a_scene_changes_cards_and_map_and_stops_at_a_touch(serve: Serve, visit: Visit, database_url: str, scene: int) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/")
        soon(lambda: mode(page) == "scene", "the first scene")
        before = cards(page)
        assert len(before) == 6
        page.evaluate("cityhelm.cockpit.scenes.since -= 31000")
        soon(lambda: shown_scene(page) == "emergency", "the next scene")
        assert cards(page) != before
        assert page.evaluate("cityhelm.layers.preset") == "emergency"
        page.mouse.click(640, 700)
        soon(lambda: page.evaluate("cityhelm.cockpit.scenes.turns") is False, "that it stays")
        page.evaluate("cityhelm.cockpit.scenes.since -= 90000")
        page.wait_for_timeout(1500)
        assert shown_scene(page) == "emergency"
        page.locator("[data-scene=resume]").click()
        soon(lambda: page.evaluate("cityhelm.cockpit.scenes.turns") is True, "that it goes on")
        page.keyboard.press("4")
        soon(lambda: shown_scene(page) == "traffic", "the scene of a key")
        page.goto(f"{server.url}/?scene=environment")
        soon(lambda: shown_scene(page) == "environment", "the scene of the address")


def test_wartime_comes_by_itself_and_goes_when_it_is_over(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, scene: int
) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/")
        soon(lambda: mode(page) == "scene", "peace: a fire of the third grade is not grave")
        warning_id = warned(conn, scene, WarningLevel.ORANGE)
        soon(lambda: mode(page) == "war", "wartime")
        assert cards(page) == ["event", "forces", "sensors", "events", "ground", "near"]
        expect(page.locator(".war-mark")).to_contain_text("战时")
        expect(page.locator(".war-mark .level-orange")).to_be_visible()
        expect(page.locator("#war-said")).to_contain_text("PM2.5 偏高")
        expect(page.locator(".card-event")).to_contain_text("151.5")
        expect(page.locator(".card-ground")).to_contain_text("常住人口")
        assert page.evaluate("cityhelm.layers.preset") == "emergency"
        page.locator("[data-war=leave]").click()
        soon(lambda: mode(page) == "scene", "that one may step out")
        page.wait_for_timeout(1200)
        assert mode(page) == "scene"
        page.locator("[data-war=return]").click()
        soon(lambda: mode(page) == "war", "the way back")
        warnings_table.record_step(conn, warning_id, WarningState.LIFTED, WarningLevel.ORANGE, now=server.now())
        soon(lambda: mode(page) == "scene", "peace")
        expect(page.locator(".war-mark")).to_have_count(0)


def test_what_is_grave_and_which_event_the_page_turns_to(serve: Serve, visit: Visit, database_url: str) -> None:
    def warning(name: str, level: str, raised: int, **more: Any) -> dict[str, Any]:
        return {"id": name, "level": level, "raised": raised, "mode": "actual", "exercise": None, "lon": 1.0, "lat": 2.0, **more}

    def incident(name: str, grade: str, response: str = "none", **more: Any) -> dict[str, Any]:
        return {"id": name, "grade": grade, "response": response, "reported": 5, "exercise": None, "lon": 1.0, "lat": 2.0, **more}

    with serve(database_url) as server:
        page = visit.open(f"{server.url}/")

        def events(warnings: list[dict[str, Any]], incidents: list[dict[str, Any]]) -> list[str]:
            found: list[str] = page.evaluate(
                "([warnings, incidents]) => cityhelm.wartime.events({warnings, incidents}).map(e => e.key)", [warnings, incidents]
            )
            return found

        calm = [warning("y", "yellow", 1), warning("b", "blue", 2), warning("drill", "red", 3, exercise="e-1", mode="exercise")]
        assert events(calm, [incident("iii", "III"), incident("ii", "II"), incident("played", "I", exercise="e-1")]) == []
        grave = [warning("o1", "orange", 10), warning("o2", "orange", 20), warning("r", "red", 1)]
        assert events(grave, [incident("ii", "II", "II"), incident("i", "I")]) == [
            "warning/r", "incident/i", "warning/o2", "warning/o1", "incident/ii",
        ]  # fmt: skip

        def turned(shown: str | None, left: list[str], keys: list[tuple[str, int]]) -> str | None:
            found: str | None = page.evaluate(
                "([shown, left, events]) => cityhelm.wartime.choose(shown, events, new Set(left))?.key ?? null",
                [shown, left, [{"key": key, "urgency": urgency} for key, urgency in keys]],
            )
            return found

        assert turned(None, [], [("a", 2), ("b", 2)]) == "a"
        assert turned("b", [], [("a", 2), ("b", 2)]) == "b"  # a newer one of the same gravity does not take the page away
        assert turned("b", [], [("c", 0), ("b", 2)]) == "c"
        assert turned("a", ["a", "b"], [("a", 2), ("b", 2)]) is None
        assert turned(None, ["a"], [("c", 2), ("a", 2)]) == "c"  # something new


@pytest.mark.long
def test_down_to_a_place_and_back_by_keys_address_and_the_browser(
    serve: Serve, visit: Visit, database_url: str, scene: int
) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/#at/440106")
        expect(page.locator(".trail [aria-current]")).to_have_text("东区")
        assert mode(page) == "area"
        page.locator(".card-streets .go-row", has_text=AVENUE).click()
        expect(page.locator(".trail [aria-current]")).to_have_text(AVENUE)
        expect(page.locator(".card-devices")).to_contain_text("路边站")
        expect(page.locator(".card-devices")).not_to_contain_text("空气站 1")  # half a kilometre from it
        page.locator(".card-places .go-row", has_text="东区小学").focus()
        page.keyboard.press("Enter")
        expect(page.locator(".trail [aria-current]")).to_have_text("东区小学")
        expect(page.locator(".card-place")).to_contain_text("640")
        assert page.evaluate("decodeURIComponent(location.hash)") == f"#at/440106/{AVENUE}/school-1"
        page.evaluate("cityhelm.page.beat()")
        page.keyboard.press("Escape")
        expect(page.locator(".trail [aria-current]")).to_have_text(AVENUE)
        page.go_back()
        expect(page.locator(".trail [aria-current]")).to_have_text("东区小学")
        page.locator(".trail button", has_text="全市").click()
        soon(lambda: mode(page) == "scene", "the city")
        assert page.evaluate("location.hash") == ""
        page.goto("about:blank")
        page.goto(f"{server.url}/#at/440106/{AVENUE}/nowhere")
        expect(page.locator(".card-place")).to_contain_text("地址中的位置不存在")


@pytest.mark.long
def test_the_ranking_leads_down_and_shows_how_the_index_is_made(
    serve: Serve, visit: Visit, database_url: str, scene: int
) -> None:
    part = {"key": "air", "weight": 15, "unit": "unit.index"}
    scored = {**part, "score": 80.0, "value": 90.0, "share": 1.0, "n": 3, "measured": int(NOW.timestamp() * 1000)}
    rows = [
        {"code": "440107", "rank": 2, "score": 61.0, "missing": [], "parts": [scored], "metrics": {}},
        {"code": "440106", "rank": 1, "score": 80.4, "missing": [], "parts": [scored], "metrics": {}},
    ]
    index = {
        "parts": [{**part, "anchors": [[0, 100], [300, 0]], "source": "district_hour · storage", "how": "how.part.air"}],
        "how": "how.index",
    }
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/")
        frame = {"as_of": scored["measured"], "districts": rows, "index": index}
        page.evaluate(
            "frame => { const told = cityhelm.stream.overview; cityhelm.cockpit.overview = () => ({...told, ...frame}); }", frame
        )
        expect(page.locator(".card-ranking .ranking-name")).to_have_text(["东区", "西区"])
        expect(page.locator(".card-ranking .ranking-value .num")).to_have_text(["80", "61"])
        page.locator("[data-formula]").click()
        expect(page.locator(".formula-parts li")).to_have_count(1)
        expect(page.locator(".formula-scale .num")).to_have_text("0→100 300→0")
        page.locator("[data-formula]").click()
        page.locator(".card-ranking button", has_text="西区").click()
        expect(page.locator(".trail [aria-current]")).to_have_text("西区")
        expect(page.locator(".card-district .index-score")).to_contain_text("61")


@pytest.mark.long
def test_what_is_chosen_stands_beside_the_map_and_is_not_acted_on(
    serve: Serve, visit: Visit, database_url: str, scene: int
) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/")
        page.evaluate("cityhelm.clicks.choose({kind: 'incident', id: 'i-1'})")
        expect(page.locator("#chosen-side .object-head")).to_be_visible()
        expect(page.locator("#cards-right")).to_be_hidden()
        assert page.locator("[data-act]").count() == 0
        page.keyboard.press("Escape")
        expect(page.locator("#chosen-side")).to_be_hidden()
        expect(page.locator("#cards-right")).to_be_visible()


@pytest.mark.long
def test_the_wall_has_neither_acts_nor_tabs_and_comes_back_to_the_city(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, scene: int
) -> None:
    warned(conn, scene, WarningLevel.RED)
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/wall")
        soon(lambda: mode(page) == "war", "wartime on the wall")
        assert page.locator("[data-act]").count() == 0
        assert page.locator("header a[href^='/']:not([href^='/wall'])").count() == 0
        assert page.locator("#cockpit :is([data-war], [data-scene], [data-go], button[data-choose])").count() == 0
        page.evaluate("cityhelm.drill.go(['440106'])")
        page.mouse.wheel(0, 10)
        soon(lambda: page.evaluate("cityhelm.cockpit.scenes.turns") is False, "that it was touched")
        page.evaluate("cityhelm.cockpit.scenes.touchedAt -= 121000")
        soon(lambda: page.evaluate("cityhelm.cockpit.scenes.turns && cityhelm.drill.path.length === 0"), "the city again")


@pytest.mark.long
def test_an_empty_database_says_so_in_every_place(serve: Serve, visit: Visit, database_url: str) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/")
        soon(lambda: mode(page) == "scene" and page.evaluate("cityhelm.stream.halls !== null"), "the frames")
        for name in page.evaluate("cityhelm.scenes.NAMES"):
            page.locator(f"[data-scene={name}]").click()
            soon(lambda name=name: shown_scene(page) == name and page.locator(".is-loading").count() == 0, name)
            silent = [text for text in page.locator(".side .city-card .body").all_inner_texts() if "暂无数据" not in text]
            assert silent == [], name
            numbers = page.evaluate(
                "[...document.querySelectorAll('.num')].filter(e => e.checkVisibility() && e.id !== 'clock').map(e => e.innerText)"
            )
            assert numbers == [], name


def test_every_number_says_where_it_is_from(serve: Serve, visit: Visit, database_url: str, conn: Connection, scene: int) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/")
        soon(lambda: page.evaluate("cityhelm.stream.overview !== null && cityhelm.stream.halls !== null"), "the frames")
        unsaid = "[...document.querySelectorAll('main .num')].filter(e => !(e.dataset.source ?? '').includes(' · ') || !e.title).map(e => [e.textContent, e.dataset.source])"
        for name in page.evaluate("cityhelm.scenes.NAMES"):
            page.locator(f"[data-scene={name}]").click()
            soon(lambda name=name: shown_scene(page) == name, name)
            assert page.evaluate(unsaid) == [], name
        page.evaluate("cityhelm.drill.go(['440106'])")
        soon(lambda: page.locator(".card-streets .go-row").count() > 0, "the streets")
        assert page.evaluate(unsaid) == []
        warned(conn, scene, WarningLevel.ORANGE)
        soon(lambda: mode(page) == "war" and page.locator(".card-ground .num").count() > 0, "the event")
        assert page.evaluate(unsaid) == []


@pytest.mark.long
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nothing_overflows_on_any_wall(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, scene: int, lang: str
) -> None:
    stored(conn, an_incident("i-2", minutes_ago=20, grade=Grade.II))
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/?lang={lang}")
        soon(lambda: page.evaluate("cityhelm.stream.overview !== null && cityhelm.stream.halls !== null"), "the frames")
        faults: dict[Any, Any] = {}
        for width, height in WALLS:
            page.set_viewport_size({"width": width, "height": height})
            for name in page.evaluate("cityhelm.scenes.NAMES"):
                page.locator(f"[data-scene={name}]").click()
                soon(lambda name=name: shown_scene(page) == name, name)
                page.wait_for_timeout(400)
                faults[width, height, name] = overflowing(page, ignored=".map-card, header")
        warned(conn, scene, WarningLevel.ORANGE)
        soon(lambda: mode(page) == "war", "wartime")
        for width, height in WALLS:
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(600)
            faults[width, height, "war"] = overflowing(page, ignored=".map-card, header")
            n = 12 if width / height > 2.8 else 6
            assert len(cards(page)) == n, (width, height)
        assert {key: found for key, found in faults.items() if found} == {}
        if lang == "en":
            said = page.evaluate(
                "[...document.querySelectorAll('.side h2, .scene-bar, .kpi-label, .queue-note, .pill')].map(e => e.innerText).join(' ')"
            )
            assert not CJK.search(re.sub("小城|东区|西区", "", said))


def test_every_control_has_a_name_and_can_be_reached(serve: Serve, visit: Visit, database_url: str, scene: int) -> None:
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/")
        soon(lambda: mode(page) == "scene", "the first scene")
        nameless = "[...document.querySelectorAll('main :is(button, a, [tabindex])')].filter(e => e.checkVisibility() && !(e.getAttribute('aria-label') || e.innerText.trim())).map(e => e.outerHTML.slice(0, 120))"
        assert page.evaluate(nameless) == []
        page.locator("[data-scene=overall]").focus()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.dataset.scene") == "emergency"
        page.keyboard.press("Enter")
        soon(lambda: shown_scene(page) == "emergency", "the scene that was pressed")
