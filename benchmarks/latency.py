"""Latency: from a reading being published over MQTT to its being drawn in a browser.

The real ingester and dashboard run on a private database and broker. One watched sensor publishes a counter at uneven
intervals beside others that make a background load. Three moments of each reading are noted: published, in a frame of the
stream, changed in the page (Chromium, where there is one). The ceiling is the same message's way through the broker alone.
"""

from __future__ import annotations

import json
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks._visitor import VISITOR, open_page, sign_in
from iot.mqtt import BrokerAddress, Publisher, connect, new_client, parse_address
from runtime.backing import backing, settings_on
from runtime.quarters import free_port
from runtime.settings import Settings, load_settings
from runtime.supervisor import answers
from storage.connection import connect as connect_database
from storage.migrate import migrate

SECONDS = 45.0
BACKGROUND_SENSORS = 200
PROMISE_S = 2.0
_SITE = "city/v1/990101/crowd/bench"


def measure() -> dict[str, Any]:
    """Runs for about a minute; returns the figures in milliseconds."""
    with tempfile.TemporaryDirectory(prefix="cityhelm-bench-", dir="/var/tmp") as home, ExitStack() as stack:
        Path(home).chmod(0o755)  # the private services may run as another user
        environ = {"CITYHELM_HOME": home, "CITYHELM_PORT": str(free_port()), "CITYHELM_LOG_LEVEL": "warning"}
        settings = load_settings(environ)
        standing = stack.enter_context(backing(settings, announce=lambda sentence: print(sentence, file=sys.stderr)))
        settings = settings_on(settings, standing)
        with connect_database(standing.database_url) as conn:
            migrate(conn)
        sign_in(standing.database_url)
        for name in ("ingest", "dashboard"):
            stack.enter_context(_process(name, settings))
        url = f"http://127.0.0.1:{settings.port}"
        _wait(answers(f"{url}/api/health"), 60)
        broker = parse_address(standing.mqtt_url, standing.mqtt_protocol)
        return _figures(_run(broker, url), standing.broker_kind)


def _run(broker: BrokerAddress, url: str) -> dict[str, dict[int, float]]:
    """Counter → when it was published, through the broker, in a frame, drawn (seconds since 1970)."""
    seen: dict[str, dict[int, float]] = {"published": {}, "broker": {}, "frame": {}, "drawn": {}}
    publisher = Publisher(broker, "bench-publisher").open()
    stop = threading.Event()
    listener = new_client(broker, "bench-listener")
    listener.on_message = lambda client, userdata, message: seen["broker"].setdefault(_counter(message.payload), time.time())
    listener.on_connect = lambda client, *_: client.subscribe(f"{_SITE}/watched/telemetry", qos=1)
    connect(listener, broker, keeps_session=False)
    listener.loop_start()
    try:
        _publish(publisher, "watched", 0, seen["published"])
        _wait(lambda: _watched_stream(url) is not None, 20)
        stream_id = _watched_stream(url)
        threads = [
            threading.Thread(target=_background, args=(publisher, stop), daemon=True),
            threading.Thread(target=_follow_frames, args=(url, stream_id, seen["frame"], stop), daemon=True),
        ]
        for thread in threads:
            thread.start()
        with _page(url) as read_drawn:
            dice = random.Random(1)
            until = time.monotonic() + SECONDS
            counter = 0
            while time.monotonic() < until:
                counter += 1
                _publish(publisher, "watched", counter, seen["published"])
                time.sleep(dice.uniform(0.7, 1.7))
            time.sleep(3)
            seen["drawn"].update(read_drawn())
    finally:
        stop.set()
        publisher.close()
        listener.disconnect()
        listener.loop_stop()
    return seen


def _publish(publisher: Publisher, device: str, counter: int, published: dict[int, float] | None = None) -> None:
    now = time.time()
    payload = {
        "id": f"{device}-{counter}",
        "ts": datetime.fromtimestamp(now, UTC).isoformat(),
        "values": {"peopleCount": counter},
    }
    publisher.publish(f"{_SITE}/{device}/telemetry", json.dumps(payload).encode())
    if published is not None:
        published[counter] = now


