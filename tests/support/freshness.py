"""The table of the last word: mode of the device, seconds since its value was measured, since it was last heard in any way, and
the age by which it is judged. One rule for the server and the browser, so one table."""

from __future__ import annotations

WORDS: tuple[tuple[str, float | None, float | None, float | None], ...] = (
    ("on_change", None, None, None),
    ("on_change", None, 5, None),  # born, but nothing was measured
    ("on_change", 3600, None, 3600),
    ("on_change", 3600, 60, 60),
    ("on_change", 60, 3600, 60),
    ("on_change", 3600, -5, 3600),  # a word to come is none yet
    ("on_change", 3600, 0, 0),
    ("periodic", 3600, 60, 3600),
    ("odd", 3600, 60, 3600),
    ("periodic", None, 60, None),
)
