"""Signing in and what follows, with a real database: what is refused, what is counted, what becomes of tokens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from access import doors, people, totp
from access.doors import Opened, find_visit
from access.passwords import hashed
from access.sessions import Stage
from domain.accounts import Limits
from domain.refusals import Refused
from domain.rights import EVERYWHERE, Actor, Role
from storage import accounts, audit, sessions
from storage.connection import Connection
from tests.support.scenes import NOW, minutes

LIMITS = Limits()
PASSWORD = "three willows by the river"
HASH = hashed(PASSWORD)
ADMIN = Actor("admin1", Role.ADMINISTRATOR)


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.code


def an_account(conn: Connection, name: str = "wu", *roles: Role, must_change: bool = False) -> None:
    accounts.create_account(
        conn, name, department=None, password_hash=HASH, must_change=must_change, subject=None, created_by="test", now=NOW
    )
    for role in roles or (Role.DISPATCHER,):
        accounts.create_grant(conn, name, role, EVERYWHERE, granted_by="test", approval_id=None, now=NOW)


def sign_in(
    conn: Connection, name: str = "wu", password: str = PASSWORD, at: datetime = NOW, address: str = "10.0.0.1"
) -> Opened:
    attempt = doors.knock(conn, name, address, at)
    return doors.enter(conn, attempt, at, LIMITS, is_right=doors.verify(attempt, password))


def guess(conn: Connection, n: int, name: str = "wu", at: datetime = NOW, address: str = "10.0.0.1") -> list[str]:
    """Wrong passwords, without the slow part: what each is told."""

    def once() -> str:
        return refused(lambda: doors.enter(conn, doors.knock(conn, name, address, at), at, LIMITS, is_right=False))

    return [once() for _ in range(n)]


def test_the_right_password_opens_a_session_whose_token_is_nowhere_kept(conn: Connection) -> None:
    an_account(conn)
    opened = sign_in(conn)
    assert opened.visit.actor == Actor("wu", Role.DISPATCHER)
    assert find_visit(conn, opened.token, NOW, LIMITS) == opened.visit
    kept = conn.execute("SELECT session::text FROM session").fetchone()
    assert kept is not None
    assert opened.token not in kept[0]
    assert [(e.action, e.outcome, e.actor) for e in audit.list_entries(conn)] == [("session.sign_in", "done", "wu")]


def test_a_wrong_password_a_disabled_account_and_a_name_that_nobody_has_are_told_the_same(conn: Connection) -> None:
    an_account(conn)
    an_account(conn, "away")
    accounts.set_disabled(conn, "away", NOW)
    said = []
    for name, password in (("wu", "wrong"), ("nobody-here", PASSWORD), ("away", PASSWORD)):
        with pytest.raises(Refused) as caught:
            sign_in(conn, name, password)
        said.append((caught.value.code, caught.value.zh, caught.value.en))
    assert len(set(said)) == 1
    assert conn.execute("SELECT count(*) FROM session").fetchone() == (0,)


def test_what_was_typed_as_a_name_is_nowhere_kept_where_nobody_has_it(conn: Connection) -> None:
    """People type passwords there."""
    refused(lambda: sign_in(conn, "my secret passphrase", "x"))
    assert audit.list_entries(conn)[0].actor == doors.UNKNOWN
    for table in ("audit_entry", "sign_in_attempt"):
        assert "passphrase" not in str(conn.execute(f"SELECT {table}::text FROM {table}").fetchall())


@pytest.mark.parametrize("name", ["wu", "nobody-here"])
def test_brute_force_is_locked_out_whether_or_not_the_name_exists(conn: Connection, name: str) -> None:
    an_account(conn)
    assert guess(conn, 5, name) == ["sign_in_failed"] * 5
    assert refused(lambda: doors.knock(conn, name, "10.0.0.9", NOW)) == "locked_out"
    assert guess(conn, 1, name, NOW + timedelta(seconds=30)) == ["sign_in_failed"]
    assert refused(lambda: doors.knock(conn, name, "10.0.0.9", NOW + timedelta(seconds=89))) == "locked_out"


def test_waiting_helps_and_a_success_forgets_the_failures(conn: Connection) -> None:
    an_account(conn)
    guess(conn, 5)
    assert sign_in(conn, at=NOW + timedelta(seconds=30)).visit.actor is not None
    assert guess(conn, 5, at=NOW + minutes(2)) == ["sign_in_failed"] * 5


def test_guessing_many_names_from_one_address_is_stopped(conn: Connection) -> None:
    for k in range(60):
        guess(conn, 1, f"name{k}", address="10.6.6.6")
    assert refused(lambda: doors.knock(conn, "name99", "10.6.6.6", NOW)) == "too_many_from_address"
    doors.knock(conn, "name99", "10.0.0.1", NOW)
    doors.knock(conn, "name99", "10.6.6.6", NOW + minutes(61))


def test_many_attempts_at_once_are_counted_before_anybody_looks(conn: Connection) -> None:
    """None of them has been told anything yet when the sixth knocks."""
    an_account(conn)
    for _ in range(5):
        doors.knock(conn, "wu", "10.0.0.1", NOW)
    assert refused(lambda: doors.knock(conn, "wu", "10.0.0.1", NOW)) == "locked_out"


def test_a_token_from_before_never_becomes_good(conn: Connection) -> None:
    """Session fixation: whatever may do more than before has a token of its own."""
    an_account(conn, "wu", Role.DISPATCHER, Role.AUDITOR)
    first = sign_in(conn)
    assert first.visit.stage is Stage.ROLE
    grants = {grant.role: grant.grant_id for grant in first.visit.grants}
    second = doors.take_role(conn, first.visit, grants[Role.AUDITOR], NOW, LIMITS)
    assert second.visit.actor == Actor("wu", Role.AUDITOR)
    assert find_visit(conn, first.token, NOW, LIMITS) is None
    third = doors.take_role(conn, second.visit, grants[Role.DISPATCHER], NOW, LIMITS)
    assert find_visit(conn, second.token, NOW, LIMITS) is None
    assert len({first.token, second.token, third.token}) == 3
    assert [e.role for e in audit.list_entries(conn)] == ["dispatcher", "auditor", "visitor"]


def test_a_role_that_one_does_not_hold_cannot_be_taken(conn: Connection) -> None:
    an_account(conn)
    an_account(conn, "other", Role.LEADER)
    (foreign,) = accounts.list_grants(conn, "other")
    opened = sign_in(conn)
    for wanted in (foreign.grant_id, None, 999):
        assert refused(lambda wanted=wanted: doors.take_role(conn, opened.visit, wanted, NOW, LIMITS)) == "no_such_grant"  # type: ignore[misc]


def test_a_first_password_lets_nobody_act_until_it_is_changed(conn: Connection) -> None:
    an_account(conn, must_change=True)
    opened = sign_in(conn)
    assert (opened.visit.stage, opened.visit.actor) == (Stage.PASSWORD, None)
    (grant,) = opened.visit.grants
    assert refused(lambda: doors.take_role(conn, opened.visit, grant.grant_id, NOW, LIMITS)) == "password_first"
    changed = doors.change_password(conn, opened.visit, is_right=True, new="four lamps in the rain", now=NOW, limits=LIMITS)
    assert changed.visit.actor == Actor("wu", Role.DISPATCHER)
    assert sign_in(conn, password="four lamps in the rain", at=NOW).visit.stage is Stage.OPEN


def test_a_new_password_ends_all_other_sessions_and_is_another_one(conn: Connection) -> None:
    an_account(conn)
    elsewhere, here = sign_in(conn), sign_in(conn)

    def change(**more: Any) -> Opened:
        said = {"is_right": True, "new": "four lamps in the rain", "now": NOW, "limits": LIMITS, **more}
        return doors.change_password(conn, here.visit, **said)

    assert refused(lambda: change(is_right=False)) == "sign_in_failed"
    assert refused(lambda: change(new=PASSWORD)) == "same_password"
    assert refused(lambda: change(new="short")) == "weak_password"
    opened = change()
    assert find_visit(conn, elsewhere.token, NOW, LIMITS) is None
    assert find_visit(conn, here.token, NOW, LIMITS) is None
    assert find_visit(conn, opened.token, NOW, LIMITS) is not None


def enrolled(conn: Connection) -> tuple[Opened, str]:
    an_account(conn, "wu", Role.COMMANDER)
    opened = sign_in(conn)
    secret = doors.begin_factor(opened.visit)
    return doors.set_factor(conn, opened.visit, secret, totp.code_at(secret, totp.step_of(NOW)), NOW, LIMITS), secret


def test_a_commander_sets_up_a_second_factor_before_commanding(conn: Connection) -> None:
    an_account(conn, "wu", Role.COMMANDER)
    opened = sign_in(conn)
    assert (opened.visit.stage, opened.visit.actor) == (Stage.ENROL, None)
    secret = doors.begin_factor(opened.visit)
    assert refused(lambda: doors.set_factor(conn, opened.visit, secret, "000000", NOW, LIMITS)) == "wrong_code"
    done = doors.set_factor(conn, opened.visit, secret, totp.code_at(secret, totp.step_of(NOW)), NOW, LIMITS)
    assert done.visit.actor == Actor("wu", Role.COMMANDER)


def test_a_code_counts_once(conn: Connection) -> None:
    _, secret = enrolled(conn)
    code = totp.code_at(secret, totp.step_of(NOW))
    again = sign_in(conn)
    assert again.visit.stage is Stage.FACTOR
    assert refused(lambda: doors.pass_factor(conn, again.visit, code, "10.0.0.1", NOW, LIMITS)) == "wrong_code"
    later = NOW + timedelta(seconds=30)
    fresh = totp.code_at(secret, totp.step_of(later))
    passed = doors.pass_factor(conn, again.visit, fresh, "10.0.0.1", later, LIMITS)
    assert passed.visit.actor == Actor("wu", Role.COMMANDER)
    assert find_visit(conn, again.token, later, LIMITS) is None
    third = sign_in(conn, at=later)
    assert refused(lambda: doors.pass_factor(conn, third.visit, fresh, "10.0.0.1", later, LIMITS)) == "wrong_code"


def test_codes_are_guessed_as_seldom_as_passwords(conn: Connection) -> None:
    enrolled(conn)
    again = sign_in(conn)
    tried = [refused(lambda: doors.pass_factor(conn, again.visit, "000000", "10.0.0.1", NOW, LIMITS)) for _ in range(6)]
    assert tried == ["wrong_code"] * 5 + ["locked_out"]


def test_signing_out_everywhere_ends_every_session(conn: Connection) -> None:
    an_account(conn)
    one, two, three = (sign_in(conn) for _ in range(3))
    doors.leave(conn, one.visit, NOW)
    assert [find_visit(conn, o.token, NOW, LIMITS) is None for o in (one, two, three)] == [True, False, False]
    doors.leave(conn, two.visit, NOW, everywhere=True)
    assert find_visit(conn, three.token, NOW, LIMITS) is None


def test_a_revoked_role_ends_what_was_under_it(conn: Connection) -> None:
    an_account(conn, "admin1", Role.ADMINISTRATOR)
    an_account(conn)
    opened = sign_in(conn)
    people.revoke(conn, opened.visit.grants[0].grant_id, ADMIN, NOW)
    assert find_visit(conn, opened.token, NOW, LIMITS) is None


def test_an_account_without_a_role_is_told_to_ask_for_one(conn: Connection) -> None:
    accounts.create_account(
        conn, "new1", department=None, password_hash=HASH, must_change=False, subject=None, created_by="test", now=NOW
    )
    assert refused(lambda: sign_in(conn, "new1")) == "no_role"


def test_the_people_of_the_demonstration_have_no_password_and_are_made_once(conn: Connection) -> None:
    crowd = [Actor("demo-commander", Role.COMMANDER), Actor("demo-wall", Role.WALL)]
    doors.furnish(conn, crowd, NOW)
    doors.furnish(conn, crowd, NOW)
    assert [a.name for a in accounts.list_accounts(conn)] == ["demo-commander", "demo-wall"]
    assert refused(lambda: sign_in(conn, "demo-commander", "")) == "sign_in_failed"
    account = accounts.find_account(conn, "demo-commander")
    assert account is not None
    assert doors.enter_as(conn, account, "demonstration", NOW, LIMITS).visit.actor == crowd[0]


def test_a_session_ends_by_itself(conn: Connection) -> None:
    an_account(conn)
    opened = sign_in(conn)
    assert find_visit(conn, opened.token, NOW + minutes(59), LIMITS) is not None
    assert find_visit(conn, opened.token, NOW + minutes(60), LIMITS) is None
    sessions.touch(conn, opened.visit.session.token_hash, NOW + minutes(59))
    assert find_visit(conn, opened.token, NOW + minutes(60), LIMITS) is not None


def test_what_was_ended_does_not_come_back_to_life_by_taking_a_role(conn: Connection) -> None:
    """Who was believed a moment ago is looked at again where a new token is made."""
    an_account(conn, "wu", Role.DISPATCHER, Role.AUDITOR)
    opened = sign_in(conn)
    doors.leave(conn, opened.visit, NOW, everywhere=True)
    grant = opened.visit.grants[0].grant_id
    assert refused(lambda: doors.take_role(conn, opened.visit, grant, NOW, LIMITS)) == "session_over"
    assert (
        refused(
            lambda: doors.change_password(conn, opened.visit, is_right=True, new="four lamps in the rain", now=NOW, limits=LIMITS)
        )
        == "session_over"
    )
    assert sessions.count_sessions(conn, NOW, LIMITS) == {}


@pytest.mark.parametrize("act", [people.reset, people.disable])
def test_a_password_that_was_taken_back_while_it_was_looked_at_opens_nothing(conn: Connection, act: Callable[..., Any]) -> None:
    an_account(conn, "admin1", Role.ADMINISTRATOR)
    an_account(conn)
    attempt = doors.knock(conn, "wu", "10.0.0.1", NOW)
    is_right = doors.verify(attempt, PASSWORD)
    assert is_right
    act(conn, "wu", ADMIN, NOW)
    assert refused(lambda: doors.enter(conn, attempt, NOW, LIMITS, is_right=is_right)) == "sign_in_failed"


def test_a_password_alone_neither_changes_itself_nor_puts_its_owner_out(conn: Connection) -> None:
    owner, _ = enrolled(conn)
    thief = sign_in(conn)
    assert thief.visit.stage is Stage.FACTOR

    def change() -> Opened:
        return doors.change_password(conn, thief.visit, is_right=True, new="four lamps in the rain", now=NOW, limits=LIMITS)

    assert refused(change) == "factor_first"
    assert refused(lambda: doors.leave(conn, thief.visit, NOW, everywhere=True)) == "factor_first"
    assert find_visit(conn, owner.token, NOW, LIMITS) is not None
    doors.leave(conn, thief.visit, NOW)


def test_an_authenticator_is_set_up_once(conn: Connection) -> None:
    an_account(conn, "wu", Role.COMMANDER)
    one, two = sign_in(conn), sign_in(conn)
    mine, other = doors.begin_factor(one.visit), doors.begin_factor(two.visit)
    doors.set_factor(conn, one.visit, mine, totp.code_at(mine, totp.step_of(NOW)), NOW, LIMITS)
    code = totp.code_at(other, totp.step_of(NOW))
    assert refused(lambda: doors.set_factor(conn, two.visit, other, code, NOW, LIMITS)) == "factor_not_due"
    account = accounts.find_account(conn, "wu")
    assert account is not None
    assert account.totp_secret == mine


def test_who_guesses_elsewhere_does_not_keep_the_owner_out(conn: Connection) -> None:
    """Where the owner has signed in, failures there alone count; anywhere else all of them do."""
    an_account(conn)
    sign_in(conn, address="10.0.0.7")
    guess(conn, 5, address="10.6.6.6")
    assert refused(lambda: doors.knock(conn, "wu", "10.6.6.6", NOW)) == "locked_out"
    assert refused(lambda: doors.knock(conn, "wu", "10.0.0.8", NOW)) == "locked_out"
    guess(conn, 5, address="10.0.0.7")
    assert refused(lambda: doors.knock(conn, "wu", "10.0.0.7", NOW)) == "locked_out"


def test_the_owner_signs_in_where_they_always_do_while_somebody_guesses_elsewhere(conn: Connection) -> None:
    an_account(conn)
    sign_in(conn, address="10.0.0.7", at=NOW - timedelta(days=29))
    guess(conn, 5, address="10.6.6.6")
    for k in range(60):
        guess(conn, 1, f"name{k}", address="10.0.0.7")
    assert sign_in(conn, address="10.0.0.7").visit.actor is not None


def test_nobody_counts_at_the_second_factor_without_the_password(conn: Connection) -> None:
    enrolled(conn)
    again = sign_in(conn)
    guess(conn, 5, "factor wu", address="10.6.6.6")
    assert refused(lambda: doors.pass_factor(conn, again.visit, "000000", "10.0.0.1", NOW, LIMITS)) == "wrong_code"


def test_sessions_are_counted_that_are_good_by_the_clock(conn: Connection) -> None:
    an_account(conn)
    an_account(conn, "wall1", Role.WALL)
    sign_in(conn)
    sign_in(conn, "wall1")
    assert sessions.count_sessions(conn, NOW, LIMITS) == {"wu": 1, "wall1": 1}
    assert sessions.count_sessions(conn, NOW + minutes(61), LIMITS) == {"wall1": 1}
    assert sessions.count_sessions(conn, NOW + timedelta(days=30), LIMITS) == {}
