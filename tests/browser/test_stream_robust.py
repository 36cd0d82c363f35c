"""Nothing stale is shown as live: database away, server silent or gone, a viewer's clock that is wrong, a machine that slept.

Every screen is open at once, in tabs of one browser: each has to say what is amiss, lose its colour, and come back by itself.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from dashboard.screens import SCREENS
from domain.rights import may
from storage.connection import Connection
from tests.browser.conftest import Serve, Server, Visit, soon
from tests.browser.test_halls import halls_of_a_morning
from tests.support.lines import a_line_to
from tests.support.scenes import COMMANDER, a_device, a_position, a_reading, a_status, a_unit, an_incident, stored, the_stream

pytestmark = pytest.mark.browser
PATHS = tuple(screen.path for screen in SCREENS if screen.key != "parts" and may(COMMANDER.role, screen.right))
LIVE, DATABASE_AWAY, SERVER_AWAY = "实时", "数据库中断", "与服务器的连接中断"
HOUR_MS = 3_600_000
UNANSWERED = ("Failed to load resource", "ERR_", "the server did not respond")
"""What a browser writes into the console, and Dash of a callback under way, when a request is not answered: no page can keep them
from that."""

CLOCK = """() => {
  const RealDate = Date;
  window.shiftMs ??= 0;
  window.Date = class extends RealDate {
    constructor(...given) { if (given.length) super(...given); else super(RealDate.now() + window.shiftMs); }
    static now() { return RealDate.now() + window.shiftMs; }
  };
}"""
"""A viewer's clock that can be set: `window.shiftMs`. The browser's other clock, of running time, goes on as after a sleep."""

SLEEP = """ms => {
  window.turns = [];
  const sleptAt = performance.now();
  const root = document.documentElement;
  new MutationObserver(() => root.dataset.stream === 'live' || window.turns.push([root.dataset.stream, performance.now() - sleptAt])).observe(root, { attributeFilter: ['data-stream'] });
  window.shiftMs += ms;
}"""
"""The sleep itself, and from then on every turn of the page to something that is not live: what, and how long after waking."""

OVERHEARD = """addEventListener('DOMContentLoaded', () => {
  if (!window.cityhelm) return; // the empty page before
  const { follow } = cityhelm.source;
  cityhelm.source.follow = (channels, tell) => {
    if (channels.includes('map')) window.tell = (text) => tell('frame', text);
    return follow(channels, (what, text) => window.isDeaf || tell(what, text));
  };
})"""
"""`window.tell(text)` says something to the page as its source would; `window.isDeaf` keeps it from hearing the real one."""


@pytest.fixture
def scene(conn: Connection) -> int:
    """A station that measures, an ambulance, an incident, halls: the number of the station's datastream."""
    halls_of_a_morning(conn)
    stored(
        conn, a_device(name="空气站 1"), a_reading(41), a_unit(), a_position(113.26), a_status("available", minutes_ago=5),
        an_incident(),
    )  # fmt: skip
    return the_stream(conn)


def state(page: Page) -> str:
    said: str = page.locator("#live").inner_text()
    return said


def everywhere(pages: dict[str, Page], is_so: Callable[[Page], bool], what: str, within_s: float) -> None:
    """Waits until `is_so` on every page, naming those where it is not."""
    soon(lambda: all(is_so(page) for page in pages.values()) or None, what, within_s) if within_s else None
    assert [path for path, page in pages.items() if not is_so(page)] == [], what


def has_colour(page: Page) -> bool:
    """Whether the page shows anything as live: its body in colour, or a number that is not faint."""
    found: bool = page.evaluate("""() => {
      const faint = getComputedStyle(document.documentElement).getPropertyValue('--faint').trim();
      const rgb = (text) => { const e = document.createElement('i'); e.style.color = text; document.body.append(e); const c = getComputedStyle(e).color; e.remove(); return c; };
      const numbers = [...document.querySelectorAll('main .num, header .num')].filter((e) => e.checkVisibility());
      return getComputedStyle(document.querySelector('main')).filter === 'none' || numbers.some((e) => getComputedStyle(e).color !== rgb(faint));
    }""")
    return found


