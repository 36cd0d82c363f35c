"""A line: TCP between two programs that a test can hold, forget or cut, as a network and a sleeping machine do.

Held, bytes wait on the way, as if the other end stood still; forgotten, connections that were open carry nothing any more and
nobody is told, as after a sleep; cut, they end and new ones are refused.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from urllib.parse import urlsplit

_CHUNK = 65_536


class Line:
    """Listens on a free port of this machine and carries what comes to `host`:`port`."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._goes, self._is_cut = Event(), False
        self._goes.set()
        self._pairs: set[_Pair] = set()
        Thread(target=self._accept, name="line", daemon=True).start()

    def hold(self) -> None:
        self._goes.clear()

    def go_on(self) -> None:
        self._goes.set()

    def forget(self) -> None:
        """What is connected now is dead from here on, and neither end hears of it."""
        for pair in self._pairs:
            pair.is_forgotten = True

    def cut(self) -> None:
        self._is_cut = True
        for pair in set(self._pairs):
            pair.end()

    def mend(self) -> None:
        self._is_cut = False

    def close(self) -> None:
        self.go_on()
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self._is_cut:
                    raise ConnectionRefusedError
                far = socket.create_connection(self._target, 5)
                far.settimeout(None)  # five seconds are for connecting, not for saying nothing
            except OSError:
                near.close()
                continue
            pair = _Pair(near, far)
            self._pairs.add(pair)
            for source, sink in ((near, far), (far, near)):
                Thread(target=self._carry, args=(pair, source, sink), name="line", daemon=True).start()

    def _carry(self, pair: _Pair, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK):
                self._goes.wait()
                if not pair.is_forgotten:
                    sink.sendall(chunk)
        if not pair.is_forgotten:
            pair.end()
            self._pairs.discard(pair)


class _Pair:
    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.near, self.far, self.is_forgotten = near, far, False

    def end(self) -> None:
        for one in (self.near, self.far):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextmanager
def a_line_to(url: str) -> Iterator[tuple[Line, str]]:
    """A line to the server at `url`, and the URL by which it is reached over that line."""
    address = urlsplit(url)
    if address.hostname is None or address.port is None:
        raise ValueError(f"{url}: expected an address with a host and a port")
    line = Line(address.hostname, address.port)
    try:
        user, at, _ = address.netloc.rpartition("@")
        yield line, address._replace(netloc=f"{user}{at}127.0.0.1:{line.port}").geturl()
    finally:
        line.close()
