"""Sources: whose warnings are listened to, a folder in which files are put or an address that is asked. What they bring is bytes
with a name; `alerts.receiving` makes something of them.

A folder is only read: files stay as they are, and one that changed is looked at again. Of a feed, messages on its own host are
fetched, each once for every time that the feed says it changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from alerts.cap.document import Fault
from alerts.cap.feed import Link, read_feed
from alerts.cap.markup import ORDINARY
from alerts.channels.exchange import NoAnswer, Reply, exchange
from alerts.outward import Source

SUFFIXES = (".xml", ".cap")
MOST_AT_ONCE = 50
"""Files or messages of one round; the others come in the next."""
MOST_REMEMBERED = 10_000
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Brought:
    """What one round brought: (name, bytes) of messages, how it went, and the mark by which the feed is asked next time."""

    messages: tuple[tuple[str, bytes], ...]
    is_well: bool
    zh: str
    en: str
    etag: str | None = None


class Reader(Protocol):
    def read(self, etag: str | None) -> Brought:
        """Looks once; never raises for what is not there. `etag`: the mark that the last round left."""


class Folder:
    """A folder, flat. Names that begin with a full stop are still being written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: dict[str, tuple[int, int]] = {}

    def read(self, etag: str | None) -> Brought:
        try:
            files = sorted(
                file for file in self._path.iterdir()
                if file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()
            )  # fmt: skip
        except OSError as fault:
            path, why = self._path, fault.strerror
            return Brought((), False, f"文件夹 {path} 不可读（{why}）", f"the folder {path} cannot be read ({why})")
        self._seen = {name: mark for name, mark in self._seen.items() if any(file.name == name for file in files)}
        brought: list[tuple[str, bytes]] = []
        for file in files:
            if len(brought) == MOST_AT_ONCE:
                break
            try:
                state = file.stat()
                mark = (state.st_mtime_ns, state.st_size)
                if self._seen.get(file.name) == mark:
                    continue
                with file.open("rb") as stream:
                    brought.append((file.name, stream.read(ORDINARY.n_bytes + 1)))
            except OSError:
                continue  # it went away, or is not ours to read: looked at again in the next round
            self._seen[file.name] = mark
        return Brought(tuple(brought), True, f"文件夹内 {len(files)} 个文件", f"{len(files)} files in the folder")


class Address:
    """An address that answers with an Atom feed or with one message."""

    def __init__(self, url: str, ca_file: Path | None) -> None:
        self._url, self._ca_file = url, ca_file
        self._seen: dict[Link, None] = {}

    def read(self, etag: str | None) -> Brought:
        try:
            reply = self._get(self._url, {"If-None-Match": etag} if etag else {})
            if reply.status == 304:
                return Brought((), True, "自上次以来没有变化", "nothing has changed since the last time", etag)
            if wrong := _wrong(reply, self._url):
                return wrong
            feed = read_feed(reply.body, self._url)
            if isinstance(feed, Fault):
                return Brought((), False, feed.zh, feed.en)
        except NoAnswer as fault:
            return Brought((), False, fault.zh, fault.en)
        followed, missed = self._follow(tuple(link for link in feed.links if link not in self._seen))
        brought = (*((self._url, document) for document in feed.documents), *followed)
        n = len(feed.links) + len(feed.documents)
        if missed:  # asked again in full
            return Brought(brought, False, f"源内 {n} 条，{missed} 条未能读取", f"{n} entries, {missed} could not be read")
        return Brought(brought, True, f"源内 {n} 条", f"{n} entries", reply.headers.get("etag"))

    def _follow(self, links: tuple[Link, ...]) -> tuple[tuple[tuple[str, bytes], ...], int]:
        """The messages behind links, and how many are still to be read."""
        brought: list[tuple[str, bytes]] = []
        for link in links[:MOST_AT_ONCE]:
            try:
                reply = self._get(link.address, {})
            except NoAnswer:
                continue  # counted as missed, and asked for in the next round
            if _wrong(reply, link.address) is None:
                brought.append((link.address, reply.body))
                self._seen[link] = None
        while len(self._seen) > MOST_REMEMBERED:
            self._seen.pop(next(iter(self._seen)))
        return tuple(brought), len(links) - len(brought)

    def _get(self, url: str, headers: dict[str, str]) -> Reply:
        accepted = {"Accept": "application/atom+xml, application/cap+xml, application/xml", **headers}
        return exchange(url, headers=accepted, timeout_s=TIMEOUT_S, most_bytes=ORDINARY.n_bytes, ca_file=self._ca_file)


def reader_of(source: Source, ca_file: Path | None) -> Reader:
    if source.folder is not None:
        return Folder(Path(source.folder))
    assert source.url is not None, "a source has a folder or an address: the policy sees to it"
    return Address(source.url, ca_file)


def _wrong(reply: Reply, url: str) -> Brought | None:
    """What is wrong with an answer; None for a whole document."""
    if reply.status != 200:
        return Brought((), False, f"{url} 返回 {reply.status}", f"{url} answered {reply.status}")
    if not reply.is_whole:
        most = ORDINARY.n_bytes
        return Brought((), False, f"{url} 的内容超过 {most} 字节", f"{url} answered with more than {most} bytes")
    return None
