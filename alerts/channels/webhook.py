"""Webhooks: a notice as JSON to an address of the policy, signed, so that the far end can tell that it is ours, and new.

Headers: `Idempotency-Key` is the same at every attempt; `CityHelm-Timestamp` is when this one was made, in seconds since 1970;
`CityHelm-Signature` is `v1=` and the HMAC-SHA256 of timestamp, full stop, body, under the key that both know, in hexadecimal.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import orjson

from alerts.channels.exchange import NoAnswer, exchange
from alerts.channels.shape import Fate, Means, Outcome, withheld
from alerts.outward import Hook
from domain.publications import Notice

NAME = "webhook"
TIMEOUT_S = 10.0
MOST_BYTES = 4096
"""Of an answer, of which only the status counts."""
_LATER = frozenset({408, 425, 429})
"""Refusals that pass: too slow, too early, too much."""


class Hooks:
    """All addresses, by the names that recipients have."""

    def __init__(self, hooks: Mapping[str, Hook], keys: Mapping[str, str], ca_file: Path | None) -> None:
        self._hooks, self._keys, self._ca_file = hooks, keys, ca_file

    def send(self, notice: Notice, now: datetime) -> Outcome:
        if (held := withheld(notice)) is not None:
            return held
        hook, key = self._hooks.get(notice.recipient), self._keys.get(notice.recipient)
        if hook is None:
            zh, en = "没有名为 {} 的 Webhook", "there is no webhook {}: expected one of those in channel.webhook.to"
            return Outcome(Fate.DEAD, zh.format(notice.recipient), en.format(notice.recipient))
        if not key:
            return Outcome(
                Fate.FAILED, f"Webhook {hook.name} 没有密钥：请设置 CITYHELM_WEBHOOK_KEYS",
                f"the webhook {hook.name} has no key: expected one in CITYHELM_WEBHOOK_KEYS",
            )  # fmt: skip
        body = encode(notice)
        headers = {"Content-Type": "application/json", "User-Agent": "CityHelm", **signed(notice.key, body, key, now)}
        try:
            reply = exchange(
                hook.url, method="POST", headers=headers, body=body, timeout_s=TIMEOUT_S, most_bytes=MOST_BYTES,
                ca_file=self._ca_file,
            )  # fmt: skip
        except NoAnswer as fault:
            return Outcome(Fate.FAILED, f"Webhook {hook.name}：{fault.zh}", f"the webhook {hook.name}: {fault.en}")
        return judged(hook.name, reply.status)

    def close(self) -> None:
        """Nothing is kept open."""


def judged(name: str, status: int) -> Outcome:
    """What a status means for a notice."""
    if 200 <= status < 300:
        return Outcome(Fate.SENT, f"Webhook {name} 已收下（{status}）", f"the webhook {name} took it ({status})")
    if 300 <= status < 400:
        return Outcome(
            Fate.DEAD, f"Webhook {name} 要求转往别处（{status}）：不跟随转址，请改正地址",
            f"the webhook {name} points elsewhere ({status}): redirects are not followed, mend its address",
        )  # fmt: skip
    fate = Fate.FAILED if status >= 500 or status in _LATER else Fate.DEAD
    return Outcome(fate, f"Webhook {name} 拒收（{status}）", f"the webhook {name} refused it ({status})")


def encode(notice: Notice) -> bytes:
    """The body: what the notice says, and the facts behind it with the CAP message."""
    return orjson.dumps(
        {
            "id": notice.key, "subject": notice.subject, "body": notice.body, "audience": notice.audience, "lang": notice.lang,
            "warning": notice.warning_id, "version": notice.version, "mass": notice.mass_id, **notice.facts,
        }
    )  # fmt: skip


def signed(key_of_notice: str, body: bytes, secret: str, now: datetime) -> dict[str, str]:
    """The headers of one attempt."""
    timestamp = str(int(now.timestamp()))
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"Idempotency-Key": key_of_notice, "CityHelm-Timestamp": timestamp, "CityHelm-Signature": f"v1={digest}"}


def read_keys(said: str) -> dict[str, str]:
    """Name → key, from `name:key` apart by commas. Raises ValueError.

    >>> read_keys("command:abc, radio:def")
    {'command': 'abc', 'radio': 'def'}
    """
    keys: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in said.split(","))):
        name, colon, key = part.partition(":")
        if not (colon and name.strip() and key.strip()):
            raise ValueError("a webhook's key is not written as name:key")
        keys[name.strip()] = key.strip()
    return keys


def open_channel(means: Means) -> Hooks | None:
    """None where no address is named."""
    hooks = {hook.name: hook for hook in means.outward.hooks}
    return Hooks(hooks, read_keys(means.webhook_keys), means.ca_file) if hooks else None
