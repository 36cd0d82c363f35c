"""Words of advice: what is proposed, why nothing is, what it costs and what came of it, one sentence each, Chinese and
English."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from domain.halls import ServiceItem, WindowState


class Sentence(NamedTuple):
    zh: str
    en: str

    def as_json(self) -> dict[str, str]:
        return {"zh": self.zh, "en": self.en}


def item_words(items: Sequence[str], offered: int) -> Sentence:
    """Items by name; all that a hall offers are said as such, many by their number."""
    if len(items) >= max(offered, 2):
        return Sentence("全部事项", "all items")
    names = [(known.zh, known.en) if (known := ServiceItem.known(item)) else (item, item) for item in items]
    if len(names) > 3:
        return Sentence(f"{names[0][0]}等{len(names)}项", f"{names[0][1]} and {len(names) - 1} more")
    return Sentence("、".join(zh for zh, _ in names), ", ".join(en for _, en in names))


def move_words(step: dict[str, Any], clock: str, until: str | None, offered: int) -> Sentence:
    """One step: "10:15 开 7 号窗办社会保险至 11:00"."""
    number = step["window"]
    end = (f"至 {until}", f" until {until}") if until else ("", "")
    if step["to_state"] == WindowState.CLOSED:
        return Sentence(f"{clock} 关闭 {number} 号窗{end[0]}", f"{clock} close window {number}{end[1]}")
    if step["to_state"] == WindowState.PAUSED:
        return Sentence(f"{clock} 暂停 {number} 号窗{end[0]}", f"{clock} pause window {number}{end[1]}")
    items = item_words(step["to_items"], offered)
    if step["from_state"] == WindowState.OPEN:
        return Sentence(f"{clock} 将 {number} 号窗转办{items.zh}{end[0]}", f"{clock} turn window {number} to {items.en}{end[1]}")
    return Sentence(f"{clock} 开 {number} 号窗办{items.zh}{end[0]}", f"{clock} open window {number} for {items.en}{end[1]}")


def proposal_words(moves: Sequence[Sentence], before_s: float, after_s: float, low_s: float, high_s: float) -> Sentence:
    """What to do in one line, with what it is expected to do."""
    rest = len(moves) - 1
    more = (f"，另 {rest} 项", f", and {rest} more") if rest else ("", "")
    was, will, low, high = (_minutes(s) for s in (before_s, after_s, low_s, high_s))
    return Sentence(
        f"{moves[0].zh}{more[0]}，预计最长等候 {was} → {will} 分钟（80% 区间 {low}–{high}）",
        f"{moves[0].en}{more[1]}: longest wait expected {was} → {will} min (80 % interval {low}–{high})",
    )


def price_words(proposed_s: float, adjusted_s: float, window_h: float) -> Sentence:
    """What the plan does after it was changed by hand, beside the plan as proposed; `window_h` hours opened more."""
    was, will = _minutes(proposed_s), _minutes(adjusted_s)
    change = "不变" if was == will else f"{was} → {will} 分钟"
    said = "as proposed" if was == will else f"{was} → {will} min"
    return Sentence(f"调整后预计最长等候{change}，窗口时数 {window_h:+.1f}", f"longest wait {said}, window-hours {window_h:+.1f}")


def why_words(items: Sequence[str], offered: int, wait_s: float | None, clock: str) -> Sentence:
    """Why a window is moved: what its items would wait."""
    named = item_words(items, offered)
    if wait_s is None:
        return Sentence(f"{named.zh}窗口不足", f"too few windows for {named.en}")
    minutes = _minutes(wait_s)
    zh, en = f"{named.zh}：{clock} 前后九成等候将达 {minutes} 分钟", f"{named.en}: nine in ten would wait up to {minutes} min"
    return Sentence(zh, f"{en} about {clock}")


def outcome_words(measured_s: float | None, promised: Sequence[float], without_s: float | None, followed: float) -> Sentence:
    """What came of a plan that was accepted."""
    if measured_s is None:
        return Sentence("时段内到厅人数不足，无法比较", "too few people came meanwhile to compare")
    low, _, high = (_minutes(s) for s in promised)
    measured = _minutes(measured_s)
    is_kept = promised[0] <= measured_s <= promised[2]
    outside = "好于承诺" if measured_s < promised[0] else "差于承诺"
    kept = Sentence("在承诺区间内" if is_kept else outside, "within" if is_kept else "outside")
    zh = f"实测最长等候 {measured} 分钟，{kept.zh}（{low}–{high}）"
    en = f"longest wait measured {measured} min, {kept.en} {low}–{high}"
    if without_s is not None:
        zh, en = f"{zh}；若不调整约 {_minutes(without_s)} 分钟", f"{en}; about {_minutes(without_s)} without the plan"
    return Sentence(f"{zh}；执行 {followed:.0%}", f"{en}; {followed:.0%} followed")


NO_EVENTS = Sentence("今日尚无排队数据，暂不能给出建议", "no queue data today yet: nothing can be advised")
NO_PROFILE = Sentence("历史数据不足一天，暂不能给出建议", "less than a day of history: nothing can be advised yet")
SNAPSHOTS = Sentence("该厅仅上报排队快照，无法给出开窗建议", "this hall reports snapshots only: windows cannot be advised")
CLOSED = Sentence("大厅未开放或即将结束，无需调整", "the hall is closed or about to close: nothing to change")
NOBODY = Sentence("未来四小时预计无人到厅", "nobody is expected in the next four hours")
NO_HANDS = Sentence("没有可增开的窗口或空闲人员", "no window can be opened and nobody is free")
UNDER_WAY = Sentence("已采纳的方案正在执行，暂无更好的调整", "an accepted plan is under way and nothing better was found")


def enough_words(wait_s: float, target_s: float) -> Sentence:
    wait, target = _minutes(wait_s), _minutes(target_s)
    return Sentence(
        f"未来四小时最长等候约 {wait} 分钟，目标 {target} 分钟，调整窗口得不偿失",
        f"the longest wait of the next four hours is about {wait} min against a target of {target}: no move of windows pays",
    )


def little_words(wait_s: float, gain_s: float, least_s: float) -> Sentence:
    wait, gained, least = _minutes(wait_s), f"{max(gain_s, 0) / 60:.1f}", _minutes(least_s)
    return Sentence(
        f"预计最长等候 {wait} 分钟，最好的调整只能缩短 {gained} 分钟（少于 {least} 分钟不作建议）",
        f"the longest wait is expected to be {wait} min; the best plan would save {gained} min (under {least} is not proposed)",
    )


def unsure_words(wait_s: float, gain_s: float, low_s: float) -> Sentence:
    wait, gained, low = _minutes(wait_s), f"{gain_s / 60:.0f}", f"{low_s / 60:+.1f}"
    return Sentence(
        f"预计最长等候 {wait} 分钟，最好的调整可缩短约 {gained} 分钟，但不够可靠（80% 区间下限 {low} 分钟）",
        f"the longest wait is expected to be {wait} min; the best plan might save {gained}, too unsure (80 % lower bound {low})",
    )


def _minutes(seconds: float) -> str:
    return f"{max(seconds, 0) / 60:.0f}"
