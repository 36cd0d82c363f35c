"""What a process says on standard error: one line per happening, its level first. The supervisor adds the name in
front, and a log collector the time.
"""

from __future__ import annotations

import logging


def configure(level: str) -> None:
    """Sends the log of this process to standard error, from `level` (debug, info, warning, error) on."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger().setLevel(level.upper())
    if level != "debug":  # the web server tells of its start and its end what we have said already
        logging.getLogger("uvicorn").setLevel(max(logging.getLogger().level, logging.WARNING))
