"""One-time passwords by time: RFC 6238 over RFC 4226, HMAC-SHA-1, steps of 30 s, six digits, as every authenticator has them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote

STEP_S = 30
DIGITS = 6
DRIFT = 1
"""Steps by which a clock may be off, either way (RFC 6238, 5.2)."""
_SECRET_BYTES = 20
"""RFC 4226, requirement 6 recommends 160 bits."""


def made_secret() -> str:
    """A secret at random, in base32."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def code_at(secret: str, step: int) -> str:
    """The digits of a step (seconds since 1970 ÷ 30).

    >>> code_at(base64.b32encode(b"12345678901234567890").decode(), 1)
    '287082'
    """
    digest = hmac.digest(base64.b32decode(secret), step.to_bytes(8), hashlib.sha1)
    offset = digest[-1] & 0xF
    return str((int.from_bytes(digest[offset : offset + 4]) & 0x7FFFFFFF) % 10**DIGITS).zfill(DIGITS)


def step_of(now: datetime) -> int:
    return int(now.timestamp()) // STEP_S


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """The step whose code this is, as clocks may be off; None for a wrong one. Whether it was used before is not known here."""
    typed = code.replace(" ", "")
    if len(typed) != DIGITS or not (typed.isascii() and typed.isdigit()):
        return None
    at = step_of(now)
    try:
        steps = [step for step in range(at - DRIFT, at + DRIFT + 1) if hmac.compare_digest(code_at(secret, step), typed)]
    except binascii.Error:
        return None
    return steps[-1] if steps else None


def address(secret: str, name: str, issuer: str = "CityHelm") -> str:
    """What an authenticator reads: otpauth://."""
    return f"otpauth://totp/{quote(issuer)}:{quote(name)}?secret={secret}&issuer={quote(issuer)}&digits={DIGITS}&period={STEP_S}"
