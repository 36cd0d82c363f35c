"""People: accounts and their grants, made, reset, disabled and given by administrators; each an audited act."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from access.passwords import check_password, hashed, made_password
from access.sessions import DEMONSTRATION
from domain.accounts import Account, Grant
from domain.refusals import Refused
from domain.rights import EVERYWHERE, PEOPLE, Action, Actor, Role, Scope
from storage import accounts, acts, sessions
from storage.connection import Connection

_NAME = re.compile(r"[a-z][a-z0-9._-]{1,39}")
_PART = re.compile(r"[^\s,;\x00-\x1f]{1,80}")


@dataclass(frozen=True, slots=True)
class Handed:
    """A password that was made, to be told once."""

    name: str
    password: str


def create(
    conn: Connection, name: str, actor: Actor, now: datetime, *, department: str | None = None, subject: str | None = None,
    password: str | None = None,
) -> Handed:  # fmt: skip
    """A new account without any role. Its first password, made here unless one is given, has to be changed at the first sign-in.

    Raises Refused, audited. `subject`: who it is at the city's identity provider.
    """
    with acts.transaction(conn, actor, Action.CREATE_ACCOUNT, name[:40], now) as deed:
        acts.begin(conn, actor, Action.CREATE_ACCOUNT, name[:40], now, detail={"department": department}, deed=deed)
        if _NAME.fullmatch(name) is None:
            raise Refused(
                "bad_name",
                "账号名应为 2 至 40 个小写字母、数字、点、横线，以字母开头，且不得为真实姓名或电话",
                "expected a name of 2 to 40 small letters, digits, dots and dashes, a letter first, and no person's own",
            )
        if password is not None:
            check_password(password, name)
        handed = Handed(name, password or made_password())
        is_made = accounts.create_account(
            conn, name, department=department, password_hash=hashed(handed.password), must_change=True, subject=subject,
            created_by=actor.name, now=now,
        )  # fmt: skip
        if not is_made:
            raise Refused("name_taken", f"账号 {name} 已存在", f"there is an account {name} already, or one of that subject")
        deed.changed(None, _state(accounts.find_account(conn, name)))
    return handed


def reset(conn: Connection, name: str, actor: Actor, now: datetime) -> Handed:
    """A new first password; sessions end and the second factor is forgotten. Raises Refused, audited."""
    with acts.transaction(conn, actor, Action.RESET_ACCOUNT, name[:40], now) as deed:
        acts.begin(conn, actor, Action.RESET_ACCOUNT, name[:40], now, deed=deed)
        before = _locked(conn, name)
        handed = Handed(name, made_password())
        accounts.set_password(conn, name, hashed(handed.password), must_change=True, now=now)
        accounts.set_factor(conn, name, None)
        sessions.end_sessions(conn, name, now)
        deed.changed(_state(before), _state(accounts.find_account(conn, name)))
    return handed


def disable(conn: Connection, name: str, actor: Actor, now: datetime) -> None:
    """Nobody signs in with it any more, and whoever is, is not. Raises Refused, audited; not for the last administrator."""
    with acts.transaction(conn, actor, Action.DISABLE_ACCOUNT, name[:40], now) as deed:
        acts.begin(conn, actor, Action.DISABLE_ACCOUNT, name[:40], now, deed=deed)
        before = _locked(conn, name)
        if before.is_disabled:
            raise Refused("disabled_before", f"账号 {name} 已停用", f"the account {name} is disabled already")
        accounts.set_disabled(conn, name, now)
        _check_administered(conn)
        sessions.end_sessions(conn, name, now)
        deed.changed(_state(before), _state(accounts.find_account(conn, name)))


def enable(conn: Connection, name: str, actor: Actor, now: datetime) -> None:
    """Lets an account in again. Raises Refused, audited."""
    with acts.transaction(conn, actor, Action.ENABLE_ACCOUNT, name[:40], now) as deed:
        acts.begin(conn, actor, Action.ENABLE_ACCOUNT, name[:40], now, deed=deed)
        before = _locked(conn, name)
        if not before.is_disabled:
            raise Refused("enabled_before", f"账号 {name} 未停用", f"the account {name} is not disabled")
        accounts.set_disabled(conn, name, None)
        deed.changed(_state(before), _state(accounts.find_account(conn, name)))


def grant(conn: Connection, name: str, role: str, scope: Scope, actor: Actor, now: datetime) -> Grant:
    """Gives a role, somewhere or everywhere; a second person has agreed (`storage.acts.begin` asks). Raises Refused, audited."""
    with acts.transaction(conn, actor, Action.GRANT_ROLE, name[:40], now) as deed:
        detail = {"role": role[:40], **_scope_detail(scope)}
        acts.begin(conn, actor, Action.GRANT_ROLE, name[:40], now, detail=detail, deed=deed)
        _locked(conn, name)
        wanted = check_grant(role, scope)
        number = accounts.create_grant(
            conn, name, wanted, scope, granted_by=actor.name, approval_id=actor.approval, now=now
        )  # fmt: skip
        if number is None:
            raise Refused("granted_before", f"账号 {name} 已有这一角色", f"the account {name} holds that role already")
        deed.changed(None, {"grant": number, **detail})
    found = accounts.find_grant(conn, number)
    assert found is not None
    return found


def check_grant(role: str, scope: Scope) -> Role:
    """The role of that name. Raises Refused for one that cannot be granted, or not there."""
    wanted = Role.known(role)
    if wanted is None or wanted not in PEOPLE:
        raise Refused(
            "role_unknown", f"没有角色 {role[:40]}", f"there is no role {role[:40]}: expected one of {', '.join(PEOPLE)}"
        )  # fmt: skip
    if wanted is Role.HALL_MANAGER and not scope.halls:
        raise Refused("halls_missing", "大厅主任须指定所辖大厅", "a hall manager is granted for named halls: expected halls")
    return wanted


def first_administrator(conn: Connection, name: str, console: str, now: datetime) -> Grant:
    """Makes an account the first administrator: nobody is there who could agree, so it is an act of the system itself, audited
    under the name of whoever typed. Raises Refused when there is one."""
    actor = Actor(console, Role.SYSTEM)
    with conn.transaction():
        if accounts.count_holders(conn, Role.ADMINISTRATOR, besides=DEMONSTRATION):
            raise Refused(
                "not_the_first", "已有管理员：请由其授予角色", "there is an administrator already, who can grant the role"
            )  # fmt: skip
        return grant(conn, name, Role.ADMINISTRATOR.value, EVERYWHERE, actor, now)


def revoke(conn: Connection, grant_id: int, actor: Actor, now: datetime) -> Grant:
    """Takes a grant back and ends the sessions under it. Raises Refused, audited; not for the last administrator."""
    with acts.transaction(conn, actor, Action.REVOKE_ROLE, str(grant_id), now) as deed:
        acts.begin(conn, actor, Action.REVOKE_ROLE, str(grant_id), now, deed=deed)
        found = accounts.find_grant(conn, grant_id)
        if found is None:
            raise Refused("grant_unknown", f"没有授权 {grant_id}", f"there is no grant {grant_id} that holds")
        accounts.revoke_grant(conn, grant_id, revoked_by=actor.name, now=now)
        _check_administered(conn)
        sessions.end_sessions(conn, found.name, now, grant_id=grant_id)
        deed.changed({"name": found.name, "role": found.role, **_scope_detail(found.scope)}, None)
    return found


def scope_from(said: Mapping[str, str]) -> Scope:
    """A scope from the fields of a request: districts and halls apart by commas, none: everywhere. Raises Refused."""

    def names(field: str) -> frozenset[str] | None:
        listed = [part for part in re.split(r"[\s,;，；、]+", said.get(field, "")) if part]
        if any(_PART.fullmatch(part) is None for part in listed):
            raise Refused("bad_scope", f"{field} 应为以逗号分隔的编号", f"{field}: expected ids apart by commas")
        return frozenset(listed) or None

    return Scope(names("districts"), names("halls"), said.get("department", "").strip() or None)


def _scope_detail(scope: Scope) -> dict[str, Any]:
    districts, halls, department = accounts.columns(scope)
    return {"districts": districts, "halls": halls, "department": department}


def _locked(conn: Connection, name: str) -> Account:
    found = accounts.find_account_for_update(conn, name)
    if found is None:
        raise Refused("account_unknown", f"没有账号 {name[:40]}", f"there is no account {name[:40]}")
    return found


def _check_administered(conn: Connection) -> None:
    """Raises Refused when nobody is left who could let others in."""
    if not accounts.count_holders(conn, Role.ADMINISTRATOR):
        raise Refused("last_administrator", "至少须保留一名管理员", "at least one administrator has to remain")


def _state(account: Account | None) -> dict[str, Any] | None:
    """What the audit's hashes are made of: everything but secrets, of which it says whether they are there."""
    if account is None:
        return None
    return {
        "name": account.name, "department": account.department, "must_change": account.must_change,
        "factor": account.totp_secret is not None, "subject": account.subject, "disabled": account.disabled_at,
    }  # fmt: skip
