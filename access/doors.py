"""The door: signing in and out, taking a role, one's own password and second factor. Every step is audited, refusals too.

A token is made anew whenever a session may do more than before (signed in, role taken, second factor passed): one that somebody
slipped a visitor beforehand never becomes good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from access.lockout import FAMILIAR, REMEMBERED, check_attempt
from access.passwords import check_password, hashed, matches
from access.sessions import DEMONSTRATION, Stage, choose_grant, grant_of, is_good, made_token, stage_of
from access.totp import made_secret, matching_step
from domain.accounts import Account, Grant, Limits, Session
from domain.refusals import Refused
from domain.rights import Action, Actor, Role
from storage import accounts, acts, audit, sessions
from storage.connection import Connection

UNKNOWN = "unknown"
"""In the audit, for a name that nobody has: people type passwords there too, and an entry stays for ever."""
_FACTOR_OF = "\0factor "
"""Before a name, where codes are guessed: no typed name holds NUL, so that nobody without the password counts there."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A good session with its account, the grants to choose from, and how far it has come."""

    session: Session
    account: Account
    grants: tuple[Grant, ...]
    stage: Stage

    @property
    def actor(self) -> Actor | None:
        """Who acts; None until everything that the role asks for is done."""
        grant = grant_of(self.session, self.grants)
        return grant.actor() if grant is not None and self.stage is Stage.OPEN else None

    @property
    def known_as(self) -> Actor:
        """Who it is for the audit, whatever they may."""
        grant = grant_of(self.session, self.grants)
        return Actor(self.account.name, grant.role if grant else Role.VISITOR)


@dataclass(frozen=True, slots=True)
class Opened:
    """A visit and its new token, which goes into the cookie and nowhere else."""

    visit: Visit
    token: str


def find_visit(conn: Connection, token: str, now: datetime, limits: Limits) -> Visit | None:
    """The visit of a token, None for one that is not good, or no longer."""
    session = sessions.find_session(conn, sessions.digest(token))
    return visit_of(conn, session, now, limits) if session is not None else None


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that may look at a password: its number, what was typed as a name, and the account if there is one."""

    attempt_id: int
    name: str
    account: Account | None


def knock(conn: Connection, name: str, address: str, now: datetime) -> Attempt:
    """The first half of signing in, before the password is looked at. Raises Refused while somebody has to wait."""
    return Attempt(_count(conn, name, address, now), name, accounts.find_account(conn, name))


def _count(conn: Connection, guessed: str, address: str, now: datetime) -> int:
    """The number of an attempt at what is guessed. Raises Refused while somebody has to wait."""
    with conn.transaction():
        attempt_id, tries = sessions.begin_attempt(
            conn, guessed, address, now, since=now - REMEMBERED, familiar_since=now - FAMILIAR
        )  # fmt: skip
        try:
            check_attempt(tries.of_name, tries.from_address, now)
        except Refused as refused:
            sessions.drop_attempt(conn, attempt_id)
            refusal = refused
        else:
            return attempt_id
    raise refusal


def verify(attempt: Attempt, password: str) -> bool:
    """The slow part, which needs no database: as slow for a name that nobody has as for a wrong password."""
    is_right = matches(attempt.account.password_hash if attempt.account else None, password)
    return is_right and attempt.account is not None and not attempt.account.is_disabled


def enter(conn: Connection, attempt: Attempt, now: datetime, limits: Limits, *, is_right: bool) -> Opened:
    """The second half: a session for the right password. Raises Refused, audited, with one sentence for whatever was wrong."""
    name = attempt.account.name if attempt.account else UNKNOWN
    with acts.transaction(conn, Actor(name, Role.VISITOR), Action.SIGN_IN, name, now):
        account = accounts.find_account_for_update(conn, name) if is_right and attempt.account is not None else None
        # what was looked at may have been reset or disabled while the password was being hashed
        if attempt.account is None or account is None or not _is_as_it_was(account, attempt.account):
            raise Refused("sign_in_failed", "账号或密码不正确", "the account or the password is not right")
        sessions.note_success(conn, attempt.attempt_id)
        return _open(conn, account, "password", now, limits)


def _is_as_it_was(account: Account, seen: Account) -> bool:
    return account.password_hash == seen.password_hash and not account.is_disabled


def enter_as(conn: Connection, account: Account, how: str, now: datetime, limits: Limits) -> Opened:
    """A session for somebody whom another authority has vouched for: the identity provider, or the demonstration itself."""
    with acts.transaction(conn, Actor(account.name, Role.VISITOR), Action.SIGN_IN, account.name, now):
        if account.is_disabled:
            raise Refused("sign_in_failed", "账号已停用或不存在", "the account is disabled or unknown")
        return _open(conn, account, how, now, limits)


def enter_by_provider(conn: Connection, subject: str, now: datetime, limits: Limits) -> Opened:
    """A session for the account that belongs to a subject at the identity provider. Raises Refused, audited, without one."""
    account = accounts.find_account_of_subject(conn, subject)
    if account is None:
        with acts.transaction(conn, Actor(UNKNOWN, Role.VISITOR), Action.SIGN_IN, UNKNOWN, now):
            sentence = "no account belongs to this identity: ask an administrator"
            raise Refused("sign_in_failed", "此身份没有对应的账号：请联系管理员", sentence)
    return enter_as(conn, account, "provider", now, limits)


def take_role(conn: Connection, visit: Visit, grant_id: int | None, now: datetime, limits: Limits) -> Opened:
    """Goes on under another grant, with a new token; what a role asks for is asked again. Raises Refused, audited."""
    with acts.transaction(conn, visit.known_as, Action.TAKE_ROLE, visit.account.name, now):
        _require_own_password(visit)
        grant = choose_grant(visit.grants, grant_id)
        return _renew(conn, visit, now, limits, replace(visit.session, grant_id=grant.grant_id), grant.actor(), Action.TAKE_ROLE)


def change_password(conn: Connection, visit: Visit, *, is_right: bool, new: str, now: datetime, limits: Limits) -> Opened:
    """One's own new password; every other session of the account ends. Raises Refused, audited."""
    name = visit.account.name
    with acts.transaction(conn, visit.known_as, Action.CHANGE_PASSWORD, name, now):
        _require_factor(visit)
        if not is_right:
            raise Refused("sign_in_failed", "当前密码不正确", "the present password is not right")
        check_password(new, name)
        if matches(visit.account.password_hash, new):
            raise Refused("same_password", "新密码不得与当前密码相同", "expected another password than the present one")
        accounts.set_password(conn, name, hashed(new), must_change=False, now=now)
        opened = _renew(conn, visit, now, limits, visit.session, visit.known_as, Action.CHANGE_PASSWORD)
        sessions.end_sessions(conn, name, now, but=opened.visit.session.token_hash)
        return opened


