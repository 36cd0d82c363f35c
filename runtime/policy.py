"""The policy: what `config/city.toml` says, checked at start. Every fault is reported at once, each with file, key, value,
expectation and an example. Packages receive plain values from here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alerts.lifecycle import Silence
from alerts.outward import Outward
from alerts.practice import Bonds, ShelvingPolicy, WarningPractice
from alerts.reminders import Clocks
from alerts.risk import NAMES, RiskPolicy
from dispatch.practice import Practice, Rules, RunCard
from domain.incidents import Grade, Radii
from domain.indices import IndexPolicy, Part, Parts, Scale
from domain.rights import Action, Role, who_may
from domain.rule_specs import SpecError, faults_among, read_spec
from domain.segments import Targets
from domain.warnings import ThresholdRule, WarningLevel
from runtime.outward import TABLES, read_outward
from staffing.practice import HallPractice, Shift

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
    impact_radii: Radii
    segment_targets: Targets
    hall_target_s: float
    hall_practice: HallPractice
    index: IndexPolicy
    warning_agency: str
    warning_silence: Silence
    warning_practice: WarningPractice
    practice: Practice
    outward: Outward
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


def _amounts(low: float, high: float) -> Callable[[Any], bool]:
    """A table of words with a number each."""
    return lambda value: isinstance(value, dict) and all(_text(name) and _number(low, high)(n) for name, n in value.items())


def _words(value: Any) -> bool:
    return isinstance(value, list) and all(_text(word) for word in value)


def _needs(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(_text(name) and _whole(1, 50)(n) for name, n in value.items())


def _weights(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == set(Grade) and all(_number(0.001, 1000)(v) for v in value.values())


def _by_level(low: float, high: float) -> Callable[[Any], bool]:
    """A number for each level of a warning."""
    return lambda value: (
        isinstance(value, dict) and value.keys() == set(WarningLevel) and all(_number(low, high)(n) for n in value.values())
    )


def _reminded(value: Any) -> bool:
    able = {role.value for role in who_may(Action.READ_CITY)}
    return isinstance(value, list) and bool(value) and all(word in able for word in value)


def _causes(value: Any) -> bool:
    return isinstance(value, dict) and all(_text(name) and _text(cause) and name != cause for name, cause in value.items())


def _shifts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_shift, value)) and len({s["id"] for s in value}) == len(value)


def _shift(value: Any) -> bool:
    """One kind of working day: its break lies within it, and its bounds leave room for it."""
    needed, breaks = {"id", "zh", "en", "start", "end"}, {"lunch_from", "lunch_until", "lunch_min"}
    if not isinstance(value, dict) or value.keys() not in (needed, needed | breaks):
        return False
    if not all(_text(value[name]) for name in ("id", "zh", "en")):
        return False
    times = [value[name] for name in ("start", "lunch_from", "lunch_until", "end") if name in value]
    if not all(type(at) is time for at in times) or not all(early < late for early, late in pairwise(times)):
        return False
    room = _minutes(value["lunch_until"]) - _minutes(value["lunch_from"]) if "lunch_min" in value else 0
    return "lunch_min" not in value or _whole(1, room)(value["lunch_min"])


def _minutes(at: time) -> int:
    return 60 * at.hour + at.minute


_EXPECTED_SHIFTS = (
    "a table for each shift with id (each once), zh, en, start and end, and where there is a break lunch_from, lunch_until and "
    "lunch_min, which fits between them"
)
_EXAMPLE_SHIFTS = '[{ id = "day", zh = "全天班", en = "full day", start = 08:45:00, end = 17:15:00 }]'
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
    _Key("forecast", "issue_min", _whole(5, 1440), "a whole number of minutes from 5 to 1440", "15"),
    _Key("forecast", "history_days", _whole(2, 400), "a whole number of days from 2 to 400", "28"),
    _Key("dispatch", "order_expiry_s", _number(10, 3600), "a number of seconds from 10 to 3600", "120"),
    _Key("dispatch", "speed_kmh", _number(5, 150), "a speed from 5 to 150 km/h", "40"),
    _Key("dispatch", "detour", _number(1, 3), "a ratio from 1 to 3", "1.3"),
    _Key("dispatch", "emergency_factor", _number(0.5, 3), "a factor from 0.5 to 3", "1.0"),
    _Key("dispatch", "grade_weights", _weights, "a number above 0 for each grade", "{ I = 8, II = 4, III = 2, IV = 1 }"),
    _Key("dispatch", "penalty_s", _number(60, 86_400), "a number of seconds from 60 to 86400", "7200"),
    _Key("dispatch", "turning_s", _number(0, 86_400), "a number of weighted seconds from 0 to 86400", "600"),
    _Key("dispatch", "wading_kinds", _words, "a list of kinds of unit", '["flood_rescue"]'),
    _Key("dispatch", "closes_road_m", _amounts(1, 5000), "metres from 1 to 5000 by hazard", "{ gas_leak = 150 }"),
    _Key("dispatch", "stale_position_s", _number(10, 86_400), "a number of seconds from 10 to 86400", "120"),
    _Key("dispatch", "stale_speed_s", _number(60, 86_400), "a number of seconds from 60 to 86400", "900"),
    _Key("dispatch", "crew_rest_after_h", _number(1, 24), "a number of hours from 1 to 24", "12"),
    _Key("dispatch", "crew_rests_out", lambda v: isinstance(v, bool), "true or false", "false"),
    _Key("dispatch", "behind_s", _number(0, 7200), "a number of seconds from 0 to 7200", "600"),
    _Key("dispatch", "coverage_target_s", _amounts(30, 7200), "seconds from 30 to 7200 by kind of unit", "{ ambulance = 720 }"),
    _Key("dispatch", "busy_share", _number(0, 0.99), "a share from 0 to 0.99", "0.3"),
    _Key("dispatch", "least_gain", _number(0.0001, 1), "a share from 0.0001 to 1", "0.01"),
    _Key("dispatch", "binds_s", _number(0, 3600), "a number of seconds from 0 (never) to 3600", "60"),
    _Key("dispatch", "answer_wait_s", _number(1, 3600), "a number of seconds from 1 to 3600", "30"),
    _Key("incident", "unattended_after_h", _number(0, 8760), "a number of hours from 0 (never) to 8760", "6"),
    _Key("incident", "unattended_grades", _grades, f"a list of grades, each one of {', '.join(Grade)}", '["IV"]'),
    _Key("incident", "impact_else_m", _number(10, 20_000), "a number of metres from 10 to 20000", "200"),
    _Key("incident", "impact_m", _amounts(10, 20_000), "metres from 10 to 20000 by hazard", "{ fire = 200, hazmat = 800 }"),
    _Key("segments", "processing_s", _number(0, 3600), "a number of seconds from 0 (none) to 3600", "64"),
    _Key("segments", "answering_s", _number(0, 3600), "a number of seconds from 0 (none) to 3600", "15"),
    _Key("segments", "turnout_s", _amounts(1, 3600), "seconds from 1 to 3600 by kind of unit", "{ engine = 80, ambulance = 60 }"),
    _Key("segments", "travel_s", _amounts(1, 7200), "seconds from 1 to 7200 by kind of unit", "{ engine = 240 }"),
    _Key("hall", "target_p90_min", _number(1, 240), "a number of minutes from 1 to 240", "15"),
    _Key("hall", "waits_every_min", _number(1, 60), "a number of minutes from 1 to 60", "5"),
    _Key("hall", "advice_every_min", _number(1, 60), "a number of minutes from 1 to 60", "5"),
    _Key("hall", "advice_horizon_h", _number(1, 4), "a number of hours from 1 to 4", "4"),
    _Key("hall", "gain_min", _number(0, 120), "a number of minutes from 0 to 120", "2"),
    _Key("hall", "valid_min", _number(1, 120), "a number of minutes from 1 to 120", "15"),
    _Key("hall", "least_open_min", _number(0, 240), "a number of minutes from 0 to 240", "30"),
    _Key("hall", "move_cost_min", _number(0, 240), "a number of minutes from 0 to 240", "10"),
    _Key("hall", "answer_s", _number(5, 3600), "a number of seconds from 5 to 3600", "60"),
    _Key("hall", "rating_days", _whole(1, 90), "a whole number of working days from 1 to 90", "15"),
    _Key("hall", "demand_quantile", _number(0.5, 0.99), "a share from 0.5 to 0.99", "0.7"),
    _Key("hall", "solve_s", _number(1, 600), "a number of seconds from 1 to 600", "60"),
    _Key("hall", "week_h", _number(1, 60), "a number of hours from 1 to 60", "40"),
    _Key("hall", "rest_h", _number(0, 24), "a number of hours from 0 to 24", "11"),
    _Key("hall", "days_in_a_row", _whole(1, 14), "a whole number of days from 1 to 14", "6"),
    _Key("hall", "shift", _shifts, _EXPECTED_SHIFTS, _EXAMPLE_SHIFTS),
    _Key(
        "warning",
        "agency",
        lambda v: isinstance(v, str) and len(v) == 14 and v.isdigit(),
        "14 digits in quotes",
        '"99010000100100"',
    ),
    _Key("warning", "silent_intervals", _number(0, 100_000), "a number of intervals from 0 (never) to 100000", "120"),
    _Key("warning", "silent_at_most_h", _number(0.1, 8760), "a number of hours from 0.1 to 8760", "24"),
    _Key(
        "warning",
        "remind_s",
        _by_level(0, 86_400),
        "seconds from 0 (never) to 86400 for each level",
        "{ red = 60, orange = 180, yellow = 600, blue = 0 }",
    ),
    _Key("warning", "remind_roles", _reminded, "a list of roles that see the city", '["duty_officer", "commander"]'),
    _Key("warning", "remind_most", _whole(0, 1000), "a whole number from 0 to 1000", "10"),
    _Key("warning", "shelve_most_h", _number(0.1, 168), "a number of hours from 0.1 to 168", "8"),
    _Key("warning", "dismissed_rest_h", _number(0, 24), "a number of hours from 0 (none) to 24", "1"),
    _Key("warning", "evidence_reach_m", _number(10, 20_000), "a number of metres from 10 to 20000", "1000"),
    _Key("situation", "causes", _causes, "the cause of each hazard, a hazard too", '{ flood = "rainstorm" }'),
    _Key("situation", "apart_min", _number(1, 1440), "a number of minutes from 1 to 1440", "60"),
    _Key("situation", "reach_m", _number(1, 100_000), "a number of metres from 1 to 100000", "2000"),
    _Key("situation", "reaches_m", _amounts(1, 100_000), "metres from 1 to 100000 by hazard", "{ rainstorm = 10000 }"),
    _Key("situation", "causal_reach_m", _number(1, 100_000), "a number of metres from 1 to 100000", "5000"),
    _Key("situation", "least", _whole(2, 1000), "a whole number of warnings from 2 to 1000", "3"),
    *(_Key("risk", name, _part, _EXPECTED_PART, _EXAMPLE_PART) for name in NAMES),
    _Key(
        "risk",
        "level_points",
        _by_level(0, 1000),
        "a number from 0 to 1000 for each level",
        "{ red = 10, orange = 5, yellow = 2, blue = 1 }",
    ),
    _Key("risk", "grade_points", _points, "a number from 0 to 1000 for each grade", "{ I = 30, II = 10, III = 3, IV = 1 }"),
)

_CARD_KEYS = (
    _Key("run_card", "hazard", _text, "a hazard class, or any", '"fire"'),
    _Key("run_card", "grade", lambda v: isinstance(v, str) and Grade.known(v) is not None, f"one of {', '.join(Grade)}", '"III"'),
    _Key("run_card", "needs", _needs, "how many units, 1 to 50, of each capability", "{ engine = 2, ambulance = 1 }"),
)
_CARD_OPTIONS = (
    _Key("run_card", "whole", lambda v: isinstance(v, bool), "true or false", "true"),
    _Key("run_card", "shared", lambda v: isinstance(v, bool), "true or false", "true"),
)

_RULE_HOURS = (
    _Key("rule", "horizon_h", _number(0.25, 168), "a number of hours from 0.25 to 168", "6"),
    _Key("rule", "window_h", _number(1 / 60, 72), "a number of hours up to 72", "3"),
)
"""What the file says in hours and a rule's spec in seconds; all other keys are those of the spec (`domain.rule_specs`)."""


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
    known_tables = {key.table for key in _KEYS} | {"rule", "run_card"} | TABLES
    for table in sorted(said.keys() - known_tables):
        faults.append(f"{path}: [{table}] is not a table of the policy: expected one of {', '.join(sorted(known_tables))}")
    for table in sorted({key.table for key in _KEYS} & said.keys()):
        if isinstance(said[table], dict):
            for name in sorted(said[table].keys() - {key.name for key in _KEYS if key.table == table}):
                faults.append(f"{path}: {table}.{name} is not a key of the policy: expected one of {_names(table)}")
    if not faults:
        faults.extend(_index_faults(path, said["index"]))
    rules = _rules(path, said.get("rule", []), faults)
    outward = read_outward(path, said, values["warning", "agency"], faults)
    cards = _run_cards(path, said.get("run_card", []), faults)
    if faults:
        raise PolicyError(faults)
    assert outward is not None, "without it there are faults"
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
        impact_radii=Radii(_floats(values["incident", "impact_m"]), float(values["incident", "impact_else_m"])),
        segment_targets=Targets(
            values["segments", "processing_s"] or None, values["segments", "answering_s"] or None,
            _floats(values["segments", "turnout_s"]), _floats(values["segments", "travel_s"]),
        ),
        hall_target_s=values["hall", "target_p90_min"] * 60.0,
        hall_practice=_hall_practice({name: value for (table, name), value in values.items() if table == "hall"}),
        index=_index({name: value for (table, name), value in values.items() if table == "index"}),
        warning_agency=values["warning", "agency"],
        warning_silence=Silence(values["warning", "silent_intervals"], values["warning", "silent_at_most_h"] * 3600.0),
        warning_practice=_warning_practice(values),
        practice=_practice({name: value for (table, name), value in values.items() if table == "dispatch"}, cards, values),
        outward=outward,
        rules=tuple(rules),
    )  # fmt: skip


