"""The wire: records of the memory as the compact JSON that browsers get. Pure; times are milliseconds since 1970, UTC.

A frame is sent twice a second to everyone who looks, so that it counts what it spends: rows instead of objects, times as
milliseconds before the frame's own `t`, and of everything only what changed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from alerts.words import sentence
from domain.forecasts import Forecast
from domain.incidents import Incident
from domain.observations import Freshness, freshness, word_age_s
from domain.orders import Order
from domain.units import Unit
from domain.warnings import Assignment, Shelving, Warning
from forecasting.reasons import sentence as reason
from layouts.words import LANGUAGES
from storage.deadletters import DeadLetter
from storage.heartbeats import Heartbeat
from storage.observations import Value
from storage.situations import Situation
from storage.snapshots import ChartSnapshot, DeviceNow, LiveFrame, MapSnapshot, SystemSnapshot

Json = dict[str, Any]
Row = list[Any]
Subject = TypeVar("Subject")

PLACES = 5
"""Decimals of a degree: a metre."""


def ms(time: datetime | None) -> int | None:
    return None if time is None else _ms(time)


def clock_time(time_ms: int, zone: ZoneInfo) -> str:
    """Hours and minutes on the clock of `zone`."""
    return datetime.fromtimestamp(time_ms / 1000, zone).strftime("%H:%M")


def city(snapshot: MapSnapshot) -> Json:
    """Everything the map page shows, as of one moment."""
    return {
        "t": ms(snapshot.moment.at),
        "newest": {"measured": ms(snapshot.newest_phenomenon_time), "received": ms(snapshot.newest_received_time)},
        "devices": [device(d) for d in snapshot.devices],
        "units": [unit(u) for u in snapshot.units],
        "incidents": [incident(i) for i in snapshot.incidents],
        "warnings": [warning(w) for w in snapshot.warnings],
        "situations": [situation(s) for s in snapshot.situations],
        "orders": [order(o) for o in snapshot.orders],
    }


def device(d: DeviceNow) -> Json:
    """One device; a value that is not finite travels as null, as JSON has no other word for it."""
    return {
        "id": d.device_id, "district": d.district_code, "type": d.type_name, "name": d.name, "name_en": d.name_en,
        "lon": d.lon, "lat": d.lat,
        "interval_s": d.interval_s, "mode": d.mode, "state": d.state, "heard": ms(d.heard),
        "streams": [
            {
                "id": v.datastream_id, "property": v.property, "item": v.item, "unit": v.unit, "value": _finite(v.value),
                "quality": v.quality, "measured": ms(v.phenomenon_time), "received": ms(v.received_time),
            }
            for v in d.values
        ],
    }  # fmt: skip


def value(v: Value, t: int) -> Row:
    """`[datastream, value, code of the quality, ms from the measurement to t, ms from the measurement to the receipt]`; the
    rest of a datastream is sent once, with its device."""
    measured, received = _ms(v.phenomenon_time), _ms(v.received_time)
    return [v.datastream_id, _finite(v.value), v.quality.code, t - measured, received - measured]


def unit(u: Unit) -> Json:
    return {
        "id": u.unit_id, "kind": u.kind, "name_zh": u.name_zh, "name_en": u.name_en, "capabilities": u.capabilities,
        "status": u.status, "since": ms(u.status_since), "order": u.order_id, "lon": _rounded(u.lon, PLACES),
        "lat": _rounded(u.lat, PLACES), "measured": ms(u.position_time), "speed_kmh": _rounded(u.speed_kmh),
        "heading_deg": _rounded(u.heading_deg),
    }  # fmt: skip


def move(u: Unit, t: int) -> Row:
    """`[unit, lon, lat, ms from the measurement to t, km/h, degrees]`: what changes every second of a unit under way."""
    place = [_rounded(u.lon, PLACES), _rounded(u.lat, PLACES), _age(u.position_time, t)]
    return [u.unit_id, *place, _rounded(u.speed_kmh, 0), _rounded(u.heading_deg, 0)]


def _lasting(u: Unit) -> Unit:
    """The unit without what `move` carries."""
    return replace(u, lon=None, lat=None, position_time=None, speed_kmh=None, heading_deg=None)


def incident(i: Incident) -> Json:
    return {
        "id": i.incident_id, "hazard": i.hazard_class, "grade": i.grade, "response": i.response_level, "state": i.state,
        "lon": i.lon, "lat": i.lat, "channel": i.channel, "reported": ms(i.reported_at), "exercise": i.exercise_id,
    }  # fmt: skip


def warning(w: Warning) -> Json:
    return {
        "id": w.warning_id, "identifier": w.identifier, "rule": w.rule_id, "rule_version": w.rule_version, "source": w.source,
        "hazard": w.hazard_class, "level": w.level, "shape": w.level.shape, "state": w.state, "mode": w.mode,
        "object": w.object_id, "device": w.device_id, "lon": w.lon, "lat": w.lat, "raised": ms(w.raised_at),
        "updated": ms(w.updated_at), "zh": w.zh, "en": w.en, "sentence": _both(sentence, w),
        "probability": w.probability, "lead_s": w.lead_time_s,
        "evidence": w.evidence, "exercise": w.exercise_id, "district": w.district_code, "situation": w.situation,
        "assigned": assignment(w.assignment) if w.assignment else None,
        "shelved": _shelved(w.shelving), "verdict": w.verdict,
        "reminded": {"n": w.reminder.n, "role": w.reminder.role, "at": ms(w.reminder.at)} if w.reminder else None,
    }  # fmt: skip


def assignment(a: Assignment) -> Json:
    return {"to": a.to, "kind": a.kind, "at": ms(a.at), "by": a.by}


def _shelved(s: Shelving | None) -> Json | None:
    return {"shelf": s.shelf_id, "until": ms(s.until), "reason": s.reason, "by": s.by} if s else None


def situation(s: Situation) -> Json:
    """A situation under its number, which is its id in lists."""
    return {
        "id": str(s.number), "number": s.number, "root": s.root, "members": s.members, "n": len(s.members), "level": s.level,
        "shape": s.level.shape, "lon": _rounded(s.lon, PLACES), "lat": _rounded(s.lat, PLACES), "outline": s.outline, "zh": s.zh,
        "en": s.en, "opened": ms(s.opened_at), "updated": ms(s.updated_at), "hazards": s.hazards,
        "shelved": _shelved(s.shelving),
    }  # fmt: skip


def order(o: Order) -> Json:
    return {
        "id": o.order_id, "incident": o.incident_id, "unit": o.unit_id, "state": o.state, "actor": o.actor,
        "issued": ms(o.issued_at), "sent": ms(o.sent_at), "answered": ms(o.acknowledged_at),
    }  # fmt: skip


def ingest(heartbeats: Iterable[Heartbeat]) -> Json | None:
    """What the ingest process last said of its pace, or None when it never did."""
    beat = next((h for h in heartbeats if h.process == "ingest"), None)
    if beat is None:
        return None
    return {"beat": ms(beat.beat_at)} | {name: beat.metrics.get(name) for name in ("messages_per_s", "readings_per_s")}


class MapChanges:
    """What changed on the map since the last frame. Bounded: remembers one line per value of the last seconds, and the few."""

    def __init__(self) -> None:
        self._values: dict[int, Value] = {}
        self._units: dict[str, Unit] = {}
        self._rows: dict[str, dict[str, Json]] = {}
        self._said: Json = {}

    def take(self, frame: LiveFrame, heartbeats: Iterable[Heartbeat]) -> Json:
        """`values` and `moved` are rows of what changed, `units` whole units of which more did than the place. Of the lists
        (incidents, warnings, situations, orders) `changed` holds new and changed members and `ids` all of them in order, where
        members or order changed; a list that is absent is as it was, and so are `n_devices`, `n_offline` and `ingest`."""
        t = _ms(frame.moment.at)
        values = {v.datastream_id: v for v in frame.values}
        units = {u.unit_id: u for u in frame.units}
        changed = [u for u in frame.units if self._units.get(u.unit_id) != u]
        moved = {u.unit_id for u in changed if (old := self._units.get(u.unit_id)) is not None and _lasting(old) == _lasting(u)}
        out: Json = {
            "t": t,
            "newest": [_age(frame.newest_phenomenon_time, t), _age(frame.newest_received_time, t)],
            "values": [value(v, t) for number, v in values.items() if self._values.get(number) != v],
            "units": [unit(u) for u in changed if u.unit_id not in moved],
            "moved": [move(u, t) for u in changed if u.unit_id in moved],
        }
        self._values, self._units = values, units
        out |= self._news({"n_devices": frame.n_devices, "n_offline": frame.n_offline, "ingest": ingest(heartbeats)})
        out |= self._amended("incidents", [incident(i) for i in frame.incidents])
        out |= self._amended("warnings", [warning(w) for w in frame.warnings])
        out |= self._amended("situations", [situation(s) for s in frame.situations])
        out |= self._amended("orders", [order(o) for o in frame.orders])
        return out

    def _news(self, said: Json) -> Json:
        """What is not as it was said last."""
        news = {name: what for name, what in said.items() if name not in self._said or self._said[name] != what}
        self._said = said
        return news

    def _amended(self, name: str, rows: list[Json]) -> Json:
        first = name not in self._rows
        before = self._rows.get(name, {})
        now = {row["id"]: row for row in rows}
        self._rows[name] = now
        change: Json = {}
        if changed := [row for row in rows if before.get(row["id"]) != row]:
            change["changed"] = changed
        if first or list(before) != list(now):
            change["ids"] = list(now)
        return {name: change} if change else {}


def freshness_counts(devices: Iterable[DeviceNow], at: datetime) -> list[Json]:
    """Devices by kind: how many are how fresh, and when the newest of them spoke; most of them first."""
    kinds: dict[str, list[DeviceNow]] = {}
    for d in devices:
        kinds.setdefault(d.type_name, []).append(d)
    return [
        {
            "type": name,
            "measured": ms(max((time for d in members if (time := _measured(d)) is not None), default=None)),
            "counts": Counter(_freshness(d, at).value for d in members),
        }
        for name, members in sorted(kinds.items(), key=lambda kind: (-len(kind[1]), kind[0]))
    ]


def _measured(d: DeviceNow) -> datetime | None:
    """When the newest value of a device was measured."""
    return max((v.phenomenon_time for v in d.values if v.phenomenon_time is not None), default=None)


def _freshness(d: DeviceNow, at: datetime) -> Freshness:
    return freshness(word_age_s(at, _measured(d), d.heard, d.mode), d.interval_s, d.mode, d.state)


def chart(snapshot: ChartSnapshot) -> Json:
    """One datastream's slots (null where nothing usable was measured) and its forecast."""
    return {
        "t": ms(snapshot.moment.at),
        "datastream": snapshot.value.datastream_id,
        "device": snapshot.device.device_id,
        "property": snapshot.value.property,
        "item": snapshot.value.item,
        "unit": snapshot.value.unit,
        "series": {
            "start": ms(snapshot.series.start), "step_s": snapshot.series.step_s, "watermark": ms(snapshot.series.watermark),
            "values": [_finite(v) for v in snapshot.series.values[0].tolist()],
        },
        "forecast": forecast(snapshot.forecast) if snapshot.forecast else None,
    }  # fmt: skip


