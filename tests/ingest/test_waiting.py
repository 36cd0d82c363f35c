"""The waiting room: bounded in number and bytes, in the order of arrival, and nobody waits at a door that is closed."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

from ingest.waiting import Message, WaitingRoom

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def message(mid: int, n_bytes: int = 10) -> Message:
    return Message("t", bytes(n_bytes), NOW, mid, 1, 1)


def never() -> bool:
    return False


def test_a_batch_is_as_large_as_it_may_be_in_the_order_of_arrival() -> None:
    room = WaitingRoom(messages=100, payload_bytes=10_000)
    for mid in range(10):
        assert room.enter(message(mid), gives_up=never)
    assert [m.mid for m in room.leave(messages=4, payload_bytes=1_000, wait_s=0)] == [0, 1, 2, 3]
    assert [m.mid for m in room.leave(messages=100, payload_bytes=25, wait_s=0)] == [4, 5, 6], "the third fills 25 bytes"
    assert [m.mid for m in room.leave(messages=100, payload_bytes=1_000, wait_s=0)] == [7, 8, 9]
    assert (len(room), room.held_bytes) == (0, 0)


def test_a_full_room_lets_nobody_in_who_gives_up() -> None:
    by_number, by_bytes = WaitingRoom(messages=2, payload_bytes=1_000), WaitingRoom(messages=100, payload_bytes=25)
    for room in (by_number, by_bytes):
        assert room.enter(message(1), gives_up=never)
        assert room.enter(message(2), gives_up=never)
        assert not room.enter(message(3), gives_up=lambda: True)
        assert [m.mid for m in room.leave(messages=9, payload_bytes=999, wait_s=0)] == [1, 2]


def test_one_that_is_larger_than_the_room_is_let_into_an_empty_one() -> None:
    room = WaitingRoom(messages=5, payload_bytes=25)
    assert room.enter(message(1, n_bytes=1_000), gives_up=never)
    assert not room.enter(message(2), gives_up=lambda: True)


def test_who_waits_at_the_door_comes_in_when_there_is_room() -> None:
    room = WaitingRoom(messages=1, payload_bytes=1_000)
    room.enter(message(1), gives_up=never)
    second = threading.Thread(target=room.enter, args=(message(2),), kwargs={"gives_up": never})
    second.start()
    assert [m.mid for m in room.leave(messages=1, payload_bytes=1_000, wait_s=0)] == [1]
    second.join(5)
    assert not second.is_alive()
    assert [m.mid for m in room.leave(messages=1, payload_bytes=1_000, wait_s=1)] == [2]


def test_an_empty_room_is_left_after_the_wait() -> None:
    began = time.monotonic()
    assert WaitingRoom(messages=1, payload_bytes=1).leave(messages=1, payload_bytes=1, wait_s=0.1) == []
    assert 0.05 < time.monotonic() - began < 1
