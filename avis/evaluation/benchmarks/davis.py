"""DAVIS 2017 and sets of its layout: J&F of label images.

Ground truth: a folder ``<sequence>/%05d.png``, such as ``Annotations/480p``, whose pixels are the
index of an object, 0 for background and 255 for void. Output: the same folders and file names.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.benchmarks.base import Benchmark, BenchmarkVideo, Summary, VideoScore
from avis.evaluation.benchmarks.paths import check_folder
from avis.evaluation.benchmarks.png_folders import list_folders, list_pngs, read_or_log
from avis.evaluation.benchmarks.problems import ProblemLog, Rule
from avis.evaluation.benchmarks.registry import BENCHMARKS
from avis.evaluation.functional.counts import EvalProtocol
from avis.evaluation.functional.davis import DAVISTask, ObjectScores, pool_objects, score_sequence
from avis.utils.png import read_png_mask

SequenceScores: TypeAlias = dict[int, ObjectScores]


@BENCHMARKS.register_module(name='davis')
class DAVISBenchmark(Benchmark[SequenceScores]):
    """Mean, recall and decay of J and F over objects, in 0..1.

    Args:
        gt: Folder of the sequences.
        pred: Folder of the output.
        protocol: ``'official'`` or ``'corrected'``, see :mod:`avis.evaluation.functional.davis`.
        task: ``'semi_supervised'`` or ``'unsupervised'``.
    """

    HEADLINE = ('J&F', 'J_mean', 'F_mean')
    UNIT = 'fraction'
    RULES: ClassVar[Mapping[str, Rule]] = {
        'missing_prediction': Rule('stop', 'empty'),
        'missing_frame': Rule('stop', 'empty'),
        'unknown_sequence': Rule('ignore', 'ignore'),
        'unreadable_gt': Rule('stop'),
        'unreadable_prediction': Rule('stop'),
        'bad_indices': Rule('stop'),
    }

    def __init__(
        self,
        gt: str | Path,
        pred: str | Path,
        *,
        protocol: EvalProtocol,
        task: DAVISTask = 'semi_supervised',
    ) -> None:
        super().__init__(gt, pred, protocol=protocol)
        if task not in ('semi_supervised', 'unsupervised'):
            raise ValueError(f"task must be 'semi_supervised' or 'unsupervised', got {task!r}")
        self.task: DAVISTask = task
        check_folder(self.gt, 'label images, <sequence>/00000.png')
        check_folder(self.pred, 'the output, <sequence>/00000.png')
        folders = [path for path in list_folders(self.gt) if list_pngs(path)]
        if not folders:
            raise FileNotFoundError(f'{self.gt}: expected <sequence>/00000.png in it')
        self.videos = [
            BenchmarkVideo(path.name, {'length': len(list_pngs(path))}) for path in folders
        ]
        names = {path.name for path in folders}
        for path in list_folders(self.pred):
            if path.name not in names:
                self.log.add('unknown_sequence', path, 'the ground truth has no such sequence')

    def score(self, index: int) -> VideoScore[SequenceScores]:
        """Read, check and score one sequence."""
        name = self.videos[index].name
        log = self.new_log(name)
        if not (self.pred / name).is_dir():
            log.add('missing_prediction', self.pred / name, 'no such folder')
        files = self.scored_files(name)
        partial: SequenceScores | None = None
        try:
            partial = score_sequence(
                self._frames(name, files, log),
                num_frames=len(files),
                task=self.task,
                protocol=self.protocol,
            )
        except ValueError as error:
            log.add('bad_indices', self.pred / name, str(error))
        return VideoScore(None if log.stopped else partial, log.problems)

    def unpredicted(self) -> Sequence[str]:
        """Names of the sequences without a folder."""
        names = [video.name for video in self.videos]
        return [name for name in names if not (self.pred / name).is_dir()]

    def combine(self, partials: Sequence[SequenceScores]) -> Summary:
        """Means over the objects of all sequences."""
        videos = {str(number): partial for number, partial in enumerate(partials)}
        return dict(pool_objects(videos, protocol=self.protocol))

    def video_details(self, partial: SequenceScores) -> Mapping[str, Any]:
        """J and F of every object in each scored frame."""
        return {
            str(number): {'J': scores.jaccard, 'F': scores.boundary}
            for number, scores in partial.items()
        }

    def scored_files(self, name: str) -> list[str]:
        """Names of the label images of a sequence that are scored."""
        return list_pngs(self.gt / name)

    def _frames(
        self, name: str, files: Sequence[str], log: ProblemLog
    ) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """Ground truth and output of each frame; a missing file is an empty output."""
        there = set(list_pngs(self.pred / name))
        for file in files:
            gt, _ = read_or_log(read_png_mask, self.gt / name / file, log, 'unreadable_gt')
            if gt is None:
                continue
            pred: NDArray[Any] | None = np.zeros_like(gt)
            path = self.pred / name / file
            if file in there:
                pred, _ = read_or_log(read_png_mask, path, log, 'unreadable_prediction')
            elif there:
                log.add('missing_frame', path, 'no such file')
            yield gt, np.zeros_like(gt) if pred is None else pred