def forecast(f: Forecast) -> Json:
    return {
        "issued": ms(f.issued_at), "start": ms(f.first_target), "step_s": f.step_s, "model": f.model,
        "version": f.model_version, "fallback": _both(reason, f.fallback_reason), "watermark": ms(f.watermark),
        "q10": [_finite(v) for v in f.q10], "q50": [_finite(v) for v in f.q50], "q90": [_finite(v) for v in f.q90],
    }  # fmt: skip


def system(snapshot: SystemSnapshot) -> Json:
    """Everything the system page shows. Payloads of dead letters stay in the database: they may hold anything."""
    return {
        "t": ms(snapshot.moment.at),
        "newest": {"measured": None, "received": ms(snapshot.newest_received_time)},
        "processes": [
            {"process": p.process, "instance": p.instance, "started": ms(p.started_at), "beat": ms(p.beat_at),
             "metrics": p.metrics}
            for p in snapshot.processes
        ],
        "ledger": {
            "received": snapshot.received_last_hour, "stored": snapshot.stored_last_hour, "late": snapshot.late_last_hour,
            "duplicate": snapshot.duplicate_last_hour, "corrected": snapshot.corrected_last_hour,
            "rejected": snapshot.rejected_last_hour,
        },
        "dead_letters": [
            {"id": d.dead_letter_id, "received": ms(d.received_time), "topic": d.topic, "code": d.code,
             "reason": _both(DeadLetter.sentence, d), "replayed": ms(d.replayed_at)}
            for d in snapshot.dead_letters
        ],
        "dead_letters_by_code": snapshot.dead_letters_by_code,
        "database": {
            "flavour": snapshot.flavour, "schema": snapshot.schema_version, "bytes": snapshot.database_bytes,
            "devices": snapshot.n_devices, "datastreams": snapshot.n_datastreams,
            "unsent_commands": snapshot.n_unsent_commands, "unsealed_audit": snapshot.n_unsealed_audit_entries,
        },
    }  # fmt: skip


def _both(words: Callable[[Subject, str], str], subject: Subject) -> dict[str, str]:
    """What a package says of something, in every language of the screens."""
    return {lang: words(subject, lang) for lang in LANGUAGES}


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _rounded(number: float | None, digits: int = 1) -> float | None:
    """A number for a browser; whole ones without their ".0"."""
    return None if number is None else round(number, digits) if digits else round(number)


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _age(time: datetime | None, t: int) -> int | None:
    """Milliseconds from a time to the frame's own."""
    return None if time is None else t - _ms(time)