def _floats(said: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in said.items()}


def _practice(said: dict[str, Any], cards: list[RunCard], values: dict[tuple[str, str], Any]) -> Practice:
    return Practice(
        run_cards=tuple(cards), grade_weights={Grade.of(word): float(n) for word, n in said["grade_weights"].items()},
        rules=Rules(penalty_s=float(said["penalty_s"]), turning_s=float(said["turning_s"])), speed_kmh=float(said["speed_kmh"]),
        detour=float(said["detour"]), emergency_factor=float(said["emergency_factor"]),
        wading_depth_m=float(values["index", "wading_depth_m"]), wading_kinds=frozenset(said["wading_kinds"]),
        closes_road_m={hazard: float(n) for hazard, n in said["closes_road_m"].items()},
        stale_position_s=float(said["stale_position_s"]), stale_speed_s=float(said["stale_speed_s"]),
        crew_rest_after_h=float(said["crew_rest_after_h"]), crew_rests_out=said["crew_rests_out"],
        behind_s=float(said["behind_s"]),
        coverage_target_s={kind: float(n) for kind, n in said["coverage_target_s"].items()}, busy_share=float(said["busy_share"]),
        least_gain=float(said["least_gain"]), binds_s=float(said["binds_s"]), answer_wait_s=float(said["answer_wait_s"]),
    )  # fmt: skip


