"""AVSBench-object (S4, MS3): folders of 8-bit probability maps against ``gt_masks``.

Truth: ``gt_masks/<split>/[<category>/]<video>/<video>_<n>.png``; anything but 0 is foreground. The
prediction has a folder for each video, at the same path or at the end of it, ``<video>`` for
example, with one PNG per frame: gray level / 255 is the probability of a sounding object.

Official numbers depend on the order of the clips: it is that of ``s4_meta_data.csv`` or
``ms3_meta_data.csv`` if that file lies above the truth, else the order of the paths.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.benchmarks.base import Benchmark, Summary, Video, VideoScore
from avis.evaluation.benchmarks.png_folders import find_clips, pair_frames, place_of, read_or_note
from avis.evaluation.benchmarks.problems import Problem, ProblemLog, Rule
from avis.evaluation.functional.avsbench import ClipScores, pool_clips, score_clip
from avis.evaluation.functional.counts import Protocol
from avis.evaluation.functional.resampling import resample_avsbench
from avis.utils.png import read_png_mask

_SPLITS = {'train', 'val', 'test'}
_TABLES = ('s4_meta_data.csv', 'ms3_meta_data.csv')
_LEVELS_ABOVE = 4  # gt_masks/<split> is three folders below the table


@dataclass(frozen=True)
class ScoredClip:
    """One clip: its scores, and the highest gray level of its prediction."""

    scores: ClipScores
    highest: int


class AVSBench(Benchmark[ScoredClip]):
    """See the module docstring for the files.

    Args:
        gt: ``gt_masks``, or one split of it.
        pred: Folder of predictions.
        protocol: ``'official'`` or ``'corrected'``.
        batch_size: Clips per evaluation batch of the official protocol.
    """

    NAME = 'avsbench'
    RULES: ClassVar[Mapping[str, Rule]] = {
        # The authors score in memory, so most of these cannot happen to them.
        'missing_prediction': Rule('empty'),
        'missing_frame': Rule('empty'),
        'unreadable_prediction': Rule('empty'),
        'surplus_frame': Rule('ignore'),
        'unknown_video': Rule('ignore'),
        'wrong_size': Rule('stop'),
        'no_probability': Rule('stop'),
        'unreadable_gt': Rule('stop'),
        'low_levels': Rule('keep'),
    }

    def __init__(
        self, gt: str | Path, pred: str | Path, *, protocol: Protocol, batch_size: int = 4
    ) -> None:
        super().__init__(gt, pred, protocol=protocol)
        pool_clips([], protocol=protocol, batch_size=batch_size)  # refuses wrong values right now
        self.batch_size = batch_size
        found = find_clips(self.pred)
        clips = _one_split(find_clips(self.gt), found, self.gt)
        table = _read_table(self.gt)
        order = {name: place for place, name in enumerate(table)}
        self._files = sorted(
            clips.items(), key=lambda item: (order.get(item[0].name, len(order)), item[0])
        )
        self._predicted = {clip: place_of(clip, found) for clip in clips}
        self._found = found
        self.videos = [
            Video(clip.name, _attributes(clip, table.get(clip.name), len(names)))
            for clip, names in self._files
        ]
        for clip in found.keys() - set(self._predicted.values()):
            self.log.note('unknown_video', self.pred / clip, 'the truth has no such clip')

    def score(self, index: int) -> VideoScore[ScoredClip]:
        """Read, check and score one clip."""
        clip, names = self._files[index]
        log = self.new_log(clip.name)
        gt = self._read_gt(clip, names, log)
        if gt is None:
            return VideoScore(None, log.problems)
        prob = np.zeros(gt.shape, np.uint8)
        for row, path in enumerate(self._paths(clip, names, log)):
            if path is not None:
                self._read_into(prob[row], path, log)
        scores = score_clip(prob, gt)
        silent = int((~scores.sounding).sum())
        piece = ScoredClip(scores, int(prob.max(initial=0)))
        return VideoScore(piece, log.problems, {'silent_frames': silent})

    def combine(self, pieces: Sequence[ScoredClip]) -> Summary:
        """``miou`` and ``F_score``, in 0..1; if ``corrected`` with what sounds only."""
        clips = [piece.scores for piece in pieces]
        scores = pool_clips(clips, protocol=self.protocol, batch_size=self.batch_size)
        summary = {'miou': scores.miou, 'F_score': scores.F_score}
        if self.protocol == 'official':
            return summary
        return {
            **summary,
            'miou_sounding': scores.miou_sounding,
            'frame_max_F': scores.frame_max_F,
        }

    def details(self, pieces: Sequence[ScoredClip]) -> Mapping[str, Any]:
        """``miou`` and ``F_score`` of every evaluation batch; one of all if ``corrected``."""
        clips = [piece.scores for piece in pieces]
        scores = pool_clips(clips, protocol=self.protocol, batch_size=self.batch_size)
        return {'per_batch': scores.per_batch}

    def details_of(self, piece: ScoredClip) -> Mapping[str, Any]:
        """Of each frame ``miou`` and its best F, which is NaN where nothing sounds."""
        return {'miou': piece.scores.jaccard, 'max_F': piece.scores.max_f}

    def resample(
        self, pieces: Sequence[ScoredClip], draws: NDArray[np.int64]
    ) -> Mapping[str, NDArray[np.float64]]:
        """The scores of many draws of clips."""
        clips = [piece.scores for piece in pieces]
        return resample_avsbench(clips, draws, protocol=self.protocol, batch_size=self.batch_size)

    def review(self, pieces: Sequence[ScoredClip]) -> Sequence[Problem]:
        """Notice predictions that hold class indices instead of probabilities."""
        log = self.new_log()
        if max((piece.highest for piece in pieces), default=0) == 1:
            message = 'no gray level above 1, so every probability is below 0.004: save 255 * p'
            log.note('low_levels', self.pred, message)
        return log.problems

    def _paths(self, clip: PurePath, names: list[str], log: ProblemLog) -> list[Path | None]:
        """The predicted file of each true frame."""
        place = self._predicted[clip]
        if place is None:
            log.note('missing_prediction', self.pred / clip.name, 'no such folder with PNG files')
            return [None] * len(names)
        pairs, surplus = pair_frames(names, self._found[place])
        for name in sorted(surplus):
            log.note(
                'surplus_frame', self.pred / place / name, f'the truth has {len(names)} frames'
            )
        for name in names:
            if name not in pairs:
                log.note('missing_frame', self.pred / place, f'nothing for {name} of the truth')
        return [self.pred / place / pairs[name] if name in pairs else None for name in names]

    def _read_gt(
        self, clip: PurePath, names: list[str], log: ProblemLog
    ) -> NDArray[np.bool_] | None:
        """The true masks, bool (N, H, W); None if one cannot be used."""
        masks: list[NDArray[np.bool_]] = []
        for name in names:
            path = self.gt / clip / name
            mask, _ = read_or_note(read_png_mask, path, log, 'unreadable_gt')
            if mask is None:
                continue
            if masks and mask.shape != masks[0].shape:
                problem = f'{mask.shape} (H, W), the clip began with {masks[0].shape}'
                log.note('wrong_size', path, problem)
                continue
            masks.append(mask > 0)
        return np.stack(masks) if len(masks) == len(names) else None

    def _read_into(self, prob: NDArray[np.uint8], path: Path, log: ProblemLog) -> None:
        image, _ = read_or_note(read_png_mask, path, log, 'unreadable_prediction')
        if image is None:
            return
        if image.dtype != np.uint8:
            log.note('no_probability', path, f'{image.dtype} pixels, expected 8-bit gray levels')
        elif image.shape != prob.shape:
            problem = f'{image.shape} (H, W), the truth is {prob.shape}'
            log.note('wrong_size', path, problem)
        else:
            prob[:] = image


def _one_split(
    clips: dict[PurePath, list[str]], found: Mapping[PurePath, Any], gt: Path
) -> dict[PurePath, list[str]]:
    """The clips of the splits that are predicted, if the truth holds several."""
    if not clips:
        raise FileNotFoundError(f'{gt} holds no PNG files; expected <video>/<video>_<n>.png below')
    splits = {clip.parts[0] for clip in clips if len(clip.parts) > 1} & _SPLITS
    if len(splits) < 2:
        return clips
    chosen = splits & {clip.parts[0] for clip in found if len(clip.parts) > 1}
    if not chosen:
        raise ValueError(
            f'{gt} holds the splits {sorted(splits)}, and the predictions do not tell which one '
            f'they are of. Take one of them, for example {gt / "test"}'
        )
    return {clip: names for clip, names in clips.items() if clip.parts[0] in chosen}


def _read_table(gt: Path) -> dict[str, list[str]]:
    """The rows of the meta data above the truth, by video name in the order of the file."""
    folder = gt.resolve()
    for above in [folder, *folder.parents][:_LEVELS_ABOVE]:
        for name in _TABLES:
            if (above / name).is_file():
                with (above / name).open(newline='') as file:
                    return {row[0]: row for row in list(csv.reader(file))[1:] if row}
    return {}


def _attributes(clip: PurePath, row: Sequence[str] | None, length: int) -> dict[str, Any]:
    """Columns of S4: name, start, category, split; of MS3: name, split."""
    attributes: dict[str, Any] = {'length': length}
    if row is not None and len(row) >= 4:
        attributes['category'] = row[2]
    elif len(clip.parts) > 1 and clip.parts[-2] not in _SPLITS:
        attributes['category'] = clip.parts[-2]
    return attributes
