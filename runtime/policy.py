"""The policy: what `config/city.toml` says, checked at start. Every fault is reported at once, each with file, key, value,
expectation and an example. Packages receive plain values from here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alerts.lifecycle import Silence
from domain.incidents import Grade
from domain.indices import IndexPolicy, Part, Parts, Scale
from domain.warnings import LevelThreshold, ThresholdRule, WarningLevel, WarningSource

if TYPE_CHECKING:
    from forecasting.calendar import Calendar


class PolicyError(Exception):
    """The policy file is wrong. `faults` holds one sentence per wrong key; the message is all of them."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Policy:
    retention_days: int
    sign_in_days: int
    device_messages_per_s: float
    device_burst: int
    forecast_horizon_s: int
    forecast_step_s: int
    forecast_issue_s: int
    forecast_history_days: int
    order_expiry_s: float
    unit_speed_kmh: float
    road_detour: float
    unattended_after_s: float
    unattended_grades: tuple[Grade, ...]
    hall_target_s: float
    index: IndexPolicy
    warning_agency: str
    warning_silence: Silence
    rules: tuple[ThresholdRule, ...]


@dataclass(frozen=True, slots=True)
class _Key:
    """One key: where it stands, what it may be, and one that would do."""

    table: str
    name: str
    accepts: Callable[[Any], bool]
    expected: str
    example: str


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _number(low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _grades(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) and Grade.known(word) is not None for word in value)


def _numbers(value: Any, n: int) -> bool:
    return isinstance(value, list) and len(value) == n and all(_number(-1e9, 1e9)(v) for v in value)


def _part(value: Any) -> bool:
    """A weight, and two anchors or more whose values rise and whose scores only rise or only fall."""
    if not isinstance(value, dict) or value.keys() != {"weight", "anchors"} or not _number(0, 100)(value["weight"]):
        return False
    anchors = value["anchors"]
    if not isinstance(anchors, list) or len(anchors) < 2 or not all(_numbers(anchor, 2) for anchor in anchors):
        return False
    scores = [score for _, score in anchors]
    return (
        all(left < right for (left, _), (right, _) in pairwise(anchors))
        and all(0 <= score <= 100 for score in scores)
        and scores in (sorted(scores), sorted(scores, reverse=True))
    )


