"""The past of the simulated city, said by a process of its own, so that working it out and storing it take a processor each.

`python -m runtime.past CITY END FIRST LAST [SINCE]` writes days FIRST to LAST - 1, counted back from END (RFC 3339), without what
was measured before SINCE, to standard output: frames of a length (4 bytes, big-endian) and as many bytes of MessagePack, each a
`Part`. It ends with whoever started it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from signal import SIGKILL
from typing import IO, NamedTuple

import msgspec

from gis_data.city import load_city
from iot.simulated.history import Arrival, History
from runtime import deathbound
from runtime.workers import DEMONSTRATION_SEED

PART_MESSAGES = 15_000
"""Some 30,000 readings: larger batches gain nothing, and this many are held some three times."""
_LENGTH = 4


class Part(NamedTuple):
    """Messages of one day. `share` of the day is said with them, 1.0 with its last ones."""

    day: int
    share: float
    messages: list[Arrival]


@contextmanager
def saying(city_dir: Path, end: datetime, days: range, *, since: datetime | None = None) -> Iterator[Iterator[Part]]:
    """The parts of those days, as they are being said; nothing measured before `since`. Call in the main thread. The iterator
    raises RuntimeError when the process ends before it has said all."""
    argv = [sys.executable, "-m", __name__, str(city_dir), end.isoformat(), str(days.start), str(days.stop)]
    if since is not None:
        argv.append(since.isoformat())
    with subprocess.Popen(deathbound.command(argv, at_parents_death=SIGKILL), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield _read(process.stdout, days)
        finally:
            process.kill()


def _read(said: IO[bytes], days: range) -> Iterator[Part]:
    decode = msgspec.msgpack.Decoder(Part).decode
    part = None
    while len(length := said.read(_LENGTH)) == _LENGTH:
        n = int.from_bytes(length, "big")
        frame = said.read(n)
        if len(frame) < n:
            break
        part = decode(frame)
        yield part
    if days and (part is None or (part.day, part.share) != (days[-1], 1.0)):
        raise RuntimeError(
            "the process that works out the past of the city ended before it had said all: expected what it says to be above; "
            "start again, and what is missing is written"
        )


def _parts(city_dir: Path, end: datetime, days: range, since: datetime) -> Iterator[Part]:
    past = History(load_city(city_dir), DEMONSTRATION_SEED)
    for day in days:
        until = end - timedelta(days=day)
        began = max(until - timedelta(days=1), since)
        messages: list[Arrival] = []
        for arrival in chain(past.births(began), past.messages(began, until)):
            messages.append(arrival)
            if len(messages) == PART_MESSAGES:
                yield Part(day, min(0.99, (arrival[0] - began) / timedelta(days=1)), messages)
                messages = []
        yield Part(day, 1.0, messages)


def write_whole(fd: int, said: bytes) -> None:
    """Writes all of `said` to a pipe. By hand, since Python's buffered writer (3.11.7) leaves bytes out when a process is
    suspended and goes on in the middle of a long write."""
    left = memoryview(said)
    while left:
        left = left[os.write(fd, left) :]


def main(argv: list[str]) -> None:
    city_dir, end, first, last, *limit = argv
    since = datetime.fromisoformat(limit[0]) if limit else datetime.min.replace(tzinfo=UTC)
    encode = msgspec.msgpack.Encoder().encode
    for part in _parts(Path(city_dir), datetime.fromisoformat(end), range(int(first), int(last)), since):
        frame = encode(part)
        write_whole(sys.stdout.fileno(), len(frame).to_bytes(_LENGTH, "big") + frame)


if __name__ == "__main__":
    main(sys.argv[1:])