def _hall_practice(said: dict[str, Any]) -> HallPractice:
    return HallPractice(
        target_s=said["target_p90_min"] * 60.0, waits_every_s=said["waits_every_min"] * 60.0,
        advice_every_s=said["advice_every_min"] * 60.0, advice_horizon_s=said["advice_horizon_h"] * 3600.0,
        gain_s=said["gain_min"] * 60.0, valid_s=said["valid_min"] * 60.0, least_open_s=said["least_open_min"] * 60.0,
        move_cost_s=said["move_cost_min"] * 60.0, answer_s=float(said["answer_s"]), rating_days=said["rating_days"],
        demand_quantile=float(said["demand_quantile"]), solve_s=float(said["solve_s"]), week_h=float(said["week_h"]),
        rest_h=float(said["rest_h"]), days_in_a_row=said["days_in_a_row"],
        shifts=tuple(
            Shift(
                shift["id"], shift["zh"], shift["en"], shift["start"], shift["end"],
                (shift["lunch_from"], shift["lunch_until"]) if "lunch_min" in shift else None, shift.get("lunch_min", 0),
            )
            for shift in said["shift"]
        ),
    )  # fmt: skip


def _warning_practice(values: dict[tuple[str, str], Any]) -> WarningPractice:
    said = {name: value for (table, name), value in values.items() if table == "warning"}
    bonds = {name: value for (table, name), value in values.items() if table == "situation"}
    risk = {name: value for (table, name), value in values.items() if table == "risk"}
    return WarningPractice(
        clocks=Clocks(
            {WarningLevel.of(word): float(n) for word, n in said["remind_s"].items()},
            tuple(Role.of(word) for word in said["remind_roles"]), said["remind_most"],
        ),
        shelving=ShelvingPolicy(float(said["shelve_most_h"]), float(said["dismissed_rest_h"])),
        bonds=Bonds(
            bonds["causes"], bonds["apart_min"] * 60.0, float(bonds["reach_m"]), float(bonds["causal_reach_m"]), bonds["least"],
            _floats(bonds["reaches_m"]),
        ),
        risk=RiskPolicy(
            {name: _scaled(risk[name]) for name in NAMES},
            {WarningLevel.of(word): float(n) for word, n in risk["level_points"].items()}, _floats(risk["grade_points"]),
        ),
        evidence_reach_m=float(said["evidence_reach_m"]),
    )  # fmt: skip


