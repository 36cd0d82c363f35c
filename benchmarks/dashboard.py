"""Dashboard: what 50 viewers cost the server, how long every question takes meanwhile, how much the cockpit's first load weighs.

The real dashboard process on a private database with a full city (10,000 devices; `_full_city`), into which the ingester's code
writes once a second. A viewer is an open cockpit: one stream of three channels. Shares are processor time of the dashboard's
process (proc(5), stat), so that other work on the machine hardly changes them, taken when the hub's first minutes are over. Every
callback of Dash and every address of the open interface is asked, one after the other, while all viewers look. Ceilings: a bare
server that sends the same events to as many listeners, and one that returns the bytes of the largest answer.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks import _full_city
from benchmarks._full_city import BACKTEST, IDENTIFIER, REPORT, REQUEST, RULE, Beat, FullCity, message, wanted_rule
from benchmarks._hall_staff import ROSTER
from benchmarks._visitor import VISITOR, open_page, sign_in
from benchmarks.map import FLAGS
from dashboard.hub import CATCH_UP, HALLS, MAP, OVERVIEW
from dashboard.screens import SCREENS
from domain.rights import Action
from gis_data.city import City, ensure_demo_city
from runtime import deathbound
from runtime.backing import backing, settings_on
from runtime.quarters import free_port
from runtime.settings import Settings, load_settings
from runtime.supervisor import answers
from runtime.whole_city import DEMO_VARIABLE
from storage.connection import connect
from storage.migrate import migrate

VIEWERS = 50
CHANNELS = (MAP, OVERVIEW, HALLS)
"""What a cockpit listens to."""
PERIOD_S = 1.0
SPAN_S, SETTLE_S, FIRST_FRAMES_S = 20.0, 10.0, 90.0
TRIES, LEAST_TRIES, LONGEST_S, GIVEN_UP_S = 20, 5, 6.0, 30.0
"""How often each question is asked; fewer times when they take longer than LONGEST_S together, and not again when no answer came
within GIVEN_UP_S."""
FIRST_LOAD_S = 12.0
PROMISES = {"viewers_share": 0.15, "p95_ms": 200.0, "first_load_mb": 4.0}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: what it is called in the figures, and the request; without a body it is a GET. `say` makes address and body for
    the nth time, for acts that can be done once only."""

    name: str
    path: str
    body: Json | None = None
    say: Callable[[int], tuple[str, Json | str]] | None = None


def measure() -> Json:
    """Runs for about eight minutes; returns shares of a core, milliseconds and megabytes."""
    with tempfile.TemporaryDirectory(prefix="cityhelm-bench-", dir="/var/tmp") as home, ExitStack() as stack:
        Path(home).chmod(0o755)  # the private services may run as another user
        city_dir = os.environ.get("CITYHELM_CITY") or str(Path(home) / "city")
        city = ensure_demo_city(city_dir)
        settings = load_settings({
            "CITYHELM_HOME": home, "CITYHELM_PORT": str(free_port()), "CITYHELM_CITY": city_dir, "CITYHELM_LOG_LEVEL": "warning",
        })  # fmt: skip
        standing = stack.enter_context(backing(settings, announce=_say))
        settings = settings_on(settings, standing)
        began = time.monotonic()
        with connect(standing.database_url) as conn:
            migrate(conn)
            full = _full_city.fill(conn, city, datetime.now(UTC))
        _say(f"The city stands after {time.monotonic() - began:.0f} s.")
        return measure_on(settings, standing.database_url, city, full, Path(home))


