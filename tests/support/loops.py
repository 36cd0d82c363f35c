"""Event loops for tests. A browser test of the same worker keeps a loop of its own in the main thread, so that another one is
run in a thread beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Answer = TypeVar("Answer")


def run(scene: Coroutine[Any, Any, Answer]) -> Answer:
    """The answer of `scene`, or the exception it raised."""
    with ThreadPoolExecutor(1) as beside:
        return beside.submit(asyncio.run, scene).result()
