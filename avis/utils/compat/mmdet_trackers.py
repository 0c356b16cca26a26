"""mmdet's ByteTrack and OC-SORT without ``lap`` and ``motmetrics``: SciPy solves the assignment.

Reason: both require ``lap``, of which they use one function, and OC-SORT requires ``motmetrics``,
of which it uses nothing. Both packages are extras of mmdet; ``lap`` has to be compiled. If ``lap``
is installed, it is used.
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
        extend_cost: Must be True: any number of rows and columns.
        cost_limit: Pairs of a higher cost are not matched.

    Returns:
        The cost of all pairs; the column of each row (M,), -1 if unmatched; the row of each column.
    """
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    if not extend_cost:
        raise NotImplementedError('only lapjv(extend_cost=True) is provided without lap')
    cost = np.asarray(cost, np.float64)
    rows, columns = cost.shape
    # An unmatched row or column costs half the limit, so that two of them cost a pair.
    unmatched = cost_limit / 2 if np.isfinite(cost_limit) else cost.max(initial=0.0) + 1
    extended = np.full((rows + columns, rows + columns), unmatched)
    extended[rows:, columns:] = 0
    extended[:rows, :columns] = cost
    rows_found, partner = linear_sum_assignment(extended)
    matched = (rows_found < rows) & (partner < columns)
    column_of, row_of = np.full(rows, -1, np.int32), np.full(columns, -1, np.int32)
    column_of[rows_found[matched]], row_of[partner[matched]] = partner[matched], rows_found[matched]
    return float(cost[rows_found[matched], partner[matched]].sum()), column_of, row_of


class _MissingMotmetrics(ModuleType):
    """Placeholder for ``motmetrics`` where only its presence is checked."""

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith('__'):
            raise AttributeError(name)
        raise ImportError(f'motmetrics.{name} is needed: pip install motmetrics')


def _set_lap(module: Any) -> None:
    if module.lap is None:
        module.lap = ModuleType('lap')
        module.lap.lapjv = lapjv


def _set_motmetrics(module: Any) -> None:
    if module.motmetrics is None:
        module.motmetrics = _MissingMotmetrics('motmetrics')


def install() -> None:
    """Wait for the imports of the trackers."""
    after_import(f'{_PACKAGE}.byte_tracker', _set_lap)
    after_import(f'{_PACKAGE}.ocsort_tracker', _set_lap)
    after_import(f'{_PACKAGE}.sort_tracker', _set_motmetrics)
