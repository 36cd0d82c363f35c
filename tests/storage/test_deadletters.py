"""Dead letters: kept whole with their reason up to a number a day, then counted; told in both languages."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain.moments import Moment
from domain.observations import Rejection
from domain.rejections import Reason, reject
from storage import deadletters
from storage.connection import Connection
from storage.deadletters import DeadLetter, sort_out
from storage.snapshots import system_snapshot
from tests.support.scenes import NOW, STATION, a_rejection, minutes, stored

OTHER = STATION.replace("air-1", "air-2")
TODAY = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three letters of a device are kept in a day, five in all."""
    monkeypatch.setattr(deadletters, "KEPT_PER_DEVICE", 3)
    monkeypatch.setattr(deadletters, "KEPT_PER_DAY", 5)


def shown(conn: Connection) -> list[tuple[str | None, str, int, bool]]:
    """(device, code, number, whole?) of all letters, oldest first."""
    return [(d.device_id, d.code, d.n, d.is_whole) for d in reversed(deadletters.list_dead_letters(conn))]


def test_a_letter_is_kept_with_its_reason_and_its_payload(conn: Connection) -> None:
    stored(conn, a_rejection(minutes_ago=10), a_rejection(minutes_ago=9, device_id=None))
    newest, older = deadletters.list_dead_letters(conn)
    assert older == DeadLetter(
        older.dead_letter_id, NOW - minutes(10), "city/v1/x", STATION, "broken_json", "the payload is not JSON", {}, 1, True, None, b"{",
    )  # fmt: skip
    assert (newest.received_time, newest.device_id) == (NOW - minutes(9), None)
    assert deadletters.find_dead_letter(conn, older.dead_letter_id) == older
    assert deadletters.find_dead_letter(conn, 99) is None
    assert deadletters.list_dead_letters(conn, limit=1) == [newest]


def test_the_reason_is_told_in_both_languages(conn: Connection) -> None:
    said = reject(Reason.NOT_FINITE, "city/v1/x", b"{}", NOW, STATION, {"name": "pm25", "value": '"wet"'})
    assert (said.code, said.reason) == ("not_a_number", 'pm25 is "wet": expected a finite number')
    stored(conn, said, a_rejection(minutes_ago=1))
    told, older = deadletters.list_dead_letters(conn)
    assert told.detail == {"reason": "not_finite", "name": "pm25", "value": '"wet"'}
    assert (told.sentence("zh"), told.sentence("en")) == ('pm25 为 "wet"\uff1a应为有限数值', said.reason)
    assert older.sentence("zh") == older.reason, "a reason that this version does not know keeps its English"


@pytest.mark.usefixtures("few")
def test_the_first_letters_of_a_device_and_day_are_kept_and_the_others_counted(conn: Connection) -> None:
    for k in range(5):
        stored(conn, a_rejection(minutes_ago=50 - k))
    assert shown(conn) == [(STATION, "broken_json", 1, True)] * 3 + [(STATION, "broken_json", 2, False)]
    assert deadletters.list_dead_letters(conn)[0].received_time == NOW - minutes(46), "the time of the last one counted"
    stored(conn, a_rejection(device_id=OTHER, minutes_ago=40))
    assert shown(conn)[-1] == (OTHER, "broken_json", 1, True), "one device does not use up another's share"


@pytest.mark.usefixtures("few")
def test_what_is_counted_is_counted_by_device_code_and_hour(conn: Connection) -> None:
    stored(conn, *(a_rejection(minutes_ago=50 - k) for k in range(3)))
    stored(conn, *(a_rejection(minutes_ago=k) for k in (40, 40, -10, -20, -30)))
    stored(conn, replace(a_rejection(minutes_ago=-35), code="malformed"))
    assert shown(conn)[3:] == [
        (STATION, "broken_json", 2, False), (STATION, "broken_json", 3, False), (STATION, "malformed", 1, False),
    ]  # fmt: skip


@pytest.mark.usefixtures("few")
def test_the_next_day_begins_anew(conn: Connection) -> None:
    """NOW is one in the morning, UTC."""
    stored(conn, *(a_rejection(minutes_ago=90) for _ in range(4)), *(a_rejection(minutes_ago=30) for _ in range(4)))
    assert [n for *_, n, _ in shown(conn)] == [1, 1, 1, 1, 1, 1, 1, 1]
    assert Counter(is_whole for *_, is_whole in shown(conn)) == {True: 6, False: 2}


@pytest.mark.usefixtures("few")
def test_devices_that_are_made_up_do_not_fill_the_disk(conn: Connection) -> None:
    stored(conn, *(a_rejection(minutes_ago=20 - k, device_id=f"a/b/c/{k}") for k in range(12)))
    assert shown(conn)[5:] == [(None, "broken_json", 7, False)]


@pytest.mark.usefixtures("few")
def test_the_system_page_counts_those_that_are_only_counted(conn: Connection) -> None:
    stored(conn, *(a_rejection(minutes_ago=k) for k in range(12)))
    assert system_snapshot(conn, Moment.live(NOW)).dead_letters_by_code == (("broken_json", 12),)


def test_a_flood_in_one_batch_is_sorted_out_in_the_order_it_came() -> None:
    letters = [a_rejection(minutes_ago=k / 100) for k in range(1_500, 0, -1)]
    kept, ((last, n),) = sort_out(letters, Counter({(TODAY, STATION): 990}))
    assert (kept, last, n) == (letters[:10], letters[-1], 1_490)


def test_nothing_refused_asks_nothing(conn: Connection) -> None:
    nothing: list[Rejection] = []
    deadletters.write_dead_letters(conn, nothing)
    assert deadletters.list_dead_letters(conn) == []
