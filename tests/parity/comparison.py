"""Differences between the values of a model and those of a golden."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from tests.helpers.entries import Entry
from tests.helpers.golden import Golden

# Suffixes of the entries that describe a recorded tensor.
DESCRIPTIONS = ('/shape', '/stats', '/step')


class Comparison:
    """Collects the difference of each recorded value; a value that nobody compared is missing.

    Args:
        golden: Recorded values.
        cases: Compare these cases (the first part of a name) only; default all of ``golden.meta``.
    """

    def __init__(self, golden: Golden, cases: Sequence[str] | None = None) -> None:
        self.golden = golden
        self.cases = tuple(cases) if cases is not None else None
        self.entries: list[Entry] = []
        self.skipped: dict[str, str] = {}

    def compares(self, case: str) -> bool:
        """Whether a case is recorded and not excluded."""
        recorded = case in self.golden.meta
        return recorded and (self.cases is None or case in self.cases)

    def eval_cases(self) -> list[str]:
        """The compared cases in evaluation mode."""
        return [
            name
            for name, case in self.golden.meta.items()
            if isinstance(case, dict) and case.get('mode') == 'eval' and self.compares(name)
        ]

    def tensor(
        self, name: str, value: Tensor | np.ndarray, *, rtol: float = 1e-4, atol: float = 1e-4
    ) -> None:
        """Compare the samples, shape and sum of magnitudes of a recorded tensor.

        Args:
            name: Name in the golden.
            value: The whole tensor.
            rtol: Tolerance of the sum of magnitudes, relative to the recorded one.
            atol: Tolerance of the samples, relative to the larger of 1 and the recorded standard
                deviation.
        """
        got = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
        arrays = self.golden.arrays
        if got.shape != tuple(arrays[f'{name}/shape']):
            self.entries.append(Entry(f'{name}/shape', np.inf))
            return
        stats = arrays[f'{name}/stats']
        step = arrays.get(f'{name}/step', np.ones(got.ndim, int))
        sample = got[tuple(slice(None, None, int(stride)) for stride in step)]
        scale = max(1.0, float(stats[1]))
        self.entries.append(Entry(name, _largest(sample - arrays[name]) / scale, atol))
        total = np.abs(got.astype(np.float64)).sum()
        self.entries.append(
            Entry(f'{name}/stats', abs(total - stats[2]) / max(float(stats[2]), 1e-12), rtol)
        )

    def array(
        self,
        name: str,
        value: Tensor | np.ndarray | Sequence,
        *,
        rtol: float = 0.0,
        atol: float = 0.0,
    ) -> None:
        """Compare an array that is stored whole: ``|ours - recorded| <= atol + rtol |recorded|``.

        The difference is reported as a multiple of that bound if one is given, so that 1 is the
        largest allowed; without tolerances it is the number of unequal elements.
        """
        got = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
        recorded = self.golden.arrays[name]
        if got.shape != recorded.shape:
            self.entries.append(Entry(name, np.inf))
        elif not (rtol or atol):
            self.entries.append(Entry(name, float((got != recorded).sum())))
        else:
            bound = atol + rtol * np.abs(recorded.astype(np.float64))
            excess = np.abs(got.astype(np.float64) - recorded) / np.maximum(bound, 1e-300)
            self.entries.append(Entry(name, _largest(excess), 1.0))

    def value(self, name: str, difference: float, tolerance: float = 0.0) -> None:
        """Record a difference that the caller measured, e.g. of packed masks."""
        self.entries.append(Entry(name, float(difference), tolerance))

    def skip(self, name: str, reason: str) -> None:
        """State why a recorded value, or all values that begin with ``name``, are not compared."""
        self.skipped[name] = reason

    def missing(self) -> list[str]:
        """Recorded values of the compared cases that were neither compared nor skipped."""
        done = {entry.name for entry in self.entries}
        return sorted(
            name
            for name in self.golden.arrays
            if not name.endswith(DESCRIPTIONS)
            and (self.cases is None or name.split('/')[0] in self.cases)
            and name not in done
            and f'{name}/shape' not in done
            and not any(name == skipped or name.startswith(skipped) for skipped in self.skipped)
        )

    def wrong(self) -> list[Entry]:
        """The entries whose difference is above their tolerance."""
        return [entry for entry in self.entries if not entry.ok]

    def check(self) -> None:
        """Assert that everything recorded was compared and is within its tolerance."""
        assert not self.missing(), f'not compared: {self.missing()}'
        lines = [f'{e.name}: {e.difference:.3g} > {e.tolerance:.3g}' for e in self.wrong()]
        assert not lines, '\n'.join(lines)
        assert self.entries


def _largest(values: np.ndarray) -> float:
    """Largest magnitude; 0 of nothing, NaN if any is NaN."""
    return float(np.abs(values).max()) if values.size else 0.0
