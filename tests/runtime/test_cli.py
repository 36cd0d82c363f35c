"""The command line: what it asks for, what it answers, and that it never lets a stranger's text drive a terminal."""

from __future__ import annotations

import argparse
import importlib
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
from tests.support.scenes import NOW, STATION, a_device, stored

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
    assert ask("deadletters", "list") == (0, "没有被拒收的报文。No message was refused.\n", "")
    stored(conn, reject(Reason.NOT_FINITE, "city/v1/a/b/c/d/telemetry", b"{}", NOW, STATION, {"name": "pm25", "value": '"wet"'}))
    code, said, _ = ask("deadletters", "list")
    assert code == 0
    assert said.splitlines()[:2] == [
        "共 1 条：全文保留 1 条（待处理 1 条），仅计数 0 条", "1 in all: 1 kept whole (1 to mend), 0 only counted"
    ]  # fmt: skip
    assert said.splitlines()[4:] == [
        "",
        f"{1:>8}  2026-03-02 09:00:00  not_a_number        city/v1/a/b/c/d/telemetry",
        f"{'':31}pm25 为 \"wet\"：应为有限数值", f"{'':31}pm25 is \"wet\": expected a finite number",
    ]  # fmt: skip


def test_letters_that_are_only_counted_say_how_many_they_are(conn: Connection, ask: Ask) -> None:
    conn.execute(
        "INSERT INTO dead_letter (received_time, topic, code, reason, n, hour, payload) VALUES (%s, 't', 'malformed', 'why', 7, %s, '')",
        (NOW, NOW),
    )
    said = ask("deadletters", "list")[1]
    assert "  t\n" in said
    assert "仅计数 7 条，未保留，最后一条：why\n" in said
    assert "7 counted, not kept, the last: why\n" in said
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


OTHER = "440106/environment/north/air-2"


def test_a_device_that_is_gone_for_good_is_retired_and_brought_back_by_whoever_types(conn: Connection, ask: Ask) -> None:
    stored(conn, a_device(), a_device(OTHER))
    code, said, _ = ask("devices", "retire", STATION, OTHER, "--reason", "torn down", "--json")
    assert code == 0
    assert said.splitlines()[:2] == [f"设备 {STATION} 已停用", f"Device {STATION} is retired"]
    assert json.loads(said.splitlines()[-1]) == {"retired": [STATION, OTHER], "refused": {}}
    code, said, _ = ask("devices", "restore", "a/b/c/d", STATION, "--json")
    assert code == 1, "one was refused, the other done"
    told = json.loads(said.splitlines()[-1])
    assert (told["restored"], told["refused"]["a/b/c/d"]["code"]) == ([STATION], "device_unknown")
    retired = conn.execute("SELECT device_id FROM device WHERE retired_at IS NOT NULL").fetchall()
    assert retired == [(OTHER,)]
    assert conn.execute("SELECT actor LIKE 'console:%', role, action, outcome FROM audit_entry ORDER BY audit_id").fetchall() == [
        (True, "operator", "device.retire", "done"), (True, "operator", "device.retire", "done"),
        (True, "operator", "device.restore", "refused"), (True, "operator", "device.restore", "done"),
    ]  # fmt: skip


TELEMETRY = f"city/v1/{STATION}/telemetry"


def wet_letters(conn: Connection) -> None:
    """1: a value that is text; 2 and 3: readings that were ahead of time when they came."""
    said = [
        f'{{"id":"m{k}","ts":"2026-03-02T0{k}:00:00Z","values":{{"pm25":{value}}}}}' for k, value in enumerate(('"wet"', 41, 42))
    ]
    stored(
        conn, reject(Reason.NOT_FINITE, TELEMETRY, said[0].encode(), NOW, STATION, {"name": "pm25", "value": '"wet"'}),
        *(reject(Reason.FUTURE, TELEMETRY, text.encode(), NOW, STATION, {}) for text in said[1:]),
    )  # fmt: skip


def test_a_mended_letter_is_replayed_by_whoever_types(conn: Connection, ask: Ask, tmp_path: Path) -> None:
    wet_letters(conn)
    code, said, _ = ask("deadletters", "replay", "1", "--json")
    assert (code, json.loads(said.splitlines()[-1])["refused"]["1"]["en"]) == (
        1, 'still refused: pm25 is "wet": expected a finite number',
    )  # fmt: skip
    mended = tmp_path / "mended.json"
    mended.write_text('{"id":"m0","ts":"2026-03-02T00:00:00Z","values":{"pm25":40}}')
    tried = ask("deadletters", "replay", "1", "--payload", str(mended), "--dry-run")
    assert tried[:2] == (
        0, "试解析 1 条：可重放 1 条（将入库 1，更正 0，重复 0）\n1 tried: 1 can be replayed (1 to be stored, 0 corrected, 0 known)\n",
    )  # fmt: skip
    assert conn.execute("SELECT count(*) FROM observation").fetchone() == (0,)
    assert ask("deadletters", "replay", "1", "--payload", str(mended))[0] == 0
    assert conn.execute("SELECT value FROM observation").fetchall() == [(40.0,)]
    assert " by console:" in ask("deadletters", "show", "1")[1]
    assert "已重放 replayed" in ask("deadletters", "list", "--code", "not_a_number")[1]
    assert conn.execute("SELECT role, outcome FROM audit_entry ORDER BY audit_id").fetchall() == [
        ("operator", "refused"), ("operator", "done"),
    ]  # fmt: skip


