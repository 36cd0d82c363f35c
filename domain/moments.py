"""Moments: which instant a question is about, and how much was known when it is asked.

Every snapshot takes a `Moment`. Live screens use `Moment.live(now)`; the time machine uses a past `at` with
`known_at = at` ("as known then") or `known_at = now` ("as known now").
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


def require_aware(name: str, time: datetime) -> datetime:
    """`time` in UTC. Raises ValueError when it has no offset, because a naive time means nothing here."""
    if time.tzinfo is None:
        raise ValueError(f"{name} is {time.isoformat()}: expected a time with an offset, such as 2026-03-02T09:00:00+08:00")
    return time.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Moment:
    """What was true at `at`, according to what was known at `known_at` (both aware, UTC)."""

    at: datetime
    known_at: datetime
    is_live: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", require_aware("at", self.at))
        object.__setattr__(self, "known_at", require_aware("known_at", self.known_at))
        if self.known_at < self.at:
            raise ValueError(
                f"known_at {self.known_at.isoformat()} is before at {self.at.isoformat()}: nothing can be known of a time to come"
            )

    @classmethod
    def live(cls, now: datetime) -> Moment:
        return cls(at=now, known_at=now, is_live=True)

    @classmethod
    def past(cls, at: datetime, known_at: datetime | None = None) -> Moment:
        """A past moment, as known then unless `known_at` says otherwise."""
        return cls(at=at, known_at=known_at or at)