def _scaled(said: dict[str, Any]) -> Part:
    return Part(float(said["weight"]), Scale(tuple((float(v), float(score)) for v, score in said["anchors"])))


def _run_cards(path: Path, tables: Any, faults: list[str]) -> list[RunCard]:
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        faults.append(f"{path}: run_card is not a list of tables: expected each card to begin with [[run_card]]")
        return []
    cards: dict[tuple[str, Grade], RunCard] = {}
    for k, table in enumerate(tables):
        shown = f"run_card[{table.get('hazard', k)} {table.get('grade', '')}]".replace(" ]", "]")
        before = len(faults)
        said = {key.name: _checked(path, key, table, shown, faults) for key in _CARD_KEYS}
        options = {key.name: _checked(path, key, table, shown, faults) for key in _CARD_OPTIONS if key.name in table}
        allowed = {key.name for key in (*_CARD_KEYS, *_CARD_OPTIONS)}
        for name in sorted(table.keys() - allowed):
            faults.append(f"{path}: {shown}.{name} is not a key of a run card: expected one of {', '.join(sorted(allowed))}")
        if len(faults) > before:
            continue
        key = said["hazard"], Grade.of(said["grade"])
        if key in cards:
            faults.append(f"{path}: {shown} is given twice: expected one card for a hazard and a grade")
        cards[key] = RunCard(*key, said["needs"], options.get("whole", False), options.get("shared", False))
    return list(cards.values())


