"""Making of a roster: a draft is solved, what is missing and what would help is told, and it is compared with what is in force
or, where nothing is, with the windows as they usually are. The result is JSON (times in milliseconds since 1970): what the
roster's table keeps and the page shows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from staffing.rosters import solving
from staffing.rosters.comparing import Staffed, by_duties, by_windows
from staffing.rosters.drafting import Draft
from staffing.rosters.judging import Short, compared, fair_share, faults, heads_by_pattern, short_h, shortages
from staffing.rosters.relaxing import relaxations
from staffing.rosters.solving import Solution
from staffing.rosters.task import (
    SATURDAY,
    SLOT_MIN,
    TENTHS,
    DayNeed,
    Duty,
    Task,
    early_and_late,
    pattern_of,
    patterns_of,
)
from staffing.rosters.telling import eased, unmet
from staffing.rosters.wire import Json, ms

SOLVING_SHARE = 0.7
"""Of the time; the rest is for what would help."""


class NoRoster(Exception):  # noqa: N818 - an answer, not an error
    """None was found; `zh` and `en` say why."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


def make(draft: Draft, *, limit_s: float, seed: int = 1) -> Json:
    """The content of a roster. Raises NoRoster."""
    task = draft.task
    require_sense(task)
    found = solving.solve(task, limit_s=SOLVING_SHARE * limit_s, seed=seed, hint=draft.hint)
    if found is None:
        raise NoRoster(
            f"{limit_s:.0f} 秒内没有找到排班\uff1a请缩短天数或延长 hall.solve_s",
            f"no roster was found within {limit_s:.0f} s: expected fewer days or a longer hall.solve_s",
        )
    if broken := faults(task, found.duties):
        raise AssertionError(f"the solver broke a limit: {broken[0]}")
    helps = relaxations(task, found, limit_s=(1 - SOLVING_SHARE) * limit_s, seed=seed)
    return content(draft, found) | {
        "relaxations": [
            {"key": str(one.kind), "zh": zh, "en": en, "gain": round(one.saved_h, 2), "points": one.points}
            for one in helps for zh, en in [eased(one)]
        ]
    }  # fmt: skip


def require_sense(task: Task) -> None:
    """Raises NoRoster for a task without people, or without anything to do."""
    if not patterns_of(task):
        raise NoRoster(
            "没有登记能办理本厅事项的窗口人员\uff1a请先登记人员及其技能",
            "no clerk is registered who can do what the hall offers: expected clerks with their skills first",
        )
    if not any(need.slots for need in task.days):
        raise NoRoster(
            "所选日期没有预计的办事人员\uff1a大厅不开放\uff0c或历史数据不足",
            "nobody is expected on these days: the hall is closed, or too little is known of its past",
        )


def content(draft: Draft, found: Solution) -> Json:
    """Everything but what would help."""
    task = draft.task
    short = shortages(task, found.duties)
    this = by_duties(task, draft.works, found.duties)
    other = by_duties(task, draft.works, task.standing) if draft.has_standing else by_windows(task, draft.works, draft.windows)
    basis = "roster" if draft.has_standing else "windows"
    by_day: Mapping[date, list[Duty]] = defaultdict(list)
    for duty in found.duties:
        by_day[duty.day].append(duty)
    return {
        "quantile": draft.quantile, "profile_days": draft.profile_days, "clerks": sum(map(len, patterns_of(task).values())),
        "relaxed": sorted(map(str, task.relax)), "is_best": found.is_best, "gap": round(found.gap, 4), "cost": found.cost,
        "days": [_day(draft, need, by_day[need.day], [each for each in short if each.day == need.day]) for need in task.days],
        "unmet": [{"zh": zh, "en": en} for zh, en in unmet(task, short)],
        "relaxations": [],
        "compare": {"basis": basis, "in_force": _staffed(other), "this": _staffed(this)},
        "fairness": fairness(task, found.duties), "short_h": round(short_h(short), 2),
    }  # fmt: skip


def _day(draft: Draft, need: DayNeed, duties: Sequence[Duty], short: Iterable[Short]) -> Json:
    task, slots = draft.task, need.slots

    def at(minute: float) -> int:
        return ms(need.day, minute, draft.zone)

    heads = heads_by_pattern(task, duties, need.day)
    planned = [int(sum(there[t] for there in heads.values())) for t in slots]
    patterns = {clerk.name: pattern_of(clerk, task.groups) for clerk in task.clerks}
    return {
        "date": need.day.isoformat(), "kind": need.kind, "basis": draft.bases[need.day.isoformat()],
        "slots": [at(t * SLOT_MIN) for t in slots],
        "needed": [
            {"item_group": group, "heads": [tenths[t] / TENTHS for t in slots]}
            for group, tenths in need.tenths.items() if any(tenths)
        ],
        "planned": planned,
        "shifts": [
            {
                "clerk": d.clerk, "shift": d.shift, "start": at(d.start_min), "end": at(d.end_min),
                "lunch": [at(d.lunch[0]), at(d.lunch[1])] if d.lunch else None, "group": ";".join(patterns[d.clerk]),
                "all": patterns[d.clerk] == task.groups,
            }
            for d in duties
        ],
        "short": [
            {"at": at(s.first * SLOT_MIN), "until": at(s.until * SLOT_MIN), "group": s.group, "heads": s.most_tenths / TENTHS}
            for s in short
        ],
    }  # fmt: skip


def _staffed(staffed: Staffed) -> Json:
    share = staffed.served_share
    return {
        "short_h": round(staffed.short_h, 2), "paid_h": round(staffed.paid_h, 2),
        "served_share": None if share is None else round(share, 4),
    }  # fmt: skip


def fairness(task: Task, duties: Sequence[Duty]) -> Json:
    """By clerk: hours, duties, early, late and Saturday ones (with those carried from the weeks before); and the widest spread of
    each among those who can do the same, hours as their share of what each may work."""
    kinds = early_and_late(task.shifts)
    rows: dict[str, Json] = {
        clerk.name: {"clerk": clerk.name, "hours": 0.0, "duties": 0, "early": clerk.carried[0], "late": clerk.carried[1],
                     "saturday": clerk.carried[2]}
        for clerk in task.clerks
    }  # fmt: skip
    for duty in duties:
        row, (early, late) = rows[duty.clerk], kinds.get(duty.shift, (False, False))
        row["hours"] = round(row["hours"] + duty.paid_min / 60, 2)
        row["duties"] += 1
        row["early"] += early
        row["late"] += late
        row["saturday"] += duty.day.weekday() == SATURDAY
    spread: Counter[str] = Counter()
    for clerks in patterns_of(task).values():
        even = compared(task, clerks)
        if not even:
            continue
        most_h = max(clerk.week_h for clerk in even)
        for name in ("early", "late", "saturday"):
            counts = [rows[clerk.name][name] for clerk in even]
            spread[name] = max(spread[name], max(counts) - min(counts))
        hours = [rows[clerk.name]["hours"] * fair_share(task, clerk, most_h) for clerk in even]
        spread["hours"] = max(spread["hours"], round(max(hours) - min(hours), 2))
    return {"clerks": list(rows.values()), "spread": {name: spread[name] for name in ("hours", "early", "late", "saturday")}}
