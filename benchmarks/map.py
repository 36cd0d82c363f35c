"""Map: milliseconds for one update of 500 moving units over the heat of 100,000 points, drawn in software by a headless Chromium.

The real page of the real dashboard on an empty private database, with a city of its own (CITYHELM_CITY, or one grown for the
run). Units and points are made up in the page from a fixed seed; the points go the way of the binary endpoint (Float32, 12 bytes
each). Each update moves every unit and draws the picture. Two ceilings, measured in the same run: the same loop with a picture
that holds no unit and no heat (`ceiling`), and a page with nothing but one canvas of the map's size that is cleared to another
colour (`canvas`), which is the browser alone. Without a graphics card a browser puts its pages together by the processor and has
it play the card for WebGL only; so does this one.

A loop draws as often as it can; a page draws once when a frame has come, and has time in between. The time from one such update
to the next picture is taken too (`ms_alone`).
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks._visitor import open_page, sign_in
from benchmarks.footprint import cpu_s
from gis_data.city import ensure_demo_city
from runtime.backing import backing, settings_on
from runtime.quarters import free_port
from runtime.settings import Settings, load_settings
from runtime.supervisor import answers
from storage.connection import connect
from storage.migrate import migrate

UNITS, POINTS, UPDATES, FLOOR = 500, 100_000, 120, 60
PROMISE_MS = 100.0
READY_S = 300.0
FLAGS = (
    "--headless=new", "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
BY_PROCESSOR = ("--disable-gpu-compositing", "--disable-gpu-rasterization")
WIDTH, HEIGHT = 1920, 1080
ALONE = 20


def measure() -> dict[str, Any]:
    """Runs for about two minutes; returns milliseconds per update, of script and of the whole picture."""
    chromium = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    if chromium is None:
        raise FileNotFoundError("no Chromium on this machine: install it (Debian and Ubuntu: apt-get install chromium)")
    with tempfile.TemporaryDirectory(prefix="cityhelm-bench-", dir="/var/tmp") as home, ExitStack() as stack:
        Path(home).chmod(0o755)  # the private services may run as another user
        city = os.environ.get("CITYHELM_CITY") or str(Path(home) / "city")
        ensure_demo_city(city)
        settings = load_settings(
            {"CITYHELM_HOME": home, "CITYHELM_PORT": str(free_port()), "CITYHELM_CITY": city, "CITYHELM_LOG_LEVEL": "warning"}
        )
        standing = stack.enter_context(backing(settings, announce=lambda sentence: print(sentence, file=sys.stderr)))
        settings = settings_on(settings, standing)
        with connect(standing.database_url) as conn:
            migrate(conn)
        sign_in(standing.database_url)
        stack.enter_context(_dashboard(settings))
        return _figures(_in_a_page(chromium, f"http://127.0.0.1:{settings.port}"))


_PREPARE = """async ({ nUnits, nPoints }) => {
  await cityhelm.ready;
  const { city, map, layers, heatmap, scene } = cityhelm;
  let seed = 1;
  const dice = () => (seed = (seed * 48271) % 2147483647) / 2147483647;  // Park and Miller, 1988
  const [west, south, east, north] = cityhelm.page.facts.bounds;
  const middle = () => (dice() + dice() + dice() + dice()) / 4;  // more of them in the middle
  const place = () => [west + (east - west) * middle(), south + (north - south) * middle()];
  const frames = (n, deed) => new Promise((resolve) => {
    const [spent, began] = [[], performance.now()];
    const one = (now) => {
      const start = performance.now();
      deed(now);
      spent.push(performance.now() - start);
      if (spent.length < n) requestAnimationFrame(one);
      else requestAnimationFrame(() => {
        resolve({ picture_ms: (performance.now() - began) / n, script_ms: spent.sort((a, b) => a - b) });
      });
    };
    requestAnimationFrame(one);
  });
  const moveAll = () => {
    for (const unit of city.units.values()) {
      unit.lon += 0.0004 * (dice() - 0.5);
      unit.lat += 0.0004 * (dice() - 0.5);
    }
  };
  window.bench = {
    floor: (n) => frames(n, scene.paint),
    fill: async () => {
      for (let k = 0; k < nUnits; k += 1) {
        const [lon, lat] = place();
        city.units.set(`u${k}`, {
          id: `u${k}`, kind: "ambulance", name_zh: `u${k}`, name_en: `u${k}`, capabilities: [], status: "enroute", order: null,
          since: city.t, lon, lat, measured: city.t, speed_kmh: 40, heading_deg: 360 * dice(),
        });
      }
      const points = new Float32Array(3 * nPoints);
      for (let k = 0; k < points.length; k += 3) points.set([...place(), 1], k);
      layers.use("overall");
      const key = `${layers.heat()}/${layers.hours()}`;
      await new Promise((resolve) => setTimeout(resolve, 3000));
      heatmap.take(key, points, cityhelm.page.now());
      heatmap.take = () => {};  // the empty database has none to put in their place
      await new Promise((resolve) => setTimeout(resolve, 4000));
      const began = performance.now();
      for (let k = 0; k < 10; k += 1) cityhelm.heat.field(points, [west, south, east, north], 700);
      return { field_ms: (performance.now() - began) / 10, points: heatmap.shown?.n ?? 0, bytes: points.byteLength };
    },
    move: (n) => frames(n, (now) => {
      moveAll();
      scene.paint(now);
    }),
    alone: async (n) => {
      const took = [];
      for (let k = 0; k < n; k += 1) {
        await new Promise((resolve) => setTimeout(resolve, 1000));
        const { picture_ms } = await bench.move(1);
        took.push(picture_ms);
      }
      return took.sort((a, b) => a - b);
    },
    holdings: () => scene.holdings(),
  };
}"""


_BARE = """([n, width, height]) => new Promise((resolve) => {
  const canvas = document.body.appendChild(document.createElement("canvas"));
  [canvas.width, canvas.height] = [width, height];
  const gl = canvas.getContext("webgl2", { antialias: false });
  let k = 0;
  const began = performance.now();
  const one = () => {
    gl.clearColor(k % 2, 0.5, 0.5, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    k += 1;
    if (k < n) requestAnimationFrame(one);
    else requestAnimationFrame(() => resolve({ picture_ms: (performance.now() - began) / n }));
  };
  requestAnimationFrame(one);
})"""


def _in_a_page(chromium: str, url: str) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=[*FLAGS, *BY_PROCESSOR], ignore_default_args=["--enable-gpu-rasterization"]
        )
        page = open_page(browser, url)
        page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        page.set_default_timeout(READY_S * 1000)
        page.goto(f"{url}/map")
        page.evaluate(_PREPARE, {"nUnits": UNITS, "nPoints": POINTS})
        with _spent() as floor_cpu:
            floor = page.evaluate(f"() => bench.floor({FLOOR})")
        heat = page.evaluate("() => bench.fill()")
        page.evaluate("() => bench.move(10)")  # programs of the graphics layer are compiled with the first picture
        before = page.evaluate("() => bench.holdings()")
        with _spent() as moved_cpu:
            moved = page.evaluate(f"() => bench.move({UPDATES})")
        after = page.evaluate("() => bench.holdings()")
        alone = page.evaluate(f"() => bench.alone({ALONE})")
        size = page.evaluate("() => [cityhelm.map.view.getCanvas().width, cityhelm.map.view.getCanvas().height]")
        page.close()
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        with _spent() as bare_cpu:
            bare = page.evaluate(_BARE, [FLOOR, *size])
        browser.close()
    bare["cpu_ms"] = 1000 * bare_cpu[0] / FLOOR
    floor["cpu_ms"], moved["cpu_ms"] = 1000 * floor_cpu[0] / FLOOR, 1000 * moved_cpu[0] / UPDATES
    return {"bare": bare, "floor": floor, "heat": heat, "moved": moved, "alone": alone, "holdings": (before, after)}


@contextmanager
def _spent() -> Iterator[list[float]]:
    """Processor seconds of the browser, all its processes, within the block."""
    spent = [_browser_s()]
    yield spent
    spent[0] = _browser_s() - spent[0]


def _browser_s() -> float:
    return sum(s for name, s in cpu_s(os.getpid()).items() if "chrom" in name)


def _figures(seen: dict[str, Any]) -> dict[str, Any]:
    moved, floor, heat, alone = seen["moved"], seen["floor"], seen["heat"], seen["alone"]
    script = moved["script_ms"]
    return {
        "name": "map",
        "units": UNITS,
        "heat_points": round(heat["points"]),
        "heat_bytes": heat["bytes"],
        "updates": len(script),
        "ms_per_update": round(moved["picture_ms"], 1),
        "script_p50_ms": round(script[len(script) // 2], 1),
        "script_p95_ms": round(script[int(0.95 * len(script))], 1),
        "cpu_ms_per_update": round(moved["cpu_ms"], 1),
        "ms_alone_p50": round(alone[len(alone) // 2], 1),
        "ms_alone_p95": round(alone[int(0.95 * len(alone))], 1),
        "ceiling_ms": round(floor["picture_ms"], 1),
        "ceiling_cpu_ms": round(floor["cpu_ms"], 1),
        "canvas_ms": round(seen["bare"]["picture_ms"], 1),
        "canvas_cpu_ms": round(seen["bare"]["cpu_ms"], 1),
        "ratio_to_ceiling": round(moved["picture_ms"] / floor["picture_ms"], 2),
        "heat_field_ms": round(heat["field_ms"], 1),
        "is_bounded": seen["holdings"][0] == seen["holdings"][1],
        "promise_ms": PROMISE_MS,
        "is_kept": moved["picture_ms"] <= PROMISE_MS and heat["points"] == POINTS,
        "load_average": round(os.getloadavg()[0], 1),
        "processor": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
    }


@contextmanager
def _dashboard(settings: Settings) -> Iterator[None]:
    environ = {**os.environ, **settings.as_environ()}
    argv = [sys.executable, "-m", "runtime.cli", "dashboard"]
    process = subprocess.Popen(argv, env=environ, cwd=Path(__file__).parents[1])
    try:
        deadline = time.monotonic() + 120
        is_there = answers(f"http://127.0.0.1:{settings.port}/api/health")
        while not is_there():
            if time.monotonic() > deadline or process.poll() is not None:
                raise TimeoutError("the dashboard did not get ready within 120 s: run `cityhelm doctor`")
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
