"""Ticking: the one shape of a service that works from the database: look, decide, write, wait, until told to stop.

A lost database is waited for, with a sentence in the log, and the work is done again: ticks start from what is stored.
"""

from __future__ import annotations

import logging
import os
import random
import socket
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from threading import Event
from typing import Any

from storage import heartbeats
from storage.connection import Connection, DatabaseUnreachable, connect, is_connection_lost, why_lost
from storage.migrate import require_current_schema

log = logging.getLogger(__name__)

BEAT_EVERY = timedelta(seconds=2)
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
"""Between attempts while the database, or the work in it, keeps failing."""
Tick = Callable[[Connection, datetime], Mapping[str, Any] | None]
"""Does one round of work as of the given time; returns figures for the system page, or None."""


def instance_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def connect_patiently(database_url: str, *, application: str, stop: Event) -> Connection | None:
    """A connection, however long it takes; None when told to stop meanwhile. A schema that does not fit is raised."""
    wait_s = FIRST_PAUSE_S
    while not stop.is_set():
        try:
            conn = connect(database_url, application=application)
        except DatabaseUnreachable as fault:
            log.warning("%s; trying again in %.0f s", fault, wait_s)
            stop.wait(wait_s * random.uniform(0.7, 1.3))
            wait_s = min(wait_s * 2, LONGEST_PAUSE_S)
            continue
        try:
            require_current_schema(conn)
        except BaseException:
            conn.close()
            raise
        return conn
    return None


def run_ticks(
    database_url: str, process: str, tick: Tick, *, period_s: float, stop: Event, clock: Callable[[], datetime]
) -> None:
    """Calls `tick` every `period_s` seconds until `stop` is set, and beats the heart of `process`.

    `clock` gives the aware time now; it may be set back or forth. Faults other than a lost connection rise: the supervisor
    restarts the process. A connection that is lost at every attempt is opened ever less often.
    """
    started_at = clock()
    instance = instance_name()
    conn: Connection | None = None
    metrics: dict[str, Any] = {}
    beaten_at = started_at - BEAT_EVERY
    pause_s = FIRST_PAUSE_S
    try:
        while not stop.is_set():
            if conn is None:
                conn = connect_patiently(database_url, application=f"cityhelm-{process}", stop=stop)
                if conn is None:
                    break
            now = clock()
            try:
                metrics.update(tick(conn, now) or {})
                if abs(now - beaten_at) >= BEAT_EVERY:
                    heartbeats.beat(conn, process, instance, started_at=started_at, now=now, metrics=metrics)
                    beaten_at = now
            except Exception as fault:
                if not is_connection_lost(fault):
                    raise
                log.warning("%s; the work is done again in %.1f s", why_lost(fault), pause_s)
                conn.close()
                conn = None
                stop.wait(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
                continue
            pause_s = FIRST_PAUSE_S
            # A clock that was set back makes the round look as if it had ended before it began.
            stop.wait(min(period_s, max(0.0, period_s - (clock() - now).total_seconds())))
    finally:
        if conn is not None:
            conn.close()
