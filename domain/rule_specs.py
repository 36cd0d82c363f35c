"""Specs: a rule as JSON, as stored, edited and sent; read with all its faults at once, in both languages. Lengths in seconds.

A spec that leaves a key out means its default. Those stored by earlier versions (`property` for metric, `thresholds` for levels)
read as they did.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from domain.anomalies import Lane, Oddity
from domain.derived import parse_key
from domain.labels import Labelled
from domain.rules import EVERY, EVERYWHERE, STANDING, Acceptance, Area, CityIndex, Days, HallFigure, Happening, Hours, Subject
from domain.warnings import LevelThreshold, SeriesMeasure, ThresholdRule, WarningLevel, WarningSource

Spec = Mapping[str, Any]
LONGEST = 200
"""Characters of a word or a sentence in a spec; of advice ten times that."""
MOST_CORNERS, MOST_DISTRICTS, MOST_MEMBERS = 500, 500, 12
DAY_S = 86_400


class Fault(NamedTuple):
    """What is wrong with one field: which, with which value, and what was expected, with an example that would do."""

    field: str
    zh: str
    en: str


class SpecError(ValueError):
    """A spec that is no rule. `faults` holds every one; the message is all of them in English."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(fault.en for fault in faults))
        self.faults = tuple(faults)

    def sentences(self) -> tuple[str, str]:
        """All of them, Chinese and English."""
        return "\uff1b".join(fault.zh for fault in self.faults), "; ".join(fault.en for fault in self.faults)


def fault_of(field: str, value: object, zh: str, en: str, example: str) -> Fault:
    shown = repr(value)
    shown = shown if len(shown) <= 80 else f"{shown[:80]}…"
    missing = value is None
    return Fault(
        field,
        f"{field} {'缺失' if missing else f'为 {shown}'}\uff1a应为{zh}\uff0c例如 {example}",
        f"{field} is {'missing' if missing else shown}: expected {en}, such as {example}",
    )


@dataclass(frozen=True, slots=True)
class _Key:
    """One key of a spec: what it may be, in words, and one that would do. `of`: the subjects that have it; none: all."""

    name: str
    accepts: Callable[[Any], bool]
    zh: str
    en: str
    example: str
    is_required: bool = False
    of: tuple[Subject, ...] = ()


def _number(low: float, high: float) -> Callable[[Any], bool]:
    return lambda v: isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) and low <= v <= high


def _text(longest: int = LONGEST, shortest: int = 1) -> Callable[[Any], bool]:
    return lambda v: isinstance(v, str) and shortest <= len(v.strip()) and len(v) <= longest and "\0" not in v


def _word(kind: type[Labelled]) -> Callable[[Any], bool]:
    return lambda v: isinstance(v, str) and kind.known(v) is not None


def _words(most: int) -> Callable[[Any], bool]:
    return lambda v: isinstance(v, list) and len(v) <= most and all(_text(64)(word) for word in v) and len(set(v)) == len(v)


def _one_of(kind: type[Labelled]) -> tuple[str, str]:
    return "、".join(kind) + " 之一", f"one of {', '.join(kind)}"


_S = Subject
_SERIES = (_S.PROPERTY, _S.DERIVED)
_OVER_TIME = (*_SERIES, _S.EVENTS, _S.QUALITY)

