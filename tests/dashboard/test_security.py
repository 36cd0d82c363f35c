"""Who may ask what, and what stands on every answer."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from dashboard.app import create_app
from dashboard.security import content_security_policy, refusal_of
from tests.dashboard.conftest import House, ask, post

JSON = {"host": "127.0.0.1:8050", "content-type": "application/json", "content-length": "2"}


def refused(method: str, headers: dict[str, str], *, loopback_only: bool = False) -> int | None:
    refusal = refusal_of(method, Headers(headers), loopback_only=loopback_only)
    return refusal[0] if refusal else None


def test_our_own_page_may_send() -> None:
    assert refused("POST", {**JSON, "origin": "http://127.0.0.1:8050", "sec-fetch-site": "same-origin"}) is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "null"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-length": "1000001"}, 413),
        ({"content-length": ""}, 413),
    ],
)
def test_a_foreign_page_may_not_send(headers: dict[str, str], status: int) -> None:
    assert refused("POST", {**JSON, **headers}) == status


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:8050", None), ("localhost:8050", None), ("[::1]:8050", None), ("evil.example:8050", 421), ("", 421), ("[", 421)],
)
def test_a_server_that_acts_for_whoever_asks_answers_under_loopback_names_only(host: str, status: int | None) -> None:
    """A foreign name that resolves to 127.0.0.1 would otherwise be the attacker's own origin."""
    assert refused("GET", {"host": host}, loopback_only=True) == status
    assert refused("GET", {"host": host}) is None


def test_the_policy_lets_nothing_in_from_elsewhere() -> None:
    policy = dict(part.split(" ", 1) for part in content_security_policy(["'sha256-x'"]).split("; "))
    assert policy["default-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert policy["script-src"] == "'self' 'sha256-x'"
    assert not [rule for rule in policy.values() if "http" in rule or "*" in rule or "eval" in rule]


def test_every_answer_carries_the_headers(house: House) -> None:
    app = create_app(house())
    for path in (
        "/",
        "/system",
        "/api/health",
        "/api/nothing",
        "/_dash-dependencies",
        "/assets/00_tokens.css",
        "/vendor/abc/deck.mjs",
    ):
        headers = ask(app, path).headers
        assert "default-src 'self'" in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"]


def test_a_refused_request_is_answered_in_json(house: House) -> None:
    reply = post(create_app(house()), "/api/orders", {"incident": "i-1", "unit": "a-1"}, origin="http://evil.example")
    assert reply.status == 403
    assert "http://evil.example" in reply.json["message"]
