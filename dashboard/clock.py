"""The clock: the one place where the dashboard reads the time. Everyone else is given it."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The aware time now, UTC."""
    return datetime.now(UTC)
