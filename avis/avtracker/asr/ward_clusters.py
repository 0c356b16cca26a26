"""Ward's method with memory that grows linearly: SciPy needs the distances of all pairs."""

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]


def ward_clusters(vectors: _Floats, threshold: float) -> list[int]:
    """Cluster vectors by Ward's method; clusters are numbered by their first member.

    The result is that of ``fcluster(linkage(vectors, 'ward'), threshold, 'distance')`` of SciPy. It
    follows chains of nearest neighbors, see Murtagh and Contreras, *Algorithms for hierarchical
    clustering: an overview*, 2012: two clusters that are each other's nearest are merged, in any
    order. An hour of speech in steps of 0.4 s would take 650 MB for the distances of all pairs.

    Args:
        vectors: (N, D).
        threshold: Distance above which two clusters stay separate.

    >>> ward_clusters(np.array([[0.0], [1.0], [5.0], [0.5]]), 2.0)
    [0, 0, 1, 0]
    """
    parents = list(range(len(vectors)))
    for one, other, distance in _merges(vectors):
        if distance <= threshold:
            parents[_root(parents, other)] = _root(parents, one)
    numbers: dict[int, int] = {}
    roots = (_root(parents, index) for index in range(len(vectors)))
    return [numbers.setdefault(root, len(numbers)) for root in roots]


def _root(parents: list[int], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return index


def _merges(vectors: _Floats) -> list[tuple[int, int, float]]:
    """All merges: a member of each of both clusters, and their distance."""
    centers = _Centers(vectors)
    merges = []
    chain: list[int] = []
    links: list[float] = []  # distance of each cluster of the chain to the one before
    while len(centers) > 1:
        if not chain:
            chain, links = [0], [np.inf]
        nearest, distance = centers.nearest(chain[-1])
        # Where rounding makes equal distances differ, the nearest one may be in the chain already.
        if distance < links[-1] and nearest not in chain:
            chain.append(nearest)
            links.append(distance)
            continue
        one, other = chain[-2], chain[-1]
        merges.append((centers.members[one], centers.members[other], links[-1]))
        chain, links = chain[:-2], links[:-2]
        moved = centers.merge(one, other)
        chain = [moved.get(index, index) for index in chain]
    return merges


class _Centers:
    """Clusters that are left: their centers, sizes and one member each.

    Args:
        vectors: (N, D).
    """

    def __init__(self, vectors: _Floats) -> None:
        self._centers = vectors.astype(np.float64)
        self._squares = np.einsum('nd,nd->n', self._centers, self._centers)
        self._sizes = np.ones(len(vectors))
        self.members = list(range(len(vectors)))

    def __len__(self) -> int:
        return len(self.members)

    def nearest(self, index: int) -> tuple[int, float]:
        """The nearest other cluster, and Ward's distance to it."""
        count, size = len(self), self._sizes[index]
        products = self._centers[:count] @ self._centers[index]
        squares = self._squares[:count] + self._squares[index] - 2 * products
        weights = 2 * size * self._sizes[:count] / (size + self._sizes[:count])
        distances = weights * squares.clip(0)
        distances[index] = np.inf
        nearest = int(distances.argmin())
        return nearest, float(np.sqrt(distances[nearest]))

    def merge(self, one: int, other: int) -> dict[int, int]:
        """Merge two clusters into ``one``; return the new index of the cluster that moved."""
        sizes = self._sizes[[one, other]]
        self._centers[one] = sizes @ self._centers[[one, other]] / sizes.sum()
        self._squares[one] = self._centers[one] @ self._centers[one]
        self._sizes[one] = sizes.sum()
        last = len(self) - 1
        for values in (self._centers, self._squares, self._sizes):
            values[other] = values[last]
        self.members[other] = self.members[last]
        self.members.pop()
        return {last: other}
