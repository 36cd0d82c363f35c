"""Sessions: whether a visit is still good, and what its visitor has to do before anything else. Pure."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from domain.accounts import Account, Grant, Limits, Session
from domain.refusals import Refused
from domain.rights import SECOND_FACTOR, Role

DEMONSTRATION = "demonstration"
"""How somebody signed in who only said who they are: on loopback, in an invented city."""


class Stage(StrEnum):
    """How far a visitor has come; at `open` they act."""

    PASSWORD = "password"
    ROLE = "role"
    ENROL = "enrol"
    FACTOR = "factor"
    OPEN = "open"


def made_token() -> str:
    """A session's token: 256 bits at random."""
    return secrets.token_urlsafe(32)


def is_good(session: Session, account: Account | None, grants: Sequence[Grant], now: datetime, limits: Limits) -> bool:
    """Whether a visit may go on: not too long ago touched, not too long ago begun, of an account that still is one and, where a
    role was taken, still holds it."""
    if account is None or account.is_disabled or not grants:
        return False
    grant = grant_of(session, grants)
    if session.grant_id is not None and grant is None:
        return False
    if grant is not None and grant.role is Role.WALL:
        return now - session.created_at < limits.wall
    return now - session.seen_at < limits.idle and now - session.created_at < limits.absolute


def grant_of(session: Session, grants: Sequence[Grant]) -> Grant | None:
    """The grant that a visit acts under."""
    return next((grant for grant in grants if grant.grant_id == session.grant_id), None)


def stage_of(session: Session, account: Account, grants: Sequence[Grant]) -> Stage:
    """What comes first: one's own password, then the role, then what the role asks for."""
    if session.how == DEMONSTRATION:
        return Stage.OPEN if session.grant_id is not None else Stage.ROLE
    if account.must_change and session.how == "password":
        return Stage.PASSWORD
    grant = grant_of(session, grants)
    if grant is None:
        return Stage.ROLE
    if grant.role not in SECOND_FACTOR or session.second_factor_at is not None:
        return Stage.OPEN
    return Stage.ENROL if account.totp_secret is None else Stage.FACTOR


def choose_grant(grants: Sequence[Grant], grant_id: int | None) -> Grant:
    """The grant that was asked for. Raises Refused for one that the account does not hold."""
    found = next((grant for grant in grants if grant.grant_id == grant_id), None)
    if found is None:
        raise Refused("no_such_grant", "本账号没有这一角色", "this account does not hold that role")
    return found
