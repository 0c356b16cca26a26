"""Score the prediction files of any method on a benchmark, without torch and mmengine."""

import contextlib
import inspect
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from avis import __version__
from avis.evaluation.benchmarks.base import Benchmark
from avis.evaluation.benchmarks.breakdown import ScoredVideos, break_down, compare
from avis.evaluation.benchmarks.own_results import as_submission
from avis.evaluation.benchmarks.predictions import Predictions, name_predictions
from avis.evaluation.benchmarks.problems import (
    EvaluationStopped,
    Problem,
    count_problems,
    list_problems,
)
from avis.evaluation.benchmarks.protocol_gap import find_gap
from avis.evaluation.benchmarks.registry import BENCHMARKS
from avis.evaluation.benchmarks.report import write_result
from avis.evaluation.benchmarks.running import check_workers, score_benchmark
from avis.evaluation.benchmarks.timeline_file import write_timelines
from avis.evaluation.functional.counts import EvalProtocol, check_protocol
from avis.evaluation.functional.diagnosis import VideoDiagnosis
from avis.utils.atomic import check_writable
from avis.utils.folder_lock import folder_lock
from avis.utils.parallel import show_progress

_PACKAGES = ('numpy', 'scipy', 'pycocotools', 'pillow', 'zlib-ng', 'msgspec')
_SHARED = {'self', 'gt', 'pred', 'protocol'}


