"""Words: one sentence that says what a warning is about, from the evidence stored with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.incidents import HAZARD_CLASSES
from domain.sensors import PROPERTIES
from domain.warnings import Warning, WarningSource

_ENGLISH_UNITS = {"ug/m3": "μg/m³", "Cel": "°C", "1": "", "{people}": "people", "{spots}": "places"}


def sentence(warning: Warning, lang: str) -> str:
    """The rule's words, the place, what was measured or is expected, and the threshold. Times are left to the screen."""
    said = warning.evidence
    is_zh = lang == "zh"
    head = warning.zh if is_zh else warning.en
    place = (not is_zh and said.get("device_name_en")) or said.get("device_name") or warning.device_id or warning.object_id
    if "fault" in said:  # of the rule itself
        return f"{head}：{said.get('fault_zh') or said['fault']}" if is_zh else f"{head}: {said['fault']}"
    if "value" not in said or "threshold" not in said:  # evidence of a rule that this version does not know
        return f"{head}：{place}" if is_zh else f"{head}: {place}"
    what = _property(said, lang)
    value, threshold = _quantity(said, "value", lang), _quantity(said, "threshold", lang)
    if warning.source is WarningSource.FORECAST and warning.probability is not None:
        lead = _lead(warning.lead_time_s or 0.0, lang)
        percent = f"{100 * warning.probability:.0f}"
        if is_zh:
            return f"{head}：{place} {what} {lead}预计 {value}（阈值 {threshold}，概率 {percent}%）"
        return f"{head}: {place}, {what} {value} expected {lead} (threshold {threshold}, probability {percent} %)"
    if is_zh:
        return f"{head}：{place} {what} {value}（阈值 {threshold}）"
    return f"{head}: {place}, {what} {value} (threshold {threshold})"


def cause(root: Warning, hazards: Mapping[str, int], lang: str) -> str:
    """One sentence for a situation: what its root says and where, and how many warnings of which hazards belong to it."""
    is_zh = lang == "zh"
    head = root.zh if is_zh else root.en
    place = root.evidence.get("device_name") or root.device_id or root.object_id
    k = 0 if is_zh else 1
    ordered = sorted(hazards.items(), key=lambda row: (-row[1], row[0]))
    parts = [(HAZARD_CLASSES.get(name, (name, name))[k], n) for name, n in ordered]
    total = sum(hazards.values())
    if len(parts) == 1:
        return f"{head}：{place}等 {total} 处" if is_zh else f"{head}: {place} and {total - 1} more places"
    told = "、".join(f"{name} {n}" for name, n in parts) if is_zh else ", ".join(f"{name} {n}" for name, n in parts)
    return f"{head}（{place}）起，共 {total} 条：{told}" if is_zh else f"From {head} ({place}): {total} warnings, {told}"


def _property(said: dict[str, Any], lang: str) -> str:
    if told := said.get(f"what_{lang}"):  # of what is no property
        return str(told)
    name = str(said.get("property", ""))
    known = PROPERTIES.get(name)
    return known.label(lang) if known is not None else name


def _quantity(said: dict[str, Any], key: str, lang: str) -> str:
    ucum = (lang == "en" and said.get("unit_en")) or said.get("unit") or ""
    known = PROPERTIES.get(str(said.get("property", "")))
    unit = known.zh_unit if lang == "zh" and known is not None and known.unit == ucum else _ENGLISH_UNITS.get(ucum, ucum)
    number = float(said[key])
    # Four digits, and from a thousand on whole numbers: nobody reads 1.2e+04 vehicles an hour.
    return f"{number:{'.4g' if abs(number) < 1000 else '.0f'}} {unit}".rstrip()


def _lead(seconds: float, lang: str) -> str:
    if seconds < 60:
        return "目前" if lang == "zh" else "now"
    hours, minutes = divmod(round(seconds / 60), 60)
    if lang == "zh":
        return " ".join([f"{hours} 小时"] * bool(hours) + [f"{minutes} 分钟"] * bool(minutes)) + "后"
    return "in " + " ".join([f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes))