_KEYS: tuple[_Key, ...] = (
    _Key("subject", _word(Subject), *_one_of(Subject), "'property'"),
    _Key("metric", _text(), "对象的指标名", "the name of what is judged", "'pm25'", is_required=True),
    _Key("direction", lambda v: v in ("above", "below"), "above 或 below", "above or below", "'above'", is_required=True),
    _Key("raise_hold_s", _number(0, DAY_S), "0–86400 秒", "a number of seconds from 0 to 86400", "60", is_required=True),
    _Key("clear_hold_s", _number(0, DAY_S), "0–86400 秒", "a number of seconds from 0 to 86400", "300", is_required=True),
    _Key("hazard_class", _text(64), "灾种", "a hazard class", "'flood'", is_required=True),
    _Key("zh", _text(), "中文名称", "the words in Chinese", "'水位超警戒'", is_required=True),
    _Key("en", _text(), "英文名称", "the words in English", "'Water level above the warning stage'", is_required=True),
    _Key("source", lambda v: v in ("rule", "forecast"), "rule 或 forecast", "rule or forecast", "'rule'"),
    _Key("min_probability", _number(0.01, 0.99), "0.01–0.99 的概率", "a share from 0.01 to 0.99", "0.5", of=(_S.PROPERTY,)),
    _Key("horizon_s", _number(0, 168 * 3600), "0–604800 秒", "a number of seconds from 0 to 604800", "21600", of=(_S.PROPERTY,)),
    _Key("measure", _word(SeriesMeasure), *_one_of(SeriesMeasure), "'sum'", of=_SERIES),
    _Key("window_s", _number(0, 72 * 3600), "0–259200 秒", "a number of seconds from 0 to 259200", "10800", of=_OVER_TIME),
    _Key("min_quality", _word(Acceptance), *_one_of(Acceptance), "'usable'", of=(_S.PROPERTY,)),
    _Key("parent", lambda v: v is None or _text(64)(v), "上级规则编号或留空", "the id of a rule, or nothing", "'rain_3h'"),
    _Key("advice_zh", _text(10 * LONGEST, 0), "中文处置建议", "what to do, in Chinese", "'封闭下穿通道'"),
    _Key("advice_en", _text(10 * LONGEST, 0), "英文处置建议", "what to do, in English", "'Close the underpass'"),
    _Key("enabled", lambda v: isinstance(v, bool), "true 或 false", "true or false", "true"),
    _Key("classes", _words(30), "不重复的类别列表", "a list of classes, each once", "['waterlogging']", of=(_S.EVENTS,)),
    _Key(
        "members", lambda v: _words(MOST_MEMBERS)(v) and len(v) >= 2, "2–12 个不同规则的编号",
        "the ids of 2 to 12 different rules", "['rain_3h', 'water_level_high']", of=(_S.COMBINATION,),
    ),
    _Key(
        "within_m", lambda v: v is None or _number(1, 100_000)(v), "1–100000 米或留空",
        "metres from 1 to 100000, or nothing", "2000", of=(_S.COMBINATION,),
    ),
)  # fmt: skip
_BY_NAME = {key.name: key for key in _KEYS}
_APART = ("levels", "area", "hours")
KEYS = (*_BY_NAME, *_APART)
"""Every key that a spec may have."""

METRICS: Mapping[Subject, type[Labelled]] = {_S.HALL: HallFigure, _S.INDEX: CityIndex, _S.EVENTS: Happening}
"""The subjects whose metrics are words of their own."""


