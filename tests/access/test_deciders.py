"""What decides at the door: passwords, one-time codes, lock-out, sessions. Values in, values out."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access import totp
from access.lockout import FREE_TRIES, LONGEST_WAIT, PER_ADDRESS, check_attempt, waits_until
from access.passwords import check_password, hashed, made_password, matches
from access.sessions import DEMONSTRATION, Stage, is_good, stage_of
from domain.accounts import Account, Grant, Limits, Session
from domain.refusals import Refused
from domain.rights import EVERYWHERE, Role

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize("password", ["too short", "aaaaaaaaaaaaaaaa", "commander1commander1", "password123456", "x" * 129])
def test_a_password_that_is_easy_to_guess_is_refused_with_what_is_expected(password: str) -> None:
    with pytest.raises(Refused) as caught:
        check_password(password, "commander1")
    assert caught.value.code == "weak_password"
    assert "expected" in caught.value.en


def test_a_long_sentence_is_a_password_and_a_made_one_is_too() -> None:
    check_password("河边的三棵柳树都在下雨时唱歌", "commander1")
    check_password(made_password(), "commander1")
    assert made_password() != made_password()


def test_a_password_matches_its_hash_and_nothing_matches_where_there_is_none() -> None:
    kept = hashed("four green lamps")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert (matches(kept, "four green lamps"), matches(kept, "four green lamp"), matches(None, "four green lamps")) == (
        True,
        False,
        False,
    )


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    """RFC 6238, appendix B, SHA-1, the last six of its eight digits."""
    assert totp.code_at(RFC_SECRET, seconds // 30) == code


@pytest.mark.parametrize(("steps_off", "is_taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_off_by_half_a_minute(steps_off: int, is_taken: bool) -> None:
    code = totp.code_at(RFC_SECRET, totp.step_of(NINE) + steps_off)
    found = totp.matching_step(RFC_SECRET, code, NINE)
    assert found == (totp.step_of(NINE) + steps_off if is_taken else None)


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "१२३४५६"])
def test_what_is_no_code_matches_nothing(typed: str) -> None:
    assert totp.matching_step(RFC_SECRET, typed, NINE) is None


def test_five_failures_cost_nothing_and_then_each_doubles_the_wait() -> None:
    assert waits_until([NINE] * (FREE_TRIES - 1)) is None
    waits = [waits_until([NINE] * n) for n in range(FREE_TRIES, FREE_TRIES + 7)]
    assert [(w - NINE).total_seconds() for w in waits if w] == [30, 60, 120, 240, 480, 900, 900]


@given(st.integers(0, 10_000))
def test_nobody_is_locked_out_for_ever(n: int) -> None:
    until = waits_until([NINE] * n)
    assert until is None or until <= NINE + LONGEST_WAIT


def test_who_has_waited_may_try_again() -> None:
    with pytest.raises(Refused, match="try again in 30 s"):
        check_attempt([NINE] * 5, 0, NINE)
    check_attempt([NINE] * 5, 0, NINE + timedelta(seconds=30))
    with pytest.raises(Refused) as caught:
        check_attempt([], PER_ADDRESS, NINE)
    assert caught.value.code == "too_many_from_address"


def a_session(**more: object) -> Session:
    return Session(
        **{
            "token_hash": b"x",
            "name": "wu",
            "grant_id": 1,
            "how": "password",
            "created_at": NINE,
            "seen_at": NINE,
            "second_factor_at": None,
            **more,
        }
    )  # type: ignore[arg-type]


def an_account(**more: object) -> Account:
    return Account(
        **{
            "name": "wu",
            "department": None,
            "password_hash": "h",
            "must_change": False,
            "totp_secret": None,
            "subject": None,
            "created_at": NINE,
            **more,
        }
    )  # type: ignore[arg-type]


def a_grant(role: Role = Role.DISPATCHER, number: int = 1) -> Grant:
    return Grant(number, "wu", role, EVERYWHERE, "admin", NINE)


@pytest.mark.parametrize(
    ("session", "account", "grants", "hours", "is_still_good"),
    [
        (a_session(), an_account(), [a_grant()], 0.9, True),
        (a_session(), an_account(), [a_grant()], 1.0, False),
        (a_session(seen_at=NINE + timedelta(hours=11.5)), an_account(), [a_grant()], 11.9, True),
        (a_session(seen_at=NINE + timedelta(hours=11.9)), an_account(), [a_grant()], 12.0, False),
        (a_session(), an_account(), [a_grant(Role.WALL)], 100, True),
        (a_session(), an_account(), [a_grant(Role.WALL)], 24 * 30, False),
        (a_session(), an_account(disabled_at=NINE), [a_grant()], 0, False),
        (a_session(), an_account(), [a_grant(number=2)], 0, False),
        (a_session(), an_account(), [], 0, False),
        (a_session(), None, [a_grant()], 0, False),
    ],
)
def test_a_session_is_good_as_long_as_it_is_touched_and_its_grant_holds(
    session: Session, account: Account | None, grants: list[Grant], hours: float, is_still_good: bool
) -> None:
    assert is_good(session, account, grants, NINE + timedelta(hours=hours), Limits()) is is_still_good


@pytest.mark.parametrize(
    ("session", "account", "role", "stage"),
    [
        (a_session(), an_account(must_change=True), Role.COMMANDER, Stage.PASSWORD),
        (a_session(how="provider"), an_account(must_change=True), Role.DISPATCHER, Stage.OPEN),
        (a_session(grant_id=None), an_account(), Role.COMMANDER, Stage.ROLE),
        (a_session(), an_account(), Role.DISPATCHER, Stage.OPEN),
        (a_session(), an_account(), Role.COMMANDER, Stage.ENROL),
        (a_session(), an_account(totp_secret="S"), Role.COMMANDER, Stage.FACTOR),
        (a_session(second_factor_at=NINE), an_account(totp_secret="S"), Role.COMMANDER, Stage.OPEN),
        (a_session(how=DEMONSTRATION), an_account(), Role.COMMANDER, Stage.OPEN),
    ],
)
def test_what_comes_first_at_the_door(session: Session, account: Account, role: Role, stage: Stage) -> None:
    assert stage_of(session, account, [a_grant(role)]) is stage
