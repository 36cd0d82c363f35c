"""Shared answers: what every viewer asks for alike, read once for all of them and kept for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import orjson

from dashboard.deployment import Deployment
from dashboard.wire import Json
from storage.connection import Connection

A_MOMENT = timedelta(seconds=1)


class Shared:
    """One answer for everybody, until it is `kept` old or, if it `heeds_mending`, somebody has mended data since."""

    def __init__(
        self, house: Deployment, read: Callable[[Connection, datetime], Json], kept: timedelta = A_MOMENT, *,
        heeds_mending: bool = False,
    ) -> None:  # fmt: skip
        self._house, self._read, self._kept, self._heeds_mending = house, read, kept, heeds_mending
        self._lock = asyncio.Lock()
        self._read_at: datetime | None = None
        self._said: Json = {}
        self._encoded = b""

    async def get(self) -> bytes:
        """The answer as JSON. Raises DatabaseUnreachable."""
        async with self._lock:
            await self._renew()
            return self._encoded

    async def said(self) -> Json:
        """The answer itself, not to be changed. Raises DatabaseUnreachable."""
        async with self._lock:
            await self._renew()
            return self._said

    async def _renew(self) -> None:
        now = self._house.clock()
        if self._is_old(now):
            self._said, self._encoded = await self._house.database.ask(lambda conn: self._ask(conn, now))
            self._read_at = now

    def _ask(self, conn: Connection, now: datetime) -> tuple[Json, bytes]:
        said = self._read(conn, now)
        return said, orjson.dumps(said)  # in the thread that asked: no other answer waits for it

    def _is_old(self, now: datetime) -> bool:
        if self._read_at is None or abs(now - self._read_at) >= self._kept:
            return True
        mended_at = self._house.marks.mended_at if self._heeds_mending else None
        return mended_at is not None and mended_at >= self._read_at
