"""mmdet's ByteTrack and OC-SORT without ``lap`` and ``motmetrics``: SciPy solves the assignment.

Reason: both refuse to be built without ``lap``, of which they need one function, and OC-SORT
without ``motmetrics``, of which it needs nothing. Both packages are extras of mmdet; ``lap`` has to
be compiled. An installed ``lap`` is used.
Ends with: a release of mmdet whose trackers use SciPy.
"""

from types import ModuleType
from typing import Any, NoReturn

from avis.utils.compat.import_hook import after_import

_PACKAGE = 'mmdet.models.trackers'


def lapjv(
    cost: Any, *, extend_cost: bool = True, cost_limit: float = float('inf')
) -> tuple[float, Any, Any]:
    """Solve an assignment as ``lap.lapjv`` does with ``extend_cost=True`` and a limit.

    Args:
        cost: Shape (M, N).
        extend_cost: Only True is known: any number of rows and columns.
        cost_limit: A pair that costs more than this is not made.

    Returns:
        The cost of all pairs; the column of each row (M,), -1 for none; the row of each column.
    """
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    if not extend_cost:
        raise NotImplementedError('only lapjv(extend_cost=True) is provided without lap')
    cost = np.asarray(cost, np.float64)
    rows, columns = cost.shape
    # Each row and each column may stay alone for half the limit: two of them cost a whole pair.
    alone = cost_limit / 2 if np.isfinite(cost_limit) else cost.max(initial=0.0) + 1
    extended = np.full((rows + columns, rows + columns), alone)
    extended[rows:, columns:] = 0
    extended[:rows, :columns] = cost
    chosen, partner = linear_sum_assignment(extended)
    made = (chosen < rows) & (partner < columns)
    column_of, row_of = np.full(rows, -1, np.int32), np.full(columns, -1, np.int32)
    column_of[chosen[made]], row_of[partner[made]] = partner[made], chosen[made]
    return float(cost[chosen[made], partner[made]].sum()), column_of, row_of


class _MissingMotmetrics(ModuleType):
    """Stands for ``motmetrics`` where only its presence is asked."""

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith('__'):
            raise AttributeError(name)
        raise ImportError(f'motmetrics.{name} is needed: pip install motmetrics')


def _give_lap(module: Any) -> None:
    if module.lap is None:
        module.lap = ModuleType('lap')
        module.lap.lapjv = lapjv


def _give_motmetrics(module: Any) -> None:
    if module.motmetrics is None:
        module.motmetrics = _MissingMotmetrics('motmetrics')


def install() -> None:
    """Wait for the imports of the trackers."""
    after_import(f'{_PACKAGE}.byte_tracker', _give_lap)
    after_import(f'{_PACKAGE}.ocsort_tracker', _give_lap)
    after_import(f'{_PACKAGE}.sort_tracker', _give_motmetrics)
