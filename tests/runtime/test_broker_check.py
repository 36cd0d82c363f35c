"""The doctor asks a given broker what it grants, and tries what it keeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iot.mqtt import parse_address
from runtime.broker_check import Granted, Tried, examine_broker, judge_granted, judge_tried
from runtime.findings import Finding
from runtime.quarters import free_port
from tests.support.brokers import configured_mosquitto, private_mosquitto


def bad(findings: list[Finding]) -> list[str]:
    return [finding.sentence for finding in findings if not finding.is_good]


def test_what_the_standard_grants_is_enough() -> None:
    assert bad(judge_granted(Granted())) == []


@pytest.mark.parametrize(
    ("granted", "said"),
    [
        (Granted(session_expiry_s=3600), "Sessions: kept for 1 h while the ingester is away: expected at least 24 h; raise"),
        (Granted(highest_qos=0), "Delivery: QoS 0 at most: expected 1"),
        (Granted(is_retaining=False), "Retained messages: refused: expected them to be kept"),
        (Granted(is_sharing=False), "Shared subscriptions: refused: expected them where several ingesters"),
        (Granted(largest_packet_bytes=10_000), "Packets: of up to 10000 bytes: expected room for payloads of 65536 bytes"),
    ],
)
def test_what_is_not_granted_is_one_sentence_with_a_cure(granted: Granted, said: str) -> None:
    (sentence,) = bad(judge_granted(granted))
    assert sentence.startswith(said)
    assert ";" in sentence


def test_a_broker_that_keeps_everything_is_well() -> None:
    assert bad(judge_tried(Tried(3_000, 3_000, 3_000, session_was_kept=True))) == []


@pytest.mark.parametrize(
    ("tried", "said"),
    [
        (Tried(3_000, 100, 100, session_was_kept=True), "Queue: of 3000 messages for a subscriber that was away 100 were kept: expected all"),
        (Tried(3_000, 0, 0, session_was_kept=False), "Queue: of 3000 messages for a subscriber that was away 0 were kept: the session itself"),
        (Tried(3_000, 3_000, 20, session_was_kept=True), "Window: 20 messages under way before the first is acknowledged: expected 1000"),
    ],
)  # fmt: skip
def test_what_a_broker_loses_is_one_sentence_with_a_cure(tried: Tried, said: str) -> None:
    (sentence,) = bad(judge_tried(tried))
    assert sentence.startswith(said)
    assert ";" in sentence


def test_the_private_mosquitto_passes(tmp_path: Path) -> None:
    with private_mosquitto(tmp_path / "broker") as (_, url):
        findings = list(examine_broker(parse_address(url)))
    assert bad(findings) == []
    assert "Queue: of 3000 messages for a subscriber that was away 3000 were kept." in [f.sentence for f in findings]


@contextmanager
def careless(place: Path, config: str) -> Iterator[str]:
    port = free_port()
    address = parse_address(f"mqtt://127.0.0.1:{port}")
    with configured_mosquitto(place, port, f"listener {port} 127.0.0.1\nallow_anonymous true\n{config}", address):
        yield f"mqtt://127.0.0.1:{port}"


def test_mosquitto_as_it_comes_is_found_to_lose_messages(tmp_path: Path) -> None:
    with careless(tmp_path, "") as url:
        (sentence,) = bad(list(examine_broker(parse_address(url))))
    assert sentence.startswith(
        "Queue: of 3000 messages for a subscriber that was away 1000 were kept: expected all; on Mosquitto set"
    )


def test_a_broker_without_retained_messages_is_named(tmp_path: Path) -> None:
    with careless(tmp_path, "retain_available false\nmax_queued_messages 0") as url:
        (sentence,) = bad(list(examine_broker(parse_address(url), n_messages=1_200)))
    assert sentence.startswith("Retained messages: refused")


def test_an_account_without_the_right_to_try_is_told_which_right(tmp_path: Path) -> None:
    (tmp_path / "acl").write_text("topic read city/v1/#\n")
    (tmp_path / "acl").chmod(0o600)
    with careless(tmp_path, f"acl_file {tmp_path / 'acl'}") as url:
        (sentence,) = bad(list(examine_broker(parse_address(url))))
    assert sentence.startswith("Queue: a client without an account may not read and write cityhelm/probe/#")


def test_the_trial_leaves_nothing_behind(tmp_path: Path) -> None:
    with private_mosquitto(tmp_path / "broker") as (mosquitto, url):
        list(examine_broker(parse_address(url), n_messages=1_200))
        mosquitto.stop()
        kept = (mosquitto.place / "mosquitto.db").read_bytes()
    assert b"cityhelm-probe-" not in kept
    assert b"cityhelm-doctor-" not in kept


def test_a_broker_of_the_older_protocol_is_a_fault_with_its_cure() -> None:
    (finding,) = examine_broker(parse_address("mqtt://127.0.0.1:1", protocol=4))
    assert not finding.is_good
    assert "set MQTT_PROTOCOL=5" in finding.sentence


def test_a_broker_that_does_not_answer_is_not_for_this_check_to_say() -> None:
    assert list(examine_broker(parse_address("mqtt://127.0.0.1:1"))) == []
