"""The doctor: is everything there? One sentence per finding, the cure with each fault. Starts and changes nothing; a broker that
is given is sent some messages on a topic of their own, to see what it keeps.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from dashboard.deployment import vendor_version
from iot.mqtt import parse_address
from runtime import quarters
from runtime.backing import Backing, describe, find_running, foresee
from runtime.broker_check import examine_broker
from runtime.findings import Finding
from runtime.policy import PolicyError, load_calendar, load_policy
from runtime.settings import Settings
from runtime.supervisor import busy_port
from storage.connection import DatabaseUnreachable, connect
from storage.ledger import account, hour_of
from storage.migrate import SchemaMismatch, applied_version, recorded_flavour, require_current_schema

LOW_DISK_BYTES = 2 * 1024**3


def examine(settings: Settings) -> Iterator[Finding]:
    """Every finding, good and bad, in the order in which they matter."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield Finding(sys.version_info >= (3, 11), f"Python {version}: expected 3.11 or newer.")
    try:
        policy = load_policy(settings.config)
        yield Finding(True, f"Policy: {settings.config} is well-formed, rules to begin with: {len(policy.rules)}.")
        yield _calendar(settings)
    except PolicyError as error:
        for fault in error.faults:
            yield Finding(False, fault)
    has_libraries = vendor_version() is not None
    how = "built" if has_libraries else "not built: expected them in dashboard/static/vendor; run `python -m dashboard.vendor`"
    yield Finding(has_libraries, f"Browser libraries: {how}.")
    yield _city(settings.city)
    yield _disk(settings.home)
    running = find_running(settings)
    if running is not None and _names_others(settings, running):  # what is asked about is what is named
        running = None
    if running is not None:
        yield Finding(True, f"Running: the city on {settings.home}.")
        yield from (Finding(True, sentence) for sentence in describe(settings, running))
    elif not (settings.database_url and settings.mqtt_url) and quarters.holder(settings.home) is not None:
        yield Finding(True, f"Running: the city on {settings.home} is being started or stopped; ask again when it is ready.")
    else:
        good, bad = foresee(settings)
        yield from (Finding(True, sentence) for sentence in good)
        yield from (Finding(False, sentence) for sentence in bad)
        if busy := busy_port(settings.host, settings.port):
            yield Finding(False, busy)
    mqtt_url = settings.mqtt_url if running is None or running.broker_kind == "given" else None
    if mqtt_url:
        yield from examine_broker(parse_address(mqtt_url, settings.mqtt_protocol, settings.mqtt_ca or None))
    database_url = running.database_url if running else settings.database_url
    if database_url:
        yield from _schema(database_url)


def _names_others(settings: Settings, running: Backing) -> bool:
    """Whether the settings name a database or a broker that the running city does not stand on."""
    named, standing = (settings.database_url, settings.mqtt_url), (running.database_url, running.mqtt_url)
    return any(one is not None and one != other for one, other in zip(named, standing, strict=True))


def _calendar(settings: Settings, today: date | None = None) -> Finding:
    """Whether the working days of this year are known. Raises PolicyError."""
    calendar, today = load_calendar(settings.config), today or datetime.now(settings.zone).date()
    place = settings.config.with_name("calendar.toml")
    cure = f"expected the decree; when it is out, enter its days in {place} and name the year in `decided`"
    missing = calendar.undecreed([today.year, today.year + 1])
    if today.year in missing:
        return Finding(False, f"Calendar: the make-up days (调休) of {today.year} are not decreed as far as is known: {cure}.")
    if missing:
        said = f"those of {missing[0]} are not decreed yet as far as is known, and forecasts take the statutory days: {cure}"
        return Finding(True, f"Calendar: the working days of {today.year} are known; {said}.")
    return Finding(True, f"Calendar: the working days of {today.year} and {today.year + 1} are known.")


def _city(city: Path) -> Finding:
    if (city / "city.json").is_file():
        return Finding(True, f"City: layers in {city}.")
    return Finding(
        False,
        f"City: {city} has no layers: expected a built city; `cityhelm demo` builds the demonstration's by itself, "
        "`cityhelm city build --config …` a real one.",
    )


def _disk(home: Path) -> Finding:
    place = next(path for path in (home, *home.parents) if path.exists())
    free_bytes = shutil.disk_usage(place).free
    sentence = f"Disk: {free_bytes / 1024**3:.1f} GiB free at {place}"
    if free_bytes < LOW_DISK_BYTES:
        return Finding(False, f"{sentence}: expected at least 2 GiB; make room or move CITYHELM_HOME.")
    return Finding(True, f"{sentence}.")


def _schema(database_url: str) -> Iterator[Finding]:
    """What the schema is and, where there is one, whether what came in the last day is accounted for."""
    try:
        with connect(database_url) as conn:
            require_current_schema(conn)
            kind = "TimescaleDB" if recorded_flavour(conn) == "timescale" else "plain PostgreSQL (daily partitions)"
            yield Finding(True, f"Schema: version {applied_version(conn)} on {kind}.")
            hour = hour_of(datetime.now(UTC))
            said = account(conn, since=hour - timedelta(hours=24), until=hour + timedelta(hours=1))
            yield Finding(said.is_balanced, f"Ledger: measured within 24 hours, {said.sentence('en')}.")
    except (DatabaseUnreachable, SchemaMismatch) as fault:
        yield Finding(False, f"Schema: {fault}.")
