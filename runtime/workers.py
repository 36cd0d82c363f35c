"""The workers: what each process of the table does, with the plain values its package wants. Imported one at a time."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from domain.rights import Actor, Role, Scope
from iot.mqtt import BrokerAddress, parse_address
from runtime.policy import Policy, load_calendar, load_policy
from runtime.settings import Settings
from storage.connection import Connection

log = logging.getLogger(__name__)

INGEST_CLIENT_ID = "cityhelm-ingest"
"""Fixed, so that the broker keeps messages for it while it is away."""

DEMONSTRATION_PEOPLE = (
    Actor("demo-commander", Role.COMMANDER),
    Actor("demo-leader", Role.LEADER),
    Actor("demo-duty", Role.DUTY_OFFICER),
    Actor("demo-duty2", Role.DUTY_OFFICER),
    Actor("demo-dispatcher", Role.DISPATCHER),
    Actor("demo-hall", Role.HALL_MANAGER, Scope(halls=frozenset({"hall-001"}))),
    Actor("demo-operator", Role.OPERATOR),
    Actor("demo-auditor", Role.AUDITOR),
    Actor("demo-admin", Role.ADMINISTRATOR),
    Actor("demo-admin2", Role.ADMINISTRATOR),
    Actor("demo-wall", Role.WALL),
)
"""Whom one may say to be in the demonstration, which answers on loopback only; two where an act takes two."""

DEMONSTRATION_SEED = 20260301


def work(name: str, settings: Settings, *, is_demo: bool) -> None:
    """Runs the process `name` until SIGTERM or SIGINT. `settings` must name a database and a broker."""
    policy = load_policy(settings.config)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _WORKERS[name](settings, policy, stop, is_demo)
    log.info("stopped")


def _database(settings: Settings) -> str:
    assert settings.database_url is not None, "the command line fills in the database before it starts a worker"
    return settings.database_url


def broker_of(settings: Settings) -> BrokerAddress:
    assert settings.mqtt_url is not None, "the command line fills in the broker before it starts a worker"
    return parse_address(settings.mqtt_url, settings.mqtt_protocol, settings.mqtt_ca or None)


def _ingest(settings: Settings, policy: Policy, stop: threading.Event, is_demo: bool) -> None:
    from ingest import service
    from ingest.rates import RateLimit

    share = settings.ingest_share
    service.run(
        _database(settings),
        broker_of(settings),
        client_id=f"{INGEST_CLIENT_ID}-{share}" if share else INGEST_CLIENT_ID,
        retention_days=policy.retention_days,
        sign_in_days=policy.sign_in_days,
        stop=stop,
        limit=RateLimit(policy.device_messages_per_s, policy.device_burst),
        is_one_of_several=bool(share),
    )


GIVES_WAY = 5
"""Niceness of what can wait: a forecast comes some seconds later, a reading or a click does not. Not more, or a history that is
written on all cores keeps it from speaking at all."""


def _forecaster(settings: Settings, policy: Policy, stop: threading.Event, is_demo: bool) -> None:
    from forecasting import service

    os.nice(GIVES_WAY)  # its own workers inherit it
    service.run(
        _database(settings),
        horizon_s=policy.forecast_horizon_s,
        step_s=policy.forecast_step_s,
        issue_s=policy.forecast_issue_s,
        history_days=policy.forecast_history_days,
        stop=stop,
        zone=settings.zone,
        calendar=load_calendar(settings.config),
        dask_scheduler=settings.dask_scheduler,
    )


def _alerts(settings: Settings, policy: Policy, stop: threading.Event, is_demo: bool) -> None:
    import numpy as np

    from alerts import service
    from alerts.scope import Setting
    from gis_data.city import load_city

    try:
        city = load_city(settings.city)
    except ValueError as fault:
        log.warning("%s; streams and roads do not bind warnings together until then", fault)
        city = None
    calendar = load_calendar(settings.config)
    setting = Setting(settings.zone, lambda day: bool(calendar.are_worked(np.array([calendar.kind(day)]))[0]), policy.index, city)
    service.run(
        _database(settings), agency=policy.warning_agency, silence=policy.warning_silence, stop=stop,
        practice=policy.warning_practice, setting=setting,
    )  # fmt: skip


def _dispatcher(settings: Settings, policy: Policy, stop: threading.Event, is_demo: bool) -> None:
    from dispatch import service
    from dispatch.closing import Unattended
    from runtime.anchors import keep_anchoring

    def anchor() -> None:
        keep_anchoring(_database(settings), settings.home / "anchors", settings.zone, stop, lambda: datetime.now(UTC))

    threading.Thread(target=anchor, name="anchors", daemon=True).start()
    unattended = Unattended(policy.unattended_after_s, policy.unattended_grades)
    service.run(_database(settings), broker_of(settings), order_expiry_s=policy.order_expiry_s, unattended=unattended, stop=stop)


def _planner(settings: Settings, policy: Policy, stop: threading.Event, is_demo: bool) -> None:
    from dispatch.planner import service

    service.run(_database(settings), city_dir=settings.city, practice=policy.practice, stop=stop)


def _notifier(settings: Settings, policy: Policy, stop: threading.Event, is_demo: bool) -> None:
    from alerts import notifier
    from alerts.channels.shape import Means
    from alerts.receiving import Inbox
    from gis_data.city import load_city
    from storage.ticking import instance_name

    means = Means(
        policy.outward, broker_of(settings), f"cityhelm-notifier-{instance_name()}", settings.smtp_password,
        settings.webhook_keys,
        Path(settings.outward_ca) if settings.outward_ca else None,
    )  # fmt: skip
    try:
        city = load_city(settings.city)
    except ValueError as fault:
        log.warning("%s; warnings from outside are not told apart by district until then", fault)
        city = None
    inbox = Inbox(policy.outward.issuer.sender, city)
    notifier.run(_database(settings), means, inbox, stop=stop, clock=lambda: datetime.now(UTC), zone=settings.zone)


def _halls(settings: Settings, policy: Policy, stop: threading.Event, is_demo: bool) -> None:
    import numpy as np

    from staffing import service

    os.nice(GIVES_WAY)
    calendar = load_calendar(settings.config)
    service.run(
        _database(settings), practice=policy.hall_practice, zone=settings.zone,
        is_worked=lambda day: bool(calendar.are_worked(np.array([calendar.kind(day)]))[0]), stop=stop,
    )  # fmt: skip


def _dashboard(settings: Settings, policy: Policy, stop: threading.Event, is_demo: bool) -> None:
    from dashboard import service
    from dashboard.door import DoorPolicy
    from dashboard.provider import ProviderPolicy

    provider = ProviderPolicy(
        settings.oidc_issuer, settings.oidc_client, settings.oidc_secret, f"{settings.url}/sign-in/provider/return",
        settings.oidc_ca,
    )  # fmt: skip

    service.run(
        _database(settings),
        city_dir=settings.city,
        host=settings.host,
        port=settings.port,
        zone=settings.zone,
        order_expiry_s=policy.order_expiry_s,
        unit_speed_kmh=policy.unit_speed_kmh,
        road_detour=policy.road_detour,
        hall_target_s=policy.hall_target_s,
        hall_practice=policy.hall_practice,
        index=policy.index,
        targets=policy.segment_targets,
        calendar=load_calendar(settings.config),
        radii=policy.impact_radii,
        practice=policy.warning_practice,
        outward=policy.outward,
        provider=provider if settings.oidc_issuer and not is_demo else None,
        door=DoorPolicy(
            url=settings.url or None, demonstration=DEMONSTRATION_PEOPLE if is_demo else (), proxies=settings.proxies
        ),
        stop=stop,
    )


def _simulator(settings: Settings, policy: Policy, stop: threading.Event, is_demo: bool) -> None:
    from gis_data.city import load_city
    from iot import service
    from iot.simulated.halls import halls_of
    from runtime.duty import DutyDesk
    from runtime.hall_staff import StaffOffice
    from storage.ticking import run_ticks

    faults: list[Exception] = []

    desk = DutyDesk(policy, settings.zone)
    office = StaffOffice(halls_of(load_city(settings.city), DEMONSTRATION_SEED), policy.hall_practice)

    def tick(conn: Connection, now: datetime) -> Mapping[str, Any]:
        return {**desk.tick(conn, now), **office.tick(conn, now)}

    def beat() -> None:
        try:
            run_ticks(_database(settings), "simulator", tick, period_s=2.0, stop=stop, clock=lambda: datetime.now(UTC))
        except Exception as fault:  # raised below, in the thread that ends the process
            faults.append(fault)
            stop.set()

    # The simulator speaks MQTT alone, like real devices; its heartbeat is kept from here, and the city's people have their place.
    heart = threading.Thread(target=beat, name="heartbeat", daemon=True)
    heart.start()
    service.run(broker_of(settings), city_dir=settings.city, seed=DEMONSTRATION_SEED, stop=stop)
    heart.join(timeout=5)
    if faults:
        raise faults[0]


_WORKERS: dict[str, Callable[[Settings, Policy, threading.Event, bool], None]] = {
    "ingest": _ingest,
    "forecaster": _forecaster,
    "alerts": _alerts,
    "dispatcher": _dispatcher,
    "planner": _planner,
    "notifier": _notifier,
    "halls": _halls,
    "dashboard": _dashboard,
    "simulator": _simulator,
}
