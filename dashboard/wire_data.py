"""The wire of the data page: scores, the account, the places of losses, one source, dead letters, as compact JSON. Pure; times
are milliseconds since 1970, UTC.

A payload is sent only to those who may mend it (`dashboard.api.data`): it may hold anything, words about people as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard.wire import Json, ms
from domain.quality import TARGET, Cause
from domain.rejections import Reason
from layouts.words import LANGUAGES
from storage.deadletters import KEPT_PER_DAY, KEPT_PER_DEVICE, DeadLetter, LetterCount, LetterTotals
from storage.health import DeviceHealth, HealthSnapshot, Score, Suspect
from storage.ledger import Account
from storage.lifelines import Lifeline

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class DataNow:
    """Everything that the page shows at first."""

    health: HealthSnapshot
    counts: Sequence[LetterCount]
    totals: LetterTotals


def data(now: DataNow) -> Json:
    """The whole of the page. Of the grid a cell is [due, missing, due - good], or null where nothing was due."""
    h = now.health
    hours = [h.since + k * HOUR for k in range(round((h.until - h.since) / HOUR))]
    return {
        "t": ms(h.moment.at), "since": ms(h.since), "until": ms(h.until), "target": TARGET, "hours": [ms(hour) for hour in hours],
        "account": account(h.account), "city": score(h.city), "by_hour": [score(s) for s in h.hours],
        "districts": [score(s) for s in h.districts], "types": [score(s) for s in h.types], "worst": [score(s) for s in h.worst],
        "grid": {
            "district": grid(hours, ((s.district_code or "", s) for s in h.district_hours)),
            "type": grid(hours, ((s.type_name or "", s) for s in h.type_hours)),
        },
        "suspects": [suspect(s) for s in h.suspects],
        "letters": letters(now.counts, now.totals, hours),
    }  # fmt: skip


def account(a: Account) -> Json:
    return {
        "received": a.received, "stored": a.stored, "late": a.late, "duplicate": a.duplicate, "corrected": a.corrected,
        "rejected": a.rejected, "unequal": a.unequal_rows, "in_ledger": a.readings_in_ledger, "in_table": a.readings_in_table,
        "balanced": a.is_balanced, "sentence": {lang: a.sentence(lang) for lang in LANGUAGES},
    }  # fmt: skip


def score(s: Score) -> Json:
    """Causes without those that did not happen."""
    return {
        "key": s.key, "district": s.district_code, "type": s.type_name, "devices": s.n_devices, "expected": s.expected,
        "due": s.due, "good": s.good, "share": s.share, "meets": s.meets_target(),
        "causes": {cause.value: n for cause, n in s.causes.items() if n},
        "received": s.received, "stored": s.stored, "late": s.late, "duplicate": s.duplicate, "corrected": s.corrected,
        "rejected": s.rejected, "contradicted": s.contradicted, "gaps": s.gaps, "restarts": s.restarts,
    }  # fmt: skip


def grid(hours: Sequence[datetime], scores: Iterable[tuple[str, Score]]) -> dict[str, list[list[int] | None]]:
    """Rows by name, a cell for each of the hours; no row where nothing was due in any of them."""
    at = {hour: k for k, hour in enumerate(hours)}
    rows: dict[str, list[list[int] | None]] = {}
    for name, s in scores:
        cells = rows.setdefault(name, [None] * len(hours))
        k = at.get(datetime.fromisoformat(s.key))
        if k is not None and s.due:
            cells[k] = [s.due, s.causes.get(Cause.MISSING, 0), s.due - s.good]
    return {name: cells for name, cells in rows.items() if any(cells)}


def suspect(s: Suspect) -> Json:
    return {
        "device": s.device_id, "district": s.district_code, "type": s.type_name, "name": s.name, "suspicion": s.suspicion,
        "offset_s": s.offset_s, "n": s.n, "since": ms(s.since),
    }  # fmt: skip


def source(health: DeviceHealth | None, line: Lifeline) -> Json:
    """One source: who it is, whether it lives, its hours. `score` is null when nothing was owed or said."""
    return {
        "id": line.device_id, "district": line.district_code, "type": line.type_name, "name": line.name,
        "interval_s": line.interval_s, "mode": line.mode, "state": line.state, "freshness": line.freshness,
        "born": ms(line.born_at), "retired": ms(line.retired_at), "first_seen": ms(line.first_seen),
        "measured": ms(line.measured_at), "received": ms(line.received_at),
        "changes": [[ms(change.at), ms(change.received_time), change.state] for change in line.changes],
        "score": score(health.score) if health else None,
        "hours": [{**score(s), "hour": ms(datetime.fromisoformat(s.key))} for s in health.hours] if health else [],
        "suspects": [suspect(s) for s in health.suspects] if health else [],
        "units": [[u.property, u.item, u.unit, u.sent_unit] for u in health.streams] if health else [],
    }  # fmt: skip


def letters(counts: Sequence[LetterCount], totals: LetterTotals, hours: Sequence[datetime]) -> Json:
    """Counts by reason with their trend over the hours, and what is kept of all of them."""
    return {
        "total": totals.n, "kept": totals.n_kept, "counted": totals.n_counted, "open": totals.n_open, "oldest": ms(totals.oldest),
        "per_device": KEPT_PER_DEVICE, "per_day": KEPT_PER_DAY,
        "reasons": [
            {
                "code": c.code, "reason": c.reason_key, "said": _template(c.reason_key), "n": c.n, "kept": c.n_kept,
                "open": c.n_open, "newest": ms(c.newest), "trend": [dict(c.by_hour).get(hour, 0) for hour in hours],
            }
            for c in counts
        ],
    }  # fmt: skip


def _template(reason_key: str) -> dict[str, str] | None:
    """The sentence of a reason with its gaps open; None for one that this version does not know."""
    reason = Reason.known(reason_key)
    return None if reason is None else {lang: re.sub(r"\{\w+\}", "…", reason.label(lang)) for lang in LANGUAGES}


def letter(d: DeadLetter) -> Json:
    """A row of the list: everything but the payload."""
    return {
        "id": d.dead_letter_id, "received": ms(d.received_time), "topic": d.topic, "device": d.device_id, "code": d.code,
        "sentence": {lang: d.sentence(lang) for lang in LANGUAGES}, "n": d.n, "whole": d.is_whole, "open": d.is_open,
        "replayed": ms(d.replayed_at), "by": d.replayed_by,
    }  # fmt: skip


def whole_letter(d: DeadLetter, *, with_payload: bool) -> Json:
    """A letter with its payload as it can be edited: as text, in hexadecimal where it is none. Without the right: null."""
    return letter(d) | {"bytes": len(d.payload), "payload": payload(d.payload) if with_payload and d.is_whole else None}


def payload(said: bytes) -> Json:
    try:
        text = said.decode()
    except UnicodeDecodeError:
        return {"encoding": "hex", "said": said.hex(" ")}
    is_text = all(character.isprintable() or character in "\n\t\r" for character in text)
    return {"encoding": "text", "said": text} if is_text else {"encoding": "hex", "said": said.hex(" ")}
