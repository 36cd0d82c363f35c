"""Reminders: when somebody is told again that a warning waits to be acknowledged, and who.

A wait begins when a warning is raised, made graver or comes back from a shelf. The first role of the ladder has it from then
on; after every period of its level the next role is told as well, and after the last role it is told again. Periods that went by
while nobody watched are not made up for: only the reminder of the present one is given.

What leaves the house of it is one notice for each role and minute at most, about everything that waits for the role then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from alerts.templates import Text, fit
from domain.publications import Audience
from domain.rights import Role
from domain.warnings import Warning, WarningLevel


@dataclass(frozen=True, slots=True)
class Clocks:
    """The policy: the period of each level in seconds (0 or left out: nobody is reminded), whom reminders go to in turn, and how
    many there are at most."""

    period_s: Mapping[WarningLevel, float] = field(default_factory=dict)
    ladder: tuple[Role, ...] = (Role.DUTY_OFFICER, Role.COMMANDER, Role.LEADER)
    most: int = 10


def due(level: WarningLevel, since: datetime, n_reminded: int, clocks: Clocks, now: datetime) -> tuple[int, Role] | None:
    """The reminder to be given now of a wait that began at `since`: its number, from 1, and its role. None: not yet, or enough
    were given."""
    period_s = clocks.period_s.get(level, 0.0)
    if not period_s or not clocks.ladder:
        return None
    n = int((now - since).total_seconds() // period_s)
    if n <= n_reminded or n_reminded >= clocks.most:
        return None
    return n, clocks.ladder[min(n, len(clocks.ladder) - 1)]


AUDIENCES: Mapping[Role, Audience] = {
    Role.DUTY_OFFICER: Audience.OPERATORS, Role.COMMANDER: Audience.OPERATORS, Role.LEADER: Audience.LEADERS,
}  # fmt: skip
"""As whom a role is spoken to. Others are reminded on their screens alone."""
MOST_NAMED = 5


def words_for(
    role: Role, waiting: Sequence[tuple[Warning, datetime]], lang: str, *, zone: ZoneInfo, longest: int | None = None
) -> Text:  # fmt: skip
    """What a role is told of warnings that wait, each with since when; in zh, en, or both. One at least."""
    if lang == "both":
        zh, en = (words_for(role, waiting, one, zone=zone) for one in ("zh", "en"))
        return Text(f"{zh.subject} / {en.subject}", fit(f"{zh.body}\n\n{en.body}", longest))
    is_zh = lang == "zh"
    ordered = sorted(waiting, key=lambda one: (one[0].level.rank, one[1]))
    n, gravest = len(ordered), ordered[0][0].level.label(lang)
    head = f"【签收提醒】{n} 条预警待签收，最高{gravest}" if is_zh else f"[REMINDER] {n} to be acknowledged, gravest {gravest}"
    lines = []
    for warning, since in ordered[:MOST_NAMED]:
        what = warning.zh if is_zh else warning.en
        place = str(warning.evidence.get("device_name") or "")
        where = f"（{place}）" if place and is_zh else f" ({place})" if place else ""
        at = since.astimezone(zone).strftime("%m-%d %H:%M")
        lines.append(
            f"{warning.level.label(lang)} {what}{where}，{at} 起"
            if is_zh
            else f"{warning.level.label(lang)}: {what}{where}, since {at}"
        )
    if n > MOST_NAMED:
        lines.append(f"另有 {n - MOST_NAMED} 条" if is_zh else f"and {n - MOST_NAMED} more")
    lines.append(f"致：{role.label(lang)}" if is_zh else f"To: {role.label(lang)}")
    return Text(head, fit("\n".join([head, *lines]), longest))