def marked(page: Page) -> None:
    page.evaluate("window.isSamePage = true")


def is_same(page: Page) -> bool:
    return bool(page.evaluate("window.isSamePage === true"))


def server_time_of(page: Page, server: Server) -> float:
    """How far the page's clock is from the server's, seconds."""
    return abs(float(page.evaluate("cityhelm.page.now()")) / 1000 - server.now().timestamp())


def open_everywhere(visit: Visit, url: str) -> dict[str, Page]:
    pages = {}
    for path in PATHS:
        page = visit.page if not pages else visit.another()
        page.goto(f"{url}{path}", wait_until="domcontentloaded")
        pages[path] = page
    everywhere(pages, lambda page: page.locator("#live").count() == 1 and state(page) == LIVE, "every screen live", 60)
    for page in pages.values():
        soon(lambda page=page: page.locator("main .num").count() > 0, f"numbers on {page.url}")
        marked(page)
        assert has_colour(page)
    return pages


def comes_back(pages: dict[str, Page], within_s: float) -> None:
    everywhere(pages, lambda page: state(page) == LIVE, "every screen live again", within_s)
    everywhere(pages, has_colour, "every screen in colour", 5)
    assert all(is_same(page) for page in pages.values()), "a page was loaded anew"


def forgive_unanswered(visit: Visit) -> None:
    visit.complaints[:] = [said for said in visit.complaints if not any(word in said for word in UNANSWERED)]


@pytest.mark.long
def test_every_screen_at_once_in_tabs_of_one_browser_is_live(
    serve: Serve, visit: Visit, database_url: str, conn: Connection, scene: int
) -> None:
    """Browsers allow six connections to a server; nothing that is asked waits for one."""
    with serve(database_url) as server:
        pages = open_everywhere(visit, server.url)
        assert server.viewers() == 4  # one connection for each channel, whoever looks
        for page in pages.values():
            took_ms = page.evaluate(
                "(async () => { const at = performance.now(); await fetch('/api/health'); return performance.now() - at; })()"
            )
            assert took_ms < 3_000
        stored(conn, a_reading(58.5, minutes_ago=-server.minutes_after()))
        for path in ("/", "/wall", "/command", "/warnings", "/map"):
            soon(
                lambda path=path: pages[path].evaluate("number => cityhelm.city.streams.get(number)?.value", scene) == 58.5, path
            )


@pytest.mark.long
def test_a_database_that_answers_nothing_for_half_a_minute_is_said_on_every_screen(
    serve: Serve, visit: Visit, database_url: str, scene: int
) -> None:
    with a_line_to(database_url) as (line, through_line), serve(through_line) as server:
        pages = open_everywhere(visit, server.url)
        line.hold()
        everywhere(pages, lambda page: state(page).startswith(DATABASE_AWAY), "the sentence on every screen", 12)
        everywhere(pages, lambda page: not has_colour(page), "every screen grey", 3)
        visit.page.wait_for_timeout(20_000)
        assert [path for path, page in pages.items() if not state(page).startswith(DATABASE_AWAY) or has_colour(page)] == []
        line.go_on()
        comes_back(pages, 12)
        assert max(server_time_of(page, server) for page in pages.values()) < 1.5
    forgive_unanswered(visit)


@pytest.mark.long
def test_a_database_that_refuses_everybody_is_said_on_every_screen(
    serve: Serve, visit: Visit, database_url: str, scene: int
) -> None:
    with a_line_to(database_url) as (line, through_line), serve(through_line) as server:
        pages = open_everywhere(visit, server.url)
        line.cut()
        everywhere(pages, lambda page: state(page).startswith(DATABASE_AWAY), "the sentence on every screen", 12)
        everywhere(pages, lambda page: not has_colour(page), "every screen grey", 3)
        line.mend()
        comes_back(pages, 15)
    forgive_unanswered(visit)


