"""Chance: random numbers that are functions of a key and a counter, so that any moment can be asked in any order.

The generator is SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014) used as a
hash: key plus counter times its increment, mixed. Keys and counters are arrays that broadcast.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from iot.plane import Floats

_INCREMENT = np.uint64(0x9E3779B97F4A7C15)


def key(*words: int | str) -> int:
    """A 64-bit key for what the words name, the same on every machine."""
    text = "\x1f".join(map(str, words))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def uniform(keys: ArrayLike, counters: ArrayLike) -> Floats:
    """Uniform in (0, 1)."""
    with np.errstate(over="ignore"):  # arithmetic modulo 2⁶⁴ is the method
        z = np.asarray(keys, dtype=np.uint64) + (_as_counter(counters) + np.uint64(1)) * _INCREMENT
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return np.asarray((z >> np.uint64(11)) * 2.0**-53 + 2.0**-54)


def normal(keys: ArrayLike, counters: ArrayLike) -> Floats:
    """Standard normal."""
    return np.asarray(ndtri(uniform(keys, counters)))


def drift(keys: ArrayLike, time_s: ArrayLike, span_s: float) -> Floats:
    """A smooth random course with mean 0 and variance 1 at every moment; values `span_s` apart or more are nearly independent.

    Normal numbers at multiples of `span_s`, blended by weights (1 − w) and w that are scaled to keep the variance.
    """
    place = np.asarray(time_s, dtype=float) / span_s
    knot = np.floor(place)
    w = place - knot
    w = w * w * (3 - 2 * w)
    before, after = _knots(np.asarray(keys, dtype=np.uint64), knot)
    return np.asarray((before * (1 - w) + after * w) / np.sqrt((1 - w) ** 2 + w**2))


def _knots(keys: NDArray[np.uint64], knot: Floats) -> tuple[Floats, Floats]:
    """Normal numbers at knots and at those after them; each drawn once where moments lie closer than knots."""
    if knot.size and knot.ndim and (keys.ndim == 0 or (keys.ndim == 2 and keys.shape[1] == 1)):
        first = knot.min()
        n = int(knot.max() - first) + 2
        if n <= knot.shape[-1]:
            drawn = normal(keys, first + np.arange(n))
            at = (knot - first).astype(np.intp)
            if keys.ndim == 0:
                return drawn[at], drawn[at + 1]
            if knot.ndim == 1:
                return drawn[:, at], drawn[:, at + 1]
            rows = np.arange(len(keys))[:, None]
            return drawn[rows, at], drawn[rows, at + 1]
    return normal(keys, knot), normal(keys, knot + 1)


def _as_counter(counters: ArrayLike) -> NDArray[np.uint64]:
    return np.asarray(counters).astype(np.int64).astype(np.uint64)
