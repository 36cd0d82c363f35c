"""Rules in words: what one says, and what two versions of it differ in; Chinese and English. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from domain.anomalies import Lane, Oddity
from domain.derived import parse_key
from domain.incidents import HAZARD_CLASSES
from domain.rule_specs import METRICS
from domain.rules import EVERY, Subject
from domain.sensors import PROPERTIES, SensorKind
from domain.warnings import LevelThreshold, SeriesMeasure, ThresholdRule, WarningLevel, WarningSource

Words = tuple[str, str]
NONE: Words = ("无", "none")
EVERYTHING: Words = ("全部", "all")
AT_ONCE: Words = ("同时成立的规则数", "rules that stand at once")


class Change(NamedTuple):
    """One thing in which two versions differ, as a sentence in each language."""

    field: str
    zh: str
    en: str


def metric_words(rule: ThresholdRule) -> Words:
    """What of its subject a rule judges."""
    name = rule.property
    if rule.subject is Subject.PROPERTY:
        row = PROPERTIES.get(name)
        return (row.zh, row.en) if row else (name, name)
    if (words := METRICS.get(rule.subject)) is not None:
        known = words.known(name)
        return (known.zh, known.en) if known else (name, name)
    if name == EVERY:
        return EVERYTHING
    if rule.subject is Subject.DERIVED:
        derived = parse_key(name.replace("hall/*/", "hall/any/", 1))
        return (derived.what("zh"), derived.what("en")) if derived else (name, name)
    if rule.subject is Subject.ANOMALY:
        lane = Lane.known(name) or Oddity.known(name)
        return (lane.zh, lane.en) if lane else (name, name)
    if rule.subject is Subject.COMBINATION:
        return f"{AT_ONCE[0]}（{'、'.join(rule.members)}）", f"{AT_ONCE[1]} ({', '.join(rule.members)})"
    kind = next((kind for kind in SensorKind if kind.type_name == name), None)
    return (kind.zh, kind.en) if kind else (name, name)


def unit_words(rule: ThresholdRule) -> Words:
    """The unit of a rule's thresholds, empty where there is none."""
    if rule.subject is Subject.PROPERTY:
        row = PROPERTIES.get(rule.property)
        unit = (row.zh_unit, row.unit.strip("{}") if row.unit.startswith("{") else row.zh_unit) if row else ("", "")
        per = ("/小时", "/h") if rule.measure is SeriesMeasure.RATE else ("", "")
        return unit[0] + per[0], unit[1] + per[1]
    if rule.subject is Subject.HALL:
        return ("人", "people") if rule.property == "waiting" else ("分钟", "min")
    if rule.subject is Subject.DERIVED:
        derived = parse_key(rule.property.replace("hall/*/", "hall/any/", 1))
        return (derived.unit("zh"), derived.unit("en")) if derived else ("", "")
    return {
        Subject.QUALITY: ("%", "%"), Subject.SILENCE: ("个间隔", "intervals"), Subject.EVENTS: ("起", "cases"),
        Subject.COMBINATION: ("条", "rules"),
    }.get(rule.subject, ("", ""))  # fmt: skip


def lasting(seconds: float) -> Words:
    """A length of time.

    >>> lasting(5400)[1], lasting(0)[1]
    ('1.5 h', 'at once')
    """
    if not seconds:
        return "立即", "at once"
    for length, zh, en in ((86_400, "天", "d"), (3_600, "小时", "h"), (60, "分钟", "min")):
        if seconds >= length:
            return f"{seconds / length:g} {zh}", f"{seconds / length:g} {en}"
    return f"{seconds:g} 秒", f"{seconds:g} s"


def sentence(rule: ThresholdRule) -> Words:
    """What a rule says, in one sentence."""
    metric, unit = metric_words(rule), unit_words(rule)
    is_above = rule.direction != "below"
    window = lasting(rule.window_s)
    measure: Words = ("", "")
    if rule.measure is not SeriesMeasure.VALUE:
        measure = (f"{window[0]}内{rule.measure.zh}", f"{rule.measure.en} of {window[1]}")
    elif rule.window_s:
        measure = (f"{window[0]}内", f"within {window[1]}")
    ahead: Words = ("", "")
    if rule.source is WarningSource.FORECAST:
        share, horizon = (
            f"{100 * rule.min_probability:g} %",
            lasting(rule.horizon_s) if rule.horizon_s else ("预测时段", "the forecast"),
        )
        ahead = (f"预计{horizon[0]}内以不低于 {share} 的概率", f"with a probability of {share} or more within {horizon[1]} ahead")
    zh_levels = "；".join(f"{t.level.zh} {t.raise_at:g}{unit[0]}" for t in rule.thresholds)
    en_levels = "; ".join(f"{t.level.en} {t.raise_at:g} {unit[1]}".rstrip() for t in rule.thresholds)
    hold = lasting(rule.raise_hold_s)
    held = (f"持续 {hold[0]}", f"for {hold[1]}") if rule.raise_hold_s else hold
    side = ("达到", "reaches") if is_above else ("降到", "falls to")
    zh = f"{rule.subject.zh}：{metric[0]}{measure[0]}{ahead[0]}{side[0]} {zh_levels}，{held[0]}触发"
    en = f"{rule.subject.en}: {metric[1]} {measure[1]} {ahead[1]} {side[1]} {en_levels}, {held[1]}"
    hours = rule.hours.words() if rule.hours else ("", "")
    if rule.hours:
        zh, en = f"{zh}（{hours[0]}）", f"{en} ({hours[1]})"
    return zh, " ".join(en.split())