def read_spec(rule_id: str, version: int, said: object) -> ThresholdRule:
    """The rule of a spec. Raises SpecError with everything that is wrong with it."""
    if not isinstance(said, Mapping):
        raise SpecError([fault_of("spec", said, "对象", "an object", "{'metric': 'pm25', …}")])
    spec = _renamed(said)
    faults: list[Fault] = []
    if not _text(64)(rule_id) or not all(c.isalnum() or c in "_-." for c in rule_id):
        faults.append(fault_of("rule", rule_id, "字母、数字、_ - . 组成的编号", "an id of letters, digits, _ - .", "'pm25_high'"))
    subject = Subject.known(spec["subject"]) if isinstance(spec.get("subject"), str) else None
    subject = subject or Subject.PROPERTY
    allowed = {key.name for key in _KEYS if not key.of or subject in key.of}
    for name in sorted(map(str, spec.keys() - {*allowed, *_APART})):
        of = (f"（{subject.zh}）", f" about {subject.en}") if name in _BY_NAME else ("", "")
        names = ", ".join(sorted((*allowed, *_APART)))
        zh = f"{name} 不是规则{of[0]}的项\uff1a应为 {names} 之一"
        faults.append(Fault(name, zh, f"{name} is not a key of a rule{of[1]}: expected one of {names}"))
    good: dict[str, Any] = {}
    for key in _KEYS:
        if (key.name in spec and key.name in allowed) or key.is_required:
            value = spec.get(key.name)
            if key.accepts(value):
                good[key.name] = value
            else:
                faults.append(fault_of(key.name, value, key.zh, key.en, key.example))
    direction = good.get("direction", "above")
    thresholds = _levels(spec.get("levels"), direction, faults)
    area, hours = _area(spec.get("area"), faults), _hours(spec.get("hours"), faults)
    _whole(subject, good, thresholds, faults)
    if faults:
        raise SpecError(faults)
    return ThresholdRule(
        rule_id=rule_id, version=version, property=good["metric"], direction=direction, thresholds=thresholds,
        raise_hold_s=float(good["raise_hold_s"]), clear_hold_s=float(good["clear_hold_s"]), hazard_class=good["hazard_class"],
        zh=good["zh"], en=good["en"], source=WarningSource.of(good.get("source", "rule")),
        min_probability=float(good.get("min_probability", 0.5)), horizon_s=float(good.get("horizon_s", 0)),
        measure=SeriesMeasure.of(good.get("measure", "value")), window_s=float(good.get("window_s", 0)), subject=subject,
        area=area,
        hours=hours, min_quality=Acceptance.of(good.get("min_quality", "usable")), parent=good.get("parent"),
        advice_zh=good.get("advice_zh", ""), advice_en=good.get("advice_en", ""), enabled=good.get("enabled", True),
        classes=tuple(good.get("classes", ())), members=tuple(good.get("members", ())),
        within_m=None if good.get("within_m") is None else float(good["within_m"]),
    )  # fmt: skip


def _renamed(said: Mapping[Any, Any]) -> dict[str, Any]:
    """The spec with the names that earlier versions stored put in today's."""
    spec = dict(said)
    if "property" in spec:
        spec.setdefault("metric", spec.pop("property"))
    if isinstance(spec.get("thresholds"), list):
        spec.setdefault("levels", {t[0]: {"raise": t[1], "clear": t[2]} for t in spec.pop("thresholds")})
    return spec


def _levels(said: object, direction: str, faults: list[Fault]) -> tuple[LevelThreshold, ...]:
    """The levels a rule gives, gravest first. A graver level must lie further out, and clear on the near side of its raise."""
    if not isinstance(said, Mapping) or not said or any(WarningLevel.known(str(name)) is None for name in said):
        zh, en = _one_of(WarningLevel)
        faults.append(
            fault_of(
                "levels", said or None, f"至少一级\uff0c{zh}", f"at least one level, {en}", "{'blue': {'raise': 75, 'clear': 70}}"
            )
        )
        return ()
    sign = -1 if direction == "below" else 1
    found: list[LevelThreshold] = []
    for level in WarningLevel:
        if level.value not in said:
            continue
        pair, field = said[level.value], f"levels.{level.value}"
        is_pair = (
            isinstance(pair, Mapping) and pair.keys() == {"raise", "clear"} and all(map(_number(-1e12, 1e12), pair.values()))
        )
        if not is_pair or sign * pair["clear"] > sign * pair["raise"]:
            side = ("高于或等于", "above") if sign < 0 else ("低于或等于", "below")
            faults.append(fault_of(
                field, pair, f"两个数\uff0c解除值{side[0]}触发值",
                f"two numbers, the clear value {side[1]} or at the raise value", "{ raise = 75, clear = 70 }",
            ))  # fmt: skip
            continue
        if found and sign * float(pair["raise"]) >= sign * found[-1].raise_at:
            graver, at = found[-1].level, f"{found[-1].raise_at:g}"
            faults.append(Fault(
                field,
                f"{field} 触发值为 {pair['raise']}\uff1a应在{graver.zh}触发值 {at} 的较轻一侧",
                f"{field} raises at {pair['raise']}: expected it on the near side of {at}, where {graver.value} raises",
            ))  # fmt: skip
        found.append(LevelThreshold(level, float(pair["raise"]), float(pair["clear"])))
    return tuple(found)


