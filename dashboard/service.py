"""The dashboard process: serves the screens, reads the database for all of them, says that it lives."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Event, Thread
from zoneinfo import ZoneInfo

import uvicorn

from access import doors
from alerts.outward import Outward
from alerts.practice import WarningPractice
from dashboard import clock
from dashboard.api import proposals
from dashboard.app import create_app
from dashboard.database import Database
from dashboard.deployment import VENDOR, Deployment, open_city, vendor_version
from dashboard.door import Door, DoorPolicy
from dashboard.hub import Hub
from dashboard.provider import Provider, ProviderPolicy
from dashboard.security import LOOPBACK_NAMES
from domain import segments
from domain.incidents import DELIVERED_RADII, Radii
from domain.indices import DELIVERED, IndexPolicy
from domain.segments import Targets
from forecasting.calendar import ALWAYS, Calendar
from staffing.practice import HallPractice
from storage.connection import connect
from storage.migrate import require_current_schema
from storage.ticking import run_ticks

log = logging.getLogger(__name__)

GRACE_S = 2
"""How long open answers may take to end when the process stops."""


class CannotListen(Exception):  # noqa: N818 - a state of the world, named after it
    """The address cannot be listened on; the message names it and the cure."""


def run(
    database_url: str,
    *,
    city_dir: Path,
    host: str,
    port: int,
    zone: ZoneInfo,
    order_expiry_s: float,
    unit_speed_kmh: float,
    road_detour: float,
    hall_target_s: float,
    door: DoorPolicy,
    stop: Event,
    now: Callable[[], datetime] = clock.now,
    provider: ProviderPolicy | None = None,
    index: IndexPolicy = DELIVERED,
    targets: Targets = segments.DELIVERED,
    radii: Radii = DELIVERED_RADII,
    practice: WarningPractice | None = None,
    outward: Outward | None = None,
    calendar: Calendar = ALWAYS,
    hall_practice: HallPractice | None = None,
) -> None:
    """Serves until `stop` is set. `door` says how people get in: those of the demonstration on
    loopback alone. `now` is the clock.

    Raises CannotListen, or SchemaMismatch for a database that this version cannot use.
    """
    if door.demonstration and host not in LOOPBACK_NAMES:
        raise CannotListen(
            f"the dashboard was asked to listen on {host} and to let everybody be {door.demonstration[0].name} who says so: "
            "expected a loopback address; set CITYHELM_HOST to 127.0.0.1"
        )
    with _listening(host, port) as listener:
        city, tiles = open_city(city_dir)
        hub = Hub(
            database_url, clock=now, zone=zone, hall_target_s=hall_target_s, index=index,
            districts=[d.code for d in city.districts] if city else (),
        )  # fmt: skip
        database = Database(database_url)
        house = Deployment(
            database=database, hub=hub, clock=now, zone=zone, door=Door(database, door, now), order_expiry_s=order_expiry_s,
            unit_speed_kmh=unit_speed_kmh, road_detour=road_detour, hall_target_s=hall_target_s, city=city, tiles=tiles,
            vendor=VENDOR, vendor_version=vendor_version(), index=index, targets=targets, radii=radii,
            practice=practice or WarningPractice(),
            outward=outward,
            provider=Provider(provider) if provider else None, calendar=calendar, hall_practice=hall_practice or HallPractice(),
        )  # fmt: skip
        if door.demonstration:
            with connect(database_url) as conn:
                require_current_schema(conn)
                doors.furnish(conn, door.demonstration, now())
        elif host not in LOOPBACK_NAMES and not door.is_secure:
            log.warning(
                "passwords travel in the clear: expected TLS in front of %s; set CITYHELM_URL to the proxy's https:// address",
                host,
            )
        asyncio.run(_serve(house, database_url, listener, stop))


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket bound to host:port. Raises CannotListen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as fault:
        listener.close()
        raise CannotListen(
            f"the dashboard cannot listen on {host}:{port} ({fault.strerror}): expected a free port; "
            "stop what uses it, or set CITYHELM_PORT to another one"
        ) from fault
    with listener:
        yield listener


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the runtime has set them already."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(house: Deployment, database_url: str, listener: socket.socket, stop: Event) -> None:
    config = uvicorn.Config(
        create_app(house), lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=GRACE_S,
        server_header=False, date_header=False, proxy_headers=bool(house.door.policy.proxies),
        forwarded_allow_ips=house.door.policy.proxies,
    )  # fmt: skip
    server = _Server(config)
    heart = Thread(target=_beat, args=(house, database_url, stop), name="heartbeat", daemon=True)
    house.hub.start(asyncio.get_running_loop())
    heart.start()
    serving = asyncio.create_task(server.serve([listener]))
    warming = asyncio.create_task(proposals.warm(house))
    is_announced = False
    while not stop.is_set() and not serving.done() and house.hub.fault is None:
        if server.started and not is_announced:
            is_announced = True
            host, port = listener.getsockname()[:2]
            log.info("listening on http://%s:%s", f"[{host}]" if ":" in host else host, port)
        await asyncio.sleep(0.1)
    warming.cancel()
    await house.hub.close()
    server.should_exit = True
    await serving
    house.database.close()
    if house.hub.fault is not None:
        raise house.hub.fault


def _beat(house: Deployment, database_url: str, stop: Event) -> None:
    try:
        run_ticks(database_url, "dashboard", lambda conn, now: house.hub.figures(), period_s=2.0, stop=stop, clock=house.clock)
    except Exception as fault:
        house.hub.fault = house.hub.fault or fault
