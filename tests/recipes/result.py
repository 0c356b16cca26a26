"""One compared value of a recipe golden."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Entry:
    """Difference of one recorded value.

    Args:
        name: File and key of the value, separated by a colon.
        difference: Largest difference, in the unit of ``tolerance``; 0 or 1 for exact values.
        tolerance: Largest difference allowed; 0 for exact values.
    """

    name: str
    difference: float
    tolerance: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the difference is within the tolerance; false for NaN."""
        return bool(self.difference <= self.tolerance)


def exact(name: str, ours: object, recorded: object) -> Entry:
    """Compare values that must be equal; arrays also in shape."""
    equal = np.array_equal(np.asarray(ours, object), np.asarray(recorded, object))
    return Entry(name, float(not equal))