def measure_on(settings: Settings, database_url: str, city: City, full: FullCity, place: Path) -> Json:
    """The figures of a dashboard on a database that holds `full`."""
    sign_in(database_url)
    with ExitStack() as stack:
        pid, began = stack.enter_context(_dashboard(settings)), time.monotonic()
        url = f"http://127.0.0.1:{settings.port}"
        beats = stack.enter_context(_beating(database_url, full))
        with _Viewers(settings.port, VIEWERS) as viewers:
            viewers.settle()
            load = _first_load(url)
            questions = (*_callbacks(url, full), *_addresses(url, city, full))
            timed = {asked.name: _timed(settings.port, asked) for asked in questions}
            _say(f"{len(timed)} questions asked.")
            time.sleep(max(0.0, began + CATCH_UP.total_seconds() + SETTLE_S - time.monotonic()))
            viewers.start_recording()
            with_all = _share(pid)
            events = viewers.recorded()
        with _Viewers(settings.port, 1) as one:
            one.settle()
            with_one = _share(pid)
        time.sleep(SETTLE_S)
        alone = _share(pid)
        _say(f"{VIEWERS} viewers: {with_all:.3f} of a core, {with_one:.3f} with one, {alone:.3f} without any.")
        largest = _get(f"{url}/api/map")
        bare_share, bare_ms = _bare(place, events, largest)
    callbacks = {name: ms for name, ms in timed.items() if name.startswith("callback ")}
    slow = {name: ms["p95_ms"] for name, ms in timed.items() if ms["p95_ms"] >= PROMISES["p95_ms"]}
    added = with_all - alone
    return {
        "name": "dashboard", "viewers": VIEWERS, "channels_a_viewer": len(CHANNELS),
        "devices": len(full.devices) + len(full.halls), "datastreams": len(full.streams),
        "units": len(full.units), "reports_a_beat": round(beats.mean_reports()),
        "beats_per_s": round(beats.rate(), 2),
        "share_without_viewers": round(alone, 4), "share_with_one": round(with_one, 4), "share_with_all": round(with_all, 4),
        "share_of_viewers": round(added, 4), "share_per_viewer": round((with_all - with_one) / (VIEWERS - 1), 5),
        "map_frames_per_s": round(len(events[MAP]) / SPAN_S, 2),
        "stream_kb_per_s_and_viewer": round(sum(len(e) for said in events.values() for e in said) / SPAN_S / 1000, 1),
        "bare_share": round(bare_share, 4), "ratio_to_ceiling": round(added / bare_share, 2) if bare_share else None,
        "bare_p95_ms": bare_ms, "callbacks": callbacks, "addresses": {n: ms for n, ms in timed.items() if n not in callbacks},
        "slow_p95_ms": slow, "first_load": load, "promises": PROMISES,
        "is_kept": {
            "viewers": added <= PROMISES["viewers_share"],
            "callbacks": all(ms["p95_ms"] < PROMISES["p95_ms"] for ms in callbacks.values()),
            "addresses": not slow,
            "first_load": load is not None and load["mb"] <= PROMISES["first_load_mb"],
        },
        "load_average": round(os.getloadavg()[0], 1),
        "processor": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
    }  # fmt: skip


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)


@contextmanager
def _dashboard(settings: Settings) -> Iterator[int]:
    """The real process, with the demonstration identity, so that acts are done; yields its number."""
    environ = {**os.environ, **settings.as_environ(), DEMO_VARIABLE: "1"}
    argv = [sys.executable, "-m", "runtime.cli", "dashboard"]
    process = subprocess.Popen(
        deathbound.command(argv, at_parents_death=signal.SIGTERM), env=environ, cwd=Path(__file__).parents[1]
    )
    try:
        _wait_for(process, f"http://127.0.0.1:{settings.port}/api/health")
        yield process.pid
    finally:
        _end(process)


def _wait_for(process: subprocess.Popen[bytes], url: str) -> None:
    deadline, is_there = time.monotonic() + 120, answers(url)
    while not is_there():
        if time.monotonic() > deadline or process.poll() is not None:
            raise TimeoutError(f"{url} did not answer within 120 s: run `cityhelm doctor`")
        time.sleep(0.2)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()


class _Beats:
    """How often and how much the city spoke."""

    def __init__(self) -> None:
        self.at: list[float] = []
        self.reports: list[int] = []

    def mean_reports(self) -> float:
        return sum(self.reports) / max(1, len(self.reports))

    def rate(self) -> float:
        """Beats per second: below 1 when the machine does not keep up."""
        return (len(self.at) - 1) / (self.at[-1] - self.at[0]) if len(self.at) > 1 else 0.0


