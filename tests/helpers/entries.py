"""One compared value of a golden."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

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


def named(prefix: str, entries: Iterable[Entry]) -> Iterator[Entry]:
    """The entries with a prefix before their names."""
    return (replace(entry, name=f'{prefix}{entry.name}') for entry in entries)