@pytest.mark.long
def test_a_server_that_stands_still_is_said_on_every_screen_and_heard_again(
    serve: Serve, visit: Visit, database_url: str, scene: int
) -> None:
    with serve(database_url) as server, a_line_to(server.url) as (line, url):
        pages = open_everywhere(visit, url)
        pages["/command"].evaluate(
            "cityhelm.clicks.choose({kind: 'incident', id: 'i-1'})"
        )  # asks for who can go, every five seconds
        visit.page.wait_for_timeout(3_000)
        line.hold()
        everywhere(pages, lambda page: state(page).startswith(SERVER_AWAY), "the sentence on every screen", 11)
        everywhere(pages, lambda page: not has_colour(page), "every screen grey", 3)
        visit.page.wait_for_timeout(15_000)
        line.go_on()
        comes_back(pages, 12)
        assert max(server_time_of(page, server) for page in pages.values()) < 1.5
        soon(lambda: server.viewers() == 4, "connections given up on are closed", 30)
        line.cut()
        everywhere(pages, lambda page: state(page).startswith(SERVER_AWAY), "the sentence on every screen", 11)
        line.mend()
        comes_back(pages, 12)
    forgive_unanswered(visit)


@pytest.mark.long
def test_a_machine_that_slept_for_an_hour_says_so_and_finds_its_server_again_on_every_screen(
    serve: Serve, visit: Visit, database_url: str, scene: int
) -> None:
    """Its connections died in the meantime, and nobody told the browser."""
    visit.page.context.add_init_script(f"({CLOCK})()")
    with serve(database_url) as server, a_line_to(server.url) as (line, url):
        pages = open_everywhere(visit, url)
        line.forget()
        for page in pages.values():
            page.evaluate(SLEEP, HOUR_MS)
        everywhere(
            pages, lambda page: state(page) == LIVE and bool(page.evaluate("window.turns.length")), "every screen live again", 15
        )
        for path, page in pages.items():
            what, after_ms = page.evaluate("window.turns[0]")
            assert (what in ("server_away", "connecting"), after_ms < 2_500) == (True, True), (path, what, after_ms)
        comes_back(pages, 5)
        # the server did not sleep, so that to it the viewer's clock is now an hour ahead: the page goes by the server's
        assert max(server_time_of(page, server) for page in pages.values()) < 1.5
    forgive_unanswered(visit)


@pytest.mark.long
@pytest.mark.parametrize("shift_ms", [3 * HOUR_MS, -24 * HOUR_MS], ids=["three hours ahead", "a day behind"])
def test_a_viewer_whose_clock_is_wrong_sees_the_time_and_the_ages_of_the_server(
    serve: Serve, visit: Visit, database_url: str, scene: int, shift_ms: int
) -> None:
    """From the first second on, in the city's zone, whatever the viewer's (New York here)."""
    visit.page.context.add_init_script(f"window.shiftMs = {shift_ms}; ({CLOCK})()")
    visit.page.add_init_script("""addEventListener('DOMContentLoaded', () => new MutationObserver(() => {
      const shown = document.getElementById('clock')?.textContent;
      if (shown) (window.clocks ??= new Set()).add(shown);
    }).observe(document.body, { subtree: true, childList: true, characterData: true }))""")
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        expect(page.locator("#live")).to_have_text(LIVE)
        assert server_time_of(page, server) < 1.5
        shown = set(page.evaluate("[...window.clocks]")) - {"--:--:--"}
        assert [text for text in shown if text.startswith("09:0")] == list(shown) != []  # NOW is nine in Shanghai
        expect(page.locator("#date")).to_contain_text("2026年3月2日")
        assert page.evaluate("cityhelm.page.age(cityhelm.city.t)") in ("0 秒前", "1 秒前", "2 秒前")
        # it is set right while the page is open
        page.evaluate("window.shiftMs = 0")
        soon(lambda: state(page) == LIVE and server_time_of(page, server) < 1.5, "the server's time")


