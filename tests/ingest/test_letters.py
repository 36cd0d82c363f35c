"""Replays: a dead letter given in again is stored as what is live, once, with its place in audit and ledger; or refused in words."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from domain.batches import BatchCounts
from domain.moments import Moment
from domain.refusals import Refused
from domain.rights import Actor, Role
from ingest import letters
from ingest.letters import replay, replay_many, try_out
from ingest.service import store
from ingest.waiting import Message
from storage import audit, deadletters
from storage.connection import Connection, connect
from storage.deadletters import LetterFilter, count_all, count_by_reason, find_dead_letter, list_dead_letters
from storage.ingestion import Ingestion
from storage.ledger import list_ledger
from storage.observations import list_values

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=2)
AIR = "city/v1/990101/air/s1/a1"
DEVICE = "990101/air/s1/a1"
CLERK = Actor("wu", Role.OPERATOR)


def came(conn: Connection, payload: object, *, topic: str = f"{AIR}/telemetry", at: datetime = NOW) -> int:
    """Gives a message in as the ingester does; the number of its letter."""
    said = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    store(Ingestion(conn), [Message(topic, said, at, mid=1, qos=1, epoch=1)], at)
    return max(letter.dead_letter_id for letter in list_dead_letters(conn))


def telemetry(value: object = 40.0, *, minutes_ago: float = 0, **more: object) -> dict[str, object]:
    ts = (NOW - timedelta(minutes=minutes_ago)).isoformat()
    return {"id": f"m{minutes_ago}", "ts": ts, "values": {"pm25": value}, **more}


def mended(value: float = 41.0, **more: float) -> bytes:
    return json.dumps(telemetry(value, **more)).encode()


def adds_up(conn: Connection) -> BatchCounts:
    """The sum of all rows of the ledger, each of which is balanced."""
    total = BatchCounts()
    for row in list_ledger(conn, since=NOW - timedelta(days=9), until=NOW + timedelta(days=9)):
        assert row.received == row.stored + row.corrected + row.duplicate + row.rejected
        total += BatchCounts(row.received, row.stored, row.late, row.duplicate, row.corrected, row.rejected)
    return total


def acted(conn: Connection) -> list[tuple[str, str, str]]:
    return [(entry.action, entry.object, entry.outcome) for entry in reversed(audit.list_entries(conn))]


def test_a_mended_letter_is_stored_where_it_belongs_and_known_from_now_on(conn: Connection) -> None:
    letter = came(conn, telemetry("wet"))
    assert replay(Ingestion(conn), letter, CLERK, LATER, payload=mended()) == letters.Replayed(
        letter, BatchCounts(received=1, stored=1, late=1)
    )
    (value,) = list_values(conn, Moment.live(LATER))
    assert (value.value, value.phenomenon_time, value.received_time) == (41.0, NOW, LATER)
    before = LATER - timedelta(seconds=1)
    assert all(v.value is None for v in list_values(conn, Moment.past(before))), "what was known then knew nothing of it"
    found = find_dead_letter(conn, letter)
    assert found is not None
    assert (found.replayed_at, found.replayed_by, found.is_open) == (LATER, "wu", False)
    (entry,) = audit.list_entries(conn)
    assert (entry.action, entry.object, entry.outcome, entry.role) == ("data.replay", str(letter), "done", "operator")
    assert entry.detail["bytes"] == len(mended())
    assert len(entry.detail["sha256"]) == 64


def test_the_ledger_counts_the_letter_as_rejected_and_the_replay_as_received_again(conn: Connection) -> None:
    letter = came(conn, telemetry("wet"))
    replay(Ingestion(conn), letter, CLERK, LATER, payload=mended())
    assert adds_up(conn) == BatchCounts(received=2, stored=1, late=1, rejected=1)
    entry = audit.list_entries(conn)[0]
    assert (entry.action, None in (entry.before_hash, entry.after_hash)) == ("data.replay", False)


def test_values_of_a_message_that_were_stored_at_once_are_duplicates_when_it_is_mended(conn: Connection) -> None:
    letter = came(conn, {"id": "m", "ts": NOW.isoformat(), "values": {"pm25": 40.0, "no2": "wet"}})
    whole = json.dumps({"id": "m", "ts": NOW.isoformat(), "values": {"pm25": 40.0, "no2": 20.0}}).encode()
    assert replay(Ingestion(conn), letter, CLERK, LATER, payload=whole).counts == BatchCounts(
        received=2, stored=1, late=1, duplicate=1
    )
    adds_up(conn)


def test_a_correction_replaces_what_was_stored_and_keeps_it_for_those_who_ask_what_was_known(conn: Connection) -> None:
    store(Ingestion(conn), [Message(f"{AIR}/telemetry", mended(40.0), NOW, mid=1, qos=1, epoch=1)], NOW)
    letter = came(conn, telemetry("wet"))
    done = replay(Ingestion(conn), letter, CLERK, LATER, payload=json.dumps(telemetry(55.0, corr=True)).encode())
    assert done.counts.corrected == 1
    then, today = Moment.past(NOW + timedelta(minutes=1)), Moment.live(LATER)
    assert [[v.value for v in list_values(conn, moment)] for moment in (then, today)] == [[40.0], [55.0]]


def test_a_letter_is_replayed_once(conn: Connection) -> None:
    letter = came(conn, telemetry("wet"))
    replay(Ingestion(conn), letter, CLERK, LATER, payload=mended())
    with pytest.raises(Refused, match="was replayed by wu at 2026-03-02 03:00:00 UTC") as refusal:
        replay(Ingestion(conn), letter, CLERK, LATER + timedelta(hours=1), payload=mended(99.0))
    assert refusal.value.code == "letter_replayed"
    assert "已由 wu 于" in refusal.value.zh
    assert [outcome for *_, outcome in acted(conn)] == ["done", "refused"]
    assert [v.value for v in list_values(conn, Moment.live(LATER))] == [41.0]


def test_of_two_who_replay_a_letter_at_once_one_does_and_the_other_is_told(conn: Connection, database_url: str) -> None:
    letter = came(conn, telemetry("wet"))

    def give_in(value: float) -> str:
        with connect(database_url) as own:
            try:
                replay(Ingestion(own), letter, CLERK, LATER, payload=mended(value))
            except Refused as refusal:
                return refusal.code
        return "done"

    with ThreadPoolExecutor(4) as clerks:
        told = sorted(clerks.map(give_in, (41, 42, 43, 44)))
    assert told == ["done", *["letter_replayed"] * 3]
    assert adds_up(conn) == BatchCounts(received=2, stored=1, late=1, rejected=1)


def test_what_is_refused_again_says_why_and_leaves_only_an_entry_in_the_audit(conn: Connection) -> None:
    letter = came(conn, {"id": "m", "ts": NOW.isoformat(), "values": {"pm25": "wet", "no2": "dry"}})
    rows = adds_up(conn), count_all(conn)
    half = json.dumps({"id": "m", "ts": NOW.isoformat(), "values": {"pm25": 40.0, "no2": "dry"}}).encode()
    with pytest.raises(Refused) as refusal:
        replay(Ingestion(conn), letter, CLERK, LATER, payload=half)
    assert refusal.value.en == 'still refused: no2 is "dry": expected a finite number'
    assert refusal.value.zh == '仍被拒收\uff1ano2 为 "dry"\uff1a应为有限数值'
    assert (adds_up(conn), count_all(conn)) == rows
    assert list_values(conn, Moment.live(LATER)) == []
    assert acted(conn) == [("data.replay", str(letter), "refused")]
    found = find_dead_letter(conn, letter)
    assert found is not None
    assert found.is_open, "it can be tried again"


@pytest.mark.parametrize(
    ("topic", "payload", "code"),
    [
        ("city/v1/x", None, "unknown_topic"),
        (f"{AIR}/gossip", None, "unknown_kind"),
        (f"{AIR}/cmd", None, "letter_says_nothing"),
        (f"{AIR}/state", b"", "letter_says_nothing"),
        (None, b"", "broken_json"),
        (None, b"[]", "malformed"),
        (None, b"\xff\xfe", "broken_json"),
        (None, b'{"id":"a\\u0000"}', "nul_character"),
        (None, b"[" * 60_000, "broken_json"),
        (None, b" " * 70_000, "too_large"),
        (None, b'{"id":"m","ts":"2026-03-02T01:00:00Z","values":{"pm25":1},"seq":99999999999999999999}', None),
    ],
)
def test_whatever_is_given_in_is_stored_or_refused(
    conn: Connection, topic: str | None, payload: bytes | None, code: str | None
) -> None:
    letter = came(conn, telemetry("wet"))
    with pytest.raises(Refused) as refusal:
        replay(Ingestion(conn), letter, CLERK, LATER, topic=topic, payload=payload)
    assert code in (None, refusal.value.code)
    assert refusal.value.zh
    assert list_values(conn, Moment.live(LATER)) == []


def test_a_letter_of_a_strange_topic_is_given_in_under_the_right_one(conn: Connection) -> None:
    letter = came(conn, telemetry(40.0), topic="town/air")
    assert replay(Ingestion(conn), letter, CLERK, LATER, topic=f"{AIR}/telemetry").counts.stored == 1
    assert audit.list_entries(conn)[0].detail == {"topic": f"{AIR}/telemetry"}


def test_what_was_ahead_of_time_is_no_longer_when_its_time_has_come(conn: Connection) -> None:
    letter = came(conn, telemetry(40.0, minutes_ago=-30))
    with pytest.raises(Refused, match="ahead of our clock"):
        replay(Ingestion(conn), letter, CLERK, NOW + timedelta(minutes=1))
    assert replay(Ingestion(conn), letter, CLERK, LATER).counts.stored == 1


def test_times_that_count_from_the_receipt_count_from_the_first_one(conn: Connection) -> None:
    """SenML gives a time below 2^28 relative to now (RFC 8428 section 4.5.3)."""
    letter = came(conn, b'[{"n":"pm25","t":-60,"v":40')
    replay(Ingestion(conn), letter, CLERK, LATER, payload=b'[{"n":"pm25","t":-60,"v":40}]')
    (value,) = list_values(conn, Moment.live(LATER))
    assert (value.phenomenon_time, value.received_time) == (NOW - timedelta(minutes=1), LATER)


def test_a_letter_whose_payload_was_not_kept_is_not_replayed(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadletters, "KEPT_PER_DEVICE", 1)
    came(conn, telemetry("wet"))
    counted = came(conn, telemetry("wet"))
    with pytest.raises(Refused, match="only counted") as refusal:
        replay(Ingestion(conn), counted, CLERK, LATER, payload=mended())
    assert refusal.value.code == "letter_only_counted"
    with pytest.raises(Refused, match="there is no dead letter 999"):
        replay(Ingestion(conn), 999, CLERK, LATER)
    assert (count_all(conn).n, count_all(conn).n_kept, count_all(conn).n_counted) == (2, 1, 1)


def test_who_has_no_right_changes_nothing(conn: Connection) -> None:
    letter = came(conn, telemetry("wet"))
    leader = Actor("zhao", Role.LEADER)
    for deed in (
        lambda: replay(Ingestion(conn), letter, leader, LATER, payload=mended()),
        lambda: try_out(Ingestion(conn), letter, leader, LATER, payload=mended()),
        lambda: replay_many(conn, leader, LATER, LetterFilter(code="not_a_number")),
        lambda: replay_many(conn, leader, LATER, LetterFilter(code="not_a_number"), is_trial=True),
    ):
        with pytest.raises(Refused) as refusal:
            deed()
        assert refusal.value.code == "no_right"
    assert list_values(conn, Moment.live(LATER)) == []
    assert {outcome for *_, outcome in acted(conn)} == {"refused"}


def test_a_trial_says_what_would_become_of_it_and_leaves_no_trace(conn: Connection) -> None:
    letter = came(conn, telemetry("wet"))
    before = adds_up(conn)
    assert try_out(Ingestion(conn), letter, CLERK, LATER, payload=mended()).counts.stored == 1
    with pytest.raises(Refused, match="still refused"):
        try_out(Ingestion(conn), letter, CLERK, LATER)
    assert (adds_up(conn), list_values(conn, Moment.live(LATER)), acted(conn)) == (before, [], [])
    assert replay(Ingestion(conn), letter, CLERK, LATER, payload=mended()).counts.stored == 1


def many(conn: Connection) -> None:
    """Four that can be read by now and a fifth that never can."""
    for k in (30, 31, 32, 33):
        came(conn, telemetry(40.0 + k, minutes_ago=-k))
    came(conn, telemetry("wet"))


def test_many_are_replayed_in_the_order_they_came_and_counted_by_outcome(conn: Connection) -> None:
    many(conn)
    done = replay_many(conn, CLERK, LATER, LetterFilter(device_id=DEVICE))
    assert (done.tried, done.done, done.counts.stored, dict(done.refused)) == (5, 4, 4, {"not_a_number": 1})
    assert acted(conn)[0] == ("data.replay_many", f"device={DEVICE}", "done")
    assert [outcome for *_, outcome in acted(conn)[1:]] == ["done"] * 4 + ["refused"]
    assert replay_many(conn, CLERK, LATER, LetterFilter(device_id=DEVICE)).tried == 1, "what was refused again waits"
    assert adds_up(conn).stored == 4
    trend = {(c.code, c.n, c.n_kept, c.n_open) for c in count_by_reason(conn, Moment.live(LATER), since=NOW - timedelta(days=1))}
    assert trend == {("future", 4, 4, 0), ("not_a_number", 1, 1, 1)}


def test_many_are_bounded_and_go_on_behind_the_last_one(conn: Connection) -> None:
    many(conn)
    wanted = LetterFilter(device_id=DEVICE)
    first = replay_many(conn, CLERK, LATER, wanted, limit=3)
    assert first.tried == 3
    assert first.last_id is not None
    rest = replay_many(conn, CLERK, LATER, wanted, after_id=first.last_id)
    assert (rest.tried, (first + rest).done, (first + rest).tried) == (2, 4, 5)
    assert rest.last_id is not None
    assert replay_many(conn, CLERK, LATER, wanted, after_id=rest.last_id) == letters.Outcomes()


def test_many_can_be_tried_out(conn: Connection) -> None:
    many(conn)
    tried = replay_many(conn, CLERK, LATER, LetterFilter(code="future"), is_trial=True)
    assert (tried.tried, tried.done, tried.counts.stored) == (4, 4, 4)
    assert (list_values(conn, Moment.live(LATER)), acted(conn)) == ([], [])


def test_it_has_to_be_said_which_letters_are_meant(conn: Connection) -> None:
    many(conn)
    with pytest.raises(Refused, match="expected a code, a device or a time"):
        replay_many(conn, CLERK, LATER, LetterFilter())
    assert acted(conn) == [("data.replay_many", "", "refused")]
    assert replay_many(conn, CLERK, LATER, LetterFilter(since=NOW + timedelta(minutes=1))).tried == 0


def test_the_list_has_filters_and_goes_on_behind_a_letter(conn: Connection) -> None:
    many(conn)
    ids = [letter.dead_letter_id for letter in list_dead_letters(conn)]
    assert [x.dead_letter_id for x in list_dead_letters(conn, before_id=ids[1], limit=2)] == ids[2:4]
    assert {x.code for x in list_dead_letters(conn, code="future")} == {"future"}
    assert list_dead_letters(conn, device_id="990101/air/s1/other") == []
    replay(Ingestion(conn), ids[-1], CLERK, LATER)
    assert ids[-1] not in {x.dead_letter_id for x in list_dead_letters(conn, open_only=True)}
    (count, *_) = count_by_reason(conn, Moment.live(LATER), since=NOW - timedelta(days=1))
    assert (count.code, count.reason_key, count.by_hour) == ("future", "future", ((NOW, 4),))
