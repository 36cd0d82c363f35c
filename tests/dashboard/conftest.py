"""A deployment that tests talk to without a network: the application is called as a server would call it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from dashboard.database import Database
from dashboard.deployment import Deployment
from dashboard.hub import Hub
from domain.rights import Actor
from tests.support import loops
from tests.support.scenes import COMMANDER, NOW
from tests.support.visitors import OpenDoor

SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: status, headers (lower case), body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


async def call(app: Any, method: str, path: str, *, headers: dict[str, str] | None = None, body: bytes = b"") -> Reply:
    """One request to an ASGI application and its whole answer."""
    given = {"host": "127.0.0.1:8050", **({"content-length": str(len(body))} if method == "POST" else {}), **(headers or {})}
    route, _, query = path.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": route, "raw_path": route.encode(),
        "query_string": query.encode(), "root_path": "", "scheme": "http", "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 8050),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }  # fmt: skip
    sent: list[dict[str, Any]] = []
    inbox = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if inbox:
            return inbox.pop()
        await asyncio.sleep(3600)
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start = next(message for message in sent if message["type"] == "http.response.start")
    content = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    return Reply(start["status"], {name.decode().lower(): value.decode() for name, value in start["headers"]}, content)


def ask(app: Any, path: str, **more: Any) -> Reply:
    return loops.run(call(app, "GET", path, **more))


def post(app: Any, path: str, payload: Any, **headers: str) -> Reply:
    said = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return loops.run(call(app, "POST", path, headers=said, body=orjson.dumps(payload)))


House = Callable[..., Deployment]


@pytest.fixture
def vendor(tmp_path: Path) -> Path:
    """Browser libraries, one small file of them."""
    folder = tmp_path / "vendor"
    folder.mkdir()
    (folder / "deck.mjs").write_text("export {}")
    (folder / "secret.py").write_text("not for browsers")
    return folder


@pytest.fixture
def house(vendor: Path) -> Iterator[House]:
    """`house(database_url, acts_as=…)`: a deployment at the scenes' NOW, its hub not started."""
    made: list[Deployment] = []

    def build(
        database_url: str = "postgresql://127.0.0.1:1/nowhere", *, acts_as: Actor | None = COMMANDER,
        clock: Callable[[], datetime] = lambda: NOW, vendor_version: str | None = "abc", **more: Any,
    ) -> Deployment:  # fmt: skip
        settings: dict[str, Any] = {"city": None, "tiles": None, "door": OpenDoor(acts_as), **more}
        built = Deployment(
            database=Database(database_url), hub=Hub(database_url, clock=clock, zone=SHANGHAI, hall_target_s=900), clock=clock, zone=SHANGHAI,
            order_expiry_s=120, unit_speed_kmh=40, road_detour=1.3, hall_target_s=900, vendor=vendor, vendor_version=vendor_version, **settings,
        )  # fmt: skip
        made.append(built)
        return built

    yield build
    for built in made:
        built.database.close()