def _index(said: dict[str, Any]) -> IndexPolicy:
    parts = {name: _scaled(said[name]) for name in _PARTS}
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
        spec = {"hazard_class" if name == "hazard" else name: said for name, said in table.items() if name != "id"}
        spec["levels"] = {level.value: spec.pop(level.value) for level in WarningLevel if level.value in spec}
        for key in _RULE_HOURS:
            if key.name in spec and key.accepts(_checked(path, key, table, shown, faults)):
                spec[f"{key.name[:-1]}s"] = spec[key.name] * 3600
            spec.pop(key.name, None)
        try:
            rule = read_spec(table["id"] if isinstance(table.get("id"), str) else "", 1, spec)
        except SpecError as fault:
            in_file = (said.en.removeprefix("levels.").replace("hazard_class", "hazard") for said in fault.faults)
            faults.extend(f"{path}: {shown}.{said}" for said in in_file)
            continue
        if len(faults) == before:
            rules.append(rule)
    names = [rule.rule_id for rule in rules]
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.append(f"{path}: rule[{name}] is given {names.count(name)} times: expected each id once")
    if not faults:
        known = {rule.rule_id: rule for rule in rules}
        told = ((rule, fault) for rule in rules for fault in faults_among(rule, known, frozenset()))
        faults.extend(f"{path}: rule[{rule.rule_id}].{fault.en}" for rule, fault in told)
    return rules