def begin_factor(visit: Visit) -> str:
    """A secret for an authenticator that is being set up; it counts when its first code has come back. Raises Refused."""
    if visit.stage is not Stage.ENROL:
        raise Refused("factor_not_due", "无需绑定动态口令", "no second factor is to be set up now")
    return made_secret()


def set_factor(conn: Connection, visit: Visit, secret: str, code: str, now: datetime, limits: Limits) -> Opened:
    """Keeps the secret of a new authenticator whose code is right. Raises Refused, audited."""
    name = visit.account.name
    with acts.transaction(conn, visit.known_as, Action.SET_FACTOR, name, now):
        if visit.stage is not Stage.ENROL:
            raise Refused("factor_not_due", "无需绑定动态口令", "no second factor is to be set up now")
        step = matching_step(secret, code, now)
        if step is None:
            raise _wrong_code()
        if not accounts.enrol_factor(conn, name, secret, step):
            raise Refused("factor_not_due", "已绑定动态口令：请重新登录", "a second factor was set up meanwhile: sign in again")
        passed = replace(visit.session, second_factor_at=now)
        return _renew(conn, visit, now, limits, passed, visit.known_as, Action.SET_FACTOR)


def pass_factor(conn: Connection, visit: Visit, code: str, address: str, now: datetime, limits: Limits) -> Opened:
    """The second factor. A code counts once, and guesses at it are counted like those at a password. Raises Refused, audited."""
    name = visit.account.name
    attempt_id = _count(conn, f"{_FACTOR_OF}{name}", address, now)
    with acts.transaction(conn, visit.known_as, Action.SIGN_IN, name, now):
        secret = visit.account.totp_secret
        if visit.stage is not Stage.FACTOR or secret is None:
            raise Refused("factor_not_due", "无需动态口令", "no second factor is asked for now")
        step = matching_step(secret, code, now)
        if step is None or not accounts.take_step(conn, name, step):
            raise _wrong_code()
        sessions.note_success(conn, attempt_id)
        passed = replace(visit.session, second_factor_at=now)
        return _renew(conn, visit, now, limits, passed, visit.known_as, Action.SIGN_IN, {"second_factor": True})


