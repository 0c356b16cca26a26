"""Cosine similarity of embeddings."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def cosine_similarity(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Cosine of the angle between two vectors (D,), -1 to 1; 0 if one of them is zero.

    >>> round(cosine_similarity(np.array([3.0, 0.0]), np.array([1.0, 1.0])), 3)
    0.707
    """
    norms = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    return float(one @ other) / norms if norms > 0 else 0.0
