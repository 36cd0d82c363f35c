"""The command line: what it asks for, what it answers, and that it never lets a stranger's text drive a terminal."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.rejections import Reason, reject
from runtime import cli, quarters
from storage import heartbeats
from storage.connection import Connection
from tests.support.cities import run_cityhelm
from tests.support.scenes import NOW, STATION, stored

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ask(database_url: str, tmp_path: Path) -> Ask:
    """`cityhelm …` on the test's own database: exit code, standard output, standard error."""

    def run(*arguments: str, **more: str) -> tuple[int, str, str]:
        done = run_cityhelm(arguments, {"DATABASE_URL": database_url, "CITYHELM_HOME": str(tmp_path), **more})
        return done.returncode, done.stdout, done.stderr

    return run


def _commands(
    parser: argparse.ArgumentParser, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    """Every command and every group of commands, with its words."""
    branches = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if path:
        yield path, parser
    for branch in branches:
        for name, below in branch.choices.items():
            yield from _commands(below, (*path, name))


COMMANDS = list(_commands(cli._parser()))


@pytest.mark.parametrize(("path", "parser"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])
def test_every_command_has_words_and_an_example_that_it_understands(
    path: tuple[str, ...], parser: argparse.ArgumentParser
) -> None:
    assert parser.description
    assert parser.epilog
    assert parser.epilog.startswith("Example: ")
    example = parser.epilog.removeprefix("Example: ").split()
    words = example[example.index("cityhelm") + 1 :]
    assert tuple(words[: len(path)]) == path
    cli._parser().parse_args(words)  # SystemExit when it is asked wrongly


@pytest.mark.parametrize(("path", "parser"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])
def test_every_argument_is_explained(path: tuple[str, ...], parser: argparse.ArgumentParser) -> None:
    arguments = [action for action in parser._actions if not isinstance(action, argparse._SubParsersAction)]
    silent = [action.dest for action in arguments if not action.help]
    assert silent == []


def test_what_is_refused_is_listed_with_topic_code_and_reason(conn: Connection, ask: Ask) -> None:
    assert ask("deadletters", "list") == (0, "No message was refused.\n", "")
    stored(conn, reject(Reason.NOT_FINITE, "city/v1/a/b/c/d/telemetry", b"{}", NOW, STATION, {"name": "pm25", "value": '"wet"'}))
    code, said, _ = ask("deadletters", "list")
    assert code == 0
    assert said.split() == [
        "1", "2026-03-02", "09:00:00", "not_a_number", "city/v1/a/b/c/d/telemetry", "pm25", "is", '"wet":', "expected", "a", "finite", "number",
    ]  # fmt: skip


def test_letters_that_are_only_counted_say_how_many_they_are(conn: Connection, ask: Ask) -> None:
    conn.execute(
        "INSERT INTO dead_letter (received_time, topic, code, reason, n, hour, payload) VALUES (%s, 't', 'malformed', 'why', 7, %s, '')",
        (NOW, NOW),
    )
    assert "t  7 counted, not kept, the last: why" in ask("deadletters", "list")[1]
    assert "payload   not kept: one of 7 that came in that hour" in ask("deadletters", "show", "1")[1]


def test_a_letter_is_shown_in_both_languages_with_its_payload(conn: Connection, ask: Ask) -> None:
    payload = b'{"pm25": "wet",\n "x": 1}'
    stored(conn, reject(Reason.NOT_FINITE, "city/v1/a", payload, NOW, STATION, {"name": "pm25", "value": '"wet"'}))
    code, said, _ = ask("deadletters", "show", "1")
    assert code == 0
    assert said.splitlines() == [
        "received  2026-03-02T09:00:00+08:00", "topic     city/v1/a", "code      not_a_number",
        'reason    pm25 is "wet": expected a finite number', '原因      pm25 为 "wet"：应为有限数值',
        "payload   24 bytes", '{"pm25": "wet",', ' "x": 1}',
    ]  # fmt: skip


def test_a_payload_cannot_drive_the_terminal(conn: Connection, ask: Ask) -> None:
    """Clearing the screen, a bell, a change of direction, bytes that are no text: written out."""
    conn.execute(
        "INSERT INTO dead_letter (received_time, topic, code, reason, payload) VALUES (%s, %s, 'malformed', %s, %s)",
        (NOW, "city/\x1b]0;owned\x07", "why\x1b[2J", b"\x1b[2J\xff\x00" + "\u202e".encode()),
    )
    for arguments in (("list",), ("show", "1")):
        code, said, _ = ask("deadletters", *arguments)
        assert code == 0
        assert not set(said) & set("\x1b\x07\x00\u202e")
    assert said.splitlines()[-1] == r"\x1b[2J\xff\x00\u202e"
    assert cli.harmless("a\x1b[2Jb\n", keep="\n") == "a\\x1b[2Jb\n"


def test_a_letter_that_is_not_there_is_a_sentence(ask: Ask) -> None:
    assert ask("deadletters", "show", "9") == (
        2, "", "cityhelm: there is no dead letter 9: expected a number from `cityhelm deadletters list`\n",
    )  # fmt: skip


def test_the_status_tells_of_each_process_and_of_the_newest_reading(conn: Connection, ask: Ask) -> None:
    names = ("ingest", "forecaster", "alerts", "dispatcher", "dashboard")
    assert ask("status")[1].splitlines() == [*(f"{name:13} has never beaten" for name in names), "newest reading: none yet"]
    heartbeats.beat(conn, "ingest", "host:1", started_at=NOW, now=NOW, metrics={"stored_total": 5, "subscribed": True})
    code, said, _ = ask("status", "--json")
    assert code == 0
    (line,) = [line for line in said.splitlines() if line.startswith("ingest")]
    assert line.startswith("ingest        not alive, beat ")
    assert line.endswith(" s ago  stored_total 5"), "nine in the morning of some day in March is long ago"
    assert json.loads(said.splitlines()[-1])["processes"]["ingest"]["stored_total"] == 5
    code, said, _ = ask("status", "--process", "ingest")
    assert (code, said.startswith("ingest: not alive, beat ")) == (1, True)
    assert ask("status", "--process", "alerts") == (1, "alerts: not alive, has never beaten\n", "")


def test_a_process_that_does_not_exist_is_no_process_that_is_ill(ask: Ask) -> None:
    code, said, fault = ask("status", "--process", "ingets")
    assert (code, said) == (2, "")
    assert fault.startswith("cityhelm: there is no process 'ingets': expected one of alerts, dashboard, ")


def test_without_a_city_the_commands_say_what_to_start(tmp_path: Path) -> None:
    nothing = {"CITYHELM_HOME": str(tmp_path / "none"), "DATABASE_URL": "", "MQTT_URL": ""}
    for command in (["status"], ["deadletters", "list"], ["migrate"]):
        done = run_cityhelm(command, nothing)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(
            f"cityhelm: no city is running on {tmp_path / 'none'} and DATABASE_URL or MQTT_URL is not set"
        )
    assert not (tmp_path / "none").exists(), "asking makes nothing"


def test_a_city_that_is_still_starting_is_told_from_none(tmp_path: Path) -> None:
    with quarters.held(tmp_path):
        done = run_cityhelm(["status"], {"CITYHELM_HOME": str(tmp_path), "DATABASE_URL": "", "MQTT_URL": ""})
    assert done.returncode == 1
    assert done.stderr.startswith(f"cityhelm: the city on {tmp_path} is being started or stopped by process ")


@pytest.mark.parametrize(
    ("run", "code", "words"),
    [
        (lambda: 0, 0, "Stopped: everything that was acknowledged is stored, and the same command goes on from there.\n"),
        (lambda: 1, 1, ""),
    ],
)
def test_a_city_that_is_stopped_says_how_things_stand(
    run: Callable[[], int], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli._to_the_end(run) == code
    assert capsys.readouterr().out == words


def test_a_start_that_is_broken_off_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    def broken_off() -> int:
        raise KeyboardInterrupt

    assert cli._to_the_end(broken_off) == 0
    assert capsys.readouterr().out == "Stopped before the city was ready; the same command goes on from there.\n"


def test_the_alive_are_told_from_the_dead_by_their_last_beat(conn: Connection, ask: Ask) -> None:
    now = datetime.now(UTC)
    heartbeats.beat(conn, "ingest", "host:1", started_at=now, now=now, metrics={})
    heartbeats.beat(conn, "alerts", "host:2", started_at=now, now=now - timedelta(minutes=5), metrics={})
    assert "ingest        alive, beat " in ask("status")[1]
    assert ask("status", "--process", "ingest")[0] == 0
    assert ask("status", "--process", "alerts")[0] == 1
