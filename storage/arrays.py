"""Arrays for the database: columns of numbers as PostgreSQL's own binary arrays, made at once. As lists, psycopg would write them
element by element, which takes twenty times as long.

Format: PostgreSQL, src/backend/utils/adt/arrayfuncs.c, array_recv: big-endian dimensions, nulls, type of the elements, length and
lower bound, then each element after its length.
"""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

Numbers = npt.NDArray[np.int64]


class _Binary(bytes):
    """An array as it is sent."""


class Int2s(_Binary):
    """smallint[]"""


class Int4s(_Binary):
    """integer[]"""


class Float8s(_Binary):
    """float8[]"""


class Times(_Binary):
    """timestamptz[]"""


def _sent(values: npt.NDArray[np.generic], oid: int, kind: str) -> bytes:
    element = np.dtype([("length", ">i4"), ("value", kind)])
    rows = np.empty(len(values), element)
    rows["length"], rows["value"] = element["value"].itemsize, values
    return struct.pack(">5i", 1, 0, oid, len(values), 1) + rows.tobytes()


def int2s(values: npt.NDArray[np.generic]) -> Int2s:
    return Int2s(_sent(values, 21, ">i2"))


def int4s(values: npt.NDArray[np.generic]) -> Int4s:
    return Int4s(_sent(values, 23, ">i4"))


def float8s(values: npt.NDArray[np.float64]) -> Float8s:
    return Float8s(_sent(values, 701, ">f8"))


def times(since_2000_us: Numbers) -> Times:
    """Times in microseconds since 2000 (UTC), as PostgreSQL itself counts them."""
    return Times(_sent(since_2000_us, 1184, ">i8"))


def _register(kind: type[_Binary], array_oid: int) -> None:
    def dump(self: Dumper, obj: bytes) -> bytes:
        return bytes(obj)

    dumper = type(f"{kind.__name__}Dumper", (Dumper,), {"oid": array_oid, "format": Format.BINARY, "dump": dump})
    psycopg.adapters.register_dumper(kind, dumper)


for _kind, _oid in ((Int2s, 1005), (Int4s, 1007), (Float8s, 1022), (Times, 1185)):
    _register(_kind, _oid)
