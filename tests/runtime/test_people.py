"""People on the command line: the first administrator, a broken glass for the others, sentences for what is refused."""

from __future__ import annotations

import re

import pytest

from access import approvals as second
from access.passwords import matches
from domain.rights import EVERYWHERE, Actor, Role, Scope
from runtime import people
from runtime.cli import main
from storage import accounts, approvals, audit
from storage.connection import Connection
from tests.support.scenes import NOW
from tests.support.visitors import settled


def test_the_first_administrator_is_made_without_a_banner_and_the_next_with_one(conn: Connection) -> None:
    handed = people.add(conn, "admin1", Role.ADMINISTRATOR, EVERYWHERE, NOW, department=None, password=None)
    account = accounts.find_account(conn, "admin1")
    assert account is not None
    assert matches(account.password_hash, handed.password)
    assert approvals.list_waiting(conn, NOW) == []
    people.add(conn, "hall1", Role.HALL_MANAGER, Scope(halls=frozenset({"hall-01"})), NOW, department=None, password=None)
    (glass,) = approvals.list_waiting(conn, NOW)
    assert glass.initiator.startswith("console:")
    assert glass.payload == {"name": "hall1", "role": "hall_manager", "halls": "hall-01"}, "where it holds is what is reviewed"
    settled(conn, admin := Actor("admin1", Role.ADMINISTRATOR), at=NOW)
    second.review(conn, glass.approval_id, admin, NOW, words="known to me")
    assert approvals.list_waiting(conn, NOW) == []
    assert {entry.actor for entry in audit.list_entries(conn)} == {glass.initiator, "admin1"}


def test_an_account_whose_role_is_refused_is_not_made(conn: Connection) -> None:
    with pytest.raises(Exception, match="named halls"):
        people.add(conn, "hall1", Role.HALL_MANAGER, EVERYWHERE, NOW, department=None, password=None)
    assert accounts.find_account(conn, "hall1") is None


def test_the_command_prints_a_password_once_and_lists_accounts(
    database_url: str, conn: Connection, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert main(["people", "add", "admin1", "--role", "administrator"]) == 0
    (password,) = re.findall(r"^  (\S{5}-\S{5}-\S{5}-\S{5})$", capsys.readouterr().out, re.MULTILINE)
    assert main(["people", "list"]) == 0
    shown = capsys.readouterr().out
    assert "admin1" in shown
    assert "administrator" in shown
    assert password not in shown
    assert main(["people", "disable", "admin1"]) == 1
    assert "at least one administrator has to remain" in capsys.readouterr().err
    assert main(["people", "add", "x1", "--role", "king"]) == 2
    assert "expected one of leader" in capsys.readouterr().err
