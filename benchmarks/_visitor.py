"""The visitor of a benchmark: a commander who has signed in, as the header of a request and as a browser's cookie."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from access import doors
from access.sessions import made_token
from dashboard.door import DoorPolicy
from domain.accounts import Session
from domain.rights import Actor, Role
from storage import sessions
from storage.accounts import list_grants
from storage.connection import connect

BENCH = Actor("bench-commander", Role.COMMANDER)


VISITOR: dict[str, str] = {}
"""The header of whoever asks, once somebody has signed in."""


def sign_in(database_url: str) -> None:
    """Opens a session past every stage, whose cookie is in VISITOR from then on."""
    now, token = datetime.now(UTC), made_token()
    with connect(database_url) as conn:
        doors.furnish(conn, [BENCH], now)
        (grant,) = list_grants(conn, BENCH.name)
        sessions.create_session(conn, Session(sessions.digest(token), BENCH.name, grant.grant_id, "password", now, now, now))
    VISITOR["cookie"] = f"{DoorPolicy().cookie}={token}"


def open_page(browser: Any, url: str) -> Any:
    """A new page of somebody who has signed in, 1920 by 1080."""
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    name, _, value = VISITOR["cookie"].partition("=")
    context.add_cookies([{"name": name, "value": value, "url": url}])
    return context.new_page()
