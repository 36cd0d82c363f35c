"""Anchors: the head of the audit's chain, noted once a local day in a file of its own, to be kept where nobody who can write the
database can write: on another machine, on paper. A chain that was made anew does not go through the anchors of the old one.

An anchor is one JSON object: `day`, `seq`, `hash` and `sealed_at` of the newest seal, `anchored_at`.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from threading import Event
from zoneinfo import ZoneInfo

from storage.audit import find_head
from storage.connection import Connection, DatabaseUnreachable, connect, is_connection_lost

log = logging.getLogger(__name__)
LOOKS_EVERY_S = 60.0


class BadAnchor(Exception):  # noqa: N818 - what was given, not what broke
    """A file in the place of anchors is none. The message is the sentence to show."""


def note_anchor(conn: Connection, folder: Path, now: datetime, zone: ZoneInfo) -> Path | None:
    """Writes the anchor of the day that `now` is in, unless it is there or nothing is sealed; returns the new file."""
    day = now.astimezone(zone).date()
    file = folder / f"audit-{day.isoformat()}.json"
    if file.exists() or (head := find_head(conn)) is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    said = {
        "day": day.isoformat(), "seq": head.seq, "hash": head.hash, "sealed_at": head.sealed_at.isoformat(),
        "anchored_at": now.isoformat(),
    }  # fmt: skip
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    unfinished.write_text(json.dumps(said) + "\n", encoding="utf-8")
    unfinished.replace(file)
    file.chmod(0o444)
    return file


def read_anchors(folder: Path) -> dict[int, tuple[str, str]]:
    """Number of a seal → (its hash, the name of the file that says so). Raises BadAnchor."""
    found = {}
    for file in sorted(folder.glob("audit-*.json")):
        try:
            said: Mapping[str, object] = json.loads(file.read_text(encoding="utf-8"))
            found[int(str(said["seq"]))] = (str(said["hash"]), file.name)
        except (OSError, ValueError, KeyError, TypeError) as fault:
            raise BadAnchor(f"{file} is no anchor ({fault}): expected one that the dispatcher has written") from fault
    return found


def keep_anchoring(database_url: str, folder: Path, zone: ZoneInfo, stop: Event, clock: Callable[[], datetime]) -> None:
    """Looks once a minute until `stop` is set; a database that is away, or a full disk, is said and waited for."""
    while not stop.is_set():
        try:
            with connect(database_url, application="cityhelm-anchors") as conn:
                if (made := note_anchor(conn, folder, clock(), zone)) is not None:
                    log.info("the head of the audit is noted in %s", made)
        except (DatabaseUnreachable, OSError) as fault:
            log.warning("the audit could not be anchored in %s: %s; trying again in %.0f s", folder, fault, LOOKS_EVERY_S)
        except Exception as fault:
            if not is_connection_lost(fault):
                raise
            log.warning("the audit could not be anchored: %s", fault)
        stop.wait(LOOKS_EVERY_S)
