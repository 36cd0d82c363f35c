"""Atom (RFC 4287): the feed of what is published, and feeds of others, of which nothing but their CAP messages is read.

Identifiers of feed and entries are tag URIs (RFC 4151) of the sender, so that they stay when addresses change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urljoin, urlsplit

from alerts.cap.document import MEDIA_TYPE, NAMESPACE, Alert, Fault
from alerts.cap.markup import ORDINARY, Element, Limits, parse, written
from alerts.cap.write import element, escaped

ATOM = "http://www.w3.org/2005/Atom"
MOST_ENTRIES = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """One message in a feed of ours."""

    identifier: str
    title: str
    summary: str
    sent: datetime
    address: str


@dataclass(frozen=True, slots=True)
class Link:
    """One message in a feed of others: its address, and the time of its last change as it is told, to see that there is one."""

    address: str
    updated: str


@dataclass(frozen=True, slots=True)
class Feed:
    """What is behind an address: links to messages, or messages themselves."""

    links: tuple[Link, ...]
    documents: tuple[bytes, ...] = ()


def write_feed(entries: Sequence[Entry], *, sender: str, title: str, author: str, address: str, updated: datetime) -> bytes:
    """The feed of what is published, newest first. `updated`: when it last changed."""
    lines = [
        f'<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="{ATOM}">\n',
        element("id", tag(sender, "feed")), element("title", title), element("updated", updated.isoformat(timespec="seconds")),
        f"<author>\n{element('name', author)}</author>\n",
        f'<link rel="self" type="application/atom+xml" href="{escaped(address)}"/>\n',
    ]  # fmt: skip
    for entry in entries:
        sent = entry.sent.isoformat(timespec="seconds")
        lines += [
            "<entry>\n", element("id", tag(sender, entry.identifier)), element("title", entry.title), element("updated", sent),
            element("published", sent), element("summary", entry.summary),
            f'<link rel="alternate" type="{MEDIA_TYPE}" href="{escaped(entry.address)}"/>\n', "</entry>\n",
        ]  # fmt: skip
    return "".join((*lines, "</feed>\n")).encode()


def entry_of(alert: Alert, address: str) -> Entry:
    """A message of ours in the feed, in Chinese, else in the language that it speaks."""
    info = alert.info("zh")
    title = (info.headline or info.event) if info else alert.identifier
    return Entry(alert.identifier, title, (info.description or title) if info else title, alert.sent, address)


def tag(sender: str, name: str) -> str:
    """A tag URI of the sender, whose name is an address in a domain or a domain."""
    return f"tag:{sender},2026:cap/{name}"


def read_feed(raw: bytes, address: str, limits: Limits = ORDINARY) -> Feed | Fault:
    """What an address answered: an Atom feed, or a CAP message itself. Links to other hosts are left out."""
    root = parse(raw, limits)
    if isinstance(root, Fault):
        return root
    if root.namespace == NAMESPACE:
        return Feed((), (raw,))
    if root.name != "feed" or root.namespace != ATOM:
        shown = f"{{{root.namespace}}}{root.name}"[:120]
        return Fault(
            "feed_unknown", f"地址 {address} 返回 {shown}：应为 Atom 的 feed 或 CAP 1.2 的 alert",
            f"{address} answered a {shown}: expected a feed of Atom or an alert of CAP 1.2",
        )  # fmt: skip
    entries = root.all("entry")[:MOST_ENTRIES]
    links: list[Link] = []
    inside: list[bytes] = []
    for entry in entries:
        said = [child for content in entry.all("content") for child in content.children if child.namespace == NAMESPACE]
        inside += map(written, said)
        if not said and (href := _href(entry)) is not None:
            target = urljoin(address, href)
            if _host(target) == _host(address):
                updated = entry.child("updated")
                links.append(Link(target, updated.text if updated is not None else ""))
    return Feed(tuple(links), tuple(inside))


def _href(entry: Element) -> str | None:
    """The address of the message: a link of its own type, else the only alternate one."""
    links = [link.attributes for link in entry.all("link") if link.attributes.get("rel", "alternate") == "alternate"]
    typed = [link for link in links if link.get("type") == MEDIA_TYPE]
    return next((link["href"] for link in typed or links if link.get("href")), None)


def _host(address: str) -> tuple[str, str]:
    try:
        parts = urlsplit(address)
        return parts.scheme, parts.netloc
    except ValueError:
        return "", address
