"""Every page in every size, language and state, as pictures in build/screens: `make screens`, or
`python -m tests.screens [VIEW …]` for some of the views.

The usual state in Chinese is looked at in every size; English, large text, empty tables and a database that went away at two. Each
page is inspected as it is looked at; a finding makes the command fail, after the last picture.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import groupby
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright
from psycopg import sql

from dashboard import service, vendor
from dashboard.door import DoorPolicy
from domain.incidents import Grade, IncidentReport, IncidentState
from domain.moments import Moment
from gis_data.city import ensure_demo_city
from iot.simulated.call_classes import Desk
from runtime.policy import load_policy
from runtime.quarters import free_port
from runtime.workers import DEMONSTRATION_PEOPLE
from storage.connection import connect
from storage.incidents import list_open_incidents
from tests.browser.conftest import FLAGS, NAMES, _wait_until_ready
from tests.screens.album import Album, Picture
from tests.screens.city import living
from tests.screens.inspection import axe_findings, keyboard_findings, language_findings, overflow_findings
from tests.screens.views import VIEWS, View, unseen_screens
from tests.support.databases import Databases, private_databases
from tests.support.scenes import stored

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"
ZONE = ZoneInfo("Asia/Shanghai")
DAY, EVENING = datetime(2026, 6, 10, 10, 20, tzinfo=ZONE), datetime(2026, 6, 10, 20, 30, tzinfo=ZONE)
"""A Wednesday: halls are open, and closed."""
Size = tuple[int, int]
DESK_SIZES: tuple[Size, ...] = ((1920, 1080), (1366, 768))
SIZES = (*DESK_SIZES, (2560, 1440), (3840, 2160), (5120, 1440), (6656, 1792))
PATIENCE_S = 60
AWAY_MS, BACK_S = 12_000, 8
"""How long a page has lost its database before it is looked at, and its server to find it again."""
POLICY = load_policy(ROOT / "config" / "city.toml")
FIRE = "三楼仓库起火，有人被困，烟雾向东扩散"
QUICK = ("--hide-scrollbars", "--disable-gpu-compositing", "--disable-gpu-rasterization")
"""Without a graphics card the page itself is drawn faster by the processor than by a card that the processor plays."""
READ_BACK = "GPU stall due to ReadPixels"
"""What the driver says of a browser that draws so: a matter of the photograph, not of the page."""
HOLD_STILL = "() => { if (window.cityhelm?.scene) [window.drawAsBefore, cityhelm.scene.draw] = [cityhelm.scene.draw, () => {}]; }"
GO_ON = "() => { if (window.drawAsBefore) cityhelm.scene.draw = window.drawAsBefore; }"
"""Units move every second, and a browser that draws by the processor then never comes to its picture."""
OWN = ("http://127.0.0.1:", "data:", "blob:")


class Photographer:
    """Looks at views of one server in a browser, keeps pictures and findings in an album."""

    def __init__(self, browser: Browser, album: Album, url: str, chosen: str) -> None:
        self.browser, self.album, self.url, self.chosen = browser, album, url, chosen

    @contextmanager
    def visit(self, lang: str, *, minds_console: bool = True) -> Iterator[BrowserContext]:
        """A browser of its own, for someone who wants no motion. What it asks of others, and what its console says, are findings."""
        context = self.browser.new_context(viewport={"width": 1920, "height": 1080}, locale="zh-CN", reduced_motion="reduce")
        said: list[str] = []
        if minds_console:
            context.on("console", lambda m: said.append(f"console: {m.text[:300]}") if _complains(m) else None)
        context.on("weberror", lambda fault: said.append(f"page error: {fault.error}"))
        context.on("request", lambda r: None if r.url.startswith(OWN) else said.append(f"asked outside: {r.url}"))
        yield context
        context.close()
        self.album.note(f"browser in {lang}", list(dict.fromkeys(said)))

    def open(self, context: BrowserContext, view: View, lang: str, *, is_told: bool = True) -> Page:
        """The page of a view once what it is about is there, and its map is drawn."""
        name = next(person.name for person in DEMONSTRATION_PEOPLE if person.role is view.role)
        context.request.post(f"{self.url}/api/session/demonstration", data={"name": name})
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE_S)
        page.goto(f"{self.url}{view.path}?lang={lang}", wait_until="domcontentloaded")
        if view.has_map:
            page.evaluate("cityhelm.ready")
        self.turn(page, view, is_told=is_told)
        return page

    def turn(self, page: Page, view: View, *, is_told: bool = True) -> None:
        """Turns a page of the view's screen to the view."""
        if view.press and is_told:
            page.locator(view.press.format(incident=self.chosen)).first.click()
        page.wait_for_selector(view.shows if is_told else "header")
        page.mouse.move(3, 3)

    def take(self, page: Page, view: View, lang: str, state: str, size: tuple[int, int]) -> Picture:
        """One picture, with what is wrong with the page as it is on it."""
        page.set_viewport_size({"width": size[0], "height": size[1]})
        settle(page)
        picture = Picture(view.name, lang, state, *size)
        page.evaluate(HOLD_STILL)
        page.screenshot(path=self.album.place(picture), scale="css", animations="allow", timeout=90_000)
        page.evaluate(GO_ON)
        self.album.note(picture.file, overflow_findings(page) + language_findings(page, lang))
        return picture

    def look(self, view: View, page: Page, lang: str, sizes: tuple[tuple[int, int], ...]) -> None:
        """A view in all those sizes, in large text too where it asks for it, and its inspection at the first of them."""
        picture = self.take(page, view, lang, "usual", sizes[0])
        self.album.note(picture.file, axe_findings(page))
        for size in sizes[1:]:
            self.take(page, view, lang, "usual", size)
        if "large" in view.states and lang == "zh":
            page.evaluate("cityhelm.page.setLargeText(true)")
            for size in DESK_SIZES:
                self.take(page, view, lang, "large", size)
            page.evaluate("cityhelm.page.setLargeText(false)")
        if view.is_walked and lang == "zh":
            page.set_viewport_size({"width": 1920, "height": 1080})
            self.album.note(picture.file, keyboard_findings(page))