def _area(said: object, faults: list[Fault]) -> Area:
    if said is None:
        return EVERYWHERE
    if (
        isinstance(said, Mapping)
        and said.keys() == {"districts"}
        and said["districts"]
        and _words(MOST_DISTRICTS)(said["districts"])
    ):
        return Area(districts=tuple(said["districts"]))
    if isinstance(said, Mapping) and said.keys() == {"polygon"} and isinstance(said["polygon"], list):
        corners = said["polygon"]
        if 3 <= len(corners) <= MOST_CORNERS and all(map(_corner, corners)):
            ring = tuple((float(lon), float(lat)) for lon, lat in corners)
            ring = ring[:-1] if ring[0] == ring[-1] else ring
            if len(set(ring)) >= 3:
                return Area(ring=ring)
    faults.append(fault_of(
        "area", said, "区划代码列表或 WGS-84 多边形（至少三个角点）",
        "a list of districts, or a polygon of three corners or more (WGS-84)", "{'districts': ['440106']}",
    ))  # fmt: skip
    return EVERYWHERE


def _corner(said: object) -> bool:
    return isinstance(said, list | tuple) and len(said) == 2 and _number(-180, 180)(said[0]) and _number(-90, 90)(said[1])


def _hours(said: object, faults: list[Fault]) -> Hours | None:
    if said is None:
        return None
    if isinstance(said, Mapping) and said.keys() <= {"days", "from", "to"}:
        days = Days.known(str(said.get("days", "all")))
        begins, ends = _minute(said.get("from", "00:00")), _minute(said.get("to", "24:00"))
        if days is not None and begins is not None and ends is not None and begins != ends and begins < 1440:
            return Hours(days, begins, ends)
    faults.append(fault_of(
        "hours", said, "当地时间的起止（HH:MM）和 all、workdays、days_off 之一",
        "local times from and to (HH:MM) and one of all, workdays, days_off",
        "{'days': 'workdays', 'from': '08:30', 'to': '17:30'}",
    ))  # fmt: skip
    return None


def _minute(said: object) -> int | None:
    hour, _, minute = said.partition(":") if isinstance(said, str) else ("", "", "")
    if not (len(hour) == len(minute) == 2 and (hour + minute).isascii() and (hour + minute).isdigit()) or int(minute) > 59:
        return None
    return total if (total := int(hour) * 60 + int(minute)) <= 1440 else None


def _whole(subject: Subject, good: Mapping[str, Any], thresholds: Sequence[LevelThreshold], faults: list[Fault]) -> None:
    """What has to fit together."""
    metric, measure = good.get("metric"), good.get("measure", "value")
    is_forecast = good.get("source") == "forecast"
    if is_forecast and (subject is not Subject.PROPERTY or measure != "value"):
        faults.append(
            fault_of(
                "source",
                "forecast",
                "rule\uff0c因为只有传感器读数有可判的预测",
                "rule, as only readings of devices are judged ahead",
                "'rule'",
            )
        )
    kind = METRICS.get(subject)
    if metric is not None and kind is not None and kind.known(metric) is None:
        faults.append(fault_of("metric", metric, *_one_of(kind), repr(next(iter(kind)).value)))
    if metric is not None and subject is Subject.DERIVED and parse_key(metric.replace("hall/*/", "hall/any/", 1)) is None:
        faults.append(fault_of("metric", metric, "派生序列的键", "the key of a derived series", "'hall/*/arrivals'"))
    if metric is not None and subject is Subject.ANOMALY and metric != EVERY and not (Lane.known(metric) or Oddity.known(metric)):
        words = ", ".join((*Lane, *Oddity))
        faults.append(fault_of("metric", metric, f"* 或 {words} 之一", f"* or one of {words}", "'warning'"))
    if subject is Subject.COMBINATION:
        if metric not in (None, STANDING):
            faults.append(fault_of("metric", metric, STANDING, STANDING, repr(STANDING)))
        if "members" not in good and not any(fault.field == "members" for fault in faults):
            key = _BY_NAME["members"]
            faults.append(fault_of("members", None, key.zh, key.en, key.example))
        most = len(good.get("members", ()))
        for t in thresholds:
            if most and t.raise_at > most:
                faults.append(
                    fault_of(
                        f"levels.{t.level.value}",
                        t.raise_at,
                        f"不超过成员数 {most}",
                        f"no more than the {most} members",
                        str(most),
                    )
                )
    if ("direction" in good and good["direction"] != "above") and subject in (
        Subject.SILENCE,
        Subject.COMBINATION,
        Subject.ANOMALY,
    ):
        faults.append(fault_of("direction", good["direction"], "above", "above, as more is worse here", "'above'"))
    wants_window = subject is Subject.EVENTS or measure != "value"
    if wants_window != (good.get("window_s", 0) > 0) and subject is not Subject.QUALITY and not is_forecast:
        want = (
            ("大于 0 秒的时间窗", "a window of more than 0 s")
            if wants_window
            else ("无时间窗", "no window, as readings are judged as they are")
        )
        faults.append(fault_of("window_s", good.get("window_s"), *want, "3600" if wants_window else "0"))


