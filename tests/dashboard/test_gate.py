"""The gate: every route, callback and act has a declared right, and every role gets through to what is theirs and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.routing import BaseRoute, Mount

from dashboard.acts import ACTS
from dashboard.app import create_app
from dashboard.callbacks import RIGHTS
from dashboard.gate import CHANNELS, ROUTES, refused
from dashboard.hub import events
from dashboard.screens import SCREENS
from dashboard.visitor import Visitor
from domain.rights import PEOPLE, Action, Actor, Role, Scope, may
from storage.connection import Connection
from tests.dashboard.conftest import House, ask, post
from tests.support import loops
from tests.support.scenes import NOW, a_hall_event, a_unit, an_incident, stored

PAGES = {screen.path: screen.right for screen in SCREENS}
AWAITED = {
    Action.DELETE_DATA,
}  # fmt: skip
"""Acts that the policy already speaks of, and that nobody can do yet."""


def routes(app: Any) -> list[tuple[str, str]]:
    """(method, template) of everything that the server answers."""

    def methods(route: BaseRoute) -> set[str]:
        return {"GET"} if isinstance(route, Mount) else set(getattr(route, "methods", None) or ())

    return [(method, route.path) for route in app.routes for method in methods(route) - {"HEAD"}]


def test_every_route_has_a_declared_right_and_every_right_a_route(house: House) -> None:
    found = {f"{method} {path}" for method, path in routes(create_app(house()))}
    declared = set(ROUTES) | {f"GET {path}" for path in PAGES}
    assert found - declared == set(), "declare the right in dashboard/gate.py"
    assert declared - found == set()


def test_every_channel_of_the_stream_has_a_declared_right(house: House) -> None:
    assert set(house().hub.channels) == set(CHANNELS)


def test_every_callback_that_the_server_answers_has_a_declared_right(house: House) -> None:
    app = create_app(house())
    on_server = {c["output"] for c in ask(app, "/_dash-dependencies").json if not c["clientside_function"]}
    assert on_server == set(RIGHTS)


def test_every_act_has_a_right_and_every_right_to_act_an_act() -> None:
    rights = {action for action in Action if not action.is_reading and not action.is_own}
    assert set(ACTS) == rights - AWAITED - {Action.BREAK_GLASS}
    assert all(any(may(role, action) for role in PEOPLE) for action in rights)


def test_what_is_not_declared_is_refused_to_everybody() -> None:
    assert refused(None, Visitor(Actor("li", Role.LEADER))) is not None


READABLE = {route: right for route, right in ROUTES.items() if isinstance(right, Action)} | {
    f"GET {p}": r for p, r in PAGES.items()
}
FILLED = {"{datastream_id}": "1", "{district}": "440106", "{incident_id}": "i-1", "{warning_id}": "w-1", "{kind}": "calls", "{unit_id}": "a-1", "{request_id}": "q1", "{letter_id}": "1", "{identifier}": "x", "{z}": "1", "{x}": "1", "{y}": "1"}  # fmt: skip


@pytest.mark.parametrize("role", [*PEOPLE, None], ids=str)
def test_every_route_as_every_role(house: House, database_url: str, role: Role | None) -> None:
    """Through for whom the right is theirs (whatever the answer then is), 403 for the others, 401 or the way in for nobody."""
    app = create_app(house(database_url, acts_as=Actor("wu", role) if role else None))
    wrong = []
    for route, right in READABLE.items():
        method, path = route.split(" ")
        for template, name in FILLED.items():
            path = path.replace(template, name)
        reply = ask(app, path) if method == "GET" else post(app, path, {})
        is_page = path in PAGES
        expected = {303 if is_page else 401} if role is None else {403} if not may(role, right) else {200, 204, 400, 404}
        if reply.status not in expected:
            wrong.append((route, reply.status, expected))
    assert wrong == []


@pytest.mark.parametrize("role", PEOPLE, ids=str)
def test_every_act_as_every_role(house: House, database_url: str, role: Role) -> None:
    """Who has the right is told what is wrong with the request; who has not, that they have not, and the audit keeps it."""
    app = create_app(house(database_url, acts_as=Actor("wu", role)))
    for action, (fields, _) in ACTS.items():
        request = {field.name: "1" for field in fields if field.is_required}
        said = post(app, f"/api/acts/{action.value}", {**request, "because": "test"})
        assert said.status in (200, 202, 409), (action, said.json)
        assert (said.json["code"] == "no_right") is not may(role, action), (action, said.json)


ASKED: dict[str, list[Any]] = {
    "chart-place.children": [{"datastream": 1, "scale": 1}, {"lang": "zh"}],
    "candidates.data": [{"incident": "i-1"}],
    "answer.data": [{"action": "order.issue", "request": {"incident": "i-1", "unit": "a-1"}}],
    "verdict.data": [{"action": "data.replay", "request": {"letter": "1"}, "trial": True}],
    "screen.children": ["/audit", ""],
}
"""What the browser sends to each callback, by its first output, in the order of its inputs and states."""
TELLS = {"answer.data": Action.ISSUE_ORDER, "verdict.data": Action.REPLAY_LETTER, "screen.children": Action.READ_AUDIT}
"""The right that a callback asks for by itself, for what it is sent above."""


@pytest.mark.parametrize("role", [*PEOPLE, None], ids=str)
def test_every_callback_as_every_role(house: House, database_url: str, role: Role | None) -> None:
    """An answer for whom the right is theirs; for the others nothing, or the sentence that says who may; 401 for nobody."""
    app = create_app(house(database_url, acts_as=Actor("wu", role) if role else None))
    wrong = []
    callbacks = [c for c in ask(create_app(house()), "/_dash-dependencies").json if not c["clientside_function"]]
    assert len(callbacks) == len(ASKED)
    for callback in callbacks:
        first = callback["output"].strip(".").split("...")[0]
        reply = post(app, "/_dash-update-component", _asked(callback, ASKED[first]))
        if role is None:
            is_fine = reply.status == 401
        elif first in TELLS:
            is_fine = reply.status == 200 and (_turned_away(reply.body) is not may(role, TELLS[first]))
        else:
            right = RIGHTS[callback["output"]]
            assert right is not None
            is_fine = reply.status == (200 if may(role, right) else 204)
        if not is_fine:
            wrong.append((first, reply.status, reply.body[:300]))
    assert wrong == []


def _turned_away(body: bytes) -> bool:
    return b'"no_right"' in body or b"turned-away" in body


def _asked(callback: dict[str, Any], values: list[Any]) -> dict[str, Any]:
    """A call of a callback as Dash's renderer makes it."""
    outputs = [dict(zip(("id", "property"), o.split("."), strict=True)) for o in callback["output"].strip(".").split("...")]
    inputs, states = ([dict(each) for each in callback[kind]] for kind in ("inputs", "state"))
    for place, value in zip([*inputs, *states], values, strict=True):
        place["value"] = value
    return {
        "output": callback["output"], "outputs": outputs if len(outputs) > 1 else outputs[0], "inputs": inputs, "state": states,
        "changedPropIds": [f"{place['id']}.{place['property']}" for place in inputs],
    }  # fmt: skip


