"""Addresses: pages where the table says, JSON everywhere else, and never a page for what does not exist."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI

from dashboard.app import create_app, create_pages
from dashboard.screens import SCREENS, Screen, find_screen
from domain.rights import Actor, who_may
from tests.dashboard.conftest import House, ask, post


@pytest.mark.parametrize(
    "path",
    [
        "/api", "/api/", "/api/nothing", "/api/chart/abc", "/api/stream?channel=nothing", "/tiles/1/2/3.png", "/tiles/8/1/1.mvt",
        "/vendor/deck.mjs", "/vendor/old/deck.mjs", "/vendor/abc/absent.mjs", "/vendor/abc/secret.py", "/docs", "/redoc", "/openapi.json",
        "/nothing", "/system/nothing", "/vendor/abc/\0.mjs", f"/vendor/abc/{'x' * 3_000}.mjs", f"/tiles/{'9' * 5_000}/1/1.mvt", "/tiles/٣/1/1.mvt",
    ],
)  # fmt: skip
def test_what_is_not_known_is_not_found(house: House, path: str) -> None:
    reply = ask(create_app(house()), path)
    assert reply.status == 404
    assert reply.json["error"] == "not_found"


def test_nobody_reaches_a_file_outside_the_libraries(house: House, vendor: Path) -> None:
    (vendor.parent / "outside.mjs").write_text("secret")
    reply = ask(create_app(house()), "/vendor/abc/../outside.mjs")
    assert reply.status == 404


def test_libraries_may_lie_behind_a_link(house: House, vendor: Path, tmp_path: Path) -> None:
    """A folder that is shared by installations is often one; what a link inside it points to elsewhere is still refused."""
    link = tmp_path / "link"
    link.symlink_to(vendor, target_is_directory=True)
    outside = tmp_path / "outside.mjs"
    outside.write_text("secret")
    (vendor / "led-astray.mjs").symlink_to(outside)
    app = create_app(replace(house(), vendor=link))
    assert ask(app, "/vendor/abc/deck.mjs").body == b"export {}"
    for path in ("led-astray.mjs", "../outside.mjs", "secret.py", ""):
        assert ask(app, f"/vendor/abc/{path}").status == 404


def test_people_who_lost_their_way_get_a_link_home(house: House) -> None:
    reply = ask(create_app(house()), "/nothing", headers={"accept": "text/html"})
    assert reply.status == 404
    assert 'href="/?lang=zh"' in reply.body.decode()


def test_nothing_is_posted_to_an_address_that_does_not_exist(house: House) -> None:
    assert post(create_app(house()), "/api/nothing", {}).status == 404


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.key)
@pytest.mark.parametrize(("query", "lang"), [("", "zh-CN"), ("?lang=en", "en"), ("?lang=zh", "zh-CN"), ("?lang=xx", "zh-CN")])
def test_every_screen_has_a_page_in_both_languages(house: House, screen: Screen, query: str, lang: str) -> None:
    who = Actor("wu", who_may(screen.right)[0])
    reply = ask(create_app(house(acts_as=who)), f"{screen.path}{query}")
    page = reply.body.decode()
    assert reply.status == 200
    assert f'<html lang="{lang}">' in page
    assert "@" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert "cityhelm_lang=" in reply.headers["set-cookie"]


def test_the_language_chosen_before_is_remembered(house: House) -> None:
    reply = ask(create_app(house()), "/", headers={"cookie": "cityhelm_lang=en"})
    assert '<html lang="en">' in reply.body.decode()


def test_a_page_loads_only_from_this_server(house: House) -> None:
    page = ask(create_app(house()), "/").body.decode()
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(addresses) > 15
    assert [address for address in addresses if not address.startswith("/")] == []
    assert '"ui":false' in page
    assert '"websocket"' not in page


def test_a_slash_at_the_end_makes_no_difference() -> None:
    assert find_screen("/system/") is find_screen("/system")
    assert find_screen("/nothing") is None


def test_no_callback_can_block_the_others(house: House) -> None:
    """A callback that is not async runs on the event loop and stops every viewer."""
    pages = create_pages(FastAPI(), house())
    served = {name: row["callback"] for name, row in pages.callback_map.items() if "callback" in row}
    assert len(served) >= 4
    assert [name for name, callback in served.items() if not inspect.iscoroutinefunction(inspect.unwrap(callback))] == []


def test_libraries_are_kept_and_data_is_not(house: House) -> None:
    app = create_app(house())
    assert "immutable" in ask(app, "/vendor/abc/deck.mjs").headers["cache-control"]
    assert ask(app, "/api/health").headers["cache-control"] == "no-store"
    assert ask(app, "/").headers["cache-control"] == "no-store"


def test_without_a_city_there_is_a_plain_ground_and_no_tile(house: House) -> None:
    app = create_app(house())
    style = ask(app, "/api/style.json").json
    assert [layer["type"] for layer in style["layers"]] == ["background"]
    assert style["sources"] == {}
    assert ask(app, "/tiles/8/1/1.mvt").status == 404


def test_health_says_what_is_missing(house: House) -> None:
    reply = ask(create_app(house(vendor_version=None)), "/api/health")
    assert reply.status == 503
    assert (reply.json["database"], reply.json["vendor"], reply.json["basemap"]) == (False, False, False)
