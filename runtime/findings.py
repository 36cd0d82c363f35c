"""A finding of the doctor: one sentence, and whether it is good news; the cure is in the sentence of one that is not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    is_good: bool
    sentence: str
