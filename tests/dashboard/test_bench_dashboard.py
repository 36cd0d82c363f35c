"""The benchmark of the dashboard asks everything that a viewer can ask, and says what it measured in words that can be compared."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import _bare_server, dashboard
from benchmarks._full_city import DEVICES, IDENTIFIER, REPORT, RULE, FullCity, decide, message
from dashboard.app import create_app
from dashboard.screens import SCREENS
from domain.warnings import WarningLevel
from storage.warnings import open_warning
from tests.dashboard.conftest import ask, call, post
from tests.support import loops
from tests.support.scenes import NOW, STATION, a_device, a_request, a_rule, an_incident, stored

FULL = FullCity(
    ("d/a/b/c",), (("d/a/b/c", "pm25"),), (("u-0", "d/e/s/u-0"),), ("hall",), ("i-0", "i-1"), ("w-0",), (0.0, 0.0, 1.0, 1.0)
)


def _paths(app: Any) -> set[str]:
    """What a viewer of the city asks for: not the way in, nor what is asked about people."""
    others = ("/api/stream", "/api/session", "/api/acts", "/api/approvals", "/api/people", "/api/audit")
    paths = {str(getattr(route, "path", "")) for route in app.routes}
    return {path for path in paths if path.startswith("/api/") and not path.startswith(others)}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, house: Any) -> Any:
    """What the benchmark reads before it asks, without a server."""
    app = create_app(house())
    said: dict[str, Any] = {
        "/api/map": {"devices": [{"streams": [{"id": 1}]}], "orders": []}, "/api/letters": [{"id": 1}],
        "/_dash-dependencies": ask(app, "/_dash-dependencies").json,
    }  # fmt: skip
    monkeypatch.setattr(dashboard, "_get", lambda url: json.dumps(said[url]).encode())
    return app


def test_every_address_of_the_open_interface_is_asked(answers: Any) -> None:
    city: Any = SimpleNamespace(bounds=FULL.bounds, districts=[SimpleNamespace(code="990101")])
    asked = {question.name for question in dashboard._addresses("", city, FULL)}
    assert sorted(_paths(answers) - asked) == []
    assert asked <= _paths(answers) | {"/api/overview?at="}


def test_what_people_have_done_in_the_full_city_can_be_asked_for(
    monkeypatch: pytest.MonkeyPatch, house: Any, database_url: str, conn: Any, small_city: Any
) -> None:
    stored(conn, an_incident("i-0"), a_request(REPORT), a_device())
    warning = open_warning(
        conn, a_rule(), WarningLevel.YELLOW, identifier=IDENTIFIER, object_id=STATION, device_id=STATION, now=NOW, evidence={}
    )
    decide(conn, small_city, "i-0", warning, NOW)
    app = create_app(house(database_url, city=small_city))
    said = {"/api/map": {"devices": [{"streams": [{"id": 1}]}], "orders": []}, "/api/letters": [{"id": 1}]}
    monkeypatch.setattr(dashboard, "_get", lambda url: json.dumps(said[url]).encode())
    parts = ("/api/rules", "/api/requests/", "/api/cap/{", "/api/incidents/evidence", "/api/halls/city", "/api/resources/left")
    asked = [q for q in dashboard._addresses("", small_city, FULL) if q.name.startswith(parts) and q.say is None]
    replies = {q.name: (post(app, q.path, q.body) if q.body is not None else ask(app, q.path)).status for q in asked}
    assert {name: status for name, status in replies.items() if status != 200} == {}
    assert len(replies) == 13
    assert ask(app, f"/api/rules/{RULE}/diff?a=1&b=2").json["changes"] != []
    told = message(NOW).encode()
    headers = {"content-type": "application/cap+xml", "content-length": str(len(told))}
    assert loops.run(call(app, "POST", "/api/cap", headers=headers, body=told)).status == 200


def test_every_callback_that_the_server_answers_is_asked_for_every_screen(answers: Any) -> None:
    asked = dashboard._callbacks("", FULL)
    assert {f"callback screen.children {screen.path}" for screen in SCREENS} <= {question.name for question in asked}
    on_server = [c for c in ask(answers, "/_dash-dependencies").json if not c["clientside_function"]]
    assert {c["output"] for c in on_server} == {question.body["output"] for question in asked if question.body}


def test_a_full_city_has_ten_thousand_devices_and_twice_as_many_datastreams() -> None:
    assert sum(DEVICES.values()) == 10_000
    assert sum(n * len(kind.properties) for kind, n in DEVICES.items()) > 20_000


def test_the_bare_server_returns_the_recorded_body(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b'{"a": 1}')
    (tmp_path / "map.json").write_text('{"period_s": 1, "events": []}')
    assert ask(_bare_server.create_app(tmp_path), "/body").json == {"a": 1}


def test_the_quantile_of_few_tries_is_the_longest() -> None:
    assert dashboard._quantile([1.0, 9.0, 2.0], 0.95) == 9.0
