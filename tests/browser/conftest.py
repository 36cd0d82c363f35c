"""The real dashboard in a real browser: a small city, a server on a clock that starts at the scenes' NOW, a page that
records every request to somebody else and every complaint in the console.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import shapely
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from dashboard import service, vendor
from dashboard.door import DoorPolicy
from domain.rights import Actor
from gis_data.city import write_city
from gis_data.layers import Layer
from runtime.quarters import free_port
from tests.support.scenes import COMMANDER, NOW
from tests.support.visitors import session_cookie

SHANGHAI = ZoneInfo("Asia/Shanghai")
expect.set_options(timeout=30_000)  # the map is drawn by the processor here, and others need it too
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new", "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic",
    "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip


def without(what: str) -> None:
    """A machine without a browser skips these tests and says why; where everything is promised (CI), they fail."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)  # the sentence of whoever called: no Chromium, or no libraries for the page


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        without("no Chromium on this machine: install it (Debian and Ubuntu: apt-get install chromium)")
    if not (vendor.TARGET / "manifest.json").exists():
        without("the browser libraries are not built: run `python -m dashboard.vendor`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def small_city_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two districts, a river and a road around the place of the scenes."""
    east, west = shapely.box(113.25, 23.05, 113.40, 23.20), shapely.box(113.10, 23.05, 113.25, 23.20)
    layers = {
        "districts": Layer("districts", np.array([east, west]), [
            {"id": 0, "code": "440106", "name_zh": "东区", "name_en": "East", "population": 600_000},
            {"id": 1, "code": "440107", "name_zh": "西区", "name_en": "West", "population": 400_000},
        ]),
        "water": Layer("water", np.array([shapely.box(113.10, 23.10, 113.40, 23.106)]), [{"id": 0, "kind": "river", "name_zh": "澜江", "name_en": "Lan River"}]),
        "roads": Layer("roads", np.array([shapely.LineString([(113.11, 23.13), (113.39, 23.13)])]), [
            {"id": 0, "class": "arterial", "name_zh": "东西大道", "name_en": "East West Avenue", "bridge": 0},
        ]),
    }  # fmt: skip
    place = tmp_path_factory.mktemp("city") / "small"
    write_city(place, {"name_zh": "小城", "name_en": "Smalltown", "zone": "Asia/Shanghai"}, layers, max_zoom=11)
    return place


@dataclass(slots=True)
class Server:
    """A running dashboard. Its clock starts at the scenes' NOW, or another time, and goes on."""

    url: str
    started: float
    starts_at: datetime = NOW

    def now(self) -> datetime:
        return self.starts_at + timedelta(seconds=time.monotonic() - self.started)

    def viewers(self) -> int:
        """How many streams are open."""
        with urllib.request.urlopen(f"{self.url}/api/health", timeout=5) as answer:
            return int(json.loads(answer.read())["viewers"])

    def minutes_after(self) -> float:
        """Minutes since NOW on the server's clock: what scenes call a negative `minutes_ago`."""
        return (time.monotonic() - self.started) / 60


def _wait_until_ready(url: str, fault: list[BaseException]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not fault:
        try:
            with urllib.request.urlopen(f"{url}/api/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"the dashboard did not become ready: {fault}")


@dataclass(slots=True)
class Visit:
    """Pages of the dashboard and what they did that they should not have. `page` is the first of them."""

    page: Page
    outside: list[str]
    complaints: list[str]

    def open(self, url: str, *, with_map: bool = False, page: Page | None = None) -> Page:
        """A page once its numbers are there; with its map where the test is about that (drawn in software, it takes longer than
        all the rest)."""
        page = page or self.page
        page.add_init_script(f"window.isWithMap = {str(with_map).lower()}")
        page.goto(url, wait_until="domcontentloaded")
        page.wait_for_selector(".kpi")
        if with_map:
            page.evaluate("cityhelm.ready")
        return page

    def another(self) -> Page:
        """One more tab of the same browser."""
        page = self.page.context.new_page()
        page.set_default_timeout(60_000)
        return page


WITHOUT_MAP = """addEventListener("DOMContentLoaded", () => {
  if (!window.isWithMap && window.cityhelm) cityhelm.map.open = async () => cityhelm.page.becomeReady();
})"""


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    """A page for someone who wants no motion, small because pixels are drawn by the processor here.

    Afterwards: nobody outside was asked, nothing was complained of.
    """
    context: BrowserContext = chromium.new_context(
        viewport={"width": 1280, "height": 720}, locale="zh-CN", timezone_id="America/New_York", reduced_motion="reduce"
    )
    outside: list[str] = []
    complaints: list[str] = []
    own = ("http://127.0.0.1:", "data:", "blob:")
    context.add_init_script(WITHOUT_MAP)
    context.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
    context.on("weberror", lambda fault: complaints.append(str(fault.error)))
    context.on("request", lambda request: None if request.url.startswith(own) else outside.append(request.url))
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield Visit(page, outside, complaints)
    context.close()
    assert outside == [], "expected no request to anyone but the server"
    assert complaints == [], "expected nothing in the console"


Serve = Callable[..., Any]


@pytest.fixture
def serve(small_city_dir: Path, visit: Visit) -> Serve:
    """`with serve(database_url) as server:` a dashboard until the block ends; the visitor leaves before it stops, unless
    `is_missed`: then the page is there when its server is not."""

    @contextmanager
    def serving(
        database_url: str,
        *,
        acts_as: Actor | None = COMMANDER,
        port: int | None = None,
        is_missed: bool = False,
        starts_at: datetime = NOW,
    ) -> Iterator[Server]:
        port, stop, fault = port or free_port(), Event(), []
        server = Server(f"http://127.0.0.1:{port}", time.monotonic(), starts_at)
        if acts_as is not None:
            token = session_cookie(database_url, acts_as, at=starts_at)
            visit.page.context.add_cookies([{"name": DoorPolicy().cookie, "value": token, "url": server.url, "httpOnly": True}])

        def run() -> None:
            try:
                service.run(
                    database_url, city_dir=small_city_dir, host="127.0.0.1", port=port, zone=SHANGHAI, order_expiry_s=120,
                    unit_speed_kmh=40, road_detour=1.3, hall_target_s=900, door=DoorPolicy(), stop=stop, now=server.now,
                )  # fmt: skip
            except BaseException as raised:
                fault.append(raised)

        thread = Thread(target=run, name="dashboard")
        thread.start()
        try:
            _wait_until_ready(server.url, fault)
            yield server
            for page in visit.page.context.pages if not is_missed else ():
                page.goto("about:blank")
        finally:
            stop.set()
            thread.join(15)
        assert not thread.is_alive(), "the dashboard did not stop"
        assert not fault, fault

    return serving


def soon(condition: Callable[[], Any], what: str, within_s: float = 20) -> Any:
    """The first true answer of `condition`; polling from here, because the pages' policy allows no evaluated strings."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {within_s:.0f} s")


CUT = """() => {
  const isCutting = (style) => ["hidden", "clip"].includes(style.overflowX) || ["hidden", "clip"].includes(style.overflowY);
  const isScrolling = (style) => ["auto", "scroll"].includes(style.overflowX) || ["auto", "scroll"].includes(style.overflowY);
  const cut = [];
  for (const element of document.querySelectorAll("body *")) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!hasText || !element.checkVisibility() || element.closest("#map, #chart")) continue;
    const range = document.createRange();
    range.selectNodeContents(element);
    const box = range.getBoundingClientRect();
    for (let place = element; place !== document.documentElement; place = place.parentElement) {
      const style = getComputedStyle(place);
      if (isScrolling(style) || (place !== element && style.textOverflow === "ellipsis")) break;
      if (place.matches(".row-title.ellipsis, .row-more > .ellipsis, .object-head .ellipsis, .candidate-name, .value > .ellipsis")) break; // names that others gave
      if (!isCutting(style)) continue;
      const frame = place.getBoundingClientRect();
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 3 || box.bottom > frame.bottom + 3) {
        cut.push([element.className || element.tagName, element.textContent.slice(0, 60)]);
        break;
      }
    }
  }
  return cut;
}"""
"""Texts of which something lies outside what holds them; what scrolls may hold more than it shows."""


def overlapping(page: Page, selector: str) -> list[list[str]]:
    """Pairs of elements that lie over one another, though neither is part of the other."""
    found: list[list[str]] = page.evaluate(
        """selector => {
          const all = [...document.querySelectorAll(selector)].filter((e) => e.checkVisibility());
          const name = (e) => e.className || e.id || e.tagName;
          const [box, isOver] = [(e) => e.getBoundingClientRect(), (x, y) => x.left < y.right - 1 && x.right > y.left + 1 && x.top < y.bottom - 1 && x.bottom > y.top + 1];
          return all.flatMap((a, k) => all.slice(k + 1).filter((b) => !a.contains(b) && isOver(box(a), box(b))).map((b) => [name(a), name(b)]));
        }""",
        selector,
    )
    return found
