"""Refusals: the second of the three ways to fail, a request that is understood and not allowed."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """A request that may not be carried out.

    `zh` and `en` are one sentence each, shown word for word: what, why, since when.
    """

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.code = code
        self.zh = zh
        self.en = en

    def sentence(self, lang: str) -> str:
        return self.zh if lang == "zh" else self.en
