"""QR codes: a text as squares that a camera reads (ISO/IEC 18004, level M), as one path for a browser to fill. Pure."""

from __future__ import annotations

from itertools import groupby

import segno

QUIET = 4
"""Light squares around, as the standard asks."""


def qr_code(said: str) -> tuple[int, str]:
    """(squares along a side, the light border among them; the dark ones as an SVG path whose unit is a square)."""
    rows = [list(row) for row in segno.make_qr(said, error="m", boost_error=False).matrix_iter(border=QUIET)]
    path = ""
    for y, row in enumerate(rows):
        for dark, run in groupby(range(len(row)), key=row.__getitem__):
            squares = list(run)
            if dark:
                path += f"M{squares[0]} {y}h{len(squares)}v1h-{len(squares)}z"
    return len(rows), path
