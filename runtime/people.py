"""People on the command line: accounts made, reset, granted and disabled by whoever has a shell and the database's address.

That is a hand above every role. What needs two persons is done as with a broken glass: at once, shown on every screen until an
administrator has reviewed it, except for the first administrator, whom nobody could have agreed to.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from access import approvals, people
from access.people import Handed
from access.sessions import DEMONSTRATION
from domain.accounts import Account, Grant
from domain.rights import Action, Actor, Role, Scope
from storage import accounts
from storage.connection import Connection


def whoever_types() -> Actor:
    """The audit names the account of this machine."""
    return Actor(f"console:{getpass.getuser()}", Role.ADMINISTRATOR)


def add(
    conn: Connection, name: str, role: Role, scope: Scope, now: datetime, *, department: str | None, password: str | None,
    subject: str | None = None,
) -> Handed:  # fmt: skip
    """A new account with a role. Raises Refused."""
    people.check_grant(role.value, scope)
    handed = people.create(conn, name, whoever_types(), now, department=department, password=password, subject=subject)
    grant(conn, name, role, scope, now)
    return handed


def grant(conn: Connection, name: str, role: Role, scope: Scope, now: datetime) -> Grant:
    """A role for an account that there is. Raises Refused."""
    actor = whoever_types()
    if role is Role.ADMINISTRATOR and not accounts.count_holders(conn, Role.ADMINISTRATOR, besides=DEMONSTRATION):
        return people.first_administrator(conn, name, actor.name, now)
    where = (("districts", scope.districts), ("halls", scope.halls), ("department", scope.department and {scope.department}))
    said = {"name": name, "role": role.value, **{field: ",".join(sorted(held)) for field, held in where if held}}
    return approvals.at_once(
        conn, Action.GRANT_ROLE, said, actor, now, reason="granted on the command line",
        act=lambda bold: people.grant(conn, name, role.value, scope, bold, now),
    )  # fmt: skip


def say_handed(handed: Handed) -> Iterator[str]:
    yield f"账号 {handed.name} 的初始密码（仅显示这一次，首次登录须修改）："
    yield f"The first password of {handed.name}, shown this once, to be changed at the first sign-in:"
    yield f"  {handed.password}"


def say_account(account: Account, grants: list[Grant], zone: ZoneInfo) -> Iterator[str]:
    """An account in lines: its state, its roles and where they hold."""
    state = "disabled 已停用" if account.is_disabled else "first password 待改密码" if account.must_change else "active 有效"
    yield f"{account.name:20} {state:22} since {account.created_at.astimezone(zone):%Y-%m-%d %H:%M}".rstrip()
    for held in grants:
        parts = (("districts", held.scope.districts), ("halls", held.scope.halls))
        where = [f"{name} {','.join(sorted(ids))}" for name, ids in parts if ids is not None]
        where += [f"department {held.scope.department}"] if held.scope.department else []
        yield f"    {held.grant_id:>5}  {held.role.zh} {held.role.en}  {'; '.join(where) or 'everywhere 全市'}"
