"""Compare nested dictionaries of computed and recorded values."""

import gzip
import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np


@dataclass
class Result:
    """What a comparison found.

    Attributes:
        compared: Number of values.
        wrong: One line for each value that differs.
        missing: Paths of recorded values that were not computed and are not skipped.
        skipped: Number of values that were skipped, by reason.
    """

    compared: int = 0
    wrong: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    def check(self) -> None:
        """Assert that every recorded value was computed and is equal."""
        assert not self.wrong, '\n'.join(self.wrong[:20])
        assert not self.missing, f'not computed: {self.missing[:20]}'
        assert self.compared


@dataclass(frozen=True)
class Between:
    """A recorded value that is defined up to an interval, ends included."""

    low: float
    high: float


def read_json(path: Path) -> Any:
    """Read a JSON file, gzipped or not."""
    data = path.read_bytes()
    return json.loads(gzip.decompress(data) if path.suffix == '.gz' else data)


def read_expected(folder: Path) -> dict[str, Any]:
    """The values in ``expected.json``; those in ``expected_full.json.gz`` under 'full'."""
    expected: dict[str, Any] = read_json(folder / 'expected.json')
    full = folder / 'expected_full.json.gz'
    return {**expected, 'full': read_json(full)} if full.is_file() else expected


def number(value: Any) -> Any:
    """A recorded value; the text 'nan' and null become NaN."""
    return math.nan if value is None or value == 'nan' else value


def plain(value: Any) -> Any:
    """A computed value as JSON: arrays become lists, NaN becomes null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    return None if isinstance(value, float) and math.isnan(value) else value


def compare(
    got: Any, expected: Any, tolerances: Mapping[str, float], skipped: Mapping[str, str]
) -> Result:
    """Compare every recorded value with the computed one of the same path.

    A path joins the keys by '/'. The text of an error is not compared: the reference raises its
    own, avis names the file and what to do.
    """
    result = Result()
    _walk(got, expected, '', (tolerances, skipped), result)
    return result


def _walk(
    got: Any,
    expected: Any,
    path: str,
    rules: tuple[Mapping[str, float], Mapping[str, str]],
    result: Result,
) -> None:
    tolerances, skipped = rules
    reason = next((text for key, text in skipped.items() if fnmatchcase(path, key)), None)
    if reason is not None:
        result.skipped[reason] += 1
    elif got is _ABSENT:
        result.missing.append(path)
    elif isinstance(expected, list) and any(isinstance(item, Mapping) for item in expected):
        ours = dict(enumerate(got)) if isinstance(got, list) else {}
        _walk(ours, dict(enumerate(expected)), path, rules, result)
    elif isinstance(expected, Mapping):
        for key, value in expected.items():
            inside = got.get(key, _ABSENT) if isinstance(got, Mapping) else _ABSENT
            _walk(inside, value, f'{path}/{key}' if path else str(key), rules, result)
    else:
        tolerance = next((t for key, t in tolerances.items() if fnmatchcase(path, key)), 0.0)
        result.compared += 1
        is_error = any(part.startswith('error') for part in path.split('/'))
        problem = _difference(got, expected, tolerance, is_error=is_error)
        if problem:
            result.wrong.append(f'{path}: {problem}')


_ABSENT = object()


def _difference(got: Any, expected: Any, tolerance: float, *, is_error: bool) -> str:
    """What differs between two values or arrays; empty if nothing does."""
    if isinstance(expected, Between):
        return '' if expected.low <= got <= expected.high else f'{got}, expected {expected}'
    if isinstance(expected, str) and expected != 'nan':
        same = bool(got) if is_error else got == expected
        return '' if same else f'{got!r}, expected {expected!r}'
    try:
        ours = np.asarray(_numbers(got), float)
        theirs = np.asarray(_numbers(expected), float)
    except (TypeError, ValueError):
        return '' if got == expected else f'{got!r}, expected {expected!r}'
    if ours.shape != theirs.shape:
        return f'shape {ours.shape}, expected {theirs.shape}'
    both = np.isnan(ours) & np.isnan(theirs)
    with np.errstate(invalid='ignore'):
        wrong = ~both & ~(np.abs(ours - theirs) <= tolerance)
    if not wrong.any():
        return ''
    worst = np.where(both, 0, np.abs(ours - theirs)).max()
    return f'{int(wrong.sum())} of {wrong.size} differ, by up to {worst:.3g} > {tolerance:.3g}'


def _numbers(value: Any) -> Any:
    return [_numbers(item) for item in value] if isinstance(value, list | tuple) else number(value)
