"""Travel times: how long it takes on a road graph from many places to few, in seconds.

Dijkstra's algorithm (1959) of scipy.sparse.csgraph on the reversed graph, once for each target: few incidents are reached by
many units. Closing roads takes them out of a copy; nothing is prepared that a closure would have to prepare anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TravelNetwork:
    """Directed arcs (m) between nodes 0 … n − 1, each with its seconds (≥ 0, finite). Of parallel arcs the quickest counts."""

    n_nodes: int
    tails: Ints
    heads: Ints
    travel_s: Floats

    def __post_init__(self) -> None:
        if len(self.travel_s) and not (np.isfinite(self.travel_s).all() and self.travel_s.min() >= 0):
            raise ValueError("travel times of arcs are expected to be finite and not negative")

    def without(self, is_closed: Bools) -> TravelNetwork:
        """The network in which the marked arcs (m) cannot be driven."""
        is_open = ~is_closed
        return TravelNetwork(self.n_nodes, self.tails[is_open], self.heads[is_open], self.travel_s[is_open])

    def arcs_between(self, tails: Ints, heads: Ints) -> Bools:
        """Which arcs (m) lead from a node to another as one of the pairs (tails, heads) says, parallel ones too."""
        return np.isin(self._keys(self.tails, self.heads), self._keys(tails, heads))

    def times_to(self, targets: Ints, *, limit_s: float = np.inf) -> Floats:
        """Seconds (targets × nodes) from every node to each target, infinite where no way leads there within `limit_s`."""
        distinct, which = np.unique(targets, return_inverse=True)
        if not len(distinct):
            return np.empty((0, self.n_nodes))
        times: Floats = dijkstra(self._reversed, indices=distinct, limit=limit_s)
        return times[which]

    def times_from(self, origins: Ints, *, limit_s: float = np.inf) -> Floats:
        """Seconds (origins × nodes) from each origin to every node, infinite where no way leads there within `limit_s`."""
        distinct, which = np.unique(origins, return_inverse=True)
        if not len(distinct):
            return np.empty((0, self.n_nodes))
        times: Floats = dijkstra(self._forward, indices=distinct, limit=limit_s)
        return times[which]

    def way(self, origin: int, target: int) -> Ints | None:
        """The nodes of the quickest way from one node to another, both with it; None when no way leads there."""
        _, before = dijkstra(self._forward, indices=origin, return_predecessors=True)
        nodes = [target]
        while nodes[-1] != origin:
            nodes.append(int(before[nodes[-1]]))
            if nodes[-1] < 0:
                return None
        return np.array(nodes[::-1], np.intp)

    # Kept, since a network does not change and is asked again and again.
    @cached_property
    def _forward(self) -> csr_array:
        return self._matrix(self.tails, self.heads)

    @cached_property
    def _reversed(self) -> csr_array:
        return self._matrix(self.heads, self.tails)

    def _matrix(self, rows: Ints, columns: Ints) -> csr_array:
        # A sparse matrix adds entries of one place up: the quickest of parallel arcs is picked first.
        order = np.lexsort((self.travel_s, columns, rows))
        rows, columns, times = rows[order], columns[order], self.travel_s[order]
        is_first = np.append(True, (np.diff(rows) != 0) | (np.diff(columns) != 0)) if len(rows) else np.zeros(0, bool)
        return csr_array((times[is_first], (rows[is_first], columns[is_first])), shape=(self.n_nodes, self.n_nodes))

    def _keys(self, tails: Ints, heads: Ints) -> npt.NDArray[np.int64]:
        return tails.astype(np.int64) * self.n_nodes + heads
