"""The wire: records of the memory as the compact JSON that browsers get. Pure; times are milliseconds since 1970, UTC.

A value is `[datastream_id, value, quality, measured_ms, received_ms]`: the rest of a datastream is sent once, with its device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from alerts.words import sentence
from domain.forecasts import Forecast
from domain.incidents import Incident
from domain.orders import Order
from domain.units import Unit
from domain.warnings import Warning
from forecasting.reasons import sentence as reason
from layouts.words import LANGUAGES
from storage.heartbeats import Heartbeat
from storage.observations import Value
from storage.snapshots import ChartSnapshot, DeviceNow, LiveFrame, MapSnapshot, SystemSnapshot

Json = dict[str, Any]
Subject = TypeVar("Subject")
WireValue = tuple[int, float | None, str | None, int | None, int | None]


def ms(time: datetime | None) -> int | None:
    return None if time is None else round(time.timestamp() * 1000)


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
        "orders": [order(o) for o in snapshot.orders],
    }


def device(d: DeviceNow) -> Json:
    """One device; a value that is not finite travels as null, as JSON has no other word for it."""
    return {
        "id": d.device_id, "district": d.district_code, "type": d.type_name, "name": d.name, "lon": d.lon, "lat": d.lat,
        "interval_s": d.interval_s, "mode": d.mode, "state": d.state,
        "streams": [
            {
                "id": v.datastream_id, "property": v.property, "item": v.item, "unit": v.unit, "value": _finite(v.value),
                "quality": v.quality, "measured": ms(v.phenomenon_time), "received": ms(v.received_time),
            }
            for v in d.values
        ],
    }  # fmt: skip


def value(v: Value) -> WireValue:
    return (v.datastream_id, _finite(v.value), v.quality.value, ms(v.phenomenon_time), ms(v.received_time))


def unit(u: Unit) -> Json:
    return {
        "id": u.unit_id, "kind": u.kind, "name_zh": u.name_zh, "name_en": u.name_en, "capabilities": u.capabilities,
        "status": u.status, "since": ms(u.status_since), "order": u.order_id, "lon": u.lon, "lat": u.lat,
        "measured": ms(u.position_time), "speed_kmh": _rounded(u.speed_kmh), "heading_deg": _rounded(u.heading_deg),
    }  # fmt: skip


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
        "evidence": w.evidence, "exercise": w.exercise_id,
    }  # fmt: skip


def order(o: Order) -> Json:
    return {
        "id": o.order_id, "incident": o.incident_id, "unit": o.unit_id, "state": o.state, "actor": o.actor,
        "issued": ms(o.issued_at), "sent": ms(o.sent_at), "answered": ms(o.acknowledged_at),
    }  # fmt: skip


def ingest(heartbeats: Iterable[Heartbeat]) -> Json | None:
    """What the ingest process last said of itself, or None when it never did."""
    return next(({"beat": ms(h.beat_at), "metrics": h.metrics} for h in heartbeats if h.process == "ingest"), None)


class MapChanges:
    """What changed on the map since the last frame. Bounded: remembers one line per value of the last seconds, and the few."""

    def __init__(self) -> None:
        self._values: dict[int, WireValue] = {}
        self._units: dict[str, Json] = {}
        self._lists: dict[str, list[Json]] = {}

    def take(self, frame: LiveFrame, heartbeats: Iterable[Heartbeat]) -> Json:
        """The frame's changes; `units` holds changed units, the other lists are whole where they changed and absent where not."""
        values = {v.datastream_id: value(v) for v in frame.values}
        changed = [v for number, v in values.items() if self._values.get(number) != v]
        self._values = values
        units = {u.unit_id: unit(u) for u in frame.units}
        out: Json = {
            "t": ms(frame.moment.at),
            "newest": {"measured": ms(frame.newest_phenomenon_time), "received": ms(frame.newest_received_time)},
            "n_devices": frame.n_devices,
            "ingest": ingest(heartbeats),
            "values": changed,
            "units": [u for unit_id, u in units.items() if self._units.get(unit_id) != u],
        }
        self._units = units
        lists = {
            "incidents": [incident(i) for i in frame.incidents],
            "warnings": [warning(w) for w in frame.warnings],
            "orders": [order(o) for o in frame.orders],
        }
        out |= {name: rows for name, rows in lists.items() if self._lists.get(name) != rows}
        self._lists = lists
        return out


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
            {"id": d.dead_letter_id, "received": ms(d.received_time), "topic": d.topic, "code": d.code, "reason": d.reason,
             "replayed": ms(d.replayed_at)}
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


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 1)
