"""Rates: how many messages a device may send, so that one that has gone mad does not drown the others. Pure.

A token bucket for each device, a token being a message, or each TOKEN_BYTES that one begins: it holds `burst` tokens and is
filled up by `messages_per_s`. What has waited at the broker while nobody took it comes all at once and is nobody's fault: for
every second in which nothing was taken each device may send `messages_per_s` more, until there was time to catch up.
"""

from __future__ import annotations

from dataclasses import dataclass

TOKEN_BYTES = 4_096
"""A message of a few readings fits; one of the largest, which can say a thousand times as much, counts as sixteen. Azure IoT Hub
meters messages in pieces of the same size (its page on quotas and throttling)."""

REMEMBERED_DEVICES = 100_000
"""Buckets kept at most: names in topics can be made up."""

CATCH_UP_S = 60.0
"""What waited through so many seconds has come after as many again and this, or never will: then the allowance lapses."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Of one device: messages a second in the long run, and how many at once."""

    messages_per_s: float
    burst: int


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at_s: float
    made_up: int = 0  # messages on account of the time in which nothing was taken
    absence: int = 0  # which one


class Rates:
    """The buckets of all devices. Times are seconds on one clock, which may jump: a step back fills nothing."""

    def __init__(self, limit: RateLimit, *, remembered: int = REMEMBERED_DEVICES) -> None:
        self._limit, self._remembered = limit, remembered
        self._buckets: dict[str, _Bucket] = {}
        self._absent_s, self._absence, self._lapses_at_s = 0.0, 0, 0.0

    def make_up_for(self, absent_s: float, at_s: float) -> None:
        """Lets every device send what it may have sent in `absent_s` seconds in which nothing was taken; they ended at `at_s`."""
        self._lapse(at_s)
        self._absent_s += absent_s
        self._lapses_at_s = max(self._lapses_at_s, at_s + absent_s + CATCH_UP_S)

    def spend(self, device_id: str, at_s: float, payload_bytes: int = 0) -> bool:
        """Takes the tokens for a message of a device; False when it has not enough left, and then takes none."""
        tokens = min(1 + max(0, payload_bytes - 1) // TOKEN_BYTES, self._limit.burst)
        self._lapse(at_s)
        bucket = self._buckets.get(device_id)
        if bucket is None:
            if len(self._buckets) >= self._remembered:
                self._forget(at_s)
            bucket = self._buckets[device_id] = _Bucket(self._limit.burst, at_s)
        bucket.tokens = self._tokens(bucket, at_s)
        bucket.filled_at_s = at_s
        if bucket.tokens >= tokens:
            bucket.tokens -= tokens
            return True
        if bucket.absence != self._absence:
            bucket.absence, bucket.made_up = self._absence, 0
        if bucket.made_up + tokens > self._absent_s * self._limit.messages_per_s:
            return False
        bucket.made_up += tokens
        return True

    def _tokens(self, bucket: _Bucket, at_s: float) -> float:
        return min(self._limit.burst, bucket.tokens + max(0.0, at_s - bucket.filled_at_s) * self._limit.messages_per_s)

    def _lapse(self, at_s: float) -> None:
        if self._absent_s and at_s > self._lapses_at_s:
            self._absent_s = 0.0
            self._absence += 1

    def _forget(self, at_s: float) -> None:
        """Forgets full buckets, which say no more than none; where there are hardly any, all: better a second burst for each than
        memory without end."""
        spent = {name: bucket for name, bucket in self._buckets.items() if self._tokens(bucket, at_s) < self._limit.burst}
        self._buckets = spent if len(spent) <= self._remembered // 2 else {}
