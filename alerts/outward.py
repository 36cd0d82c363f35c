"""Outward: what the city's policy says about speaking outside: who speaks, through which channels to whom and how often, and
whose warnings are listened to. Plain values, read from the policy file at start; passwords and keys are in the settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.publications import Audience
from domain.warnings import WarningLevel

FEED, BROKER = "feed", "broker"
"""The one recipient that the channels atom and mqtt have."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who speaks. `agency` begins every identifier; `sender` is the name in CAP; a warning that names no end is good for
    `valid_s` of its level; one without an area is about a circle of `reach_m` round its place. `web`: where our feed is found."""

    agency: str
    sender: str
    name_zh: str
    name_en: str
    valid_s: Mapping[WarningLevel, float]
    reach_m: float
    is_feed_public: bool = False
    contact: str = ""
    web: str = ""

    def name(self, lang: str) -> str:
        return self.name_zh if lang == "zh" else self.name_en


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a channel reaches: an address in the channel's own terms. `longest` bounds the words, for what shows few of them."""

    address: str
    audience: Audience
    lang: str = "zh"
    longest: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One channel: its recipients, and how many notices leave it in an hour for each audience, the others waiting."""

    channel: str
    recipients: tuple[Recipient, ...]
    per_hour: int


@dataclass(frozen=True, slots=True)
class Source:
    """Somebody else's warnings: a folder in which files are put, or an address that is asked every `every_s` seconds."""

    source_id: str
    zh: str
    en: str
    every_s: float
    folder: str | None = None
    url: str | None = None

    @property
    def kind(self) -> str:
        return "folder" if self.folder is not None else "url"


@dataclass(frozen=True, slots=True)
class MailServer:
    """`security` is starttls, tls or none. A password is only given over a line that is secured."""

    host: str
    port: int
    security: str
    sender: str
    user: str = ""
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Hook:
    """An address that takes notices."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Outward:
    """The whole of it. `mail` and `hooks` are for who sends."""

    issuer: Issuer
    plans: tuple[Plan, ...] = ()
    sources: tuple[Source, ...] = ()
    mail: MailServer | None = None
    hooks: tuple[Hook, ...] = field(default=())

    def plan(self, channel: str) -> Plan | None:
        return next((plan for plan in self.plans if plan.channel == channel), None)
