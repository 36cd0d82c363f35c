"""Networks: nodes and directed arcs from two tables, as numbers, with the words of the files kept for messages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runtime.bad_input import BadInput
from runtime.on_files.tables import Ints, Table, read_table

if TYPE_CHECKING:
    from gis_data.travel_times import TravelNetwork


@dataclass(frozen=True)
class Places:
    """The nodes of a network by their name, 0 … n − 1."""

    path: Path
    number: dict[str, int]

    def numbers(self, table: Table, column: str) -> Ints:
        """The nodes a column names. Raises BadInput for one that the nodes' file does not have."""
        words = table.texts(column)
        for row, word in enumerate(words):
            if word not in self.number:
                raise table.fault(column, row, f"a node of {self.path.name}")
        return np.fromiter((self.number[word] for word in words), np.intp, len(words))


def read_network(nodes_file: Path, arcs_file: Path) -> tuple[Places, TravelNetwork]:
    """Nodes `node,lat,lon` and arcs `from,to,travel_s` (seconds, ≥ 0). Raises BadInput."""
    from gis_data.travel_times import TravelNetwork

    nodes = read_table(nodes_file, ["node"], ["lat", "lon"])
    places = Places(nodes_file, number_names(nodes, "node"))
    for column, bound in (("lat", 90.0), ("lon", 180.0)):
        if column in nodes:
            degrees = nodes.numbers(column, is_required=True)
            wrong = np.flatnonzero(np.abs(degrees) > bound)
            if len(wrong):
                raise nodes.fault(column, int(wrong[0]), f"degrees from {-bound:g} to {bound:g}")
    arcs = read_table(arcs_file, ["from", "to", "travel_s"], may_be_empty=True)
    tails, heads = places.numbers(arcs, "from"), places.numbers(arcs, "to")
    return places, TravelNetwork(len(places.number), tails, heads, arcs.numbers("travel_s", is_required=True, low=0.0))


def number_names(table: Table, column: str) -> dict[str, int]:
    """The words of a column, numbered in their order. Raises BadInput for one that comes twice."""
    words = table.texts(column)
    number = {word: k for k, word in enumerate(words)}
    if len(number) < len(words):
        seen: set[str] = set()
        for row, word in enumerate(words):
            if word in seen:
                raise table.fault(column, row, "each one once")
            seen.add(word)
    return number


def listed(text: str, separator: str = ";") -> list[str]:
    """The words of a cell, without the empty ones."""
    return [word.strip() for word in text.split(separator) if word.strip()]


def numbers_of(text: str, what: str, example: str, *, n: int | None = None, low: float = 0.0) -> list[float]:
    """Numbers apart by commas, as an argument has them. Raises BadInput."""
    try:
        given = [float(word) for word in text.split(",")]
    except ValueError:
        given = []
    if not given or not all(np.isfinite(x) and x >= low for x in given) or (n is not None and len(given) != n):
        count = f"{n} numbers" if n is not None else "numbers"
        raise BadInput(f"{what} is '{text}': expected {count} of at least {low:g} apart by commas, such as {example}")
    return given