def _background(publisher: Publisher, stop: threading.Event) -> None:
    counter = 0
    while not stop.is_set():
        counter += 1
        for number in range(BACKGROUND_SENSORS):
            _publish(publisher, f"background-{number}", counter)
            if stop.wait(1.0 / BACKGROUND_SENSORS):
                return


def _counter(payload: bytes) -> int:
    return int(json.loads(payload)["values"]["peopleCount"])


def _watched_stream(url: str) -> int | None:
    with urllib.request.urlopen(urllib.request.Request(f"{url}/api/map", headers=VISITOR), timeout=10) as answer:
        devices = json.loads(answer.read())["devices"]
    return next((d["streams"][0]["id"] for d in devices if d["id"].endswith("/watched") and d["streams"]), None)


def _follow_frames(url: str, stream_id: int | None, arrived: dict[int, float], stop: threading.Event) -> None:
    with urllib.request.urlopen(urllib.request.Request(f"{url}/api/stream?channel=map", headers=VISITOR), timeout=30) as events:
        for line in events:
            if stop.is_set():
                return
            if line.startswith(b"data: "):
                now = time.time()
                for value in json.loads(line[6:]).get("values", ()):
                    if value[0] == stream_id:
                        arrived.setdefault(int(value[1]), now)


_WATCH = """(id) => {
  window.drawn = {};
  cityhelm.clicks.choose({ kind: "sensor", id });
  const look = () => {
    for (const element of document.querySelectorAll("[data-chart]")) {
      const numbers = element.textContent.replaceAll(",", "").match(/\\d+/g) ?? [];
      for (const number of numbers) window.drawn[number] ??= Date.now() / 1000;
    }
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  look();
}"""


@contextmanager
def _page(url: str) -> Iterator[Any]:
    """A page that watches the sensor; yields a function that reads when each counter was drawn. Nothing without Chromium."""
    chromium = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if chromium is None:
        yield dict
        return
    arguments = [
        "--headless=new", "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
        "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ]  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = open_page(browser, url)
        page.goto(f"{url}/map")
        page.evaluate("() => window.cityhelm.ready")
        page.wait_for_function("() => window.cityhelm.city.isLoaded")
        page.evaluate(_WATCH, "990101/crowd/bench/watched")
        yield lambda: {int(counter): drawn_at for counter, drawn_at in page.evaluate("() => window.drawn").items()}
        browser.close()


@contextmanager
def _process(name: str, settings: Settings) -> Iterator[None]:
    environ = {**os.environ, **settings.as_environ()}
    process = subprocess.Popen([sys.executable, "-m", "runtime.cli", name], env=environ, cwd=Path(__file__).parents[1])
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(condition: Any, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the city did not get ready within {within_s:.0f} s: run `cityhelm doctor`")
        time.sleep(0.2)


def _figures(seen: dict[str, dict[int, float]], broker_kind: str) -> dict[str, Any]:
    def delays(stage: str) -> dict[str, float | int | None]:
        ms = sorted(1000 * (at - seen["published"][k]) for k, at in seen[stage].items() if k in seen["published"] and k > 2)
        if not ms:
            return {"n": 0, "p50_ms": None, "p95_ms": None, "max_ms": None}
        return {
            "n": len(ms),
            "p50_ms": round(ms[len(ms) // 2], 1),
            "p95_ms": round(ms[min(len(ms) - 1, int(0.95 * len(ms)))], 1),
            "max_ms": round(ms[-1], 1),
        }

    stages = {stage: delays(stage) for stage in ("broker", "frame", "drawn")}
    judged = stages["drawn"] if stages["drawn"]["n"] else stages["frame"]
    return {
        "name": "latency",
        "published": len(seen["published"]),
        "background_readings_per_s": BACKGROUND_SENSORS,
        "through_the_broker_alone": stages["broker"],
        "published_to_frame": stages["frame"],
        "published_to_drawn": stages["drawn"],
        "promise_p95_ms": PROMISE_S * 1000,
        "is_kept": judged["p95_ms"] is not None and judged["p95_ms"] <= PROMISE_S * 1000,
        "ratio_to_ceiling": round(judged["p95_ms"] / stages["broker"]["p95_ms"], 1)
        if stages["broker"]["p95_ms"] and judged["p95_ms"]
        else None,
        "broker": broker_kind,
        "processor": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
    }
