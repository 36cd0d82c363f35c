"""Acts on warnings: what people do with them, each one transaction, with the right checked and the act audited."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from alerts.lifecycle import check_acknowledge
from domain.refusals import Refused
from domain.rights import Action, Actor
from domain.warnings import WarningState
from storage import acts, warnings
from storage.connection import Connection
from storage.places import place_of_warning

_INSTANT = timedelta(microseconds=1)


def acknowledge(
    conn: Connection,
    warning_id: str,
    actor: Actor,
    now: datetime,
    *,
    zone: ZoneInfo = ZoneInfo("Asia/Shanghai"),  # noqa: B008 - a constant
    comment: str | None = None,
    exercise_id: str | None = None,
) -> None:
    """Records that the actor has seen the warning and takes it on. Raises Refused; `zone` is for the times in its sentence.

    A warning of an exercise is known in that exercise only, and a real one in none.
    """
    detail = {"comment": comment} if comment else None
    with acts.transaction(conn, actor, Action.ACKNOWLEDGE_WARNING, warning_id, now, exercise_id=exercise_id) as deed:
        acts.begin(
            conn, actor, Action.ACKNOWLEDGE_WARNING, warning_id, now, detail=detail, exercise_id=exercise_id,
            place=place_of_warning(conn, warning_id), deed=deed,
        )  # fmt: skip
        warning = warnings.find_warning_for_update(conn, warning_id)
        if warning is None or warning.exercise_id != exercise_id:
            raise Refused("warning_unknown", f"没有编号为 {warning_id} 的预警", f"there is no warning {warning_id}")
        check_acknowledge(warning, warnings.find_acknowledgement(conn, warning_id), zone=zone)
        warnings.record_step(
            conn, warning_id, WarningState.ACKNOWLEDGED, warning.level, now=max(now, warning.updated_at + _INSTANT),
            probability=warning.probability, lead_time_s=warning.lead_time_s, evidence=warning.evidence,
            actor=actor.name, comment=comment,
        )  # fmt: skip
        deed.changed({"state": warning.state}, {"state": WarningState.ACKNOWLEDGED})
