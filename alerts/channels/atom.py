"""Atom: what is published for everybody stands in the feed (`/api/cap/feed.atom`) from that moment on; whoever wants it comes for
it. The notice keeps that it was offered, and since when.
"""

from __future__ import annotations

from datetime import datetime

from alerts.channels.shape import Fate, Means, Outcome, withheld
from domain.publications import Notice

NAME = "atom"


class Atom:
    """The feed is read from what is published: there is nothing to hand over."""

    def send(self, notice: Notice, now: datetime) -> Outcome:
        return withheld(notice) or Outcome(Fate.SENT, "已列入 Atom 源", "it is in the Atom feed")

    def close(self) -> None:
        """Nothing is open."""


def open_channel(means: Means) -> Atom | None:
    """None where the policy has no such channel."""
    return Atom() if means.outward.plan(NAME) is not None else None