def leave(conn: Connection, visit: Visit, now: datetime, *, everywhere: bool = False) -> None:
    """Ends this session, or all of the account. Raises Refused, audited, for all of them on half a proof."""
    name = visit.account.name
    with acts.transaction(conn, visit.known_as, Action.SIGN_OUT, name, now):
        if everywhere:
            _require_factor(visit)
            sessions.end_sessions(conn, name, now)
        else:
            sessions.end_session(conn, visit.session.token_hash, now)
        _note(conn, visit.known_as, Action.SIGN_OUT, name, now, {"everywhere": True} if everywhere else None)


def furnish(conn: Connection, people: Sequence[Actor], now: datetime) -> None:
    """Accounts for the people of the demonstration, without passwords: on loopback they say who they are. Already there: kept."""
    with conn.transaction():
        for person in people:
            made = accounts.create_account(
                conn, person.name, department=None, password_hash=None, must_change=False, subject=None, created_by=DEMONSTRATION,
                now=now,
            )  # fmt: skip
            given = accounts.create_grant(
                conn, person.name, person.role, person.scope, granted_by=DEMONSTRATION, approval_id=None, now=now
            )  # fmt: skip
            if made or given is not None:
                _note(conn, Actor(DEMONSTRATION, Role.SYSTEM), Action.CREATE_ACCOUNT, person.name, now, {"role": person.role})


def _open(conn: Connection, account: Account, how: str, now: datetime, limits: Limits) -> Opened:
    grants = accounts.list_grants(conn, account.name)
    if not grants:
        raise Refused("no_role", "此账号尚未授予任何角色：请联系管理员", "this account holds no role yet: ask an administrator")
    token = made_token()
    chosen = grants[0].grant_id if len(grants) == 1 else None
    session = Session(sessions.digest(token), account.name, chosen, how, now, now, None)
    sessions.create_session(conn, session)
    visit = visit_of(conn, session, now, limits)
    assert visit is not None
    _note(conn, visit.known_as, Action.SIGN_IN, account.name, now, {"how": how})
    return Opened(visit, token)


def _renew(
    conn: Connection, visit: Visit, now: datetime, limits: Limits, session: Session, actor: Actor, action: Action,
    detail: dict[str, object] | None = None,
) -> Opened:  # fmt: skip
    """The same visit under a new token; the old one is worth nothing any more. Raises Refused for a visit that has been ended
    meanwhile: what was signed out, reset or revoked does not come back to life."""
    if not sessions.end_session(conn, visit.session.token_hash, now):
        raise _over()
    token = made_token()
    is_other_role = session.grant_id != visit.session.grant_id
    renewed = replace(
        session, token_hash=sessions.digest(token), seen_at=now,
        second_factor_at=None if is_other_role else session.second_factor_at,
    )  # fmt: skip
    sessions.create_session(conn, renewed)
    found = visit_of(conn, renewed, now, limits)
    if found is None:
        raise _over()
    _note(conn, actor, action, visit.account.name, now, detail)
    return Opened(found, token)


def visit_of(conn: Connection, session: Session, now: datetime, limits: Limits) -> Visit | None:
    """A session with who it is of; None where it is not good, or no longer."""
    account, grants = accounts.find_account(conn, session.name), tuple(accounts.list_grants(conn, session.name))
    if account is None or not is_good(session, account, grants, now, limits):
        return None
    return Visit(session, account, grants, stage_of(session, account, grants))


def _require_own_password(visit: Visit) -> None:
    if visit.stage is Stage.PASSWORD:
        raise Refused("password_first", "请先修改初始密码", "change the first password before anything else")


def _require_factor(visit: Visit) -> None:
    """A password alone, which somebody may have seen, neither changes itself nor puts its owner out."""
    if visit.account.totp_secret is not None and visit.session.second_factor_at is None:
        raise Refused(
            "factor_first",
            "本账号已绑定动态口令：请先以需要动态口令的角色登录",
            "this account has a second factor: pass it first, in a role that asks for it",
        )


def _over() -> Refused:
    return Refused("session_over", "会话已结束：请重新登录", "the session is over: sign in again")


def _note(
    conn: Connection, actor: Actor, action: Action, name: str, now: datetime, detail: dict[str, object] | None = None
) -> None:
    """The entry of a step at the door. The right is the account's own: nobody else's is looked at."""
    audit.append(conn, actor, action.value, name, outcome="done", now=now, detail=detail)


def _wrong_code() -> Refused:
    return Refused(
        "wrong_code", "动态口令不正确或已用过：请等待下一个", "the code is not right or was used before: wait for the next"
    )
