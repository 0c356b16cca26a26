"""Score the files of anybody's method on a benchmark. Without torch and without mmengine."""

import importlib
import inspect
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from rich.console import Console
from rich.progress import track

from avis import __version__
from avis.evaluation.benchmarks.base import Benchmark
from avis.evaluation.benchmarks.breakdown import ScoredVideos, break_down, compare
from avis.evaluation.benchmarks.problems import (
    EvaluationStopped,
    Problem,
    count_problems,
    list_problems,
)
from avis.evaluation.benchmarks.report import write_result
from avis.evaluation.benchmarks.running import score_videos
from avis.evaluation.functional.counts import Protocol, check_protocol
from avis.evaluation.functional.diagnosis import VideoDiagnosis

BenchmarkName: TypeAlias = Literal['avtrack', 'aviseg', 'youtube_vis', 'avsbench', 'avss']
_CLASSES = {
    'avtrack': 'avtrack:AVTrack',
    'aviseg': 'vis:AVISeg',
    'youtube_vis': 'vis:YouTubeVIS',
    'avsbench': 'avsbench:AVSBench',
    'avss': 'avss:AVSS',
}
_PACKAGES = ('numpy', 'scipy', 'pycocotools', 'pillow', 'zlib-ng', 'msgspec')
_SHARED = {'self', 'gt', 'pred', 'protocol'}


