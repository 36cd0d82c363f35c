"""Labelled enumerations: a stored value with the words shown for it, Chinese first."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Labelled(StrEnum):
    """An enumeration whose members carry a Chinese and an English label.

    The value is what is stored and sent; `label("zh")` and `label("en")` are what people read.
    """

    zh: str
    en: str

    def __new__(cls, value: str, zh: str, en: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.zh = zh
        member.en = en
        return member

    def label(self, lang: str) -> str:
        return self.zh if lang == "zh" else self.en

    @classmethod
    def of(cls, value: str) -> Self:
        """The member stored as `value`. Raises ValueError for another word."""
        member = cls.known(value)
        if member is None:
            raise ValueError(f"{cls.__name__} is '{value}': expected one of {', '.join(cls)}")
        return member

    @classmethod
    def known(cls, value: str) -> Self | None:
        """The member stored as `value`, or None for a word this version does not know."""
        return cls._value2member_map_.get(value)  # type: ignore[return-value]
