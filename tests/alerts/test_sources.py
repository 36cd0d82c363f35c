"""Sources: folders and feeds are read once for every change, and what is wrong with them is told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from alerts.cap.document import Alert
from alerts.cap.feed import Entry, Feed, entry_of, read_feed, write_feed
from alerts.cap.read import Read, read
from alerts.notifier import Notifier
from alerts.outward import Outward, Source
from alerts.receiving import Inbox
from alerts.sources import Address, Folder, reader_of
from storage import external
from storage.connection import Connection
from tests.support.far_ends import WebEnd, web_end
from tests.support.outward import ISSUER
from tests.support.scenes import NOW, minutes

FOREIGN = (Path(__file__).parent / "cap/foreign.xml").read_bytes()


def _feed(*entries: Entry) -> bytes:
    return write_feed(
        entries, sender="a@city.example", title="预警", author="某市", address="http://127.0.0.1/feed.atom", updated=NOW
    )


def _entry(address: str, sent: datetime = NOW) -> Entry:
    return Entry("a-1", "暴雨 <橙色>", "雨 & 雷", sent, address)


def test_a_folder_brings_every_file_once_and_again_when_it_changed(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    (tmp_path / "b.xml").write_bytes(b"<b/>")
    (tmp_path / "a.CAP").write_bytes(b"<a/>")
    (tmp_path / ".half.xml").write_bytes(b"<h")
    (tmp_path / "notes.txt").write_bytes(b"no")
    assert folder.read(None).messages == (("a.CAP", b"<a/>"), ("b.xml", b"<b/>"))
    assert folder.read(None).messages == ()
    (tmp_path / "b.xml").write_bytes(b"<b>2</b>")
    assert folder.read(None).messages == (("b.xml", b"<b>2</b>"),)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    brought = Folder(tmp_path / "gone").read(None)
    assert (brought.is_well, brought.en) == (False, f"the folder {tmp_path / 'gone'} cannot be read (No such file or directory)")


def test_our_feed_is_read_by_our_reader() -> None:
    found = read_feed(_feed(_entry("http://127.0.0.1/api/cap/a-1.xml")), "http://127.0.0.1/feed.atom")
    assert isinstance(found, Feed)
    assert [link.address for link in found.links] == ["http://127.0.0.1/api/cap/a-1.xml"]
    assert found.links[0].updated == NOW.isoformat()


def test_links_to_other_hosts_are_not_followed() -> None:
    found = read_feed(
        _feed(_entry("http://elsewhere.example/a.xml"), _entry("file:///etc/hostname")), "http://127.0.0.1/feed.atom"
    )
    assert isinstance(found, Feed)
    assert found.links == ()


def test_a_message_inside_an_entry_is_read_where_it_stands() -> None:
    inside = FOREIGN.partition(b"?>")[2].decode()
    raw = (
        _feed(_entry("http://127.0.0.1/x.xml"))
        .decode()
        .replace("</entry>", f'<content type="application/cap+xml">{inside}</content></entry>')
    )
    found = read_feed(raw.encode(), "http://127.0.0.1/feed.atom")
    assert isinstance(found, Feed)
    (document,) = found.documents
    assert read(document) == read(FOREIGN)


def test_a_message_that_cannot_be_fetched_is_asked_for_again_and_the_others_are_kept() -> None:
    with web_end() as end:
        broken = {"/b.xml"}
        feed = _feed(*(Entry(name, name, name, NOW, f"{end.url}/{name}.xml") for name in "abc"))

        def answer(path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
            return (404, {}, b"") if path in broken else (200, {"ETag": '"1"'}, feed if path == "/feed.atom" else path.encode())

        end.answer = answer
        reader = Address(f"{end.url}/feed.atom", None)
        first = reader.read(None)
        assert ([body for _, body in first.messages], first.is_well, first.etag) == ([b"/a.xml", b"/c.xml"], False, None)
        assert first.en == "3 entries, 1 could not be read"
        broken.clear()
        assert [body for _, body in reader.read(first.etag).messages] == [b"/b.xml"]


def test_a_feed_is_asked_by_its_mark_and_its_messages_fetched_once() -> None:
    with web_end() as end:

        def answer(path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
            if path == "/a.xml":
                return 200, {}, FOREIGN
            if headers.get("if-none-match") == '"1"':
                return 304, {}, b""
            return 200, {"ETag": '"1"'}, _feed(_entry(f"{end.url}/a.xml"))

        end.answer = answer
        reader = Address(f"{end.url}/feed.atom", None)
        first = reader.read(None)
        assert (first.messages, first.etag) == (((f"{end.url}/a.xml", FOREIGN),), '"1"')
        assert reader.read(first.etag).zh == "自上次以来没有变化"
        assert reader.read(None).messages == ()  # the same entry, as old as before
        assert [path for path, _, _ in end.heard] == ["/feed.atom", "/a.xml", "/feed.atom", "/feed.atom"]


def _said(end: WebEnd, status: int, body: bytes) -> str:
    end.answer = lambda path, headers: (status, {}, body)
    brought = Address(f"{end.url}/feed.atom", None).read(None)
    assert not brought.is_well
    assert brought.zh
    return brought.en


def test_what_is_wrong_with_a_feed_is_told() -> None:
    with web_end() as end:
        assert _said(end, 500, b"") == f"{end.url}/feed.atom answered 500"
        assert _said(end, 302, b"") == f"{end.url}/feed.atom answered 302"
        assert _said(end, 200, b"x" * 1_000_001) == f"{end.url}/feed.atom answered with more than 1000000 bytes"
        assert _said(end, 200, b"<!DOCTYPE a><a/>").startswith("the message has a document type")
        assert "answered a {}html: expected a feed of Atom" in _said(end, 200, b"<html/>")
    assert "did not answer" in Address("http://127.0.0.1:1/feed", None).read(None).en


def test_what_a_folder_brings_becomes_a_warning_and_how_it_went_is_kept(conn: Connection, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(FOREIGN)
    (tmp_path / "b.xml").write_bytes(b"<b")
    source = Source("weather", "气象台", "Weather office", 5.0, str(tmp_path))
    notifier = Notifier({}, Outward(ISSUER, (), (source,)), Inbox("warning@city.example"), {source: reader_of(source, None)})
    try:
        for minute in (0, 1, 2):
            notifier.tick(conn, NOW + minutes(minute))
            notifier.wait()
    finally:
        notifier.finish()
    (alert,) = external.list_alerts(conn, limit=9)
    assert (alert.source_id, alert.relation.value) == ("weather", "opened")
    (state,) = external.list_sources(conn)
    assert (state.is_well, state.taken, state.refused) == (True, 1, 1)
    assert state.polled_at == NOW + minutes(2)


def test_an_entry_is_titled_by_the_headline() -> None:
    found = read(FOREIGN)
    assert isinstance(found, Read)
    assert entry_of(found.alert, "x").title == "示例气象台发布暴雨橙色预警"
    bare = Alert("a", "b", datetime(2026, 3, 2, tzinfo=UTC), "Actual", "Alert", "Public")
    assert entry_of(bare, "x").title == "a"
