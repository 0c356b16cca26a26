"""Scores of a result in the unit of the report: percent where the benchmark has fractions."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from avis.report.results import MethodResult

# A score and both ends of its 95 % interval; None where it is undefined.
BoundedScore: TypeAlias = tuple[float | None, float | None, float | None]
_DIGITS = 3
_MOST_METRICS = 16


def number(value: Any, scale: float = 1) -> float | None:
    """A finite number, scaled and rounded to three decimals; None for everything else.

    >>> number(0.51234, 100), number(None), number('<b>'), number(True)
    (51.234, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return round(float(value) * scale, _DIGITS)


def scale_of(method: MethodResult) -> float:
    """Factor that turns the scores of a method into percent."""
    return 100 if method.scores.get('unit') == 'fraction' else 1


def score_of(method: MethodResult, scores: Mapping[str, Any], metric: str) -> float | None:
    """One of the scores of a method or of a video of it."""
    return number(scores.get(metric), scale_of(method))


def estimate(method: MethodResult, row: Mapping[str, Any], metric: str) -> BoundedScore:
    """A score of ``row['summary']`` with its interval in ``row['intervals']``."""
    low, high = (row.get('intervals') or {}).get(metric) or (None, None)
    scale = scale_of(method)
    score = score_of(method, row.get('summary') or {}, metric)
    return score, number(low, scale), number(high, scale)


def list_metrics(methods: Sequence[MethodResult]) -> list[str]:
    """Names of the scores to show, the main ones first; counts are left out."""
    headline = dict.fromkeys(key for m in methods for key in m.scores.get('headline', ()))
    scores = dict.fromkeys(
        key
        for method in methods
        for key, value in method.scores['summary'].items()
        if value is None or isinstance(value, float)
    )
    return [*(key for key in headline if key in scores), *(k for k in scores if k not in headline)][
        :_MOST_METRICS
    ]
