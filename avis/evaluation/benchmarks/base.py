"""Interface of a benchmark: the files of ground truth and prediction, scored video by video.

Start reading at :class:`Benchmark`. The constructor reads lists of files and offsets in files, not
pixels or masks; :meth:`Benchmark.score` turns one video into a *partial score*, a few small arrays;
:meth:`Benchmark.combine` turns partial scores into the numbers. So memory does not grow with the
masks of all videos, several processes can score videos, and any subset of videos can be combined.

A benchmark of your own is a subclass that is registered by name::

    @BENCHMARKS.register_module(name='my_benchmark')
    class MyBenchmark(Benchmark[MyCounts]): ...
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.benchmarks.problems import Problem, ProblemLog, Rule
from avis.evaluation.functional.counts import EvalProtocol
from avis.evaluation.functional.diagnosis import Average, VideoDiagnosis

PartialScore = TypeVar('PartialScore')
Summary = dict[str, Any]
# What the scores of a summary are; integers are counts in any case.
Unit: TypeAlias = Literal['percent', 'fraction', 'number']


@dataclass(frozen=True)
class BenchmarkVideo:
    """One video of a benchmark.

    Attributes:
        name: Its name on disk.
        attributes: Attributes from the files: challenging conditions, genre, length and so on.
    """

    name: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class VideoScore(Generic[PartialScore]):
    """One scored video.

    Attributes:
        partial: Its partial score for :meth:`Benchmark.combine`; None if the video does not count.
        problems: Problems of its files.
        attributes: Attributes computed from its pixels, added to those of the video.
        diagnosis: Its counts for the diagnosis, if requested.
        corrected: Its partial score under the corrected protocol, if ``partial`` is official and
            the other costs little.
    """

    partial: PartialScore | None
    problems: Sequence[Problem] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    diagnosis: VideoDiagnosis | None = None
    corrected: PartialScore | None = None


class Benchmark(ABC, Generic[PartialScore]):
    """The files of a ground truth and of a prediction. It is pickled once per worker process.

    Args:
        gt: File or folder of the ground truth.
        pred: File or folder of the prediction.
        protocol: ``'official'`` or ``'corrected'``.

    Attributes:
        NAME: The name in the registry, set by ``BENCHMARKS.register_module``.
        RULES: What each protocol does about each kind of problem.
        HEADLINE: The scores of tables with many rows; all scores if empty.
        UNIT: Unit of the scores of :meth:`combine`; tables show fractions in percent.
        DIAGNOSED: Whether :meth:`score` can count what the diagnosis needs.
        AVERAGE: What HOTA of the diagnosis is averaged over.
        videos: The videos of the ground truth, in the order in which :meth:`combine` expects them.
        log: Problems of the files that concern no single video.
        diagnose: Whether :meth:`score` also counts what the diagnosis needs.
        classes: The class ids of the diagnosis.
        class_names: The names of the classes by id, if the files have them.
    """

    NAME: ClassVar[str] = ''
    RULES: ClassVar[Mapping[str, Rule]]
    HEADLINE: ClassVar[Sequence[str]] = ()
    UNIT: ClassVar[Unit] = 'number'
    DIAGNOSED: ClassVar[bool] = False
    AVERAGE: ClassVar[Average] = 'classes'

    def __init__(self, gt: str | Path, pred: str | Path, *, protocol: EvalProtocol) -> None:
        self.gt, self.pred, self.protocol = Path(gt), Path(pred), protocol
        self.videos: list[BenchmarkVideo] = []
        self.log = self.new_log()
        self.diagnose = False
        self.classes: Sequence[int] = (0,)
        self.class_names: Mapping[int, str] = {}

    def new_log(self, video: str = '') -> ProblemLog:
        """An empty log for the problems of one video, or of the files as a whole."""
        return ProblemLog(self.RULES, self.protocol, video)

    @abstractmethod
    def score(self, index: int) -> VideoScore[PartialScore]:
        """Read, check and score one video."""

    @abstractmethod
    def combine(self, partials: Sequence[PartialScore]) -> Summary:
        """The summary of a set of videos, given in the order of :attr:`videos`."""

    def summarize_video(self, partial: PartialScore) -> Summary:
        """The summary of one video."""
        return self.combine([partial])

    def details(self, partials: Sequence[PartialScore]) -> Mapping[str, Any]:
        """Numbers beyond the summary: nested mappings of arrays by name."""
        return {}

    def video_details(self, partial: PartialScore) -> Mapping[str, Any]:
        """All numbers of one video, by class, threshold or frame."""
        return {}

    def unpredicted(self) -> Sequence[str]:
        """Names of the videos without any file or entry of the prediction."""
        return ()

    def explain_gap(
        self,
        official: Sequence[PartialScore],
        corrected: Sequence[PartialScore],
        scores: Collection[str],
    ) -> Sequence[str]:
        """Why official scores differ from the corrected ones: a clause for each cause.

        Args:
            official: Partial scores of all videos that count under ``official``.
            corrected: The same under ``corrected``, of the videos that count there.
            scores: Names of the scores that differ.
        """
        return ()

    def review(self, partials: Sequence[PartialScore]) -> Sequence[Problem]:
        """Problems that only the scores of all videos reveal."""
        return ()

    def resample(
        self, partials: Sequence[PartialScore], draws: NDArray[np.int64]
    ) -> Mapping[str, NDArray[np.float64]]:
        """The scores of R sets of videos, drawn for a bootstrap.

        Args:
            partials: One partial score per video.
            draws: Positions in ``partials``, (R, N).

        Returns:
            Each score of :meth:`combine`, (R,), without counts; NaN where a score is undefined.
        """
        rows = [self.score_draw([partials[index] for index in draw]) for draw in draws.tolist()]
        return {key: np.array([row[key] for row in rows], float) for key in rows[0]}

    def score_draw(self, partials: Sequence[PartialScore]) -> Summary:
        """The scores of one set of :meth:`resample`: those of :meth:`combine` that are fast."""
        return self.combine(partials)

    def close(self) -> None:
        """Delete temporary files."""

    def __enter__(self) -> 'Benchmark[PartialScore]':
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
