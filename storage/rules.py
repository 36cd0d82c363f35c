"""Rules: versioned, living in the database. The configuration file seeds them once and never changes a live one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from domain.warnings import LevelThreshold, ThresholdRule, WarningLevel, WarningSource
from storage.connection import Connection


def seed_rules(conn: Connection, rules: Sequence[ThresholdRule], *, now: datetime) -> list[str]:
    """Writes rules whose id was never stored, as version 1; returns their ids."""
    seeded = []
    with conn.transaction():
        for rule in rules:
            row = conn.execute(
                "INSERT INTO rule (rule_id, version, spec, author, created_at) SELECT %s, 1, %s, 'config', %s "
                "WHERE NOT EXISTS (SELECT FROM rule WHERE rule_id = %s) ON CONFLICT DO NOTHING RETURNING rule_id",
                (rule.rule_id, Jsonb(_to_spec(rule)), now, rule.rule_id),
            ).fetchone()
            if row is not None:
                seeded.append(str(row[0]))
    return seeded


def list_rules(conn: Connection) -> list[ThresholdRule]:
    """The live version of every rule, by id."""
    rows = conn.execute("SELECT rule_id, version, spec FROM rule WHERE retired_at IS NULL ORDER BY rule_id")
    return [_from_spec(*row) for row in rows]


def _to_spec(rule: ThresholdRule) -> dict[str, Any]:
    return {
        "property": rule.property, "direction": rule.direction, "raise_hold_s": rule.raise_hold_s,
        "clear_hold_s": rule.clear_hold_s, "hazard_class": rule.hazard_class, "zh": rule.zh, "en": rule.en,
        "source": rule.source.value, "min_probability": rule.min_probability, "horizon_s": rule.horizon_s,
        "thresholds": [[t.level.value, t.raise_at, t.clear_at] for t in rule.thresholds],
    }  # fmt: skip


def _from_spec(rule_id: str, version: int, spec: dict[str, Any]) -> ThresholdRule:
    thresholds = tuple(
        LevelThreshold(WarningLevel.of(level), raise_at, clear_at) for level, raise_at, clear_at in spec["thresholds"]
    )
    source = WarningSource.of(spec["source"])
    return ThresholdRule(rule_id=rule_id, version=version, **{**spec, "thresholds": thresholds, "source": source})