def evaluate(  # noqa: PLR0913 - one call is the whole tool
    benchmark: str,
    gt: str | Path,
    pred: Predictions,
    *,
    protocol: EvalProtocol = 'official',
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
        benchmark: ``'avtrack'``, ``'aviseg'``, ``'youtube_vis'``, ``'avsbench'``, ``'avss'``,
            ``'ava'``, ``'diarization'``, ``'refavs'``, ``'referring'``, ``'vggss'``,
            ``'flickr_soundnet'``, ``'davis'``, ``'mot'``, or the name of a benchmark that a module
            of yours registers. The modules of :mod:`avis.evaluation.benchmarks` describe the files
            that each reads.
        gt: The ground truth in the official layout.
        pred: The prediction in the submission layout of the benchmark, or for tracks the output
            folder of an inference, with ``<video>/results.json``; a list, or a mapping from
            names to paths, compares each further one with the first.
        protocol: ``'official'`` reproduces the numbers of the authors' code, ``'corrected'``
            computes what the paper describes.
        workers: Processes that score videos.
        by: Attribute of the videos whose values become rows, each with a bootstrap interval.
        diagnose: Decompose the errors of instance tasks into who, where and same; with ``by``
            also for each value.
        strict: Raise an error if the files have any problem at all.
        full: Add every score of each video by class and threshold, ``details['per_video']``.
        out: Folder for ``metrics.json``, ``per_video.csv``, ``tables.md`` and, with ``diagnose``,
            ``timelines.json``.
        options: Further arguments of the benchmark: ``batch_size`` of avsbench (4), ``split`` of
            avss, vpo and vggss ('test'), ``num_classes`` of vpo (22), ``variant`` of vggss
            ('ez_vsl'), ``with_jf`` of avtrack (True), ``threshold`` of ava (0.5), ``collar``,
            ``skip_overlap``, ``uem``, ``offsets`` and ``scorer`` of diarization, ``split``,
            ``batch_size`` (4) and ``resize`` (True) of refavs, ``task`` of davis
            ('semi_supervised'), ``split_file`` of youmvos (all videos).

    Returns:
        ``name``, ``benchmark``, ``protocol``, ``summary`` (the numbers, flat), ``unit`` of its
        scores ('percent', 'fraction' or 'number'), ``headline`` (keys of the main numbers),
        ``per_video`` (by name), ``num_videos`` that count, ``skipped`` and ``unpredicted`` (names),
        ``problems`` and ``problem_counts``, ``details``, ``attributes`` of the videos, ``options``,
        ``versions``; with ``out`` the 95 % bootstrap ``intervals`` of the summary; ``breakdown``
        and ``by``; ``diagnosis``; ``protocol_gap`` if the official
        scores differ by more than 5 points from the corrected ones; with several predictions
        ``others``, the results of the further ones, each with its ``comparison`` with the first.

    Raises:
        FileNotFoundError: A folder or file does not exist.
        BlockingIOError: Another process evaluates into ``out``.
        EvaluationStopped: A ValueError that lists every problem of the files, if the protocol
            cannot continue with one of them.
        ValueError: Unknown benchmark, protocol, option or attribute.
    """
    _check_arguments(benchmark, protocol, options)
    preds = name_predictions(pred)
    check_workers(workers)
    kind = BENCHMARKS.get(benchmark)
    if diagnose and not kind.DIAGNOSED:
        raise ValueError(f'{benchmark} has no tracks, which diagnose=True needs')
    runs = []
    with contextlib.nullcontext() if out is None else _reserve(out):
        for name, path in preds.items():
            with (
                as_submission(benchmark, gt, path) as submission,
                kind(gt, submission, protocol=protocol, **options) as opened,
            ):
                opened.diagnose = diagnose
                scored, found = _run(opened, workers=workers, strict=strict, full=full)
            found = {'name': name, **found, 'pred': str(path), 'options': options}
            if by is not None:
                found |= {'by': by, 'breakdown': break_down(scored, by)}
            if out is not None:
                found['intervals'] = _intervals(scored, found)
            runs.append((scored, found))
        first, result = runs[0]
        if len(runs) > 1:
            result['others'] = [
                {**found, 'comparison': _compare(first, scored)} for scored, found in runs[1:]
            ]
        if out is not None:
            write_result(result, out)
            write_timelines({found['name']: scored for scored, found in runs}, out)
    return result


@contextlib.contextmanager
def _reserve(out: str | Path) -> Iterator[None]:
    """Check the folder of the results before the work, and keep other evaluations out of it."""
    check_writable(out)
    with folder_lock(out):
        yield


def _run(
    benchmark: Benchmark, *, workers: int, strict: bool, full: bool
) -> tuple[ScoredVideos, dict[str, Any]]:
    """Score all videos of one prediction."""
    scores = show_progress(
        score_benchmark(benchmark, workers=workers),
        f'{benchmark.NAME} {benchmark.pred.name}',
        len(benchmark.videos),
        transient=True,
    )
    problems: list[Problem] = list(benchmark.log.problems)
    partials: dict[str, Any] = {}
    attributes: list[Mapping[str, Any]] = []
    diagnoses: list[VideoDiagnosis | None] = []
    corrected: list[Any] = []
    for video, score in zip(benchmark.videos, scores, strict=True):
        problems += score.problems
        if score.partial is not None:
            partials[video.name] = score.partial
            attributes.append({**video.attributes, **score.attributes})
            diagnoses.append(score.diagnosis)
        if score.corrected is not None:
            corrected.append(score.corrected)
    if partials:
        problems += benchmark.review(list(partials.values()))
    if any(problem.effect == 'stop' for problem in problems) or (strict and problems):
        raise EvaluationStopped(benchmark.NAME, benchmark.protocol, problems)
    if not partials:
        raise ValueError('\n'.join(['no video can be scored:', *list_problems(problems)]))
    scored = ScoredVideos(benchmark, list(partials.values()), attributes, diagnoses)
    result = _describe(benchmark, scored, list(partials), problems)
    result |= scored.diagnose(range(len(partials)))
    gap = find_gap(
        benchmark, result['summary'], scored.partials, corrected, result['problem_counts']
    )
    if gap is not None:
        result['protocol_gap'] = gap
    if full:
        videos = {name: benchmark.video_details(partial) for name, partial in partials.items()}
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
        'summary': benchmark.combine(scored.partials),
        'unit': benchmark.UNIT,
        'headline': list(benchmark.HEADLINE),
        'num_videos': len(names),
        'skipped': [video.name for video in benchmark.videos if video.name not in counted],
        'unpredicted': list(benchmark.unpredicted()),
        'problem_counts': count_problems(problems),
        'problems': problems,
        'per_video': {
            name: benchmark.summarize_video(partial)
            for name, partial in zip(names, scored.partials, strict=True)
        },
        'attributes': dict(zip(names, scored.attributes, strict=True)),
        'details': benchmark.details(scored.partials),
        'versions': {
            'avis': __version__,
            'python': platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
    }


def _intervals(scored: ScoredVideos, found: Mapping[str, Any]) -> Mapping[str, tuple[float, float]]:
    """The intervals of the summary, which the first row of a breakdown has too."""
    if 'breakdown' in found:
        return found['breakdown'][0]['intervals']
    return scored.intervals(range(len(scored.partials)))


def _compare(first: ScoredVideos, second: ScoredVideos) -> dict[str, Any]:
    if len(first.partials) != len(second.partials):
        raise ValueError(
            f'{first.benchmark.pred} has scores for {len(first.partials)} videos, '
            f'{second.benchmark.pred} for {len(second.partials)}: they cannot be compared in pairs'
        )
    return compare(first, second)


def _check_arguments(benchmark: str, protocol: str, options: Mapping[str, Any]) -> None:
    kind = BENCHMARKS.get(benchmark)
    check_protocol(protocol)
    known = set(inspect.signature(kind).parameters) - _SHARED
    for name in options:
        if name not in known:
            raise ValueError(f'{benchmark} has no option {name!r}, it has {sorted(known)}')
