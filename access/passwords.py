"""Passwords: what one must be like, and how one is kept. Hashes are argon2id with the parameters of RFC 9106's second
recommendation (64 MiB, 3 passes, 4 lanes), which the library has as its own defaults.
"""

from __future__ import annotations

import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from domain.refusals import Refused

SHORTEST, LONGEST = 12, 128
"""Characters. Length is what counts (NIST SP 800-63B, 5.1.1.2), kinds of characters are not asked for; 15 there without a second
factor, which people without one of the sensitive roles do not have: twelve is the compromise, with lock-out beside it."""
_FEW = 5
"""Different characters at the least: a password of one key held down is none."""
_COMMON = (
    "password", "passw0rd", "123456", "qwerty", "abc123", "letmein", "welcome", "admin", "iloveyou", "111111", "000000",
    "88888888", "woaini", "cityhelm",
)  # fmt: skip
"""What everybody tries first."""
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Of passwords that are made: none that is taken for another when it is read out."""


def check_password(password: str, name: str) -> None:
    """Raises Refused, with what is wrong and what would do, for a password that is easy to guess."""
    bare = password.casefold()
    for common in (*_COMMON, name.casefold()):
        bare = bare.replace(common, "")
    if not SHORTEST <= len(password) <= LONGEST:
        raise _weak(f"须为 {SHORTEST} 至 {LONGEST} 个字符", f"expected {SHORTEST} to {LONGEST} characters")
    if len(set(password)) < _FEW:
        raise _weak(f"须含至少 {_FEW} 种不同字符", f"expected at least {_FEW} different characters")
    if len(bare) < SHORTEST // 2:
        raise _weak("不得由账号名或常见密码构成", "expected more than the account's name and common passwords")


def made_password() -> str:
    """A password at random that can be read out: 20 characters, 99 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))


def hashed(password: str) -> str:
    return _hasher().hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """Whether it is the password; as slow for an account without one, or for none at all, as for a wrong one."""
    try:
        _hasher().verify(password_hash or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def _weak(zh: str, en: str) -> Refused:
    return Refused("weak_password", f"密码不符合要求：{zh}", f"the password will not do: {en}")


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobody() -> str:
    """The hash that stands in for an account that is not there."""
    return _hasher().hash(secrets.token_urlsafe())
