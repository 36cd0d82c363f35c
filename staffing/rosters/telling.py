"""Telling of rosters: what could not be met and what would help, one sentence each in Chinese and English."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from domain.halls import ServiceItem
from staffing.rosters.judging import Short, short_h
from staffing.rosters.task import SLOT_MIN, TENTHS, Eased, Relaxation, Task, members

Sentence = tuple[str, str]
MOST_TOLD = 6
"""So many stretches are told by themselves, the worst first; the rest as one sum."""
NAMED = 3
"""So many clerks or items are named."""


def unmet(task: Task, short: Sequence[Short]) -> list[Sentence]:
    """What is missing: which hours, which items, how many heads."""
    able = {item for clerk in task.clerks for item in clerk.skills}
    told: list[Sentence] = []
    for group in task.groups:
        if any(need.tenths[group] and max(need.tenths[group]) for need in task.days) and not able.issuperset(members(group)):
            zh, en = items(group)
            told.append((f"没有登记会办理{zh}的人员", f"no clerk is registered who can do {en}"))
    ranked = sorted(short, key=lambda each: (-each.sum_tenths, each.day, each.first))
    for each in ranked[:MOST_TOLD]:
        zh, en = items(each.group)
        hours = f"{clock(each.first)}\u2013{clock(each.until)}"
        heads = f"{each.most_tenths / TENTHS:g}"
        told.append(
            (
                f"{day_zh(each.day)} {hours} {zh}最多缺 {heads} 人",
                f"{day_en(each.day)} {hours}: up to {heads} heads short for {en}",
            )
        )
    if rest := ranked[MOST_TOLD:]:
        hours = f"{short_h(rest):.1f}"
        told.append(
            (f"另有 {len(rest)} 个时段共缺 {hours} 人时", f"{len(rest)} further stretches lack {hours} head-hours in all")
        )
    return told


def eased(one: Eased) -> Sentence:
    """What a relaxation would take and save."""
    saved = f"{one.saved_h:.1f}"
    end_zh, end_en = f"可少缺 {saved} 人时", f"{saved} head-hours less would be missing"
    match one.kind:
        case Relaxation.OVERTIME:
            hours = f"{sum(minutes for _, minutes in one.extra_min) / 60:g}"
            names = [name for name, _ in one.extra_min]
            return (
                f"若 {_names_zh(names)}共加班 {hours} 小时\uff0c{end_zh}",
                f"with {hours} extra hours of {_names_en(names)}, {end_en}",
            )
        case Relaxation.SHIFT:
            zh = "、".join(f"{duty.clerk} {day_zh(duty.day)}" for duty in one.duties[:NAMED])
            en = ", ".join(f"{duty.clerk} on {day_en(duty.day)}" for duty in one.duties[:NAMED])
            n = len(one.duties)
            return (
                f"若 {n} 个班次早或晚一小时（{zh}{'等' if n > NAMED else ''}）\uff0c{end_zh}",
                f"with {n} shifts an hour earlier or later ({en}{' ...' if n > NAMED else ''}), {end_en}",
            )
        case Relaxation.LEAVE:
            zh = "、".join(f"{duty.clerk} {day_zh(duty.day)}" for duty in one.duties[:NAMED])
            en = ", ".join(f"{duty.clerk} on {day_en(duty.day)}" for duty in one.duties[:NAMED])
            return f"若 {zh}的休假或培训另择日期\uff0c{end_zh}", f"with the leave of {en} on another day, {end_en}"
        case _:
            zh, en = items(one.group or "")
            return f"若 {one.learner} 学会办理{zh}\uff0c{end_zh}", f"if {one.learner} learnt to do {en}, {end_en}"


def items(group: str) -> Sentence:
    """The items of a group by their names, the first few of them."""
    known = [(found.zh, found.en) if (found := ServiceItem.known(item)) else (item, item) for item in members(group)]
    zh, en = "、".join(z for z, _ in known[:NAMED]), ", ".join(e for _, e in known[:NAMED])
    return (f"{zh}等事项", f"{en} and others") if len(known) > NAMED else (zh, en)


def day_zh(day: date) -> str:
    return f"{day.month}月{day.day}日"


def day_en(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]}"


MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def clock(slot: int) -> str:
    minute = slot * SLOT_MIN
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _names_zh(names: Sequence[str]) -> str:
    return "、".join(names[:NAMED]) + (f" 等 {len(names)} 人" if len(names) > NAMED else " ")


def _names_en(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
