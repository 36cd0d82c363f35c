"""The dashboard process: a sentence for what keeps it from starting, a heartbeat, and a quick end."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dashboard import service
from dashboard.door import DoorPolicy
from dashboard.service import CannotListen
from runtime.quarters import free_port
from storage import heartbeats
from storage.connection import Connection
from storage.migrate import SchemaMismatch
from tests.support.scenes import COMMANDER
from tests.support.source import ROOT
from tests.support.visitors import session_cookie


def run(database_url: str, port: int, stop: Event, *, host: str = "127.0.0.1", door: DoorPolicy = DoorPolicy()) -> None:  # noqa: B008 - a constant
    """In a thread of its own: a browser test of the same worker keeps an event loop in the main one."""
    with ThreadPoolExecutor(1) as beside:
        beside.submit(
            service.run, database_url, city_dir=Path("nowhere"), host=host, port=port, zone=ZoneInfo("Asia/Shanghai"),
            order_expiry_s=120, unit_speed_kmh=40, road_detour=1.3, hall_target_s=900, door=door, stop=stop,
        ).result()  # fmt: skip


def test_a_busy_port_is_one_sentence_with_the_cure(database_url: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CannotListen) as caught:
            run(database_url, port, Event())
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert "CITYHELM_PORT" in str(caught.value)


def test_a_demonstration_identity_is_refused_on_anything_but_loopback(database_url: str) -> None:
    with pytest.raises(CannotListen, match="CITYHELM_HOST"):
        run(database_url, free_port(), Event(), host="0.0.0.0", door=DoorPolicy(demonstration=(COMMANDER,)))


def test_a_schema_that_does_not_fit_ends_the_process_with_its_sentence(empty_database_url: str) -> None:
    with pytest.raises(SchemaMismatch, match="cityhelm migrate"):
        run(empty_database_url, free_port(), Event())


def test_it_serves_beats_and_stops_at_once_though_someone_is_watching(database_url: str, conn: Connection) -> None:
    port, stop = free_port(), Event()
    thread = Thread(target=run, args=(database_url, port, stop))
    thread.start()
    try:
        cookie = f"{DoorPolicy().cookie}={session_cookie(database_url, COMMANDER)}"
        stream = _opened(f"http://127.0.0.1:{port}/api/stream", cookie)
        assert stream.readline() == b"retry: 2000\n"
        beats = _until(lambda: [beat for beat in heartbeats.list_heartbeats(conn) if beat.metrics.get("viewers")])
        assert beats[0].process == "dashboard"
        assert set(beats[0].metrics) == {"viewers", "frames_per_s", "frame_bytes", "frame_age_ms"}
    finally:
        stop.set()
        began = time.monotonic()
        thread.join(20)
    assert time.monotonic() - began < 4
    stream.close()


def _opened(url: str, cookie: str) -> Any:
    def attempt() -> Any:
        try:
            return urllib.request.urlopen(urllib.request.Request(url, headers={"Cookie": cookie}), timeout=10)
        except urllib.error.URLError:
            return None

    return _until(attempt)


def _until(condition: Any) -> Any:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError("not within 20 s")


def test_the_process_carries_no_fitting_of_models() -> None:
    """It shows the names of models alone: the library that fits them costs a second of start and 60 MB for as long as it runs."""
    asked = "import sys, dashboard.service; print([name for name in ('statsmodels', 'patsy') if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.strip() == "[]"