def _threshold_words(found: LevelThreshold | None, unit: Words) -> Words:
    if found is None:
        return NONE
    return (
        f"触发 {found.raise_at:g}{unit[0]}、解除 {found.clear_at:g}{unit[0]}",
        f"raise {found.raise_at:g} {unit[1]}, clear {found.clear_at:g} {unit[1]}".replace(" ,", ",").rstrip(),
    )


def _area_words(rule: ThresholdRule) -> Words:
    if rule.area.districts:
        codes = rule.area.districts
        return f"{len(codes)} 个区（{'、'.join(codes[:6])}{'…' if len(codes) > 6 else ''}）", f"districts {', '.join(codes)}"
    if rule.area.ring:
        return f"{len(rule.area.ring)} 个角点的区域", f"an area of {len(rule.area.ring)} corners"
    return "全市", "everywhere"


def _same(said: str) -> Words:
    return (said, said) if said else NONE


_FIELDS: tuple[tuple[str, Words, Callable[[ThresholdRule], Words]], ...] = (
    ("subject", ("对象", "subject"), lambda r: (r.subject.zh, r.subject.en)),
    ("metric", ("指标", "metric"), metric_words),
    ("source", ("依据", "source"), lambda r: (r.source.zh, r.source.en)),
    ("measure", ("计算方式", "measure"), lambda r: (r.measure.zh, r.measure.en)),
    ("window_s", ("时间窗", "window"), lambda r: lasting(r.window_s) if r.window_s else NONE),
    ("direction", ("方向", "direction"), lambda r: ("高于", "above") if r.direction == "above" else ("低于", "below")),
    ("raise_hold_s", ("触发保持", "raise hold"), lambda r: lasting(r.raise_hold_s)),
    ("clear_hold_s", ("解除保持", "clear hold"), lambda r: lasting(r.clear_hold_s)),
    ("hazard_class", ("灾种", "hazard"), lambda r: HAZARD_CLASSES.get(r.hazard_class, (r.hazard_class, r.hazard_class))),
    ("zh", ("中文名称", "Chinese words"), lambda r: _same(r.zh)),
    ("en", ("英文名称", "English words"), lambda r: _same(r.en)),
    ("min_probability", ("最低概率", "probability"), lambda r: _same(f"{100 * r.min_probability:g} %")),
    ("horizon_s", ("预见期", "horizon"), lambda r: lasting(r.horizon_s) if r.horizon_s else NONE),
    ("area", ("范围", "area"), _area_words),
    ("hours", ("时段", "hours"), lambda r: r.hours.words() if r.hours else ("全天", "always")),
    ("min_quality", ("数据质量", "quality"), lambda r: (r.min_quality.zh, r.min_quality.en)),
    ("parent", ("上级规则", "parent"), lambda r: _same(r.parent or "")),
    ("advice_zh", ("中文建议", "Chinese advice"), lambda r: _same(r.advice_zh)),
    ("advice_en", ("英文建议", "English advice"), lambda r: _same(r.advice_en)),
    ("enabled", ("状态", "state"), lambda r: ("启用", "enabled") if r.enabled else ("停用", "disabled")),
    ("classes", ("类别", "classes"), lambda r: _same(", ".join(r.classes)) if r.classes else ("全部", "all")),
    ("members", ("成员规则", "members"), lambda r: _same(", ".join(r.members))),
    ("within_m", ("距离", "distance"), lambda r: _same(f"{r.within_m:g} m") if r.within_m else ("同一区", "the same district")),
)


def changes(before: ThresholdRule, after: ThresholdRule) -> list[Change]:
    """In what the second version differs from the first, thresholds first."""
    found = []
    of = [{t.level: t for t in rule.thresholds} for rule in (before, after)]
    for level in WarningLevel:
        was, is_ = (levels.get(level) for levels in of)
        if was != is_:
            (zh_was, en_was), (zh_is, en_is) = _threshold_words(was, unit_words(before)), _threshold_words(is_, unit_words(after))
            found.append(Change(f"levels.{level.value}", f"{level.zh}：{zh_was} → {zh_is}", f"{level.en}: {en_was} → {en_is}"))
    for field, (zh, en), words in _FIELDS:
        (zh_was, en_was), (zh_is, en_is) = words(before), words(after)
        if en_was != en_is or (field == "area" and before.area != after.area):
            found.append(Change(field, f"{zh}：{zh_was} → {zh_is}", f"{en}: {en_was} → {en_is}"))
    return found