def test_letters_of_a_reason_are_replayed_up_to_a_limit(conn: Connection, ask: Ask) -> None:
    wet_letters(conn)
    code, said, _ = ask("deadletters", "replay", "--code", "future", "--limit", "1", "--json")
    assert code == 0
    done = json.loads(said.splitlines()[-1])
    assert (done["tried"], done["replayed"], done["stored"], done["refused_by_code"]) == (1, 1, 1, {})
    done = json.loads(ask("deadletters", "replay", "--device", STATION, "--json")[1].splitlines()[-1])
    assert (done["tried"], done["replayed"], done["refused_by_code"]) == (2, 1, {"not_a_number": 1})
    listed = json.loads(ask("deadletters", "list", "--open", "--json")[1].splitlines()[-1])
    assert (listed["total"], listed["open"], [letter["id"] for letter in listed["letters"]]) == (3, 1, [1])
    assert {row["code"]: row["n"] for row in listed["by_reason"]} == {"future": 2, "not_a_number": 1}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("replay",), "expected either numbers of letters or one of --code, --device and --since"),
        (("replay", "1", "--code", "future"), "expected either numbers of letters or one of"),
        (("replay", "1", "2", "--topic", "x"), "--payload and --topic mend one letter: expected one number"),
        (("replay", "1", "--payload", "nowhere.json"), "--payload is nowhere.json: it cannot be read"),
        (("replay", "--code", "odd"), "--code is 'odd': expected one of unknown_topic, "),
        (("list", "--since", "noon"), "--since is 'noon': expected an ISO 8601 time"),
    ],
)
def test_what_is_asked_wrongly_of_letters_is_said_in_a_sentence(ask: Ask, arguments: tuple[str, ...], words: str) -> None:
    code, said, complaint = ask("deadletters", *arguments)
    assert (code, said) == (2, "")
    assert words in complaint


def test_the_status_tells_of_each_process_and_of_the_newest_reading(conn: Connection, ask: Ask) -> None:
    names = ("ingest", "forecaster", "alerts", "dispatcher", "planner", "notifier", "halls", "dashboard")
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


REQUESTS = """
title = "Requests"
origin = "invented"
says = "request"
layout = "long"

[device]
district = "410100"
domain = "request"
site = "posts"
name = "desk"
type = "CallDesk"

[time]
column = "time"
zone = "Asia/Shanghai"

[event]
source = "grid"
lon = "lon"
lat = "lat"
crs = "EPSG:4326"
missing = [0]
otherwise = "other"
"""


def test_an_import_names_what_it_stored_and_counts_no_device_among_it(conn: Connection, ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "requests.toml").write_text(REQUESTS, encoding="utf-8")
    (tmp_path / "data.csv").write_text("time,lon,lat\n" + "".join(f"2021-07-20 10:{m:02},113.6,34.7\n" for m in range(3)))
    what = ("import", str(tmp_path / "requests.toml"), str(tmp_path / "data.csv"))
    code, said, fault = ask(*what, "--json")
    assert (code, "requests: 3 read, 3 stored, 0 known before, 0 refused; of 1 devices" in said) == (0, True), said + fault
    assert json.loads(said.splitlines()[-1])["says"] == "request"
    assert "requests: 0 read, 0 stored" in ask(*what)[1], "started again it has nothing left to do"


def test_a_replay_of_a_file_that_is_missing_begins_nothing(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "requests.toml").write_text(REQUESTS, encoding="utf-8")
    nowhere = {"MQTT_URL": "mqtt://127.0.0.1:1"}
    code, said, fault = ask("replay", str(tmp_path / "requests.toml"), str(tmp_path / "data.csv"), **nowhere)
    assert (code, said) == (2, "")
    assert fault.startswith(f"cityhelm: {tmp_path}/data.csv does not exist: expected the data that"), fault
    assert "%" not in fault


@pytest.mark.parametrize(
    ("topic", "payload", "sentence"),
    [
        ("city/v1/990101/hall", "{}", "the topic is 'city/v1/990101/hall': expected city/v1/DISTRICT/DOMAIN/SITE/DEVICE/KIND"),
        ("city/v1/+/hall/h/q/cmd", "{}", "the topic is 'city/v1/+/hall/h/q/cmd': expected"),
        ("city/v1/990101/hall/h/q/cmd", "{window: 3}", "the payload is '{window: 3}', which is no JSON"),
    ],
)
def test_what_cannot_be_published_is_told_before_a_broker_is_asked(ask: Ask, topic: str, payload: str, sentence: str) -> None:
    code, said, fault = ask("publish", topic, payload, MQTT_URL="mqtt://127.0.0.1:1")
    assert (code, said) == (2, "")
    assert sentence in fault


def test_a_demonstration_may_have_no_history() -> None:
    assert cli._parser().parse_args(["demo", "--history-days", "0"]).history_days == 0
    with pytest.raises(SystemExit):
        cli._parser().parse_args(["demo", "--history-days", "-1"])


@pytest.mark.parametrize("name", cli.FORESEEN)
def test_every_foreseen_fault_is_there_under_its_name(name: str) -> None:
    module, _, fault = name.rpartition(".")
    assert issubclass(getattr(importlib.import_module(module), fault), Exception)
