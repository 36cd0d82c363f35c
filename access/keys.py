"""Keys for machines: made and taken back by administrators, told once, bounded to actions, places and a day; audited acts."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from access.people import check_grant
from domain.accounts import Key
from domain.refusals import Refused
from domain.rights import FOR_PERSONS, Action, Actor, Role, Scope, may
from storage import accounts, acts
from storage.connection import Connection
from storage.sessions import digest

PREFIX = "chk_"
"""Of a key's text, so that one which lies around is known for what it is."""
LONGEST = timedelta(days=400)
_NAME = re.compile(r"[a-z][a-z0-9-]{1,39}")


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key and its text, which is told once and nowhere kept."""

    key: Key
    secret: str


def create(
    conn: Connection, key_id: str, actor: Actor, now: datetime, *, role: str, actions: Collection[str], scope: Scope,
    expires_at: datetime,
) -> MadeKey:  # fmt: skip
    """A key that may do, within a role, what is named, and read what is named; a second person has agreed, as to a role of
    people (`storage.acts.begin` asks). Raises Refused, audited."""
    with acts.transaction(conn, actor, Action.CREATE_KEY, key_id[:40], now) as deed:
        districts, halls, department = accounts.columns(scope)
        detail = {
            "role": role[:40], "actions": sorted(actions)[:50], "districts": districts, "halls": halls, "department": department,
            "expires": expires_at.isoformat(),
        }  # fmt: skip
        acts.begin(conn, actor, Action.CREATE_KEY, key_id[:40], now, detail=detail, deed=deed)
        if _NAME.fullmatch(key_id) is None:
            raise Refused(
                "bad_name",
                "密钥名应为 2 至 40 个小写字母、数字、横线，以字母开头",
                "expected a name of 2 to 40 small letters, digits and dashes, a letter first",
            )
        within = check_grant(role, scope)
        key = Key(key_id, within, scope, _actions(within, actions), actor.name, now, expires_at)
        if not now < expires_at <= now + LONGEST:
            raise Refused(
                "bad_expiry",
                f"密钥有效期应在 {LONGEST.days} 天之内",
                f"a key holds for {LONGEST.days} days at the most: expected a day before that, and to come",
            )
        secret = PREFIX + secrets.token_urlsafe(32)
        if not accounts.create_key(conn, key, digest(secret)):
            raise Refused("name_taken", f"密钥 {key_id} 已存在", f"there is a key {key_id} already")
        deed.changed(None, detail)
    return MadeKey(key, secret)


def revoke(conn: Connection, key_id: str, actor: Actor, now: datetime) -> None:
    """Takes a key back, at once. Raises Refused, audited."""
    with acts.transaction(conn, actor, Action.REVOKE_KEY, key_id[:40], now) as deed:
        acts.begin(conn, actor, Action.REVOKE_KEY, key_id[:40], now, deed=deed)
        if not accounts.revoke_key(conn, key_id, now):
            raise Refused("key_unknown", f"没有有效的密钥 {key_id[:40]}", f"there is no key {key_id[:40]} that holds")
        deed.changed({"revoked": None}, {"revoked": now})


def is_good(key: Key | None, now: datetime) -> bool:
    """Whether a key opens anything."""
    return key is not None and key.revoked_at is None and now < key.expires_at


def _actions(role: Role, wanted: Collection[str]) -> frozenset[Action]:
    """Raises Refused for what the role does not carry, or no machine may have."""
    known = [Action.known(word) for word in wanted]
    wrong = [
        word[:40] for word, action in zip(wanted, known, strict=True)
        if action is None or action in FOR_PERSONS or not may(role, action)
    ]  # fmt: skip
    if wrong or not known:
        zh, en = wrong[0] if wrong else "空", wrong[0] if wrong else "empty"
        raise Refused(
            "bad_actions",
            f"权限 {zh}：接口密钥只能持有角色“{role.zh}”中非专属于人的权限",
            f"the scope is {en}: expected rights that the role {role.en} carries and that are not for persons alone",
        )
    return frozenset(action for action in known if action is not None)
