"""QR codes: squares that a camera finds and reads."""

from __future__ import annotations

import re

import pytest

from dashboard.qr import QUIET, qr_code

FINDER = ["1111111", "1000001", "1011101", "1011101", "1011101", "1000001", "1111111"]


def squares(said: str) -> list[str]:
    """The picture as a browser fills it: 1 is dark."""
    size, path = qr_code(said)
    rows = [["0"] * size for _ in range(size)]
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", path):
        rows[int(y)][int(x) : int(x) + int(width)] = "1" * int(width)
    return ["".join(row) for row in rows]


@pytest.mark.parametrize(
    "said", ["a", "otpauth://totp/CityHelm:commander1?secret=JBSWY3DPEHPK3PXP&issuer=CityHelm&digits=6&period=30"]
)
def test_a_picture_has_its_three_finders_and_a_light_border(said: str) -> None:
    rows = squares(said)
    assert (len(rows) - 2 * QUIET - 17) % 4 == 0, "ISO/IEC 18004: 21 squares along a side, and four more for each version"
    assert all(len(row) == len(rows) for row in rows)
    inner = [row[QUIET:-QUIET] for row in rows[QUIET:-QUIET]]
    assert sum(row.count("1") for row in rows) == sum(row.count("1") for row in inner)
    assert [row[:7] for row in inner[:7]] == [row[-7:] for row in inner[:7]] == [row[:7] for row in inner[-7:]] == FINDER
    assert [row[-7:] for row in inner[-7:]] != FINDER


def test_two_texts_are_two_pictures() -> None:
    assert qr_code("one") != qr_code("two")