def write_spec(rule: ThresholdRule) -> dict[str, Any]:
    """The spec of a rule, without what is as by default. `read_spec` gives the rule back."""
    spec: dict[str, Any] = {
        "metric": rule.property, "direction": rule.direction,
        "levels": {t.level.value: {"raise": t.raise_at, "clear": t.clear_at} for t in rule.thresholds},
        "raise_hold_s": rule.raise_hold_s, "clear_hold_s": rule.clear_hold_s, "hazard_class": rule.hazard_class,
        "zh": rule.zh, "en": rule.en,
    }  # fmt: skip
    if rule.source is WarningSource.FORECAST:
        spec |= {"min_probability": rule.min_probability, "horizon_s": rule.horizon_s}
    others: dict[str, tuple[Any, Any]] = {
        "subject": (rule.subject.value, "property"), "source": (rule.source.value, "rule"),
        "measure": (rule.measure.value, "value"), "window_s": (rule.window_s, 0.0),
        "min_quality": (rule.min_quality.value, "usable"), "parent": (rule.parent, None),
        "advice_zh": (rule.advice_zh, ""), "advice_en": (rule.advice_en, ""), "enabled": (rule.enabled, True),
        "classes": (list(rule.classes), []), "members": (list(rule.members), []), "within_m": (rule.within_m, None),
    }  # fmt: skip
    spec |= {name: value for name, (value, default) in others.items() if value != default}
    if rule.area.districts:
        spec["area"] = {"districts": list(rule.area.districts)}
    elif rule.area.ring:
        spec["area"] = {"polygon": [list(corner) for corner in rule.area.ring]}
    if rule.hours is not None:
        clock = [f"{m // 60:02d}:{m % 60:02d}" for m in (rule.hours.begins, rule.hours.ends)]
        spec["hours"] = {"days": rule.hours.days.value, "from": clock[0], "to": clock[1]}
    return spec


def faults_among(rule: ThresholdRule, others: Mapping[str, ThresholdRule], districts: frozenset[str]) -> list[Fault]:
    """What is wrong with a rule beside the others that live: a parent or member that is not there, a circle, a district that the
    city lacks (none given: any will do), another subject than its live version's."""
    faults = []
    others = {name: other for name, other in others.items() if name != rule.rule_id}
    for name in {rule.parent, *rule.members} - {None}:
        if name not in others:
            field = "parent" if name == rule.parent else "members"
            faults.append(fault_of(field, name, "另一条现有规则", "another rule that lives", repr(next(iter(others), "rain_3h"))))
        elif name in rule.members and others[name].subject is Subject.COMBINATION:
            faults.append(fault_of("members", name, "不是规则组合的规则", "a rule that is no combination itself", "'rain_3h'"))
    above, seen = rule.parent, {rule.rule_id}
    while above is not None and above not in seen:
        seen.add(above)
        above = others[above].parent if above in others else None
    if above is not None:
        faults.append(
            fault_of("parent", rule.parent, "不成环的上级", "a parent that does not lead back to this rule", "'rain_3h'")
        )
    if districts and (strange := sorted(set(rule.area.districts) - districts)):
        faults.append(fault_of("area", strange, "本市区划代码", "districts of this city", repr(min(districts))))
    return faults
