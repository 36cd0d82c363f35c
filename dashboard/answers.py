"""Answers: what became of a request, in both languages, and what an act needs to know beside the request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from alerts.outward import Outward
from alerts.practice import ShelvingPolicy
from dashboard.bodies import echo
from domain.refusals import Refused
from domain.rights import Action, Actor, require
from gis_data.city import City
from layouts.words import CATALOGUE
from staffing.practice import HallPractice
from storage import acts
from storage.connection import Connection

Request = Mapping[str, str]
LONGEST_NUMBER = 18
"""Digits that fit the database's numbers."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What an act needs beside the request: who, when, and the policy and the map of the place."""

    actor: Actor
    now: datetime
    zone: ZoneInfo
    order_expiry_s: float
    city: City | None = None
    shelving: ShelvingPolicy = field(default_factory=ShelvingPolicy)
    outward: Outward | None = None
    hall: HallPractice = field(default_factory=HallPractice)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request; `zh` and `en` are the sentence to show, `secret` what is told this once, `each` what became of
    every one of many.

    `outcome` is done, waiting (for a second person), refused,
    unreadable (no JSON object), malformed (a field is wrong), failed (nothing was done), unknown
    or broken.
    """

    outcome: str
    code: str
    zh: str
    en: str
    object_id: str | None = None
    secret: str | None = None
    each: tuple[Mapping[str, Any], ...] | None = None

    def as_json(self) -> dict[str, Any]:
        said = asdict(self)
        return {name: what for name, what in said.items() if what is not None or name not in ("secret", "each")}

    @property
    def http_status(self) -> int:
        return _HTTP_STATUS[self.outcome]


_HTTP_STATUS = {
    "done": 200,
    "waiting": 202,
    "refused": 409,
    "unreadable": 400,
    "malformed": 422,
    "failed": 503,
    "unknown": 503,
    "broken": 500,
}


def answered(outcome: str, key: str, object_id: str | None = None, **fillings: object) -> Answer:
    """An answer in the words of the catalogue."""
    zh, en = (text.format(**fillings) for text in CATALOGUE[key])
    return Answer(outcome, key.partition(".")[2], zh, en, object_id)


@contextmanager
def listening(conn: Connection, action: Action, object_id: str, at: Circumstances) -> Iterator[None]:
    """What is said of an act is read inside: only who may do it is told what is wrong with it, and either refusal is audited."""
    with acts.transaction(conn, at.actor, action, object_id[:200], at.now):
        require(at.actor, action)
        yield


EARLIEST, LATEST = 1970, 2200
"""Years between which a time of ours lies; near the ends of what can be written, no database gives it back."""


def number(said: str) -> int:
    """Raises Refused for what is no whole number of ours."""
    if said.isascii() and said.isdigit() and len(said) <= LONGEST_NUMBER:
        return int(said)
    zh, en = (words.format(value=echo(said)) for words in CATALOGUE["answer.no_number"])
    raise Refused("no_number", zh, en)


def time(said: str | None) -> datetime | None:
    """A time with its offset, None for none. Raises Refused for what is no time."""
    if said is None:
        return None
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or not EARLIEST < found.year < LATEST:
        zh, en = (words.format(value=echo(said)) for words in CATALOGUE["answer.no_time"])
        raise Refused("no_time", zh, en)
    return found
