"""The wire of dossiers: an incident, a warning, the figures of the list, the log and the last hours, as the JSON pages ask for.

Pure; times are milliseconds since 1970, UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from dashboard import wire, wire_resources
from dashboard.wire import Json, ms
from dispatch.merging import Likeness
from domain.incidents import OPEN_STATES, STEPS, DrawnArea, Incident, IncidentState, times_of
from domain.orders import OPEN_ORDER_STATES, Order
from domain.segments import DELIVERED, STANDARD, Segment, Targets, of_order, processing
from domain.warnings import WarningLevel
from storage.audit import LogEntry
from storage.dossiers import ALARM_SLOT_S, IncidentDossier, Timeline, WarningBoard, WarningDossier
from storage.orders import OrderStep
from storage.rules import RuleVersion
from storage.units import StatusStep
from storage.warnings import PastWarning, WarningStep

TIMES = (
    "reported", "verified", "responding", "established", "controlled", "recovering", "closed", "merged", "false_alarm",
)  # fmt: skip


def incident(
    dossier: IncidentDossier, *, with_texts: bool, targets: Targets = DELIVERED,
    candidates: Sequence[tuple[Incident, Likeness]] = (),
) -> Json:  # fmt: skip
    """An incident with its steps, texts, segments, orders, and all that belongs to it; of texts that may not be read only how
    many there are."""
    found = dossier.incident
    steps_of: dict[str, list[OrderStep]] = defaultdict(list)
    for step in dossier.order_steps:
        steps_of[step.order_id].append(step)
    statuses_of: dict[str, list[StatusStep]] = defaultdict(list)
    for status in dossier.statuses:
        statuses_of[status.order_id].append(status)
    over_at = None if found.state in OPEN_STATES or not dossier.steps else dossier.steps[-1].valid_from
    first = processing(found.reported_at, (order.issued_at for order in dossier.orders), over_at, targets)
    times = times_of((step.state, step.response_level, step.valid_from) for step in dossier.steps)
    texts = [{"at": ms(at), "text": text} for at, text in dossier.texts]
    texts += [{"at": ms(at), "text": text, "incident": child} for child, at, text in dossier.child_texts]
    over = () if found.state in (*OPEN_STATES, IncidentState.MERGED) else (found.incident_id,)
    by_id = {resource.resource_id: resource for resource in dossier.resources}
    return {
        "t": ms(dossier.moment.at),
        "incident": wire.incident(found),
        "steps": [
            {"state": s.state, "grade": s.grade, "response": s.response_level, "at": ms(s.valid_from),
             "recorded": ms(s.recorded_at), "actor": s.actor}
            for s in dossier.steps
        ],
        "texts": texts if with_texts else [],
        "n_texts": len(texts),
        "times": {name: ms(times.get(name)) for name in TIMES},
        "next": list(_next(dossier)),
        "command": {"commander": c.commander, "since": ms(c.since)} if (c := dossier.command) else None,
        "area": _area(dossier.area) if dossier.area else None,
        "sources": [
            {"kind": s.kind, "source": s.source_id, "device": s.device_id or None, "at": ms(s.linked_at), "by": s.actor,
             "incident": s.incident_id}
            for s in dossier.sources
        ],
        "root": dossier.merge.root_id if dossier.merge else None,
        "children": [
            {"incident": wire.incident(child), "merged": ms(merge.merged_at), "by": merge.actor}
            for child, merge in dossier.children
        ],
        "candidates": [candidate(other, alike) for other, alike in candidates],
        "reservations": [wire_resources.reservation(r, by_id, over) for r in dossier.reservations],
        "requests": [
            wire_resources.request(r, dossier.resources, dossier.reservations, with_texts=with_texts) for r in dossier.requests
        ],
        "over": ms(over_at),
        "standard": STANDARD,
        "segments": [_segment(first)],
        "orders": [
            _order(
                o, dossier.kinds.get(o.unit_id, ""), steps_of[o.order_id], statuses_of[o.order_id], targets,
                with_texts=with_texts,
            )
            | {"issued_for": dossier.issued_for.get(o.order_id)}
            for o in dossier.orders
        ],
    }  # fmt: skip


def candidate(other: Incident, alike: Likeness) -> Json:
    """An incident that another may be, with the reasons."""
    return {
        "incident": wire.incident(other), "score": round(alike.score, 3), "likely": alike.is_likely,
        "hazard": "same" if alike.is_same_hazard else "kindred", "distance_m": round(alike.distance_m),
        "apart_s": round(alike.apart_s), "text": None if alike.text is None else round(alike.text, 2),
        "scale_m": alike.scale.metres, "scale_s": alike.scale.seconds,
    }  # fmt: skip


def _next(dossier: IncidentDossier) -> Iterable[str]:
    """What a person may say that the incident has become."""
    is_verified = any(step.state is IncidentState.VERIFIED for step in dossier.steps)
    after = STEPS[dossier.incident.state]
    return (state.value for state in after if not (state is IncidentState.VERIFIED and is_verified))


def _area(area: DrawnArea) -> Json:
    return {
        "shape": area.shape, "reach_m": area.reach_m, "crs": "EPSG:4326", "origin": area.crs_origin, "by": area.actor,
        "at": ms(area.since),
    }  # fmt: skip


def _order(
    order: Order, kind: str, steps: list[OrderStep], statuses: list[StatusStep], targets: Targets, *, with_texts: bool
) -> Json:  # fmt: skip
    over_at = next((s.valid_from for s in steps if s.state not in OPEN_ORDER_STATES), None)
    said = [(s.valid_from, s.status) for s in statuses if s.source == "unit"]
    return {
        **wire.order(order),
        "kind": kind,
        "steps": [
            {"state": s.state, "at": ms(s.valid_from), "recorded": ms(s.recorded_at), "detail": s.detail if with_texts else None}
            for s in steps
        ],
        "statuses": [
            {"status": s.status, "at": ms(s.valid_from), "recorded": ms(s.recorded_at), "source": s.source} for s in statuses
        ],
        "segments": [_segment(s) for s in of_order(kind, order.issued_at, order.acknowledged_at, said, over_at, targets)],
    }  # fmt: skip


def _segment(s: Segment) -> Json:
    return {"kind": s.kind, "began": ms(s.began_at), "ended": ms(s.ended_at), "target_s": s.target_s}


def warning(dossier: WarningDossier, *, with_texts: bool) -> Json:
    """A warning with its steps, its rule as it was then, earlier ones like it, and the forecast it rests on."""
    return {
        "t": ms(dossier.moment.at),
        "warning": wire.warning(dossier.warning),
        "steps": [_warning_step(s, with_texts=with_texts) for s in dossier.steps],
        "rule": _rule(dossier.rule) if dossier.rule is not None else None,
        "similar": [_past(w) for w in dossier.similar],
        "forecast": wire.forecast(dossier.forecast) if dossier.forecast is not None else None,
        "incidents": list(dossier.incidents),
    }


def _warning_step(s: WarningStep, *, with_texts: bool) -> Json:
    value, threshold = s.evidence.get("value"), s.evidence.get("threshold")
    return {
        "state": s.state, "level": s.level, "shape": s.level.shape, "at": ms(s.valid_from), "recorded": ms(s.recorded_at),
        "transition": s.transition, "actor": s.actor, "comment": s.comment if with_texts else None, "probability": s.probability,
        "lead_s": s.lead_time_s,
        "value": value if isinstance(value, int | float) else None,
        "threshold": threshold if isinstance(threshold, int | float) else None,
    }  # fmt: skip


def _rule(version: RuleVersion) -> Json:
    rule = version.rule
    return {
        "id": rule.rule_id, "version": rule.version, "zh": rule.zh, "en": rule.en, "property": rule.property,
        "direction": rule.direction, "source": rule.source, "hazard": rule.hazard_class, "raise_hold_s": rule.raise_hold_s,
        "clear_hold_s": rule.clear_hold_s, "min_probability": rule.min_probability, "horizon_s": rule.horizon_s,
        "thresholds": [
            {"level": t.level, "shape": t.level.shape, "raise_at": t.raise_at, "clear_at": t.clear_at} for t in rule.thresholds
        ],
        "author": version.author, "approver": version.approver, "since": ms(version.created_at), "until": ms(version.retired_at),
    }  # fmt: skip


def _past(w: PastWarning) -> Json:
    return {
        "id": w.warning_id, "peak": w.peak, "shape": w.peak.shape, "state": w.state, "raised": ms(w.raised_at),
        "ended": ms(w.ended_at), "verdict": w.verdict,
    }  # fmt: skip


def board(found: WarningBoard) -> Json:
    """Acknowledgements by warning, what ended, and the alarm rate: one count per slot and level, oldest slot first; the first
    and the last slot may be cut by the ends of the span."""
    start = _slot(found.since)
    n = _slot(found.moment.at) - start + 1
    counts: dict[str, list[int]] = {level.value: [0] * n for level in WarningLevel}
    for at, level, raised in found.raised:
        counts[level][_slot(at) - start] += raised
    return {
        "t": ms(found.moment.at),
        "since": ms(found.since),
        "acknowledged": {warning_id: [actor, ms(at)] for warning_id, (actor, at) in found.acknowledgements.items()},
        "closed": [wire.warning(w) for w in found.closed],
        "rate": {"start": 1000 * ALARM_SLOT_S * start, "step_s": ALARM_SLOT_S, **counts},
    }  # fmt: skip


def _slot(time: datetime) -> int:
    return int(time.timestamp()) // ALARM_SLOT_S


def timeline(found: Timeline) -> Json:
    return {
        "t": ms(found.moment.at),
        "since": ms(found.since),
        "incidents": [
            {"id": i.incident_id, "hazard": i.hazard_class, "grade": i.grade, "state": i.state, "at": ms(i.reported_at),
             "ended": None if i.state in OPEN_STATES else ms(since)}
            for i, since in found.incidents
        ],
        "warnings": [
            {"id": w.warning_id, "level": w.level, "shape": w.level.shape, "at": ms(w.raised_at), "ended": ms(w.ended_at),
             "zh": w.zh, "en": w.en}
            for w in found.warnings
        ],
        "orders": [
            {"id": o.order_id, "unit": o.unit_id, "incident": o.incident_id, "state": o.state, "at": ms(o.issued_at)}
            for o in found.orders
        ],
    }  # fmt: skip


def log(entries: Iterable[LogEntry], at: datetime, *, with_texts: bool) -> Json:
    """What was done or refused, newest first; `hash` is null while an entry is not sealed, `detail` where words are masked."""
    return {
        "t": ms(at),
        "entries": [
            {"id": row.entry.audit_id, "at": ms(row.entry.acted_at), "actor": row.entry.actor, "role": row.entry.role,
             "action": row.entry.action, "object": row.entry.object, "outcome": row.entry.outcome,
             "detail": (row.entry.detail.get("reason") or row.entry.detail.get("comment")) if with_texts else None,
             "hash": row.hash,
             "sealed": ms(row.sealed_at)}
            for row in entries
        ],
    }  # fmt: skip
