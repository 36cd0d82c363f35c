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


@pytest.mark.parametrize("header", ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"])
def test_a_server_that_acts_for_whoever_asks_answers_nobody_behind_a_proxy(header: str) -> None:
    """A proxy or a tunnel in front of it names it by loopback and brings in everybody."""
    assert refused("GET", {"host": "127.0.0.1:8050", header: "10.6.6.6"}, loopback_only=True) == 421
    assert refused("GET", {"host": "city.example", header: "10.6.6.6"}) is None


def test_the_policy_lets_nothing_in_from_elsewhere() -> None:
    policy = dict(part.split(" ", 1) for part in content_security_policy(["'sha256-x'"]).split("; "))
    assert policy["default-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert policy["script-src"] == "'self' 'sha256-x'"
    assert not [rule for rule in policy.values() if "http" in rule or "*" in rule or "eval" in rule]


def test_every_answer_carries_the_headers(house: House) -> None:
    app = create_app(house())
    page, none = "default-src 'self'", "default-src 'none'"
    for path, expected in (
        ("/", page), ("/system", page), ("/_dash-dependencies", page), ("/sign-in", none), ("/api/health", none),
        ("/api/nothing", none), ("/assets/00_tokens.css", none), ("/vendor/abc/deck.mjs", none),
    ):  # fmt: skip
        headers = ask(app, path).headers
        assert expected in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"]


def test_a_refused_request_is_answered_in_json(house: House) -> None:
    reply = post(create_app(house()), "/api/orders", {"incident": "i-1", "unit": "a-1"}, origin="http://evil.example")
    assert reply.status == 403
    assert "http://evil.example" in reply.json["message"]


def test_the_page_on_which_passwords_are_typed_allows_no_inline_anything(house: House) -> None:
    app = create_app(house())
    policy = ask(app, "/sign-in").headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "'unsafe-inline'" in ask(app, "/").headers["content-security-policy"], "the map and the chart set styles"
    page = ask(app, "/sign-in").body.decode()
    assert "<style" not in page
    assert "style=" not in page
    assert "<script>" not in page


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, None),
        ({"sec-fetch-site": "same-origin"}, None),
        ({"origin": "http://127.0.0.1:8050"}, None),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "http://evil.example"}, 403),
    ],
)
def test_a_stream_is_for_our_own_pages(headers: dict[str, str], status: int | None) -> None:
    refusal = refusal_of("GET", Headers({"host": "127.0.0.1:8050", **headers}), loopback_only=False, path="/api/stream")
    assert (refusal[0] if refusal else None) == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"cookie": "s=1"}, 403),
        ({"cookie": "s=1", "origin": "http://127.0.0.1:8050"}, None),
        ({"authorization": "Bearer chk_x"}, None),
    ],
)
def test_what_carries_a_session_says_where_it_comes_from(headers: dict[str, str], status: int | None) -> None:
    refusal = refusal_of("POST", Headers({**JSON, **headers}), loopback_only=False, cookie="s")
    assert (refusal[0] if refusal else None) == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://city.example", None),
        ("http://city.example", 403),
        ("https://city.example:444", 403),
        ("http://127.0.0.1:8050", 403),
    ],
)
def test_behind_a_proxy_the_origin_is_the_address_that_browsers_know(origin: str, status: int | None) -> None:
    refusal = refusal_of("POST", Headers({**JSON, "origin": origin}), loopback_only=False, url="https://city.example")
    assert (refusal[0] if refusal else None) == status