def _complains(message: ConsoleMessage) -> bool:
    return message.type in ("error", "warning") and READ_BACK not in message.text


def settle(page: Page, at_most_s: float = 12) -> None:
    """Waits until the map has drawn what it was last asked for, and the page has beaten twice."""
    page.wait_for_timeout(700)
    deadline = time.monotonic() + at_most_s
    while time.monotonic() < deadline and not page.evaluate("!window.cityhelm?.map?.view || cityhelm.map.view.areTilesLoaded()"):
        page.wait_for_timeout(150)
    page.wait_for_timeout(500)


@contextmanager
def serving(database_url: str, city_dir: Path, clock: Callable[[], datetime]) -> Iterator[str]:
    """The address of a dashboard until the block ends."""
    port, stop, fault = free_port(), Event(), []

    def run() -> None:
        try:
            service.run(
                database_url, city_dir=city_dir, host="127.0.0.1", port=port, zone=ZONE, order_expiry_s=POLICY.order_expiry_s,
                unit_speed_kmh=POLICY.unit_speed_kmh, road_detour=POLICY.road_detour, hall_target_s=POLICY.hall_target_s,
                index=POLICY.index, door=DoorPolicy(demonstration=DEMONSTRATION_PEOPLE), stop=stop, now=clock,
            )  # fmt: skip
        except BaseException as raised:
            fault.append(raised)

    thread = Thread(target=run, name="dashboard")
    thread.start()
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}", fault)
        yield f"http://127.0.0.1:{port}"
    finally:
        stop.set()
        thread.join(20)


def gravest(database_url: str, now: datetime) -> str:
    """The incident that is worth a picture: the gravest one on which units are under way, else the newest."""
    with connect(database_url) as conn:
        found = list_open_incidents(conn, Moment.live(now))
    found.sort(key=lambda i: (i.state is not IncidentState.RESPONDING, i.grade.value, i.reported_at))
    return found[0].incident_id if found else ""


def report_fire(database_url: str, city_dir: Path, now: datetime) -> None:
    """A fire of the first grade in the middle of the city: what turns the cockpit."""
    from gis_data.city import load_city

    city = load_city(city_dir)
    district = next(d for d in city.districts if d.code == min(each.code for each in city.districts))
    with connect(database_url) as conn:
        ((lon, lat),) = conn.execute(
            "SELECT avg(lon), avg(lat) FROM device WHERE split_part(device_id, '/', 1) = %s", (district.code,)
        ).fetchall()
        desk = Desk.INCIDENTS.device_id(district.code)
        stored(conn, IncidentReport("i-screens-1", desk, now, now, "fire", Grade.I, lon, lat, "EPSG:4326", "119", FIRE))


@contextmanager
def away(databases: Databases, database_url: str) -> Iterator[None]:
    """The database refuses everybody until the block ends."""
    name = urlsplit(database_url).path[1:]

    def allow(is_allowed: bool) -> None:
        statement = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(sql.Identifier(name), sql.Literal(is_allowed))
        with connect(databases.server_url, application="cityhelm-screens") as conn:
            conn.execute(statement)
            if not is_allowed:
                conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))

    allow(False)
    try:
        yield
    finally:
        allow(True)


