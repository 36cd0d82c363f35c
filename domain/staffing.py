"""Staffing of halls: what becomes of a proposal to move windows, of each command to a window, of rosters, of absences and of bad
ratings."""

from __future__ import annotations

from domain.labels import Labelled


class ProposalState(Labelled):
    """A proposal to move windows. Of a hall one is open at most."""

    OPEN = "open", "待采纳", "open"
    ACCEPTED = "accepted", "已采纳", "accepted"
    DECLINED = "declined", "未采纳", "declined"
    SUPERSEDED = "superseded", "已被替代", "superseded"
    EXPIRED = "expired", "已过期", "expired"
    WITHDRAWN = "withdrawn", "已中止", "withdrawn"
    DONE = "done", "已执行", "done"


class StepState(Labelled):
    """One command to one window."""

    PLANNED = "planned", "待执行", "planned"
    SENT = "sent", "已下发", "sent"
    ACCEPTED = "accepted", "已执行", "done"
    REFUSED = "refused", "大厅未接受", "refused by the hall"
    UNANSWERED = "unanswered", "无应答", "unanswered"
    CANCELLED = "cancelled", "已取消", "cancelled"

    @property
    def is_over(self) -> bool:
        return self not in (StepState.PLANNED, StepState.SENT)


class AbsenceKind(Labelled):
    LEAVE = "leave", "休假", "leave"
    SICK = "sick", "病假", "sick leave"
    TRAINING = "training", "培训", "training"
    DUTY = "duty", "公务", "other duty"


class RosterState(Labelled):
    """A roster: asked for, worked out, and of every day one in force."""

    ASKED = "asked", "编制中", "being made"
    DRAFT = "draft", "待采用", "draft"
    FAILED = "failed", "未能编制", "failed"
    IN_FORCE = "in_force", "执行中", "in force"
    SUPERSEDED = "superseded", "已被替代", "superseded"
    WITHDRAWN = "withdrawn", "已撤销", "withdrawn"


class FollowUpState(Labelled):
    """A bad rating that is answered: the one who gave it is spoken to, what was wrong is put right, and it is closed."""

    OPEN = "open", "待核实", "open"
    CONTACTED = "contacted", "已回访", "contacted"
    CORRECTED = "corrected", "已整改", "put right"
    CLOSED = "closed", "已办结", "closed"


BAD_GRADE = 4
"""Of the five grades of 好差评 the last two (not satisfied, very dissatisfied) ask for an answer."""