@pytest.mark.long
def test_a_frame_that_waited_somewhere_for_an_hour_is_no_news(serve: Serve, visit: Visit, database_url: str, scene: int) -> None:
    """As those do that lay in a buffer while the machine slept: the clock stays, nothing is taken, a new connection is made."""
    visit.page.add_init_script(OVERHEARD)
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/map")
        expect(page.locator("#live")).to_have_text(LIVE)
        what, value = page.evaluate(
            """([number, ms]) => {
              const then = Math.round(cityhelm.page.now()) - ms;
              const frame = { channel: 'map', hub: cityhelm.stream.hub, seq: cityhelm.stream.seq + 1, state: 'live', t: then, now: then, newest: [5, 1], values: [[number, 99, 0, 5, 4]], units: [], moved: [] };
              window.tell(JSON.stringify(frame));
              return [cityhelm.stream.state, cityhelm.city.streams.get(number).value];
            }""",
            [scene, HOUR_MS],
        )
        assert (what, value) == ("server_away", 41)
        assert server_time_of(page, server) < 1.5
        expect(page.locator("#live")).to_have_text(LIVE)


@pytest.mark.long
def test_outages_leave_nothing_behind(serve: Serve, visit: Visit, database_url: str, scene: int) -> None:
    """Twice ten lost connections: as many listeners, streams and things in the page as before. Memory that each of them kept would
    grow both times; what the browser has not collected yet comes and goes."""
    with serve(database_url) as server, a_line_to(server.url) as (line, url):
        page = visit.open(f"{url}/map")
        cdp = page.context.new_cdp_session(page)
        cdp.send("Performance.enable")

        def measured() -> tuple[int, int, float]:
            expect(page.locator("#live")).to_have_text(LIVE)
            cdp.send("HeapProfiler.collectGarbage")
            listeners = next(m["value"] for m in cdp.send("Performance.getMetrics")["metrics"] if m["name"] == "JSEventListeners")
            return page.evaluate("document.querySelectorAll('*').length"), listeners, cdp.send("Runtime.getHeapUsage")["usedSize"]

        def lost(times: int) -> None:
            for _ in range(times):
                page.evaluate("window.opened = cityhelm.stream.hub && performance.now()")
                line.cut()
                line.mend()
                page.wait_for_timeout(2_500)

        lost(4)
        things, listeners, used = measured()
        grown = []
        for _ in range(2):
            lost(10)
            things_after, listeners_after, used_after = measured()
            assert things_after <= things + 2
            assert listeners_after <= listeners
            grown.append(used_after - used)
            used = used_after
        assert min(grown) < 500_000, grown
        assert server.viewers() == 1
    forgive_unanswered(visit)


FRAMES = """async (n) => {
  const [number] = cityhelm.city.streams.keys();
  const tell = window.tell;
  for (let k = 0; k < n; k += 1) {
    const now = Math.round(cityhelm.page.now());
    window.seq = (window.seq ?? cityhelm.stream.seq) + 1;
    tell(JSON.stringify({ channel: 'map', hub: cityhelm.stream.hub, seq: window.seq, state: 'live', t: now, now, newest: [5, 1], values: [[number, k, 0, 5, 4]], units: [], moved: [['a-1', 113 + k / 1e5, 23.1, 5, 30, 90]] }));
    if (k % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return document.querySelectorAll('*').length;
}"""


@pytest.mark.long
def test_two_thousand_frames_leave_the_memory_as_it_was(serve: Serve, visit: Visit, database_url: str, scene: int) -> None:
    """Frames as they come from the source, through the stream: with as much memory afterwards as before."""
    visit.page.add_init_script(OVERHEARD)
    with serve(database_url) as server:
        page = visit.open(f"{server.url}/")
        expect(page.locator("#live")).to_have_text(LIVE)
        page.evaluate("window.isDeaf = true")
        cdp = page.context.new_cdp_session(page)

        def measured(frames: int) -> tuple[int, float]:
            things = page.evaluate(FRAMES, frames)
            cdp.send("HeapProfiler.collectGarbage")
            return things, cdp.send("Runtime.getHeapUsage")["usedSize"]

        measured(500)
        things, used = measured(500)
        grown = []
        for _ in range(2):
            things_after, used_after = measured(2_000)
            assert page.evaluate("cityhelm.stream.seq === window.seq")  # every one of them was heard
            assert things_after <= things + 20
            grown.append(used_after - used)
            used = used_after
        assert min(grown) < 1_000_000, grown  # what comes once, such as a part loaded late, is no growth
        page.evaluate("window.isDeaf = false")
