"""Score all videos of a benchmark, in one process or in several, in the order of the videos."""

import multiprocessing
from collections.abc import Iterator

from avis.evaluation.benchmarks.base import Benchmark, VideoScore
from avis.utils.memory import tune_malloc

_benchmark: Benchmark | None = None  # of a worker process


def score_videos(benchmark: Benchmark, *, workers: int = 1) -> Iterator[VideoScore]:
    """Score every video.

    Args:
        benchmark: The opened files.
        workers: Processes; 1 scores in this one. Started with ``spawn``: a script that uses more
            than one guards its entry with ``if __name__ == '__main__':``.

    Yields:
        One score per video, in their order, whatever the number of workers.
    """
    if workers < 1:
        raise ValueError(f'workers must be at least 1, got {workers}')
    videos = range(len(benchmark.videos))
    workers = min(workers, len(videos))
    if workers <= 1:
        yield from map(benchmark.score, videos)
        return
    context = multiprocessing.get_context('spawn')
    with context.Pool(workers, initializer=_take, initargs=(benchmark,)) as pool:
        yield from pool.imap(_score, videos, chunksize=1)


def _take(benchmark: Benchmark) -> None:
    global _benchmark
    _benchmark = benchmark
    tune_malloc()


def _score(index: int) -> VideoScore:
    if _benchmark is None:
        raise RuntimeError('the worker process was not given a benchmark')
    return _benchmark.score(index)
