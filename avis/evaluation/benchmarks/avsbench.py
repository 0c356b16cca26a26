"""AVSBench-object (S4, MS3): folders of 8-bit probability maps against ``gt_masks``.

Ground truth: ``gt_masks/<split>/[<category>/]<video>/<video>_<n>.png``; all pixels but 0 are
foreground. Prediction: one folder per video, at the same path or at the end of it (for example
``<video>``), with one PNG per frame; gray level / 255 is the probability of a sounding object.

Official numbers depend on the order of the clips. It is the order of ``s4_meta_data.csv`` or
``ms3_meta_data.csv`` if a folder above the ground truth contains it, else the order of the paths.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.benchmarks.base import Benchmark, BenchmarkVideo, Summary, VideoScore
from avis.evaluation.benchmarks.paths import check_folder, wrong_path
from avis.evaluation.benchmarks.png_folders import (
    find_clips,
    find_prediction,
    pair_paths,
    read_gt_masks,
    read_probabilities,
)
from avis.evaluation.benchmarks.problems import Problem, ProblemLog, Rule
from avis.evaluation.benchmarks.registry import BENCHMARKS
from avis.evaluation.functional.avsbench import ClipScores, pool_clips, score_clip
from avis.evaluation.functional.counts import EvalProtocol
from avis.evaluation.functional.resampling import resample_avsbench
from avis.utils.tables import read_rows

_SPLITS = {'train', 'val', 'test'}
_TABLES = ('s4_meta_data.csv', 'ms3_meta_data.csv')
_GT_PATHS = ('gt_masks', '*/gt_masks', '*/*/gt_masks')  # below the data set
_LEVELS_ABOVE = 4  # gt_masks/<split> is three folders below the table


@dataclass(frozen=True)
class ScoredClip:
    """One clip: its scores, and the highest gray level of its prediction."""

    scores: ClipScores
    highest: int


@BENCHMARKS.register_module(name='avsbench')
class AVSBenchBenchmark(Benchmark[ScoredClip]):
    """See the module docstring for the files.

    Args:
        gt: ``gt_masks``, or one split of it.
        pred: Folder of predictions.
        protocol: ``'official'`` or ``'corrected'``.
        batch_size: Clips per evaluation batch of the official protocol.
    """

    UNIT = 'fraction'
    RULES: ClassVar[Mapping[str, Rule]] = {
        # The authors score in memory, so most of these cannot happen to them.
        'missing_prediction': Rule('empty'),
        'missing_frame': Rule('empty'),
        'unreadable_prediction': Rule('empty'),
        'extra_frame': Rule('ignore'),
        'unknown_video': Rule('ignore'),
        'wrong_size': Rule('stop'),
        'not_probabilities': Rule('stop'),
        'unreadable_gt': Rule('stop'),
        'low_probabilities': Rule('keep'),
    }

    def __init__(
        self, gt: str | Path, pred: str | Path, *, protocol: EvalProtocol, batch_size: int = 4
    ) -> None:
        super().__init__(gt, pred, protocol=protocol)
        pool_clips(
            [], protocol=protocol, batch_size=batch_size
        )  # check the values before reading files
        self.batch_size = batch_size
        check_folder(self.pred, 'the predictions, <video>/<name>.png')
        _check_gt(self.gt)
        found = find_clips(self.pred)
        clips = _one_split(find_clips(self.gt), found, self.gt)
        table = _read_table(self.gt)
        order = {name: index for index, name in enumerate(table)}
        self._files = sorted(
            clips.items(), key=lambda item: (order.get(item[0].name, len(order)), item[0])
        )
        self._predicted = {clip: find_prediction(clip, found) for clip in clips}
        self._found = found
        self.videos = [
            BenchmarkVideo(clip.name, _attributes(clip, table.get(clip.name), len(names)))
            for clip, names in self._files
        ]
        for clip in sorted(found.keys() - set(self._predicted.values())):
            self.log.add('unknown_video', self.pred / clip, 'the ground truth has no such clip')

    def score(self, index: int) -> VideoScore[ScoredClip]:
        """Read, check and score one clip."""
        clip, names = self._files[index]
        log = self.new_log(clip.name)
        gt = read_gt_masks(self.gt / clip, names, log)
        if gt is None:
            return VideoScore(None, log.problems)
        folder = self._predicted[clip]
        found = [] if folder is None else self._found[folder]
        paths = pair_paths(names, self.pred / (folder or clip.name), found, log)
        prob = np.zeros(gt.shape, np.uint8)
        for row, path in enumerate(paths):
            if path is not None:
                _read_into(prob[row], path, log)
        scores = score_clip(prob, gt > 0)
        silent = int((~scores.sounding).sum())
        partial = ScoredClip(scores, int(prob.max(initial=0)))
        # Only the pooling of the clips depends on the protocol.
        return VideoScore(partial, log.problems, {'silent_frames': silent}, corrected=partial)

    def unpredicted(self) -> Sequence[str]:
        """Names of the clips without a predicted folder."""
        return [clip.name for clip, _ in self._files if self._predicted[clip] is None]

    def explain_gap(
        self,
        official: Sequence[ScoredClip],
        corrected: Sequence[ScoredClip],
        scores: Collection[str],
    ) -> Sequence[str]:
        """The evaluation batches, and those of them without a sounding object."""
        starts = range(0, len(official), self.batch_size)
        batches = [official[start : start + self.batch_size] for start in starts]
        silent = sum(not any(p.scores.sounding.any() for p in batch) for batch in batches)
        causes = [f'official averages over {len(batches)} batches of {self.batch_size} clips']
        if 'F_score' in scores:
            causes.append('each batch has its own threshold of F')
        if silent and 'F_score' in scores:
            causes.append(f'{silent} batches without a sounding object count as F 0')
        return causes

    def combine(self, partials: Sequence[ScoredClip]) -> Summary:
        """``miou`` and ``F_score``, in 0..1; with ``corrected`` also over sounding frames only."""
        clips = [partial.scores for partial in partials]
        scores = pool_clips(clips, protocol=self.protocol, batch_size=self.batch_size)
        return dict(scores.summary(self.protocol))

    def details(self, partials: Sequence[ScoredClip]) -> Mapping[str, Any]:
        """``miou`` and ``F_score`` of every evaluation batch; ``corrected`` has one batch."""
        clips = [partial.scores for partial in partials]
        scores = pool_clips(clips, protocol=self.protocol, batch_size=self.batch_size)
        return {'per_batch': scores.per_batch}

    def video_details(self, partial: ScoredClip) -> Mapping[str, Any]:
        """``miou`` and the best F of each frame; F is NaN where no object sounds."""
        return {'miou': partial.scores.jaccard, 'max_F': partial.scores.max_f}

    def resample(
        self, partials: Sequence[ScoredClip], draws: NDArray[np.int64]
    ) -> Mapping[str, NDArray[np.float64]]:
        """The scores of many draws of clips."""
        clips = [partial.scores for partial in partials]
        return resample_avsbench(clips, draws, protocol=self.protocol, batch_size=self.batch_size)

    def review(self, partials: Sequence[ScoredClip]) -> Sequence[Problem]:
        """Report predictions that contain class indices instead of probabilities."""
        log = self.new_log()
        if max((partial.highest for partial in partials), default=0) == 1:
            message = 'no gray level above 1, so every probability is below 0.004: save 255 * p'
            log.add('low_probabilities', self.pred, message)
        return log.problems


def _read_into(prob: NDArray[np.uint8], path: Path, log: ProblemLog) -> None:
    image = read_probabilities(path, log)
    if image is not None and image.shape != prob.shape:
        log.add('wrong_size', path, f'{image.shape} (H, W), the ground truth has {prob.shape}')
    elif image is not None:
        prob[:] = image


def _check_gt(gt: Path) -> None:
    """Check that a path may be ``gt_masks`` or one split of it, and not the data set."""
    expected = 'gt_masks or one split of it, such as gt_masks/test'
    root = gt.parent if gt.is_file() else gt
    inside = [path for pattern in _GT_PATHS for path in sorted(root.glob(pattern))]
    check_folder(gt, expected, inside)
    if inside and 'gt_masks' not in gt.resolve().parts:
        raise wrong_path(gt, 'is not a folder of masks', expected, inside)


def _one_split(
    clips: dict[PurePath, list[str]], found: Mapping[PurePath, Any], gt: Path
) -> dict[PurePath, list[str]]:
    """The clips of the predicted splits, if the ground truth contains several."""
    if not clips:
        raise FileNotFoundError(
            f'{gt} contains no PNG files; expected <video>/<video>_<n>.png below it'
        )
    splits = {clip.parts[0] for clip in clips if len(clip.parts) > 1} & _SPLITS
    if len(splits) < 2:
        return clips
    chosen = splits & {clip.parts[0] for clip in found if len(clip.parts) > 1}
    if not chosen:
        raise ValueError(
            f'{gt} contains the splits {sorted(splits)}, and the paths of the predictions do not '
            f'name one; pass one split, for example {gt / "test"}'
        )
    return {clip: names for clip, names in clips.items() if clip.parts[0] in chosen}


def _read_table(gt: Path) -> dict[str, list[str]]:
    """The rows of the CSV file above the ground truth, by video name, in the order of the file."""
    folder = gt.resolve()
    for above in [folder, *folder.parents][:_LEVELS_ABOVE]:
        for name in _TABLES:
            if (above / name).is_file():
                return {row[0]: row for row in read_rows(above / name)[1:] if row}
    return {}


def _attributes(clip: PurePath, row: Sequence[str] | None, length: int) -> dict[str, Any]:
    """Columns of S4: name, start, category, split; of MS3: name, split."""
    attributes: dict[str, Any] = {'length': length}
    if row is not None and len(row) >= 4:
        attributes['category'] = row[2]
    elif len(clip.parts) > 1 and clip.parts[-2] not in _SPLITS:
        attributes['category'] = clip.parts[-2]
    return attributes
