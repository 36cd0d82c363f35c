"""The doctor: one sentence for each thing, the cure with each fault; it starts and changes nothing."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from runtime import doctor, quarters
from runtime.doctor import examine
from runtime.policy import load_policy
from runtime.settings import Settings, load_settings
from storage.connection import Connection
from tests.support.brokers import private_mosquitto

ROOT = Path(__file__).parents[2]
Asked = Callable[..., dict[str, tuple[bool, str]]]


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    """What the doctor says, by the word each sentence begins with."""

    def ask(**variables: str) -> dict[str, tuple[bool, str]]:
        found = examine(_settings(tmp_path, **variables))
        return {finding.sentence.split(":")[0].split()[0]: (finding.is_good, finding.sentence) for finding in found}

    return ask


def _settings(home: Path, **variables: str) -> Settings:
    environ = {"CITYHELM_HOME": str(home), "CITYHELM_PORT": str(quarters.free_port()), **variables}
    return load_settings(environ, ROOT)


@pytest.fixture
def running(tmp_path: Path, database_url: str) -> Iterator[Path]:
    """A home on which a city runs, with a private database and amqtt."""
    noted = {
        "database_url": database_url, "mqtt_url": "mqtt://127.0.0.1:1", "mqtt_protocol": 4, "database_kind": "private",
        "broker_kind": "amqtt",
    }  # fmt: skip
    with quarters.held(tmp_path):
        (tmp_path / "running.json").write_text(json.dumps(noted))
        yield tmp_path


def test_on_a_fresh_machine_only_the_city_is_missing(asked: Asked, tmp_path: Path) -> None:
    said = asked(CITYHELM_HOME=str(tmp_path / "new"))
    n_rules = len(load_policy(ROOT / "config/city.toml").rules)
    assert said["Policy"] == (True, f"Policy: {ROOT / 'config/city.toml'} is well-formed, rules to begin with: {n_rules}.")
    is_good, sentence = said["City"]
    assert not is_good
    assert sentence.startswith(f"City: {tmp_path / 'new/city'} has no layers: expected a built city; `cityhelm demo` builds ")
    assert said["Database"] == (True, f"Database: a private PostgreSQL 18 in {tmp_path / 'new/postgres'}.")
    assert [word for word, (is_good, _) in said.items() if not is_good and word != "Browser"] == ["City"]
    assert not (tmp_path / "new").exists(), "asking makes nothing"


def test_of_a_running_city_it_says_what_it_stands_on(asked: Asked, running: Path, conn: Connection) -> None:
    said = asked()
    assert said["Running"] == (True, f"Running: the city on {running}.")
    assert said["Database"] == (True, f"Database: a private PostgreSQL 18 in {running / 'postgres'}.")
    assert said["Broker"][1].startswith(
        "Broker: a private one. amqtt, MQTT 3.1.1, for demonstrations only: it keeps everything in memory"
    )
    assert said["Schema"][0]
    is_good, sentence = said["Ledger"]
    assert is_good
    assert sentence.startswith(
        "Ledger: measured within 24 hours, received 0 = stored 0 + corrected 0 + duplicate 0 + rejected 0;"
    )


def test_a_ledger_that_does_not_balance_is_a_fault(asked: Asked, running: Path, conn: Connection) -> None:
    conn.execute("INSERT INTO ingest_ledger (device_id, hour, received) VALUES ('', date_trunc('hour', now()), 1)")
    is_good, sentence = asked()["Ledger"]
    assert not is_good
    assert "1 rows (device × hour) do not add up" in sentence


def test_a_city_that_is_starting_is_waited_for(asked: Asked, tmp_path: Path) -> None:
    with quarters.held(tmp_path):
        assert (
            asked()["Running"][1] == f"Running: the city on {tmp_path} is being started or stopped; ask again when it is ready."
        )


def test_addresses_that_do_not_answer_are_faults_with_their_cure(tmp_path: Path) -> None:
    settings = _settings(tmp_path, DATABASE_URL="postgresql://a:b@127.0.0.1:1/x", MQTT_URL="mqtt://a:b@127.0.0.1:1")
    faults = [finding.sentence for finding in examine(settings) if not finding.is_good]
    assert any(fault.startswith("the database at postgresql://127.0.0.1:1/x did not accept a connection (") for fault in faults)
    assert any(fault.endswith("or unset MQTT_URL to use a private broker") for fault in faults)
    assert "a:b" not in " ".join(faults), "no password in a sentence"


def test_a_port_in_use_is_a_fault_with_its_cure(asked: Asked) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        said = asked(CITYHELM_PORT=str(other.getsockname()[1]))
    assert said["nothing"][0] is False
    assert "set CITYHELM_PORT to another" in said["nothing"][1]


def test_a_database_with_another_schema_is_a_fault(asked: Asked, empty_database_url: str) -> None:
    is_good, sentence = asked(DATABASE_URL=empty_database_url)["Schema"]
    assert not is_good
    assert sentence.startswith("Schema: the database's schema is version 0, this program needs ")
    assert sentence.endswith("run `cityhelm migrate`.")


def test_a_given_broker_is_asked_what_it_keeps(asked: Asked, tmp_path: Path) -> None:
    with private_mosquitto(tmp_path / "broker") as (_, url):
        said = asked(MQTT_URL=url)
    assert said["Broker"][1].endswith(" answers.")
    assert said["Queue"] == (True, "Queue: of 3000 messages for a subscriber that was away 3000 were kept.")
    assert said["Sessions"][0]


def test_a_private_broker_is_not_tried(asked: Asked) -> None:
    assert "Queue" not in asked()


@pytest.mark.parametrize(
    ("text", "day", "is_good", "words"),
    [
        ('country = "CN"', date(2026, 3, 2), True, "the working days of 2026 are known; those of 2027 are not decreed yet"),
        ('country = "CN"\ndecided = [2027]', date(2026, 3, 2), True, "the working days of 2026 and 2027 are known"),
        (
            'country = "CN"',
            date(2042, 3, 2),
            False,
            "the make-up days (调休) of 2042 are not decreed as far as is known: expected",
        ),
        ('country = "FR"', date(2042, 3, 2), True, "the working days of 2042 and 2043 are known"),
    ],
)
def test_a_year_without_a_decree_is_said_loudly(tmp_path: Path, text: str, day: date, is_good: bool, words: str) -> None:
    (tmp_path / "calendar.toml").write_text(text)
    found = doctor._calendar(load_settings({"CITYHELM_CONFIG": str(tmp_path / "city.toml")}), day)
    assert (found.is_good, words in found.sentence) == (is_good, True), found.sentence
