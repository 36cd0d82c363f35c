"""Shared answers: what every viewer asks for alike, read once for all of them and kept for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import orjson

from dashboard.deployment import Deployment
from dashboard.wire import Json
from storage.connection import Connection


class Shared:
    """One answer for everybody, until it is `kept` old or, if it `heeds_mending`, somebody has mended data since."""

    def __init__(
        self, house: Deployment, read: Callable[[Connection, datetime], Json], kept: timedelta, *, heeds_mending: bool = False
    ) -> None:
        self._house, self._read, self._kept, self._heeds_mending = house, read, kept, heeds_mending
        self._lock = asyncio.Lock()
        self._read_at: datetime | None = None
        self._encoded = b""

    async def get(self) -> bytes:
        """The answer as JSON. Raises DatabaseUnreachable."""
        async with self._lock:
            now = self._house.clock()
            if self._is_old(now):
                self._encoded = await self._house.database.ask(lambda conn: orjson.dumps(self._read(conn, now)))
                self._read_at = now
            return self._encoded

    def _is_old(self, now: datetime) -> bool:
        if self._read_at is None or abs(now - self._read_at) >= self._kept:
            return True
        mended_at = self._house.marks.mended_at if self._heeds_mending else None
        return mended_at is not None and mended_at >= self._read_at
