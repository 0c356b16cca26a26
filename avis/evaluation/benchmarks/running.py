"""Score all videos of a benchmark, in one process or in several, in the order of the videos."""

from collections.abc import Iterator

from avis.evaluation.benchmarks.base import Benchmark, VideoScore
from avis.utils.memory import tune_malloc
from avis.utils.parallel import map_in_workers

_benchmark: Benchmark | None = None  # set in worker processes


def check_workers(workers: int) -> None:
    """Check a number of processes.

    Raises:
        ValueError: It is not positive.
    """
    if workers < 1:
        raise ValueError(f'workers must be at least 1, got {workers}')


def score_benchmark(benchmark: Benchmark, *, workers: int = 1) -> Iterator[VideoScore]:
    """Score every video.

    Args:
        benchmark: The benchmark.
        workers: Number of processes; 1 scores in this process. They are started with ``spawn``, so
            a script that uses more needs the guard ``if __name__ == '__main__':``.

    Yields:
        One score per video, in the order of the videos for any number of workers.
    """
    check_workers(workers)
    videos = range(len(benchmark.videos))
    workers = min(workers, len(videos))
    if workers <= 1:
        yield from map(benchmark.score, videos)
        return
    yield from map_in_workers(
        _score, videos, processes=workers, start=_set_benchmark, start_args=(benchmark,)
    )


def _set_benchmark(benchmark: Benchmark) -> None:
    global _benchmark
    _benchmark = benchmark
    tune_malloc()


def _score(index: int) -> VideoScore:
    if _benchmark is None:
        raise RuntimeError('the worker process has no benchmark')
    return _benchmark.score(index)
