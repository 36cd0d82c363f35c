"""Acts on warnings: what people do with them, each one transaction, with the right checked and the act audited.

A warning of an exercise is known in that exercise only, and a real one in none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import shapely

from alerts.lifecycle import check_acknowledge, check_dismiss, check_handle, check_open, check_verify
from alerts.practice import ShelvingPolicy
from domain.moments import Moment
from domain.refusals import Refused
from domain.rights import Action, Actor, Place, Role, may
from domain.warnings import AssigneeKind, Warning, WarningState, WarningVerdict
from storage import accounts, acts, attention, shelves, situations, warnings
from storage.acts import Deed
from storage.connection import Connection
from storage.places import place_of_warning

_INSTANT = timedelta(microseconds=1)
SHANGHAI = ZoneInfo("Asia/Shanghai")
_SHELVING = ShelvingPolicy()
LONGEST_MAINTENANCE = timedelta(days=90)
MOST_CORNERS = 2_000


@contextmanager
def _on_warning(
    conn: Connection, action: Action, warning_id: str, actor: Actor, now: datetime, exercise_id: str | None,
    detail: dict[str, Any] | None = None,
) -> Iterator[tuple[Warning, Deed, datetime]]:  # fmt: skip
    """The one transaction of an act on a warning: the warning, locked; the deed; and when it is done, after the last step."""
    said = {name: what for name, what in (detail or {}).items() if what} or None
    with acts.transaction(conn, actor, action, warning_id, now, exercise_id=exercise_id) as deed:
        acts.begin(
            conn, actor, action, warning_id, now, detail=said, exercise_id=exercise_id, place=place_of_warning(conn, warning_id),
            deed=deed,
        )  # fmt: skip
        warning = warnings.find_warning_for_update(conn, warning_id)
        if warning is None or warning.exercise_id != exercise_id:
            raise Refused("warning_unknown", f"没有编号为 {warning_id} 的预警", f"there is no warning {warning_id}")
        yield warning, deed, max(now, warning.updated_at + _INSTANT)


def _stepped(
    conn: Connection, warning: Warning, state: WarningState, actor: Actor, comment: str | None, deed: Deed, at: datetime
) -> None:
    warnings.record_step(
        conn, warning.warning_id, state, warning.level, now=at, probability=warning.probability, lead_time_s=warning.lead_time_s,
        evidence=warning.evidence, actor=actor.name, comment=comment,
    )  # fmt: skip
    deed.changed({"state": warning.state}, {"state": state})


def verify(
    conn: Connection, warning_id: str, actor: Actor, now: datetime, *, zone: ZoneInfo = SHANGHAI, comment: str | None = None,
    exercise_id: str | None = None,
) -> None:  # fmt: skip
    """Records that the actor has made sure that it is so. Raises Refused; `zone` is for the times in its sentence."""
    said = {"comment": comment}
    with _on_warning(conn, Action.VERIFY_WARNING, warning_id, actor, now, exercise_id, said) as (warning, deed, at):
        check_verify(warning, zone=zone)
        _stepped(conn, warning, WarningState.VERIFIED, actor, comment, deed, at)


def acknowledge(
    conn: Connection, warning_id: str, actor: Actor, now: datetime, *, zone: ZoneInfo = SHANGHAI, comment: str | None = None,
    exercise_id: str | None = None,
) -> None:  # fmt: skip
    """Records that the actor has seen the warning and takes it on, unless some other account looks after it already. Raises
    Refused."""
    said = {"comment": comment}
    with _on_warning(conn, Action.ACKNOWLEDGE_WARNING, warning_id, actor, now, exercise_id, said) as (warning, deed, at):
        check_acknowledge(warning, warnings.find_acknowledgement(conn, warning_id), zone=zone)
        _stepped(conn, warning, WarningState.ACKNOWLEDGED, actor, comment, deed, at)
        if warning.assignment is None or warning.assignment.kind is not AssigneeKind.ACCOUNT:
            attention.assign(conn, warning_id, AssigneeKind.ACCOUNT, actor.name, actor=actor.name, comment=None, now=at)


def handle(
    conn: Connection, warning_id: str, actor: Actor, now: datetime, *, zone: ZoneInfo = SHANGHAI, comment: str | None = None,
    exercise_id: str | None = None,
) -> None:  # fmt: skip
    """Records that something is being done about it; whoever does that has seen it. Raises Refused."""
    said = {"comment": comment}
    with _on_warning(conn, Action.HANDLE_WARNING, warning_id, actor, now, exercise_id, said) as (warning, deed, at):
        check_handle(warning, zone=zone)
        _stepped(conn, warning, WarningState.HANDLING, actor, comment, deed, at)
        if warning.assignment is None:
            attention.assign(conn, warning_id, AssigneeKind.ACCOUNT, actor.name, actor=actor.name, comment=None, now=at)


def assign(
    conn: Connection, warning_id: str, actor: Actor, now: datetime, *, account: str | None = None, role: str | None = None,
    zone: ZoneInfo = SHANGHAI, comment: str | None = None, exercise_id: str | None = None,
) -> None:  # fmt: skip
    """Gives the warning to an account or a role. Raises Refused."""
    said = {"account": account, "role": role, "comment": comment}
    with _on_warning(conn, Action.ASSIGN_WARNING, warning_id, actor, now, exercise_id, said) as (warning, deed, at):
        check_open(warning, zone=zone)
        kind, to = _assignee(conn, account, role)
        before = {"to": warning.assignment.to} if warning.assignment else None
        attention.assign(conn, warning_id, kind, to, actor=actor.name, comment=comment, now=at)
        deed.changed(before, {"to": to, "kind": kind})


def hand_over(
    conn: Connection, actor: Actor, now: datetime, *, account: str, comment: str | None = None, exercise_id: str | None = None
) -> int:
    """Gives all open warnings that the actor looks after to another account; returns how many. Raises Refused."""
    action = Action.HAND_OVER_WARNINGS
    with acts.transaction(conn, actor, action, account, now, exercise_id=exercise_id) as deed:
        said = {"comment": comment} if comment else None
        acts.begin(conn, actor, action, account, now, detail=said, exercise_id=exercise_id, deed=deed)
        _, to = _assignee(conn, account, None)
        if to == actor.name:
            raise Refused("account_same", "不能移交给自己", "one cannot hand over to oneself")
        mine = attention.list_assigned_for_update(conn, actor.name, exercise_id)
        if not mine:
            raise Refused(
                "nothing_to_hand_over", f"{actor.name} 名下没有未解除的预警", f"{actor.name} looks after no open warning"
            )
        for warning_id in mine:
            attention.assign(conn, warning_id, AssigneeKind.ACCOUNT, to, actor=actor.name, comment=comment, now=now)
        deed.changed({"account": actor.name, "warnings": mine}, {"account": to, "warnings": mine})
        return len(mine)


def _assignee(conn: Connection, account: str | None, role: str | None) -> tuple[AssigneeKind, str]:
    if (account is None) == (role is None):
        raise Refused(
            "assignee_malformed",
            "请指定账号（account）或角色（role）之一",
            "expected either an account or a role, one of the two",
        )
    if account is not None:
        found = accounts.find_account(conn, account)
        if found is None or found.disabled_at is not None:
            raise Refused("account_unknown", f"没有可用的账号 {account[:40]}", f"there is no account {account[:40]} in use")
        return AssigneeKind.ACCOUNT, account
    known = Role.known(role or "")
    if known is None or not may(known, Action.ACKNOWLEDGE_WARNING):
        able = [one for one in Role if may(one, Action.ACKNOWLEDGE_WARNING)]
        raise Refused(
            "role_unknown",
            f"角色为“{(role or '')[:40]}”：应为 {'、'.join(able)} 之一",
            f"the role is '{(role or '')[:40]}': expected one of {', '.join(able)}",
        )
    return AssigneeKind.ROLE, known.value


def judge(
    conn: Connection, warning_id: str, actor: Actor, now: datetime, *, verdict: str, words: str | None = None,
    exercise_id: str | None = None,
) -> None:  # fmt: skip
    """Records whether the warning was right, during or after it; the last word counts. Raises Refused."""
    said = {"verdict": verdict, "words": words}
    with _on_warning(conn, Action.JUDGE_WARNING, warning_id, actor, now, exercise_id, said) as (warning, deed, _):
        known = WarningVerdict.known(verdict)
        if known is None:
            raise Refused(
                "verdict_unknown",
                f"结论为“{verdict[:40]}”：应为 {'、'.join(WarningVerdict)} 之一",
                f"the verdict is '{verdict[:40]}': expected one of {', '.join(WarningVerdict)}",
            )
        attention.judge(conn, warning_id, known, actor=actor.name, words=words, now=now)
        deed.changed({"verdict": warning.verdict} if warning.verdict else None, {"verdict": known})


def dismiss(
    conn: Connection, warning_id: str, actor: Actor, now: datetime, *, reason: str, zone: ZoneInfo = SHANGHAI,
    policy: ShelvingPolicy = _SHELVING, exercise_id: str | None = None,
) -> None:  # fmt: skip
    """Cancels a warning that is not true, and shelves its rule and object for a while, or the next reading would raise it anew.
    Raises Refused, also for what was published."""
    said = {"reason": reason}
    with _on_warning(conn, Action.DISMISS_WARNING, warning_id, actor, now, exercise_id, said) as (warning, deed, at):
        check_dismiss(warning, warnings.find_publication(conn, warning_id), zone=zone)
        _stepped(conn, warning, WarningState.CANCELLED, actor, reason, deed, at)
        if policy.dismissed_rest_h:
            shelves.put(
                conn, warning_id=warning_id, rule_id=warning.rule_id, object_id=warning.object_id, situation=None,
                level=warning.level, until=now + timedelta(hours=policy.dismissed_rest_h), reason=reason, actor=actor.name,
                now=now, exercise_id=exercise_id,
            )  # fmt: skip


def shelve(
    conn: Connection, actor: Actor, now: datetime, *, warning_id: str | None = None, situation: int | None = None, hours: str,
    reason: str, zone: ZoneInfo = SHANGHAI, policy: ShelvingPolicy = _SHELVING, exercise_id: str | None = None,
) -> int:  # fmt: skip
    """Shelves the rule and object of a warning, or a situation, up to the level that it has; returns the shelf's number. Raises
    Refused."""
    named = warning_id or str(situation or "-")
    detail = {"hours": hours, "reason": reason}
    with acts.transaction(conn, actor, Action.SHELVE_WARNING, named, now, exercise_id=exercise_id) as deed:
        place = place_of_warning(conn, warning_id) if warning_id else Place()
        acts.begin(
            conn, actor, Action.SHELVE_WARNING, named, now, detail=detail, exercise_id=exercise_id, place=place, deed=deed
        )  # fmt: skip
        if (warning_id is None) == (situation is None):
            raise Refused(
                "shelf_malformed", "请指定预警（warning）或态势（situation）之一", "expected either a warning or a situation"
            )
        until = now + _shelf_length(hours, policy)
        rule_id: str | None
        object_id: str | None
        if warning_id is not None:
            warning = warnings.find_warning_for_update(conn, warning_id)
            if warning is None or warning.exercise_id != exercise_id:
                raise Refused("warning_unknown", f"没有编号为 {warning_id} 的预警", f"there is no warning {warning_id}")
            check_open(warning, zone=zone)
            rule_id, object_id, level = warning.rule_id, warning.object_id, warning.level
        else:
            found = situations.find_situation(conn, situation or 0, Moment.live(now))
            if found is None or not found.is_open or found.exercise_id != exercise_id:
                raise Refused("situation_unknown", f"没有编号为 {situation} 的态势", f"there is no open situation {situation}")
            rule_id, object_id, level = None, None, found.level
        for shelf in shelves.list_shelves(conn, now, exercise_id):
            is_same = (shelf.rule_id, shelf.object_id, shelf.situation) == (rule_id, object_id, situation)
            if is_same and shelf.level.rank <= level.rank and shelf.until >= until:
                clock = shelf.until.astimezone(zone).strftime("%H:%M")
                raise Refused("already_shelved", f"已搁置至 {clock}", f"it is shelved until {clock} already")
        number = shelves.put(
            conn, warning_id=warning_id, rule_id=rule_id, object_id=object_id, situation=situation, level=level, until=until,
            reason=reason, actor=actor.name, now=now, exercise_id=exercise_id,
        )  # fmt: skip
        deed.changed(None, {"shelf": number, "until": until.isoformat()})
        return number


def _shelf_length(hours: str, policy: ShelvingPolicy) -> timedelta:
    try:
        said = float(hours)
    except ValueError:
        said = float("nan")
    if not said > 0:
        raise Refused(
            "hours_malformed",
            f"搁置时长为“{hours[:40]}”：应为小时数，如 2",
            f"the hours are '{hours[:40]}': expected a number of hours, such as 2",
        )
    if said > policy.most_h:
        raise Refused(
            "hours_too_long",
            f"搁置 {said:g} 小时：最长 {policy.most_h:g} 小时",
            f"{said:g} hours: a shelf holds for {policy.most_h:g} at most",
        )
    return timedelta(hours=said)


def unshelve(
    conn: Connection, shelf_id: int, actor: Actor, now: datetime, *, zone: ZoneInfo = SHANGHAI, exercise_id: str | None = None
) -> None:
    """Takes back a shelf before its time. Raises Refused."""
    action = Action.UNSHELVE_WARNING
    with acts.transaction(conn, actor, action, str(shelf_id), now, exercise_id=exercise_id) as deed:
        found = shelves.find_for_update(conn, shelf_id)
        place = place_of_warning(conn, found.warning_id) if found is not None and found.warning_id else Place()
        acts.begin(conn, actor, action, str(shelf_id), now, exercise_id=exercise_id, place=place, deed=deed)
        if found is None or found.exercise_id != exercise_id:
            raise Refused("shelf_unknown", f"没有编号为 {shelf_id} 的搁置", f"there is no shelf {shelf_id}")
        over = min(found.until, found.ended_at or found.until)
        if over <= now:
            clock = over.astimezone(zone).strftime("%H:%M")
            raise Refused("shelf_over", f"搁置已于 {clock} 结束", f"the shelf was over at {clock}")
        shelves.take_back(conn, shelf_id, actor=actor.name, now=now)
        deed.changed({"until": found.until.isoformat()}, {"ended": now.isoformat()})


def plan_maintenance(
    conn: Connection, actor: Actor, now: datetime, *, begins_at: datetime, until: datetime, reason: str, area: str | None = None,
    districts: Sequence[str] = (), devices: Sequence[str] = (), zone: ZoneInfo = SHANGHAI,
) -> int:  # fmt: skip
    """Announces a maintenance; returns its number. `area` is GeoJSON, WGS-84. Raises Refused."""
    named = ", ".join((*districts, *devices))[:200] or "area"
    detail = {"from": begins_at.isoformat(), "until": until.isoformat(), "reason": reason}
    with acts.transaction(conn, actor, Action.PLAN_MAINTENANCE, named, now) as deed:
        place = Place(district=districts[0]) if len(districts) == 1 and not (area or devices) else Place()
        acts.begin(conn, actor, Action.PLAN_MAINTENANCE, named, now, detail=detail, place=place, deed=deed)
        shape = _polygon(area) if area else None
        if shape is None and not districts and not devices:
            raise Refused(
                "window_malformed",
                "请给出检修范围：区域（area）、辖区（districts）或设备（devices）",
                "expected where: an area, districts or devices",
            )
        if not now < until or not begins_at < until or until - begins_at > LONGEST_MAINTENANCE:
            at, end = (time.astimezone(zone).strftime("%Y-%m-%d %H:%M") for time in (begins_at, until))
            days = LONGEST_MAINTENANCE.days
            raise Refused(
                "window_malformed",
                f"检修时段为 {at} 至 {end}：结束须晚于开始与现在，最长 {days} 天",
                f"from {at} until {end}: expected an end after the beginning and after now, at most {days} days long",
            )
        number = shelves.plan(
            conn, begins_at=begins_at, until=until, reason=reason, actor=actor.name, area=shape, districts=districts,
            devices=devices, now=now,
        )  # fmt: skip
        deed.changed(None, {"maintenance": number})
        return number


def _polygon(said: str) -> dict[str, Any]:
    try:
        found = shapely.from_geojson(said)
        is_area = found.geom_type in ("Polygon", "MultiPolygon") and not found.is_empty and found.is_valid
        west, south, east, north = found.bounds if is_area else (0.0, 0.0, 0.0, 0.0)
        is_area = is_area and west >= -180 and east <= 180 and south >= -90 and north <= 90
        if is_area and shapely.get_num_coordinates(found) <= MOST_CORNERS:
            shape: dict[str, Any] = json.loads(shapely.to_geojson(found))
            return shape
    except (shapely.errors.GEOSException, AttributeError, ValueError):
        pass
    raise Refused(
        "window_malformed",
        f"检修区域无法识别：应为 GeoJSON 面（WGS-84，最多 {MOST_CORNERS} 个顶点）",
        f"the area cannot be read: expected a GeoJSON Polygon or MultiPolygon in WGS-84 of at most {MOST_CORNERS} corners",
    )


def end_maintenance(conn: Connection, maintenance_id: int, actor: Actor, now: datetime, *, zone: ZoneInfo = SHANGHAI) -> None:
    """Ends a maintenance before its time, or calls it off. Raises Refused."""
    with acts.transaction(conn, actor, Action.END_MAINTENANCE, str(maintenance_id), now) as deed:
        acts.begin(conn, actor, Action.END_MAINTENANCE, str(maintenance_id), now, place=Place(), deed=deed)
        found = shelves.find_maintenance_for_update(conn, maintenance_id)
        if found is None:
            raise Refused("window_unknown", f"没有编号为 {maintenance_id} 的检修", f"there is no maintenance {maintenance_id}")
        over = min(found.until, found.ended_at or found.until)
        if over <= now:
            clock = over.astimezone(zone).strftime("%m-%d %H:%M")
            raise Refused("window_over", f"检修已于 {clock} 结束", f"the maintenance was over at {clock}")
        shelves.end_maintenance(conn, maintenance_id, actor=actor.name, now=now)
        deed.changed({"until": found.until.isoformat()}, {"ended": now.isoformat()})