def evaluate(  # noqa: PLR0913 - one call is the whole tool
    benchmark: BenchmarkName,
    gt: str | Path,
    pred: str | Path | Sequence[str | Path],
    *,
    protocol: Protocol = 'official',
    workers: int = 1,
    by: str | None = None,
    diagnose: bool = False,
    strict: bool = False,
    full: bool = False,
    out: str | Path | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Score predictions on disk, video by video.

    Args:
        benchmark: Its name; :mod:`avis.evaluation.benchmarks` has a module for each that tells
            what files it reads.
        gt: The truth in the official layout.
        pred: The predictions in the layout of the benchmark's submissions; a list of two compares
            them.
        protocol: ``'official'`` gives the numbers of the authors' code, ``'corrected'`` those of a
            careful evaluation.
        workers: Processes that score videos.
        by: Attribute of the videos whose values become rows, each with a bootstrap interval.
        diagnose: Decompose the errors of instance tasks into who, where and same; with ``by`` of
            each value too.
        strict: Refuse to score if anything at all is wrong with the files.
        full: Give every score of each video by class and threshold too, ``details['per_video']``.
        out: Folder for ``metrics.json`` and ``per_video.csv``.
        options: ``batch_size`` of avsbench (4), ``split`` of avss ('test'), ``with_jf`` of avtrack
            (True).

    Returns:
        ``benchmark``, ``protocol``, ``summary`` (the numbers, flat), ``headline`` (the keys of its
        main ones), ``per_video`` (by name),
        ``num_videos`` that count, ``skipped`` names, ``problems`` and ``problem_counts``,
        ``details``, ``attributes`` of the videos, ``options``, ``versions``; ``breakdown`` and
        ``by``, ``diagnosis``, and with two predictions ``second`` (its result) and ``comparison``.

    Raises:
        FileNotFoundError: A folder or file does not exist.
        EvaluationStopped: A ValueError that lists everything that is wrong with the files, if the
            protocol cannot go on with one of it.
        ValueError: Unknown benchmark, protocol, option or attribute.
    """
    _check_arguments(benchmark, protocol, options)
    preds = [pred] if isinstance(pred, str | Path) else list(pred)
    if len(preds) not in (1, 2):
        raise ValueError(f'one prediction or two to compare, got {len(preds)}')
    kind = _class_of(benchmark)
    if diagnose and not kind.DIAGNOSED:
        raise ValueError(f'{benchmark} has no tracks to diagnose')
    runs = []
    for path in preds:
        with kind(gt, path, protocol=protocol, **options) as opened:
            opened.diagnose = diagnose
            runs.append(_run(opened, workers=workers, strict=strict, full=full))
    scored, result = runs[0]
    result['options'] = options
    if by is not None:
        result |= {'by': by, 'breakdown': break_down(scored, by)}
    if len(runs) == 2:
        result |= {'second': runs[1][1], 'comparison': _compare(*(run[0] for run in runs))}
    if out is not None:
        write_result(result, out)
    return result


def _run(
    benchmark: Benchmark, *, workers: int, strict: bool, full: bool
) -> tuple[ScoredVideos, dict[str, Any]]:
    """Score all videos of one prediction."""
    console = Console(stderr=True)
    scores = track(
        score_videos(benchmark, workers=workers),
        description=f'{benchmark.NAME} {benchmark.pred.name}',
        total=len(benchmark.videos),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    problems: list[Problem] = list(benchmark.log.problems)
    pieces: dict[str, Any] = {}
    attributes: list[Mapping[str, Any]] = []
    diagnoses: list[VideoDiagnosis | None] = []
    for video, score in zip(benchmark.videos, scores, strict=True):
        problems += score.problems
        if score.piece is not None:
            pieces[video.name] = score.piece
            attributes.append({**video.attributes, **score.attributes})
            diagnoses.append(score.diagnosis)
    if pieces:
        problems += benchmark.review(list(pieces.values()))
    if any(problem.effect == 'stop' for problem in problems) or (strict and problems):
        raise EvaluationStopped(benchmark.NAME, benchmark.protocol, problems)
    if not pieces:
        raise ValueError('\n'.join(['no video can be scored:', *list_problems(problems)]))
    scored = ScoredVideos(benchmark, list(pieces.values()), attributes, diagnoses)
    result = _describe(benchmark, scored, list(pieces), problems)
    result |= scored.diagnose(range(len(pieces)))
    if full:
        videos = {name: benchmark.details_of(piece) for name, piece in pieces.items()}
        result['details'] = {**result['details'], 'per_video': videos}
    return scored, result


def _describe(
    benchmark: Benchmark, scored: ScoredVideos, names: list[str], problems: list[Problem]
) -> dict[str, Any]:
    """The result of one prediction."""
    counted = set(names)
    return {
        'benchmark': benchmark.NAME,
        'protocol': benchmark.protocol,
        'gt': str(benchmark.gt),
        'pred': str(benchmark.pred),
        'summary': benchmark.combine(scored.pieces),
        'headline': list(benchmark.HEADLINE),
        'num_videos': len(names),
        'skipped': [video.name for video in benchmark.videos if video.name not in counted],
        'problem_counts': count_problems(problems),
        'problems': problems,
        'per_video': {
            name: benchmark.describe(piece)
            for name, piece in zip(names, scored.pieces, strict=True)
        },
        'attributes': dict(zip(names, scored.attributes, strict=True)),
        'details': benchmark.details(scored.pieces),
        'versions': {
            'avis': __version__,
            'python': platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
    }


def _compare(first: ScoredVideos, second: ScoredVideos) -> dict[str, Any]:
    if len(first.pieces) != len(second.pieces):
        raise ValueError(
            f'{first.benchmark.pred} has scores for {len(first.pieces)} videos, '
            f'{second.benchmark.pred} for {len(second.pieces)}: they cannot be compared in pairs'
        )
    return compare(first, second)


def _class_of(benchmark: str) -> type[Benchmark]:
    module, name = _CLASSES[benchmark].split(':')
    kind: type[Benchmark] = getattr(
        importlib.import_module(f'avis.evaluation.benchmarks.{module}'), name
    )
    return kind


def _check_arguments(benchmark: str, protocol: str, options: Mapping[str, Any]) -> None:
    if benchmark not in get_args(BenchmarkName):
        raise ValueError(f'benchmark must be one of {get_args(BenchmarkName)}, got {benchmark!r}')
    check_protocol(protocol)
    known = set(inspect.signature(_class_of(benchmark)).parameters) - _SHARED
    for name in options:
        if name not in known:
            raise ValueError(f'{benchmark} has no option {name!r}, it has {sorted(known)}')
