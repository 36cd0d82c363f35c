"""Gathering: what stands is put together into situations, and every change of those is recorded. `alerts.situations` decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from json import loads

import shapely

from alerts.practice import Bonds
from alerts.rules import gravity
from alerts.situations import Member, gather, outline
from alerts.situations import Situation as Gathered
from alerts.words import cause
from domain.moments import Moment
from domain.warnings import Warning, WarningMode
from storage import situations
from storage.connection import Connection
from storage.situations import Situation

_INSTANT = timedelta(microseconds=1)
DIGITS = 5
"""Of a degree in an outline: a metre."""


def gather_all(
    conn: Connection, standing: Sequence[Warning], bonds: Bonds, links: Iterable[tuple[str, str]], now: datetime
) -> int:
    """Records which situations there are among the open warnings; returns how many are open. Call inside a transaction, one
    caller at a time."""
    by_id = {warning.warning_id: warning for warning in standing if _counts(warning)}
    known = {one.number: one for one in situations.list_open_situations(conn, Moment.live(now))}
    found = gather([_member(warning) for warning in by_id.values()], bonds, links)
    open_now: dict[int, Situation] = {}
    for gathered in found:
        number = gathered.number if gathered.number in known else situations.open_situation(conn, now)
        before = known.get(number)
        after = _situation(number, gathered, by_id, before.opened_at if before else now, now)
        open_now[number] = after
        if before is None or not _is_same(before, after):
            situations.record(conn, after, now if before is None else max(now, before.updated_at + _INSTANT))
        new = [one for one in after.members if by_id[one].situation != number]
        if new:
            situations.join(conn, number, new, now)
    home = {member: number for number, one in open_now.items() for member in one.members}
    for number, before in known.items():
        if number not in open_now:
            into = next((home[member] for member in before.members if member in home), None)
            situations.record(conn, _ended(before, into), max(now, before.updated_at + _INSTANT))
    return len(open_now)


def _counts(warning: Warning) -> bool:
    return not warning.is_suppressed and warning.mode is not WarningMode.SYSTEM


def _member(warning: Warning) -> Member:
    return Member(
        warning.warning_id, warning.hazard_class, warning.device_id or warning.object_id, warning.raised_at, warning.lon,
        warning.lat, warning.situation,
    )  # fmt: skip


def _situation(number: int, gathered: Gathered, by_id: dict[str, Warning], opened_at: datetime, now: datetime) -> Situation:
    members = [by_id[one] for one in gathered.members]
    hazards = Counter(warning.hazard_class for warning in members)
    shape = outline([(w.lon, w.lat) for w in members if w.lon is not None and w.lat is not None])
    root = by_id[gathered.root]
    return Situation(
        number=number, root=gathered.root, members=gathered.members, level=max((w.level for w in members), key=gravity),
        lon=gathered.lon, lat=gathered.lat,
        outline=loads(shapely.to_geojson(shapely.set_precision(shape, 10**-DIGITS))) if shape is not None else None,
        hazards=dict(hazards), zh=cause(root, hazards, "zh"), en=cause(root, hazards, "en"), opened_at=opened_at, updated_at=now,
    )  # fmt: skip


def _is_same(before: Situation, after: Situation) -> bool:
    return (before.root, before.members, before.level, before.zh) == (after.root, after.members, after.level, after.zh)


def _ended(before: Situation, into: int | None) -> Situation:
    return Situation(
        number=before.number, root=before.root, members=before.members, level=before.level, lon=before.lon, lat=before.lat,
        outline=before.outline, hazards=before.hazards, zh=before.zh, en=before.en, opened_at=before.opened_at,
        updated_at=before.updated_at, is_open=False, merged_into=into,
    )  # fmt: skip
