"""A benchmark: the files of a truth and of a prediction, read and scored video by video.

Start reading at :class:`Benchmark`. Opening one reads lists of files and places in files, never
pixels or masks; :meth:`Benchmark.score` turns one video into a *piece*, a few small arrays;
:meth:`Benchmark.combine` turns pieces into the numbers. So memory does not follow the number of
videos, videos may be scored by several processes, and any choice of videos can be combined again.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.benchmarks.problems import Problem, ProblemLog, Rule
from avis.evaluation.functional.counts import Protocol
from avis.evaluation.functional.diagnosis import Average, VideoDiagnosis

PartialScore = TypeVar('PartialScore')
Summary = dict[str, Any]


@dataclass(frozen=True)
class Video:
    """One video of a benchmark.

    Attributes:
        name: Its name on disk.
        attributes: What the files say of it: challenging conditions, genre, length and so on.
    """

    name: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class VideoScore(Generic[PartialScore]):
    """One scored video.

    Attributes:
        piece: What :meth:`Benchmark.combine` needs of it; None if the video does not count.
        problems: What was wrong with its files.
        attributes: What only its pixels tell, added to those of the video.
        diagnosis: What the diagnosis needs of it, if it was asked for.
    """

    piece: PartialScore | None
    problems: Sequence[Problem] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    diagnosis: VideoDiagnosis | None = None


class Benchmark(ABC, Generic[PartialScore]):
    """Files of a truth and of a prediction. It is pickled once for each worker process.

    Args:
        gt: Where the truth is.
        pred: Where the prediction is.
        protocol: ``'official'`` or ``'corrected'``.

    Attributes:
        videos: The videos of the truth, in the order in which their pieces are combined.
        log: Problems of the files as a whole.
        diagnose: Let :meth:`score` also count what a diagnosis needs, where ``DIAGNOSED``.
        classes: The classes of the diagnosis; ``AVERAGE`` tells what its HOTA is the mean over.
    """

    NAME: ClassVar[str]
    RULES: ClassVar[Mapping[str, Rule]]
    # The scores that tables with many rows show; all if empty.
    HEADLINE: ClassVar[Sequence[str]] = ()
    DIAGNOSED: ClassVar[bool] = False
    AVERAGE: ClassVar[Average] = 'classes'

    def __init__(self, gt: str | Path, pred: str | Path, *, protocol: Protocol) -> None:
        self.gt, self.pred, self.protocol = Path(gt), Path(pred), protocol
        self.videos: list[Video] = []
        self.log = self.new_log()
        self.diagnose = False
        self.classes: Sequence[int] = (0,)

    def new_log(self, video: str = '') -> ProblemLog:
        """An empty log for what is found about one video, or about the files as a whole."""
        return ProblemLog(self.RULES, self.protocol, video)

    @abstractmethod
    def score(self, index: int) -> VideoScore[PartialScore]:
        """Read, check and score one video."""

    @abstractmethod
    def combine(self, pieces: Sequence[PartialScore]) -> Summary:
        """The numbers of a set of videos, in the order of the videos."""

    def describe(self, piece: PartialScore) -> Summary:
        """The numbers of one video."""
        return self.combine([piece])

    def details(self, pieces: Sequence[PartialScore]) -> Mapping[str, Any]:
        """More numbers than the summary has: arrays by name, nested."""
        return {}

    def details_of(self, piece: PartialScore) -> Mapping[str, Any]:
        """All numbers of one video that its scorer has, by class, threshold or frame."""
        return {}

    def review(self, pieces: Sequence[PartialScore]) -> Sequence[Problem]:
        """Problems that show only when all videos are read."""
        return ()

    def resample(
        self, pieces: Sequence[PartialScore], draws: NDArray[np.int64]
    ) -> Mapping[str, NDArray[np.float64]]:
        """The scores of R sets of videos drawn from the pieces.

        Args:
            pieces: One per video.
            draws: Places in ``pieces``, (R, N).

        Returns:
            Each score of :meth:`combine`, (R,), without those that are counts; NaN where a score
            is undefined.
        """
        rows = [self.combine([pieces[place] for place in draw]) for draw in draws.tolist()]
        return {key: np.array([row[key] for row in rows], float) for key in rows[0]}

    def close(self) -> None:
        """Delete temporary files."""

    def __enter__(self) -> 'Benchmark[PartialScore]':
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