def test_a_stream_is_opened_by_whom_its_channel_is_for(house: House) -> None:
    for role in PEOPLE:
        app = create_app(house(acts_as=Actor("wu", role)))
        for channel, right in CHANNELS.items():
            if not may(role, right):
                assert ask(app, f"/api/stream?channel={channel}").status == 403


MANAGER = Actor("wang", Role.HALL_MANAGER, Scope(halls=frozenset({"hall-1"})))


def test_the_manager_of_one_hall_does_not_know_of_another(house: House, database_url: str, conn: Connection) -> None:
    stored(conn, a_hall_event())
    own = create_app(house(database_url, acts_as=MANAGER))
    other = create_app(house(database_url, acts_as=Actor("wu", Role.HALL_MANAGER, Scope(halls=frozenset({"hall-2"})))))
    assert [hall["id"] for hall in ask(own, "/api/halls").json["halls"]] == ["hall-1"]
    assert ask(own, "/api/hall?hall=hall-1").status == 200
    assert ask(other, "/api/halls").json["halls"] == []
    hidden, unknown = ask(other, "/api/hall?hall=hall-1"), ask(other, "/api/hall?hall=hall-9")
    assert (hidden.status, hidden.body.replace(b"hall-1", b"hall-9")) == (404, unknown.body)


def test_a_stream_of_halls_brings_the_manager_their_own_alone(house: House) -> None:
    channel = house().hub.channels["halls"]

    async def first_frames() -> list[bytes]:
        found = []
        for own in (None, frozenset({"a"}), frozenset()):
            stream = events([channel], own)
            await anext(stream)
            found.append(stream)
        channel.publish(NOW, {"t": 1, "halls": [{"id": "a"}, {"id": "b"}]})
        return [await anext(stream) for stream in found]

    everything, own, nothing = loops.run(first_frames())
    assert [b'{"id":"a"}' in frame for frame in (everything, own, nothing)] == [True, True, False]
    assert [b'{"id":"b"}' in frame for frame in (everything, own, nothing)] == [True, False, False]


def test_a_refusal_at_the_gate_names_who_may_and_nothing_of_the_object(house: House) -> None:
    said = ask(create_app(house(acts_as=MANAGER)), "/api/incidents/i-secret").json
    assert "指挥长" in said["zh"]
    assert "i-secret" not in str(said)


def test_an_act_elsewhere_than_one_s_district_is_refused_and_tells_nothing(
    house: House, database_url: str, conn: Connection
) -> None:
    stored(conn, a_unit(), an_incident())
    elsewhere = Actor("wu", Role.DISPATCHER, Scope(districts=frozenset({"440107"})))
    app = create_app(house(database_url, acts_as=elsewhere))
    real, invented = (
        post(app, f"/api/incidents/{name}/closing", {"ending": "closed", "reason": "x"}).json for name in ("i-1", "i-9")
    )
    assert (real["code"], real["zh"]) == ("out_of_area", invented["zh"])
    here = Actor("wu", Role.DISPATCHER, Scope(districts=frozenset({"440106"})))
    done = post(create_app(house(database_url, acts_as=here)), "/api/incidents/i-1/closing", {"ending": "closed", "reason": "x"})
    assert done.json["outcome"] == "done"
