"""Where the official and the corrected protocol differ much on the same files, and why."""

import copy
import math
from collections.abc import Collection, Sequence
from typing import Any

from avis.evaluation.benchmarks.base import Benchmark, Summary

LARGE_GAP = 5.0  # percentage points


def find_gap(
    benchmark: Benchmark,
    summary: Summary,
    official: Sequence[Any],
    corrected: Sequence[Any],
    kinds: Collection[str],
) -> dict[str, Any] | None:
    """Compare the official scores of a prediction with the corrected ones.

    Args:
        benchmark: The benchmark, with the official protocol.
        summary: The official scores.
        official: The partial scores behind them.
        corrected: The same under the corrected protocol.
        kinds: Kinds of the problems of the files.

    Returns:
        ``scores``: the scores in percent that differ by more than 5 points, by name ``official``
        and ``corrected``, the main score that differs most first; ``causes``, a clause for each.
        None if no score differs that much, or if
        there is no corrected score.
    """
    stopped = any(benchmark.RULES[kind].corrected == 'stop' for kind in kinds)
    if benchmark.protocol != 'official' or benchmark.UNIT == 'number' or stopped or not corrected:
        return None
    other = copy.copy(benchmark)
    other.protocol = 'corrected'
    scale = 100 if benchmark.UNIT == 'fraction' else 1
    intended = other.combine(corrected)
    scores = {
        name: {'official': scale * value, 'corrected': scale * intended[name]}
        for name, value in summary.items()
        if _is_far(value, intended.get(name), LARGE_GAP / scale)
    }
    if not scores:
        return None
    main = [name for name in benchmark.HEADLINE if name in scores] or list(scores)
    first = max(main, key=lambda name: abs(scores[name]['official'] - scores[name]['corrected']))
    return {
        'scores': {first: scores[first], **scores},
        'causes': list(benchmark.explain_gap(official, corrected, scores)),
    }


def describe_gap(gap: dict[str, Any]) -> str:
    """One line: the first score, the causes, and which protocol to take.

    >>> scores = {'HOTA': {'official': 2.966, 'corrected': 77.12}}
    >>> describe_gap({'scores': scores, 'causes': ['official counts absent classes as 0']})
    'HOTA is 2.97 under official and 77.12 under corrected: official counts absent classes as 0. \
Take --protocol corrected to judge a method, official only beside published official numbers.'
    """
    scores = gap['scores']
    name, row = next(iter(scores.items()))
    others = f' (also different: {", ".join(list(scores)[1:])})' if len(scores) > 1 else ''
    causes = '; '.join(gap['causes'])
    return (
        f'{name} is {row["official"]:.2f} under official and {row["corrected"]:.2f} under '
        f'corrected{others}{f": {causes}" if causes else ""}. Take --protocol corrected to judge '
        f'a method, official only beside published official numbers.'
    )


def _is_far(first: Any, second: Any, limit: float) -> bool:
    """Whether both are scores, not counts, that differ by more than a limit."""
    if not (isinstance(first, float) and isinstance(second, float)):
        return False
    return math.isfinite(first - second) and abs(first - second) > limit
