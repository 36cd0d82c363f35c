"""The wire of what is said about warnings: situations, alarm rates, scoreboard, risk, shelves, evidence, as the JSON pages ask
for.

Pure; times are milliseconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from alerts.alarm_rate import LONG_RUN, PEAK, SLOT, Alarm, Load, load, shown_per_slot
from alerts.risk import NAMES, Risk
from alerts.scoreboard import LEAST, Score
from dashboard import wire
from dashboard.wire import Json, ms
from domain.warnings import Assignment, Reminder, ThresholdRule
from gis_data.impact import Impact
from storage.alarms import AlarmRow
from storage.attention import Judgement
from storage.outcomes import Neighbour
from storage.shelves import Maintenance, Shelf
from storage.situations import Situation

AT_ONCE = timedelta(seconds=10)
"""A warning that became part of a situation so soon was never seen alone."""
NAMED = 8
"""Names of places told of each kind."""


def situation(found: Situation) -> Json:
    """A situation that may be over: as in the live frame, with its end."""
    return wire.situation(found) | {
        "closed": None if found.is_open else ms(found.updated_at), "merged_into": found.merged_into,
    }  # fmt: skip


def situations(found: Sequence[Situation], at: datetime) -> Json:
    return {"t": ms(at), "situations": [situation(one) for one in found]}


def shelf(one: Shelf) -> Json:
    return {
        "id": one.shelf_id, "warning": one.warning_id, "situation": one.situation, "rule": one.rule_id, "object": one.object_id,
        "level": one.level, "since": ms(one.shelved_at), "until": ms(one.until), "reason": one.reason, "by": one.actor,
    }  # fmt: skip


def maintenance(one: Maintenance) -> Json:
    return {
        "id": one.maintenance_id, "from": ms(one.begins_at), "until": ms(one.until), "reason": one.reason, "by": one.actor,
        "area": one.area, "districts": one.districts, "devices": one.devices, "suppressed": one.n_inside,
    }  # fmt: skip


def kept_back(shelves: Iterable[Shelf], windows: Iterable[Maintenance], n_suppressed: int) -> Json:
    """What the board adds: shelves and maintenance in force, and how many warnings stand that are not shown."""
    return {
        "shelves": [shelf(one) for one in shelves], "maintenance": [maintenance(one) for one in windows],
        "suppressed": n_suppressed,
    }  # fmt: skip


def as_alarm(row: AlarmRow) -> Alarm:
    """A stored warning as an operator met it."""
    own, together = f"warning/{row.warning_id}", f"situation/{row.situation}" if row.situation is not None else None
    was_alone = together is None or row.gathered_at is None or row.gathered_at - row.raised_at > AT_ONCE
    return Alarm(
        f"{row.rule_id}\t{row.object_id}", own if was_alone or together is None else together, row.level.value, row.raised_at,
        row.ended_at, together, not (row.is_shelved or row.is_suppressed),
    )  # fmt: skip


def alarms(rows: Sequence[AlarmRow], since: datetime, until: datetime, zone: ZoneInfo) -> Json:
    """The alarm rate of a span with its days, of the week before its end, and by slots of ten minutes."""
    met = [as_alarm(row) for row in rows]
    names = {f"{row.rule_id}\t{row.object_id}": row for row in rows}
    raised, shown = shown_per_slot(met, since, until)
    return {
        "t": ms(until), "since": ms(since), "until": ms(until), "limits": {"mean": LONG_RUN, "peak": PEAK},
        "load": _load(load(met, since, until), rows, names),
        "week": _load(load(met, until - timedelta(days=7), until), rows, names),
        "days": [_day(met, *span, since, until) for span in _days(since, until, zone)],
        "slots": {"start": ms(since), "step_s": round(SLOT.total_seconds()), "raised": raised, "shown": shown},
    }  # fmt: skip


def _load(found: Load, rows: Sequence[AlarmRow], names: Mapping[str, AlarmRow]) -> Json:
    inside = [row for row in rows if found.since <= row.raised_at < found.until]
    return {
        "raised": found.raised, "shown": found.shown, "suppressed": sum(row.is_suppressed for row in inside),
        "shelved": sum(row.is_shelved and not row.is_suppressed for row in inside), "mean_per_slot": found.mean_per_slot,
        "per_day": found.per_day, "peak": found.peak, "peak_at": ms(found.peak_at), "busy_share": found.busy_share,
        "standing": found.standing, "stale": found.stale, "priorities": found.priorities,
        "chattering": [
            {
                "rule": names[source].rule_id, "object": names[source].device_name or names[source].object_id,
                "zh": names[source].zh, "en": names[source].en, "n": n,
            }
            for source, n in found.chattering
        ],
        "manageable": found.is_manageable,
    }  # fmt: skip


def _days(since: datetime, until: datetime, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """The local days that a span touches."""
    day = since.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    days = []
    while day < until:
        after = datetime.combine(day.date() + timedelta(days=1), day.time(), zone)
        days.append((day, after))
        day = after
    return days


def _day(met: Sequence[Alarm], begins: datetime, ends: datetime, since: datetime, until: datetime) -> Json:
    """The figures of the part of a local day that lies in the span."""
    found = load(met, max(begins, since), min(ends, until))
    return {
        "day": begins.date().isoformat(), "raised": found.raised, "shown": found.shown, "peak": found.peak,
        "mean_per_slot": found.mean_per_slot,
    }  # fmt: skip


def score(rule: ThresholdRule, found: Score) -> Json:
    return {
        "rule": rule.rule_id, "zh": rule.zh, "en": rule.en, "source": rule.source, "since": ms(found.since), "n": found.n,
        "judged": found.judged, "right": found.right, "false": found.false, "test": found.test, "precision": found.precision,
        "lead_s": found.lead_s, "n_lead": found.n_lead, "missed": found.missed, "n_events": found.n_events,
        "false_per_week": found.false_per_week,
    }  # fmt: skip


def scoreboard(rows: Sequence[tuple[ThresholdRule, Score]], at: datetime) -> Json:
    return {"t": ms(at), "least": LEAST, "rules": [score(*row) for row in rows]}


def risks(rows: Sequence[tuple[str, str, str, Risk, Risk, Risk]], at: datetime) -> Json:
    """Districts (code, names, risk now, an hour and a day ago), the greatest risk first."""
    ordered = sorted(rows, key=lambda row: (-(row[3].value if row[3].value is not None else -1.0), row[0]))
    return {"t": ms(at), "districts": [_risk(*row) for row in ordered]}


def _risk(code: str, zh: str, en: str, now: Risk, hour_ago: Risk, day_ago: Risk) -> Json:
    def told(value: float | None) -> float | None:
        return None if value is None else round(value, 1)

    return {
        "code": code, "zh": zh, "en": en, "risk": told(now.value), "was_1h": told(hour_ago.value), "was_24h": told(day_ago.value),
        "parts": [
            {
                "name": part.name, "zh": NAMES[part.name][0], "en": NAMES[part.name][1], "weight": part.weight,
                "value": None if part.value is None else round(part.value, 3), "score": told(part.score),
            }
            for part in now.parts
        ],
    }  # fmt: skip


def evidence(
    assignments: Sequence[Assignment], reminders: Sequence[Reminder], judgements: Sequence[Judgement],
    its_situation: Situation | None, around: Impact | None, sensors: Sequence[tuple[Neighbour, float]], row: Json | None,
    *, with_texts: bool,
) -> Json:  # fmt: skip
    """What the dossier of a warning adds: who looked after it, what people said, and what lies around."""
    return {
        "assignments": [
            wire.assignment(one) | {"comment": one.comment if with_texts else None} for one in assignments
        ],
        "reminders": [{"n": one.n, "role": one.role, "at": ms(one.at)} for one in reminders],
        "verdicts": [
            {"verdict": one.verdict, "at": ms(one.at), "by": one.by, "words": one.words if with_texts else None}
            for one in judgements
        ],
        "situation": situation(its_situation) if its_situation is not None else None,
        "impact": _impact(around) if around is not None else None,
        "sensors": [
            {
                "device": one.device_id, "name": one.name, "name_en": one.name_en, "property": one.property, "value": one.value,
                "unit": one.unit, "measured": ms(one.measured_at), "distance_m": round(apart_m),
            }
            for one, apart_m in sensors
        ],
        "scoreboard": row,
    }  # fmt: skip


def _impact(found: Impact) -> Json:
    return {
        "reach_m": found.reach_m, "area_km2": round(found.area_km2, 3), "residents": found.residents,
        "places": [
            {
                "kind": kind, "n": len(of_kind.places), "holds": of_kind.holds,
                "names": [{"zh": place.name_zh, "en": place.name_en} for place in of_kind.places[:NAMED]],
            }
            for kind, of_kind in found.kinds.items()
        ],
        "roads_m": {name: round(metres) for name, metres in found.roads_m.items()} if found.roads_m is not None else None,
    }  # fmt: skip
