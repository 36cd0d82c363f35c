"""The door: a device that makes up names gets no series beyond its allowance, and nothing it said is lost from the account."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from domain.batches import Batch, BatchCounts
from ingest import cap
from ingest.letters import replay
from ingest.service import store
from ingest.waiting import Message
from storage.connection import Connection
from storage.deadletters import list_dead_letters
from storage.ingestion import Ingestion
from storage.ledger import account
from tests.ingest.test_letters import CLERK, LATER
from tests.support.scenes import NOW, STATION, a_device, a_reading

MAD, CALM = "990101/air/s1/mad", "990101/air/s1/calm"


def test_those_beyond_the_limit_are_the_last_named_and_each_device_has_its_own() -> None:
    new = [(MAD, "a", ""), (CALM, "a", ""), (MAD, "b", ""), (MAD, "c", ""), (MAD, "d", "")]
    assert cap.beyond(new, {MAD: 1}, most=3) == {(MAD, "c", ""), (MAD, "d", "")}
    assert cap.beyond(new, {MAD: 7}, most=3) == {(MAD, name, "") for name in "abcd"}
    assert cap.beyond(new, {}, most=3) == {(MAD, "d", "")}


def test_what_is_known_is_not_new() -> None:
    batch = Batch()
    batch.extend([a_reading(1), a_reading(2, minutes_ago=1), a_reading(3, prop="pm10"), a_device()])
    assert cap.find_new(batch, {(STATION, "pm25", "")}) == [(STATION, "pm10", "")]
    assert cap.turn_away(batch, set(), 3) is batch


def said(kind: str, device: str = MAD, *, minutes_ago: int = 0, **fields: object) -> Message:
    payload = json.dumps({"id": "m", "ts": (NOW - timedelta(minutes=minutes_ago)).isoformat(), **fields}).encode()
    return Message(f"city/v1/{device}/{kind}", payload, NOW, mid=1, qos=1, epoch=1)


def test_a_device_that_makes_up_names_is_held_and_its_neighbour_is_not(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cap, "MOST_SERIES", 5)
    ingestion = Ingestion(conn)
    messages = [said("telemetry", minutes_ago=k, values={f"made-up-{k}": k, f"made-up-{k}b": k}) for k in range(10)]
    counts = store(ingestion, [*messages, said("telemetry", CALM, values={"pm25": 7})], NOW)
    assert counts == BatchCounts(received=21, stored=6, late=1, rejected=15)
    properties: dict[str, object] = {name: {} for name in ("made-up-0", "other", "one-more")}
    births = store(ingestion, [said("birth", type="AirQualityObserved", properties=properties)], NOW)
    assert births == BatchCounts(received=2, stored=1, rejected=1), "it is announced, without what is too many"
    known = said("telemetry", minutes_ago=20, values={"made-up-0": 1})
    assert store(ingestion, [known], NOW).stored == 1, "what is known goes on"
    assert conn.execute("SELECT count(*) FROM datastream").fetchone() == (6,)
    assert account(conn, since=NOW - timedelta(days=1), until=NOW + timedelta(days=1)).is_balanced
    newest, *others = list_dead_letters(conn, limit=50)
    assert "properties" in newest.payload.decode()
    assert len(others) == 15
    assert others[0].reason.startswith('the device has 5 series and "made-up-')


def test_what_was_turned_away_is_stored_when_there_is_room(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cap, "MOST_SERIES", 1)
    ingestion = Ingestion(conn)
    store(ingestion, [said("telemetry", values={"pm25": 1.5, "pm10": 2.5}, seq=4, unit={"pm10": "mg/m3"})], NOW)
    (letter,) = list_dead_letters(conn)
    monkeypatch.setattr(cap, "MOST_SERIES", 2)
    assert replay(Ingestion(conn), letter.dead_letter_id, CLERK, LATER).counts.stored == 1
    assert conn.execute("SELECT value, seq FROM observation ORDER BY value").fetchall() == [(1.5, 4), (2500.0, 4)]
