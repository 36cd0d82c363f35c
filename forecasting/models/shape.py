"""The shape of a model: what it would have said at each of several origins, given what it may have learnt from.

A history is a one-dimensional float array of equally long slots, NaN where nothing usable was measured. An origin is the
index of the first slot foreseen: a model knows `history[:origin]` and nothing else. Learning and foreseeing are told apart
so that one function serves the forecast (learn from everything, one origin at the end) and its honest trial on the past
(learn from the older part, many origins in the newer).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

DAY_S = 86_400

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

Paths = Callable[[Floats, Indices, int, int, int], Floats]
"""(history, origins, horizon, step_s, learnt_until) → one row an origin, one column a slot foreseen.

Parameters come from `history[:learnt_until]`; row i starts from `history[:origins[i]]`. Every origin follows a measured slot.
NaN where the model has nothing to say. Raises Unfit when it cannot be fitted.
"""


@dataclass(frozen=True, slots=True)
class Model:
    """A model as the rest of the house sees it: its words, and in seconds the shortest history it is used on (`needs_s`) and
    the part of that it learns from before it is tried on the rest (`learns_s`)."""

    name: str
    version: str
    zh: str
    en: str
    needs_s: int
    learns_s: int
    paths: Paths

    def label(self, lang: str) -> str:
        return self.zh if lang == "zh" else self.en


class Unfit(Exception):  # noqa: N818 - a property of the data, named after it
    """The model cannot be fitted to this history; `code` is one of `forecasting.reasons`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
