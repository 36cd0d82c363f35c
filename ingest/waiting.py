"""The waiting room: messages between the thread that reads the socket and the one that writes the database.

Bounded in number and in bytes, so that a database that is away costs no more memory than that. Whoever brings a message to a
full room waits; the broker notices, since it has nothing acknowledged, and keeps what follows.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

LOOK_EVERY_S = 0.5
"""How often one who waits at the door asks whether it is still worth it."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came: `mid` is its number on connection `epoch`. `is_one_too_many`: its device has spent its allowance;
    `is_again`: the broker brought it before and was not told that it is stored."""

    topic: str
    payload: bytes
    received_time: datetime
    mid: int
    qos: int
    epoch: int
    is_one_too_many: bool = False
    is_again: bool = False


class WaitingRoom:
    """First come, first served; safe between two threads."""

    def __init__(self, *, messages: int, payload_bytes: int) -> None:
        self._messages, self._bytes = messages, payload_bytes
        self._waiting: deque[Message] = deque()
        self._held_bytes = 0
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def held_bytes(self) -> int:
        """Of payloads that wait."""
        return self._held_bytes

    def enter(self, message: Message, *, gives_up: Callable[[], bool]) -> bool:
        """Lets a message in, as soon as there is room; False when `gives_up` became true before. A message larger than the whole
        room is let into an empty one."""
        with self._changed:
            while not self._has_room(message):
                if gives_up():
                    return False
                self._changed.wait(LOOK_EVERY_S)
            if gives_up():
                return False
            self._waiting.append(message)
            self._held_bytes += len(message.payload)
            self._changed.notify_all()
            return True

    def leave(self, *, messages: int, payload_bytes: int, wait_s: float) -> list[Message]:
        """The next batch, in the order of arrival: as soon as so many messages or bytes have come, or whatever there is after
        `wait_s` seconds."""
        taken: list[Message] = []
        n_bytes = 0
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) >= messages or self._held_bytes >= payload_bytes, timeout=wait_s)
            while self._waiting and len(taken) < messages and n_bytes < payload_bytes:
                message = self._waiting.popleft()
                taken.append(message)
                n_bytes += len(message.payload)
            self._held_bytes -= n_bytes
            if taken:
                self._changed.notify_all()
        return taken

    def _has_room(self, message: Message) -> bool:
        if not self._waiting:
            return True
        return len(self._waiting) < self._messages and self._held_bytes + len(message.payload) <= self._bytes