@contextmanager
def _beating(database_url: str, full: FullCity) -> Iterator[_Beats]:
    """The city speaks once a PERIOD_S, in a thread."""
    stop, beats, faults = threading.Event(), _Beats(), list[BaseException]()

    def beat() -> None:
        try:
            with connect(database_url) as conn:
                say = Beat(conn, full)
                while not stop.is_set():
                    began = time.monotonic()
                    beats.reports.append(say(datetime.now(UTC)))
                    beats.at.append(began)
                    stop.wait(max(0.0, PERIOD_S - (time.monotonic() - began)))
        except BaseException as fault:
            faults.append(fault)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield beats
    finally:
        stop.set()
        thread.join(30)
    if faults:
        raise faults[0]


def _spent_s(pid: int) -> float:
    """Processor seconds of a process, all threads of it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def _share(pid: int) -> float:
    """Of a core, over SPAN_S."""
    before, began = _spent_s(pid), time.monotonic()
    time.sleep(SPAN_S)
    return (_spent_s(pid) - before) / (time.monotonic() - began)


class _Viewers:
    """So many open cockpits, as a browser opens them; what the first of them hears can be recorded."""

    def __init__(self, port: int, n: int, path: str = "/api/stream") -> None:
        self._port, self._n, self._path = port, n, path
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._frames: list[int] = []
        self._open: list[Future[None]] = []  # a task that nobody else holds may be collected while it waits
        self._events: dict[str, list[str]] = {channel: [] for channel in CHANNELS}
        self._is_recording = False

    def __enter__(self) -> _Viewers:
        self._thread.start()
        for k in range(self._n):
            self._frames.append(0)
            self._open.append(asyncio.run_coroutine_threadsafe(self._listen(k), self._loop))
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    def start_recording(self) -> None:
        self._is_recording = True

    def recorded(self) -> dict[str, list[str]]:
        """Channel → its events since `start_recording`."""
        self._is_recording = False
        return self._events

    def settle(self) -> None:
        """Returns when every stream has brought a frame and the first, larger ones are over. Raises TimeoutError."""
        deadline = time.monotonic() + FIRST_FRAMES_S
        while deaf := self._frames.count(0):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{deaf} of {len(self._frames)} streams brought no frame within {FIRST_FRAMES_S:.0f} s")
            time.sleep(0.2)
        time.sleep(SETTLE_S)

    async def _listen(self, k: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**24)
        try:
            query = "&".join(f"channel={channel}" for channel in CHANNELS)
            head = f"GET {self._path}?{query} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
            head += "".join(f"{name}: {said}\r\n" for name, said in VISITOR.items())
            writer.write(f"{head}Accept: text/event-stream\r\nAccept-Encoding: gzip, deflate, br\r\n\r\n".encode())
            await writer.drain()
            while line := await reader.readline():
                if line.startswith(b"data: "):
                    self._frames[k] += 1
                    if k == 0 and self._is_recording:
                        self._events[json.loads(line[6:])["channel"]].append(line.decode() + "\n")
        finally:
            writer.close()


def _get(url: str) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, headers=VISITOR), timeout=60) as answer:
        return bytes(answer.read())


def _callbacks(url: str, full: FullCity) -> list[Asked]:
    """Every callback that the server answers, with inputs as a page sends them. Raises KeyError for an unknown input."""
    number = next(d["streams"][0]["id"] for d in json.loads(_get(f"{url}/api/map"))["devices"] if d["streams"])
    acknowledgement = {"action": Action.ACKNOWLEDGE_WARNING.value, "request": {"warning": full.warnings[-1]}}
    trial = {"action": Action.REPLAY_LETTERS.value, "request": {"code": "broken_json", "device": full.devices[0]}, "trial": True}
    inputs: dict[str, list[Any]] = {
        "where.pathname": [screen.path for screen in SCREENS], "where.search": ["?lang=zh"], "page.data": [{"lang": "zh"}],
        "charted.data": [{"datastream": number, "scale": 1}], "asked.data": [{"incident": full.incidents[0]}],
        "act.data": [acknowledgement], "deed.data": [trial],
    }  # fmt: skip
    found = []
    for callback in json.loads(_get(f"{url}/_dash-dependencies")):
        if callback["clientside_function"]:
            continue
        said = [inputs[f"{i['id']}.{i['property']}"] for i in callback["inputs"]]
        state = [{**s, "value": inputs[f"{s['id']}.{s['property']}"][0]} for s in callback["state"]]
        for variant in range(max(map(len, said))):
            values = [{**i, "value": v[variant % len(v)]} for i, v in zip(callback["inputs"], said, strict=True)]
            first = values[0]
            body = {
                "output": callback["output"], "outputs": _outputs(callback["output"]), "inputs": values, "state": state,
                "changedPropIds": [f"{first['id']}.{first['property']}"],
            }  # fmt: skip
            what = f" {first['value']}" if len(said[0]) > 1 else ""
            found.append(Asked(f"callback {callback['output']}{what}", "/_dash-update-component", body))
    return found


def _outputs(output: str) -> Any:
    """The outputs of a callback as its request names them."""
    names = output.strip(".").split("...")
    rows = [dict(zip(("id", "property"), name.rsplit(".", 1), strict=True)) for name in names]
    return rows if output.startswith("..") else rows[0]


def _addresses(url: str, city: City, full: FullCity) -> list[Asked]:
    """Every address of the open interface, by its template, with real names in it; acts come last, since they change things."""
    west, south, east, north = city.bounds
    code, device, hour = city.districts[0].code, full.devices[0], datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    stream = json.loads(_get(f"{url}/api/map"))["devices"][0]["streams"][0]["id"]
    letter = json.loads(_get(f"{url}/api/letters"))
    letter_id = (letter["letters"] if isinstance(letter, dict) else letter)[0]["id"]
    past = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
    middle = f"lon={(west + east) / 2}&lat={(south + north) / 2}"
    part = [[west + (east - west) * x, south + (north - south) * y] for x, y in ((0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6))]
    read = {
        "/api/health": "", "/api/map": "", "/api/system": "", "/api/data": "", "/api/overview": "", "/api/halls": "",
        "/api/warnings": "", "/api/timeline": "", "/api/log": "", "/api/letters": "", "/api/outlines": "", "/api/style.json": "",
        "/api/map/places": "", "/api/map/roads": "",
        "/api/forecasts": "", "/api/forecasts/series": "?q=pm25", "/api/forecasts/one": f"?series={stream}",
        "/api/forecasts/anomalies": "", "/api/hall": f"?hall={full.halls[0]}", "/api/hall/ahead": f"?hall={full.halls[0]}",
        "/api/chart/{datastream_id}": f"{stream}",
        "/api/data/sources": f"?hour={quote((hour - timedelta(hours=2)).isoformat())}",
        "/api/data/source": f"?id={quote(device)}", "/api/letters/{letter_id}": f"{letter_id}",
        "/api/map/heat/{kind}": "requests", "/api/map/requests": f"?bounds={west},{south},{east},{north}",
        "/api/map/track/{unit_id}": full.units[0][0], "/api/map/district/{district}": f"{code}?property=intensity",
        "/api/streets/{district}": code, "/api/surroundings": f"?{middle}",
        "/api/alarms": "?days=1", "/api/cap/feed.atom": "", "/api/cap/received": "", "/api/closures": "", "/api/notices": "",
        "/api/incidents/duplicates": f"?{middle}&hazard=fire", "/api/isochrones": f"?incident={full.incidents[0]}&minutes=4,8",
        "/api/incidents/{incident_id}/impact": f"{full.incidents[0]}/impact", "/api/proposals": "", "/api/publications": "",
        "/api/resource_requests": "", "/api/resources": "?kind=shelter", "/api/resources/types": "", "/api/risk": "",
        "/api/routes": f"?unit={full.units[0][0]}&incident={full.incidents[0]}", "/api/rules": "",
        "/api/scoreboard": "", "/api/segments": "?days=1", "/api/situations": "",
        "/api/warnings/{warning_id}/cap": f"{full.warnings[0]}/cap",
        "/api/rules/terms": "", "/api/rules/backtests": f"?rule={RULE}", "/api/rules/backtests/{backtest_id}": BACKTEST,
        "/api/rules/{rule_id}": RULE, "/api/rules/{rule_id}/versions": f"{RULE}/versions",
        "/api/rules/{rule_id}/diff": f"{RULE}/diff?a=1&b=2", "/api/requests/{request_id}.xml": f"{REQUEST}.xml",
        "/api/cap/{identifier}.xml": f"{IDENTIFIER}.xml", "/api/incidents/evidence": f"?kind=request&source={REPORT}",
        "/api/hall/clerks": f"?hall={full.halls[0]}", "/api/hall/roster": f"?hall={full.halls[0]}",
        "/api/hall/roster.xlsx": f"?id={ROSTER}", "/api/hall/roster.ics": f"?id={ROSTER}",
        "/api/hall/ratings": f"?hall={full.halls[0]}", "/api/hall/windows": f"?hall={full.halls[0]}",
        "/api/halls/city": "", "/api/resources/left": "",
        "/api/incidents/{incident_id}": full.incidents[0], "/api/warnings/{warning_id}": full.warnings[0],
    }  # fmt: skip
    asked = [Asked(name, name.partition("{")[0] + more) for name, more in read.items()]
    asked.append(Asked("/api/overview?at=", f"/api/overview?at={quote(past)}"))
    asked.append(Asked("/api/map/area", "/api/map/area", {"ring": part}))
    asked.append(Asked("/api/impact", "/api/impact", {"shape": {"type": "Polygon", "coordinates": [[*part, part[0]]]}}))
    asked.append(Asked("/api/rules/check", "/api/rules/check", wanted_rule()))
    asked.append(Asked("/api/hall/what_if", "/api/hall/what_if", {"hall": full.halls[0], "arrivals": 1.2}))
    for what in ("replay", "trial"):
        asked.append(Asked(f"/api/letters/{{letter_id}}/{what}", f"/api/letters/{letter_id}/{what}", {}))
        asked.append(Asked(f"/api/letters/{what}", f"/api/letters/{what}", {"code": "broken_json", "device": device}))
    acts: Mapping[str, Callable[[int], tuple[str, Json | str]]] = {
        "/api/orders": lambda n: ("/api/orders", {"incident": full.incidents[1], "unit": full.units[n][0]}),
        "/api/orders/{order_id}/cancellation": lambda n: (f"/api/orders/{_order(url, n)}/cancellation", {"reason": "bench"}),
        "/api/warnings/{warning_id}/acknowledgement": lambda n: (f"/api/warnings/{full.warnings[n]}/acknowledgement", {}),
        "/api/incidents/{incident_id}/closing": lambda n: (
            f"/api/incidents/{full.incidents[2 + n]}/closing", {"ending": "closed", "reason": "bench"}
        ),
        "/api/cap": lambda n: ("/api/cap", message(datetime.now(UTC))),
        "/api/data/source/retirement": lambda n: ("/api/data/source/retirement", {"device": full.devices[1 + n]}),
        "/api/data/source/restoration": lambda n: ("/api/data/source/restoration", {"device": full.devices[1 + n]}),
        "/api/rules/backtest": lambda n: ("/api/rules/backtest", {**wanted_rule(), "days": 1}),  # last: it goes on for a while
    }  # fmt: skip
    return [*asked, *(Asked(name, name, say=say) for name, say in acts.items())]


def _order(url: str, n: int) -> str:
    """The nth open order."""
    orders = json.loads(_get(f"{url}/api/map"))["orders"]
    return str(orders[n % len(orders)]["id"]) if orders else "none"


def _timed(port: int, asked: Asked) -> Json:
    """Milliseconds until the whole answer is there, of the first time and of all. Raises RuntimeError when it is not one."""
    spent: list[float] = []
    said, size = 0, 0
    for n in range(TRIES):
        path, body = asked.say(n) if asked.say else (asked.path, asked.body)
        encoded = None if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        headers = {"accept-encoding": "gzip", "origin": f"http://127.0.0.1:{port}", **VISITOR}
        kind = "application/cap+xml" if isinstance(body, str) else "application/json"
        headers |= {} if encoded is None else {"content-type": kind}
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=GIVEN_UP_S)
        began = time.perf_counter()
        try:
            line.request("GET" if encoded is None else "POST", path, encoded, headers)
            answer = line.getresponse()
            said, size = answer.status, len(answer.read())
        except TimeoutError:  # counts as if the answer had come just then
            said = 504
        spent.append(1000 * (time.perf_counter() - began))
        line.close()
        if said == 504:
            break
        if said not in (200, 202, 204, 409, 422):  # an act may be refused
            raise RuntimeError(f"{asked.name} answered {said}: expected 200")
        if sum(spent) > 1000 * LONGEST_S and n + 1 >= LEAST_TRIES:
            break
    return {"n": len(spent), "first_ms": round(spent[0], 1), "p50_ms": _quantile(spent, 0.5), "p95_ms": _quantile(spent, 0.95),
            "kb": round(size / 1000, 1), "status": said}  # fmt: skip


def _quantile(spent: Sequence[float], share: float) -> float:
    return round(sorted(spent)[min(len(spent) - 1, int(share * len(spent)))], 1)


def _first_load(url: str) -> Json | None:
    """What a browser with an empty cache gets until the cockpit stands, in megabytes that travel. None without Chromium."""
    chromium = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if chromium is None:
        return None
    kinds: dict[str, int] = {}
    files: dict[str, int] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = open_page(browser, url)
        page.set_default_timeout(240_000)
        finished: list[Any] = []
        page.context.on("requestfinished", lambda request: finished.append(request))
        began = time.monotonic()
        page.goto(f"{url}/")
        page.evaluate("() => window.cityhelm.ready")
        ready_s = time.monotonic() - began
        page.wait_for_timeout(1000 * FIRST_LOAD_S)
        for request in list(finished):
            sizes = request.sizes()
            size = sizes["responseBodySize"] + sizes["responseHeadersSize"]
            path = request.url.removeprefix(url).partition("?")[0]
            kind = "tiles" if path.startswith("/tiles/") else "data" if path.startswith("/api/") else request.resource_type
            kinds[kind] = kinds.get(kind, 0) + size
            files[path] = files.get(path, 0) + size
        browser.close()
    largest = sorted(files, key=lambda path: -files[path])[:8]
    return {
        "mb": round(sum(kinds.values()) / 1e6, 3),
        "kb_by_kind": {kind: round(n / 1000, 1) for kind, n in sorted(kinds.items())},
        "largest_kb": {path: round(files[path] / 1000, 1) for path in largest}, "requests": len(finished),
        "ready_s": round(ready_s, 1),
    }  # fmt: skip


def _bare(place: Path, events: Mapping[str, Sequence[str]], body: bytes) -> tuple[float, float]:
    """Share of a core and p95 in ms of a server that does nothing else."""
    recorded = place / "recorded"
    recorded.mkdir(exist_ok=True)
    (recorded / "body").write_bytes(body)
    for channel, said in events.items():
        (recorded / f"{channel}.json").write_text(json.dumps({"period_s": SPAN_S / max(1, len(said)), "events": list(said)}))
    port = free_port()
    argv = [sys.executable, "-m", "benchmarks._bare_server", str(port), str(recorded)]
    process = subprocess.Popen(deathbound.command(argv, at_parents_death=signal.SIGTERM), cwd=Path(__file__).parents[1])
    try:
        _wait_for(process, f"http://127.0.0.1:{port}/body")
        with _Viewers(port, VIEWERS, "/stream") as viewers:
            viewers.settle()
            share = _share(process.pid)
            return share, float(_timed(port, Asked("bare", "/body"))["p95_ms"])
    finally:
        _end(process)