def _points(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == set(Grade) and all(_number(0, 1000)(v) for v in value.values())


_PARTS = tuple(Parts.__slots__)
_EXPECTED_PART = (
    "a weight from 0 to 100 and two anchors [value, score] or more, values rising, scores 0 to 100 only rising or only falling"
)
_EXAMPLE_PART = "{ weight = 10, anchors = [[0, 0], [100, 100]] }"

_KEYS = (
    *(_Key("index", name, _part, _EXPECTED_PART, _EXAMPLE_PART) for name in _PARTS),
    _Key("index", "least_weight", _number(0, 1), "a share from 0 to 1", "0.5"),
    _Key("index", "history_days", _whole(3, 400), "a whole number of days from 3 to 400", "28"),
    _Key("index", "damping", _number(0, 1000), "a number from 0 to 1000", "5"),
    _Key("index", "grade_points", _points, "a number from 0 to 1000 for each grade", "{ I = 30, II = 10, III = 3, IV = 1 }"),
    _Key("index", "hot_least", _whole(1, 10_000), "a whole number from 1 to 10000", "5"),
    _Key("index", "hot_tail", _number(1e-12, 0.5), "a probability from 1e-12 to 0.5", "0.001"),
    _Key("index", "free_flow_days", _whole(2, 28), "a whole number of days from 2 to 28", "7"),
    _Key("index", "free_flow_share", _number(0.5, 1), "a share from 0.5 to 1", "0.85"),
    _Key("index", "particulate_h", _whole(1, 24), "a whole number of hours from 1 to 24", "24"),
    _Key("index", "river_warning_m", _number(0.1, 10_000), "a stage from 0.1 to 10000 m", "3.0"),
    _Key("index", "river_guarantee_m", _number(0.1, 10_000), "a stage from 0.1 to 10000 m", "4.0"),
    _Key("index", "wading_depth_m", _number(0.05, 2), "a depth from 0.05 to 2 m", "0.27"),
    _Key("index", "water_pressure_low_kpa", _number(1, 2500), "a pressure from 1 to 2500 kPa", "140"),
    _Key("index", "water_pressure_target_kpa", _number(1, 2500), "a pressure from 1 to 2500 kPa", "280"),
    _Key("ingest", "retention_days", _whole(7, 36_500), "a whole number of days from 7 to 36500", "400"),
    _Key("access", "sign_in_days", _whole(31, 36_500), "a whole number of days from 31 to 36500", "90"),
    _Key("ingest", "device_messages_per_s", _number(0.1, 100_000), "a number of messages from 0.1 to 100000", "100"),
    _Key("ingest", "device_burst", _whole(10, 10_000_000), "a whole number of messages from 10 to 10000000", "50000"),
    _Key("forecast", "horizon_h", _whole(1, 168), "a whole number of hours from 1 to 168", "24"),
    _Key("forecast", "step_min", lambda v: v in (5, 10, 15, 20, 30, 60), "5, 10, 15, 20, 30 or 60 minutes", "15"),
    _Key("forecast", "issue_min", _whole(5, 1440), "a whole number of minutes from 5 to 1440", "60"),
    _Key("forecast", "history_days", _whole(2, 400), "a whole number of days from 2 to 400", "28"),
    _Key("dispatch", "order_expiry_s", _number(10, 3600), "a number of seconds from 10 to 3600", "120"),
    _Key("dispatch", "speed_kmh", _number(5, 150), "a speed from 5 to 150 km/h", "40"),
    _Key("dispatch", "detour", _number(1, 3), "a ratio from 1 to 3", "1.3"),
    _Key("incident", "unattended_after_h", _number(0, 8760), "a number of hours from 0 (never) to 8760", "6"),
    _Key("incident", "unattended_grades", _grades, f"a list of grades, each one of {', '.join(Grade)}", '["IV"]'),
    _Key("hall", "target_p90_min", _number(1, 240), "a number of minutes from 1 to 240", "15"),
    _Key(
        "warning",
        "agency",
        lambda v: isinstance(v, str) and len(v) == 14 and v.isdigit(),
        "14 digits in quotes",
        '"99010000100100"',
    ),
    _Key("warning", "silent_intervals", _number(0, 100_000), "a number of intervals from 0 (never) to 100000", "120"),
    _Key("warning", "silent_at_most_h", _number(0.1, 8760), "a number of hours from 0.1 to 8760", "24"),
)

_RULE_KEYS = (
    _Key("rule", "id", _text, "a short name", '"pm25_high"'),
    _Key("rule", "property", _text, "the name of an observed property", '"pm25"'),
    _Key("rule", "direction", lambda v: v in ("above", "below"), "above or below", '"above"'),
    _Key("rule", "raise_hold_s", _number(0, 86_400), "a number of seconds from 0 to 86400", "60"),
    _Key("rule", "clear_hold_s", _number(0, 86_400), "a number of seconds from 0 to 86400", "300"),
    _Key("rule", "hazard", _text, "a hazard class", '"flood"'),
    _Key("rule", "zh", _text, "the words in Chinese", '"水位超警戒"'),
    _Key("rule", "en", _text, "the words in English", '"Water level above the warning stage"'),
)
_RULE_OPTIONS = (
    _Key("rule", "source", lambda v: v in ("rule", "forecast"), "rule (the newest reading) or forecast", '"rule"'),
    _Key("rule", "min_probability", _number(0.01, 0.99), "a share from 0.01 to 0.99", "0.5"),
    _Key("rule", "horizon_h", _number(0.25, 168), "a number of hours from 0.25 to 168", "6"),
)


def load_calendar(policy_path: Path) -> Calendar:
    """The calendar in calendar.toml beside the policy; where there is none, no day is a holiday. Raises PolicyError with every
    fault at once."""
    from forecasting.calendar import ALWAYS, CalendarError, parse_calendar  # numpy, which a command line need not wait for

    path = policy_path.with_name("calendar.toml")
    try:
        return parse_calendar(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        return ALWAYS
    except CalendarError as fault:
        raise PolicyError(list(fault.faults)) from None
    except (OSError, UnicodeDecodeError) as fault:
        sentence = f"{path} cannot be read ({fault}): expected a TOML file as the one delivered; mend or remove it"
        raise PolicyError([sentence]) from None


def load_policy(path: Path) -> Policy:
    """The policy in the file at `path`. Raises PolicyError with every fault at once."""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PolicyError(
            [f"{path} does not exist: expected the policy file; set CITYHELM_CONFIG, such as config/city.toml"]
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise PolicyError(
            [f"{path} cannot be read ({fault}): expected a TOML file, such as the config/city.toml delivered"]
        ) from None
    faults: list[str] = []
    values = {(key.table, key.name): _checked(path, key, said.get(key.table), key.table, faults) for key in _KEYS}
    known_tables = {key.table for key in _KEYS} | {"rule"}
    for table in sorted(said.keys() - known_tables):
        faults.append(f"{path}: [{table}] is not a table of the policy: expected one of {', '.join(sorted(known_tables))}")
    for table in sorted({key.table for key in _KEYS} & said.keys()):
        if isinstance(said[table], dict):
            for name in sorted(said[table].keys() - {key.name for key in _KEYS if key.table == table}):
                faults.append(f"{path}: {table}.{name} is not a key of the policy: expected one of {_names(table)}")
    if not faults:
        faults.extend(_index_faults(path, said["index"]))
    rules = _rules(path, said.get("rule", []), faults)
    if faults:
        raise PolicyError(faults)
    return Policy(
        retention_days=values["ingest", "retention_days"],
        sign_in_days=values["access", "sign_in_days"],
        device_messages_per_s=float(values["ingest", "device_messages_per_s"]),
        device_burst=values["ingest", "device_burst"],
        forecast_horizon_s=values["forecast", "horizon_h"] * 3600,
        forecast_step_s=values["forecast", "step_min"] * 60,
        forecast_issue_s=values["forecast", "issue_min"] * 60,
        forecast_history_days=values["forecast", "history_days"],
        order_expiry_s=float(values["dispatch", "order_expiry_s"]),
        unit_speed_kmh=float(values["dispatch", "speed_kmh"]),
        road_detour=float(values["dispatch", "detour"]),
        unattended_after_s=values["incident", "unattended_after_h"] * 3600.0,
        unattended_grades=tuple(Grade.of(word) for word in values["incident", "unattended_grades"]),
        hall_target_s=values["hall", "target_p90_min"] * 60.0,
        index=_index({name: value for (table, name), value in values.items() if table == "index"}),
        warning_agency=values["warning", "agency"],
        warning_silence=Silence(values["warning", "silent_intervals"], values["warning", "silent_at_most_h"] * 3600.0),
        rules=tuple(rules),
    )


def _index(said: dict[str, Any]) -> IndexPolicy:
    parts = {
        name: Part(float(said[name]["weight"]), Scale(tuple((float(v), float(score)) for v, score in said[name]["anchors"])))
        for name in _PARTS
    }
    points = {grade: float(n) for grade, n in said["grade_points"].items()}
    return IndexPolicy(Parts(**parts), grade_points=points,
                       **{name: value for name, value in said.items() if name not in (*_PARTS, "grade_points")})  # fmt: skip


def _index_faults(path: Path, said: dict[str, Any]) -> list[str]:
    """What is wrong between keys that are right by themselves."""
    faults = []
    if not any(said[name]["weight"] for name in _PARTS):
        faults.append(f"{path}: index has no part that weighs anything: expected a weight above 0, such as {_EXAMPLE_PART}")
    for low, high in (("river_warning_m", "river_guarantee_m"), ("water_pressure_low_kpa", "water_pressure_target_kpa")):
        if said[low] >= said[high]:
            faults.append(f"{path}: index.{low} is {said[low]}: expected less than index.{high}, which is {said[high]}")
    return faults


def _names(table: str) -> str:
    return ", ".join(key.name for key in _KEYS if key.table == table)


def _checked(path: Path, key: _Key, table: Any, shown: str, faults: list[str]) -> Any:
    value = table.get(key.name) if isinstance(table, dict) else None
    if value is None:
        faults.append(f"{path}: {shown}.{key.name} is missing: expected {key.expected}, such as {key.example}")
    elif not key.accepts(value):
        faults.append(f"{path}: {shown}.{key.name} is {value!r}: expected {key.expected}, such as {key.example}")
    return value


def _rules(path: Path, tables: Any, faults: list[str]) -> list[ThresholdRule]:
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        faults.append(f"{path}: rule is not a list of tables: expected each rule to begin with [[rule]]")
        return []
    rules: list[ThresholdRule] = []
    for k, table in enumerate(tables):
        shown = f"rule[{table.get('id', k)}]"
        before = len(faults)
        said = {key.name: _checked(path, key, table, shown, faults) for key in _RULE_KEYS}
        options = {key.name: _checked(path, key, table, shown, faults) for key in _RULE_OPTIONS if key.name in table}
        thresholds = _thresholds(path, table, shown, faults)
        allowed = {key.name for key in (*_RULE_KEYS, *_RULE_OPTIONS)} | set(WarningLevel)
        for name in sorted(table.keys() - allowed):
            faults.append(f"{path}: {shown}.{name} is not a key of a rule: expected one of {', '.join(sorted(allowed))}")
        if len(faults) > before:
            continue
        rules.append(
            ThresholdRule(
                rule_id=said["id"], version=1, property=said["property"], direction=said["direction"],
                thresholds=tuple(thresholds), raise_hold_s=float(said["raise_hold_s"]),
                clear_hold_s=float(said["clear_hold_s"]), hazard_class=said["hazard"], zh=said["zh"], en=said["en"],
                source=WarningSource.of(options.get("source", "rule")), min_probability=options.get("min_probability", 0.5),
                horizon_s=options.get("horizon_h", 0.0) * 3600,
            )
        )  # fmt: skip
    names = [rule.rule_id for rule in rules]
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.append(f"{path}: rule[{name}] is given {names.count(name)} times: expected each id once")
    return rules


def _thresholds(path: Path, table: dict[str, Any], shown: str, faults: list[str]) -> list[LevelThreshold]:
    """The levels a rule gives, gravest first. A graver level must lie further out, and clear on the near side of its raise."""
    sign = -1 if table.get("direction") == "below" else 1
    found: list[LevelThreshold] = []
    for level in WarningLevel:
        if level.value not in table:
            continue
        pair = table[level.value]
        is_pair = (
            isinstance(pair, dict) and pair.keys() == {"raise", "clear"} and all(_number(-1e12, 1e12)(v) for v in pair.values())
        )
        if not is_pair or sign * pair["clear"] > sign * pair["raise"]:
            side = "above" if sign < 0 else "below"
            faults.append(
                f"{path}: {shown}.{level.value} is {pair!r}: expected two numbers, the clear value {side} or at the raise value, "
                "such as { raise = 75, clear = 70 }"
            )
            continue
        if found and sign * float(pair["raise"]) >= sign * found[-1].raise_at:
            faults.append(
                f"{path}: {shown}.{level.value} raises at {pair['raise']}: "
                f"expected it on the near side of {found[-1].raise_at:g}, where {found[-1].level.value} raises"
            )
        found.append(LevelThreshold(level, float(pair["raise"]), float(pair["clear"])))
    if not found and not any(level.value in table for level in WarningLevel):
        faults.append(f"{path}: {shown} has no level: expected at least one of {', '.join(WarningLevel)}")
    return found