class Round:
    """One round through the views: cities one after the other, in each of them languages and states."""

    def __init__(
        self, browser: Browser, databases: Databases, city_dir: Path, album: Album, views: list[View], sizes: tuple[Size, ...]
    ) -> None:
        self.browser, self.databases, self.city_dir, self.album, self.views = browser, databases, city_dir, album, views
        self.sizes = sizes

    def of(self, city: str) -> list[View]:
        return [view for view in self.views if view.city == city]

    def go(self) -> None:
        if self.of("day") or self.of("war"):
            self._day()
        if self.of("evening"):
            self._evening()
        if any("empty" in view.states for view in self.views):
            self._empty()

    def _look_at(self, photographer: Photographer, views: list[View]) -> None:
        for lang, sizes in (("zh", self.sizes), ("en", DESK_SIZES)):
            with photographer.visit(lang) as context:
                for _, of_screen in groupby(views, key=lambda view: view.screen):
                    page: Page | None = None
                    for view in of_screen:
                        say(f"{view.name} {lang}")
                        try:
                            if page is None:
                                page = photographer.open(context, view, lang)
                            else:
                                photographer.turn(page, view)
                            photographer.look(view, page, lang, sizes)
                        except Exception as fault:
                            self.album.note(f"{view.name} {lang}", [f"could not be looked at: {str(fault)[:500]}"])
                    if page is not None:
                        page.close()

    def _day(self) -> None:
        with ExitStack() as stack:
            database_url = stack.enter_context(self.databases.fresh())
            clock = stack.enter_context(living(database_url, self.city_dir, POLICY, ZONE, starts_at=DAY, days=5))
            say("the city lives")
            url = stack.enter_context(serving(database_url, self.city_dir, clock))
            photographer = Photographer(self.browser, self.album, url, gravest(database_url, clock()))
            self._look_at(photographer, self.of("day"))
            for view in self.of("day"):
                if "away" in view.states:
                    self._take_away(photographer, view, database_url)
            if self.of("war"):
                report_fire(database_url, self.city_dir, clock())
                self._look_at(photographer, self.of("war"))

    def _take_away(self, photographer: Photographer, view: View, database_url: str) -> None:
        """A page that was live when its database went away."""
        say(f"{view.name} away")
        with photographer.visit("zh", minds_console=False) as context:
            page = photographer.open(context, view, "zh")
            with away(self.databases, database_url):
                page.wait_for_timeout(AWAY_MS)
                for size in DESK_SIZES:
                    self._safely(photographer, page, view, "away", size)
        with connect(database_url):  # back for the next one
            time.sleep(BACK_S)

    def _safely(self, photographer: Photographer, page: Page, view: View, state: str, size: tuple[int, int]) -> None:
        try:
            photographer.take(page, view, "zh", state, size)
        except Exception as fault:
            self.album.note(f"{view.name} {state}", [f"could not be looked at: {str(fault)[:500]}"])

    def _evening(self) -> None:
        with self.databases.fresh() as database_url, ExitStack() as stack:
            living_city = living(database_url, self.city_dir, POLICY, ZONE, starts_at=EVENING, days=1, with_forecasts=False)
            clock = stack.enter_context(living_city)
            url = stack.enter_context(serving(database_url, self.city_dir, clock))
            self._look_at(Photographer(self.browser, self.album, url, ""), self.of("evening"))

    def _empty(self) -> None:
        with self.databases.fresh() as database_url, serving(database_url, self.city_dir, lambda: DAY) as url:
            photographer = Photographer(self.browser, self.album, url, "")
            with photographer.visit("zh") as context:
                for view in self.views:
                    if "empty" in view.states:
                        say(f"{view.name} empty")
                        page = photographer.open(context, view, "zh", is_told=False)
                        page.wait_for_timeout(1500)
                        for size in DESK_SIZES:
                            self._safely(photographer, page, view, "empty", size)
                        page.close()


BEGAN = time.monotonic()


def say(what: str) -> None:
    print(f"{time.monotonic() - BEGAN:5.0f} s  {what}", flush=True)


def main(names: list[str], sizes: tuple[Size, ...]) -> int:
    """Takes the pictures; returns 0 when nothing was found wrong, 1 otherwise, 2 when there is no browser."""
    chromium = next((found for name in NAMES if (found := shutil.which(name))), None)
    if chromium is None or not (vendor.TARGET / "manifest.json").exists():
        print(
            "screens need Chromium and the browser libraries: expected both; apt-get install chromium, make install",
            file=sys.stderr,
        )
        return 2
    views = [view for view in VIEWS if not names or any(view.name.startswith(name) for name in names)]
    folder = BUILD / "screens"
    if not names:
        shutil.rmtree(folder, ignore_errors=True)
    album = Album(folder, tell=say)
    album.note("the table of screens", [f"{key} has no view" for key in unseen_screens()])
    city_dir = BUILD / "screens-city"
    ensure_demo_city(city_dir)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with private_databases() as databases, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium, args=[*FLAGS, *QUICK], ignore_default_args=["--enable-gpu-rasterization"]
            )
            Round(browser, databases, city_dir, album, views, sizes).go()
            browser.close()
    finally:  # what was taken before something broke is there to be looked at
        n_found, minutes = sum(map(len, album.findings.values())), (time.monotonic() - BEGAN) / 60
        told = f"{len(album.pictures)} pictures of {len(views)} views in {minutes:.0f} min; {n_found} findings"
        print(f"{told}: {album.write(told)}", flush=True)
    return 1 if album.findings else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make screens", description="every page in every size, language and state, as pictures")
    parser.add_argument("views", nargs="*", metavar="VIEW", help="only views whose name begins so")
    parser.add_argument("--desk", action="store_true", help="only the two sizes of a desk")
    asked = parser.parse_args()
    sys.exit(main(asked.views, DESK_SIZES if asked.desk else SIZES))
