"""People and keys: made, reset, granted, disabled, revoked; who may, and what is left in the audit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from access import keys, people
from access.approvals import break_glass
from access.doors import furnish
from access.passwords import matches
from domain.refusals import Refused
from domain.rights import EVERYWHERE, Action, Actor, Role, Scope
from storage import accounts, audit, sessions
from storage.connection import Connection
from tests.support.scenes import NOW
from tests.support.visitors import settled

ADMIN = Actor("admin1", Role.ADMINISTRATOR)


def refused(call: Any) -> str:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.code


@pytest.fixture
def admin(conn: Connection) -> Actor:
    settled(conn, ADMIN, at=NOW)
    return ADMIN


def give(conn: Connection, name: str, role: Role, scope: Scope = EVERYWHERE, by: Actor = ADMIN) -> Any:
    bold = break_glass(conn, Action.GRANT_ROLE, {"name": name}, by, NOW, reason="no second administrator")
    return people.grant(conn, name, role, scope, bold, NOW)


def test_a_new_account_has_a_password_that_is_told_once_and_has_to_be_changed(conn: Connection, admin: Actor) -> None:
    handed = people.create(conn, "duty1", admin, NOW)
    account = accounts.find_account(conn, "duty1")
    assert account is not None
    assert (account.must_change, matches(account.password_hash, handed.password)) == (True, True)
    newest = audit.list_entries(conn)[0]
    assert (newest.action, newest.object, newest.before_hash) == ("account.create", "duty1", None)
    assert newest.after_hash is not None
    assert handed.password not in str(newest)


@pytest.mark.parametrize("name", ["Wang Wei", "13800138000", "王伟", "a", "duty 1", "a@b.example", "x" * 41])
def test_a_name_that_could_be_a_person_s_is_refused(conn: Connection, admin: Actor, name: str) -> None:
    assert refused(lambda: people.create(conn, name, admin, NOW)) == "bad_name"


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
def test_nobody_but_an_administrator_manages_people(conn: Connection, admin: Actor, role: Role) -> None:
    other = Actor("wu", role)
    for act in (
        lambda: people.create(conn, "duty1", other, NOW), lambda: people.reset(conn, "admin1", other, NOW),
        lambda: people.disable(conn, "admin1", other, NOW), lambda: people.revoke(conn, 1, other, NOW),
        lambda: keys.create(conn, "map-1", other, NOW, role="wall", actions=["read.city"], scope=EVERYWHERE, expires_at=NOW + timedelta(1)),
    ):  # fmt: skip
        assert refused(act) == "no_right"
    assert [entry.outcome for entry in audit.list_entries(conn)] == ["refused"] * 5


def test_a_role_is_not_granted_by_one_person(conn: Connection, admin: Actor) -> None:
    people.create(conn, "duty1", admin, NOW)
    assert refused(lambda: people.grant(conn, "duty1", "duty_officer", EVERYWHERE, admin, NOW)) == "needs_second_person"
    assert accounts.list_grants(conn, "duty1") == []


def test_a_hall_manager_is_granted_for_named_halls(conn: Connection, admin: Actor) -> None:
    people.create(conn, "hall1", admin, NOW)
    assert refused(lambda: give(conn, "hall1", Role.HALL_MANAGER)) == "halls_missing"
    given = give(conn, "hall1", Role.HALL_MANAGER, Scope(halls=frozenset({"hall-01"})))
    assert given.scope.halls == {"hall-01"}
    assert refused(lambda: give(conn, "hall1", Role.HALL_MANAGER, Scope(halls=frozenset({"hall-01"})))) == "granted_before"


def test_a_reset_ends_sessions_and_forgets_the_second_factor(conn: Connection, admin: Actor) -> None:
    token, _ = settled(conn, Actor("wu", Role.COMMANDER), at=NOW)
    accounts.set_factor(conn, "wu", "SECRET", 5)
    people.reset(conn, "wu", admin, NOW)
    account = accounts.find_account(conn, "wu")
    assert account is not None
    assert (account.totp_secret, account.must_change) == (None, True)
    assert sessions.find_session(conn, sessions.digest(token)) is None


def test_the_last_administrator_can_neither_be_disabled_nor_revoked(conn: Connection, admin: Actor) -> None:
    (grant,) = accounts.list_grants(conn, "admin1")
    assert refused(lambda: people.disable(conn, "admin1", admin, NOW)) == "last_administrator"
    assert refused(lambda: people.revoke(conn, grant.grant_id, admin, NOW)) == "last_administrator"
    settled(conn, Actor("admin2", Role.ADMINISTRATOR), at=NOW)
    people.disable(conn, "admin1", Actor("admin2", Role.ADMINISTRATOR), NOW)
    assert accounts.count_holders(conn, Role.ADMINISTRATOR) == 1


def test_the_first_administrator_is_made_by_the_console_and_no_second(conn: Connection) -> None:
    people.create(conn, "admin1", Actor("console:root", Role.ADMINISTRATOR), NOW)
    assert people.first_administrator(conn, "admin1", "console:root", NOW).role is Role.ADMINISTRATOR
    assert refused(lambda: people.first_administrator(conn, "admin1", "console:root", NOW)) == "not_the_first"


def make(conn: Connection, admin: Actor, **more: Any) -> keys.MadeKey:
    said: dict[str, Any] = {
        "role": "wall",
        "actions": ["read.city"],
        "scope": EVERYWHERE,
        "expires_at": NOW + timedelta(days=30),
        **more,
    }
    bold = break_glass(conn, Action.CREATE_KEY, {"key": "map-1"}, admin, NOW, reason="no second administrator")
    return keys.create(conn, "map-1", bold, NOW, **said)


def test_a_key_is_told_once_and_only_its_hash_is_kept(conn: Connection, admin: Actor) -> None:
    made = make(conn, admin)
    found = accounts.find_key(conn, sessions.digest(made.secret))
    assert found == made.key
    assert made.secret.startswith("chk_")
    kept = conn.execute("SELECT api_key::text FROM api_key").fetchone()
    assert kept is not None
    assert made.secret not in kept[0]
    assert made.secret not in str(audit.list_entries(conn)[0])


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"actions": ["order.issue"]}, "bad_actions"),
        ({"role": "administrator", "actions": ["access.grant"]}, "bad_actions"),
        ({"role": "commander", "actions": ["approval.decide"]}, "bad_actions"),
        ({"actions": []}, "bad_actions"),
        ({"actions": ["everything"]}, "bad_actions"),
        ({"role": "system"}, "role_unknown"),
        ({"role": "hall_manager", "actions": ["read.halls"]}, "halls_missing"),
        ({"expires_at": NOW}, "bad_expiry"),
        ({"expires_at": NOW + timedelta(days=401)}, "bad_expiry"),
    ],
)
def test_a_key_that_could_do_too_much_or_too_long_is_refused(
    conn: Connection, admin: Actor, more: dict[str, Any], code: str
) -> None:
    assert refused(lambda: make(conn, admin, **more)) == code


def test_a_key_opens_nothing_after_its_day_or_when_it_is_taken_back(conn: Connection, admin: Actor) -> None:
    made = make(conn, admin)
    digest = sessions.digest(made.secret)
    assert keys.is_good(accounts.find_key(conn, digest), NOW + timedelta(days=29))
    assert not keys.is_good(accounts.find_key(conn, digest), NOW + timedelta(days=30))
    keys.revoke(conn, "map-1", admin, NOW)
    assert None not in (audit.list_entries(conn)[0].before_hash, audit.list_entries(conn)[0].after_hash)
    assert not keys.is_good(accounts.find_key(conn, digest), NOW)
    assert refused(lambda: keys.revoke(conn, "map-1", admin, NOW)) == "key_unknown"


def test_people_of_a_demonstration_are_no_administrators_of_a_city(conn: Connection) -> None:
    """A memory that was shown is put to use: somebody has to be the first."""
    furnish(conn, [Actor("demo-admin", Role.ADMINISTRATOR)], NOW)
    people.create(conn, "admin1", Actor("console:root", Role.ADMINISTRATOR), NOW)
    assert people.first_administrator(conn, "admin1", "console:root", NOW).name == "admin1"
