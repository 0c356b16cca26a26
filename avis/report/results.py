"""Read what an evaluation has written: the scores and timelines of one or several methods."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from avis.evaluation.benchmarks.report import METRICS_FILE
from avis.evaluation.benchmarks.timeline_file import TIMELINES_FILE

_NEEDED = {'benchmark': str, 'protocol': str, 'summary': dict, 'per_video': dict}


@dataclass(frozen=True)
class MethodResult:
    """The result of one prediction.

    Args:
        name: Name to show, unique in a report.
        scores: One prediction of ``metrics.json``, see :func:`avis.apis.evaluation.evaluate`.
        timelines: Timelines by name of the video
            (:class:`avis.evaluation.functional.timeline.Timeline`); empty without a diagnosis.
        class_names: Names of the classes of its tracks, by id as text.
    """

    name: str
    scores: Mapping[str, Any]
    timelines: Mapping[str, Any] = field(default_factory=dict)
    class_names: Mapping[str, str] = field(default_factory=dict)


def load_results(paths: Iterable[str | Path]) -> list[MethodResult]:
    """Read all predictions of some evaluations.

    Args:
        paths: Folders that ``evaluate`` has written with ``out``, or their ``metrics.json``.

    Returns:
        The methods in the order of the paths; names that several share are preceded by the names
        of their folders.

    Raises:
        FileNotFoundError: A folder or ``metrics.json`` does not exist.
        ValueError: A file is no result of an evaluation, or the results are of different benchmarks
            or protocols.
    """
    methods: list[tuple[Path, MethodResult]] = []
    for path in map(Path, paths):
        file = path if path.suffix == '.json' else path / METRICS_FILE
        methods += [(file.parent, method) for method in _read(file)]
    if not methods:
        raise ValueError('expected at least one result of an evaluation, got none')
    first = methods[0][1].scores
    for folder, method in methods:
        for key in ('benchmark', 'protocol'):
            if method.scores[key] != first[key]:
                raise ValueError(
                    f'{folder}: expected {key} {first[key]}, as of the first result, got '
                    f'{method.scores[key]}; report one {key} at a time'
                )
    return _name_uniquely(methods)


def _read(path: Path) -> list[MethodResult]:
    """The predictions of one ``metrics.json`` and the ``timelines.json`` beside it."""
    if not path.is_file():
        raise FileNotFoundError(
            f'{path} does not exist; expected a folder that evaluate has written with --out'
        )
    result = _decode(path)
    timelines = path.with_name(TIMELINES_FILE)
    stored = _decode(timelines).get('methods', {}) if timelines.is_file() else {}
    methods = []
    for run in [result, *result.get('others', ())]:
        _check(run, path)
        found = stored.get(run['name'], {})
        methods.append(
            MethodResult(
                run['name'], run, found.get('videos', {}), class_names=found.get('classes', {})
            )
        )
    return methods


def _decode(path: Path) -> dict[str, Any]:
    try:
        content = msgspec.json.decode(path.read_bytes())
    except msgspec.DecodeError as error:
        raise ValueError(f'{path}: expected JSON, got {error}; evaluate again') from error
    if not isinstance(content, dict):
        raise ValueError(f'{path}: expected an object, got a {type(content).__name__}')
    return content


def _check(run: Any, path: Path) -> None:
    """Check the fields that every report needs; all others may be missing.

    Raises:
        ValueError: A field is missing or has another type.
    """
    for key, kind in {'name': str, **_NEEDED}.items():
        value = run.get(key) if isinstance(run, dict) else None
        if not isinstance(value, kind):
            raise ValueError(
                f'{path}: {key}: expected a {kind.__name__}, got {type(value).__name__}; give a '
                f'folder that evaluate has written with --out'
            )


def _name_uniquely(methods: list[tuple[Path, MethodResult]]) -> list[MethodResult]:
    """Precede shared names by the folder, and number those that are still shared."""
    shared = Counter(method.name for _, method in methods)
    names = [
        f'{folder.resolve().name}/{method.name}' if shared[method.name] > 1 else method.name
        for folder, method in methods
    ]
    seen: Counter[str] = Counter()
    unique = []
    for name, (_, method) in zip(names, methods, strict=True):
        seen[name] += 1
        name = f'{name} ({seen[name]})' if seen[name] > 1 else name
        unique.append(
            MethodResult(name, method.scores, method.timelines, class_names=method.class_names)
        )
    return unique
