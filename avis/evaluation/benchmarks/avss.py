"""AVSBench-semantic (AVSS): folders of predicted label maps against the label maps of the data set.

Ground truth: the data set, a folder with ``metadata.csv`` and
``{v1s,v1m,v2}/<uid>/labels_rgb/<n>.png``, of which one split is scored; or any folder of
``[.../]<uid>/[labels_rgb/]<n>.png``. Prediction: one folder per clip,
``[<subset>/]<uid>/[labels_rgb/]<n>.png``. Images of both sides contain either class indices (gray
levels or palette indices) or the colors of Pascal VOC.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from avis.evaluation.benchmarks.base import Benchmark, BenchmarkVideo, Summary, VideoScore
from avis.evaluation.benchmarks.paths import check_folder, wrong_path
from avis.evaluation.benchmarks.png_folders import (
    find_clips,
    find_prediction,
    frame_number,
    list_pngs,
    pair_frames,
    read_or_log,
)
from avis.evaluation.benchmarks.problems import ProblemLog, Rule
from avis.evaluation.benchmarks.registry import BENCHMARKS
from avis.evaluation.functional.avss import (
    NUM_CLASSES,
    ClassSums,
    frames_to_score,
    pool_classes,
    score_frames,
)
from avis.evaluation.functional.counts import EvalProtocol
from avis.evaluation.functional.resampling import resample_avss
from avis.structures.labels import voc_colors_to_classes
from avis.utils.png import read_png
from avis.utils.tables import read_table

# Folder and file names of each clip.
_Clips: TypeAlias = dict[PurePath, tuple[PurePath, list[str]]]
_LABELS = 'labels_rgb'
_FIELDS = ('iou', 'f', 'frames')
_PADDED = 10  # the authors' data loader makes every clip this long


@BENCHMARKS.register_module(name='avss')
class AVSSBenchmark(Benchmark[ClassSums]):
    """See the module docstring for the files.

    Args:
        gt: The data set, or a folder of clips.
        pred: Folder of predictions.
        protocol: ``'official'`` or ``'corrected'``. The authors pad clips of 5 frames to 10
            with black frames whose ground truth is background, and score these too. Their
            prediction is read from files if they exist, else it is background.
        split: Which clips of ``metadata.csv`` are scored.
    """

    UNIT = 'fraction'
    RULES: ClassVar[Mapping[str, Rule]] = {
        # The authors score in memory, so most of these cannot happen to them.
        'missing_gt': Rule('skip'),
        'missing_prediction': Rule('empty'),
        'missing_frame': Rule('empty'),
        'unreadable_prediction': Rule('empty'),
        'extra_frame': Rule('ignore'),
        'unknown_video': Rule('ignore'),
        'unreadable_gt': Rule('stop'),
        'unknown_class': Rule('stop'),
        # Their data loader resizes the ground truth to the input size of the network.
        'wrong_size': Rule('keep'),
    }

    def __init__(
        self, gt: str | Path, pred: str | Path, *, protocol: EvalProtocol, split: str = 'test'
    ) -> None:
        super().__init__(gt, pred, protocol=protocol)
        pool_classes([], protocol=protocol)  # check the protocol before reading files
        check_folder(self.pred, 'the predictions, <uid>/<n>.png')
        self._files = _find_gt(self.gt, split)
        self._found = _by_clip(self.pred)
        self._predicted = {clip: find_prediction(clip, self._found) for clip in self._files}
        for clip, (_, names) in self._files.items():
            attributes: dict[str, Any] = {'length': len(names)}
            if len(clip.parts) > 1:
                attributes['subset'] = clip.parts[-2]
            self.videos.append(BenchmarkVideo(clip.name, attributes))
        for clip in sorted(self._found.keys() - set(self._predicted.values())):
            self.log.add('unknown_video', self.pred / clip, 'the ground truth has no such clip')
        self._clips = list(self._files)

    def score(self, index: int) -> VideoScore[ClassSums]:
        """Read, check and score one clip."""
        clip = self._clips[index]
        log = self.new_log(clip.name)
        folder, names = self._files[clip]
        if not names:
            log.add('missing_gt', self.gt / folder, 'no label maps (PNG files)')
            return VideoScore(None, log.problems)
        files, padding = self._pair(clip, names, log)
        frames: list[ClassSums] = []
        seen: set[int] = set()
        for name, path in zip(names, files, strict=True):
            gt = self._read(self.gt / folder / name, log, 'unreadable_gt')
            if gt is None:
                continue
            pred = None if path is None else self._read(path, log, 'unreadable_prediction')
            frames.append(self._score_frame(gt, pred, path, log))
            seen |= set(np.unique(gt).tolist())
        if len(frames) < len(names):
            return VideoScore(None, log.problems)
        corrected = _add(frames)
        real = np.arange(max(len(names), _PADDED)) < len(names)
        padded = frames_to_score(real, real, protocol=self.protocol)[len(names) :]
        for path in padding[: int(padded.sum())]:
            pred = None if path is None else self._read(path, log, 'unreadable_prediction')
            pred = np.zeros((1, 1), np.uint8) if pred is None else pred
            frames.append(self._score_frame(np.zeros_like(pred), pred, path, log))
        sources = {'sources': len(seen - {0})}
        return VideoScore(_add(frames), log.problems, sources, corrected=corrected)

    def unpredicted(self) -> Sequence[str]:
        """Names of the clips without a predicted folder."""
        return [clip.name for clip in self._clips if self._predicted[clip] is None]

    def explain_gap(
        self,
        official: Sequence[ClassSums],
        corrected: Sequence[ClassSums],
        scores: Collection[str],
    ) -> Sequence[str]:
        """The padded frames, and the class that the scores without background leave out."""
        padded = sum(
            int(theirs.frames[0] - ours.frames[0])
            for theirs, ours in zip(official, corrected, strict=True)
        )
        causes = []
        if any(name.endswith('_noBg') for name in scores):
            causes.append(
                f'official leaves class {NUM_CLASSES - 1} out of *_noBg instead of the background'
            )
        if padded:
            causes.append(f'official scores {padded} padded frames as background')
        return causes

    def combine(self, partials: Sequence[ClassSums]) -> Summary:
        """``miou``, ``F_score`` and both without one class (``_noBg``), in 0..1."""
        scores = pool_classes(partials, protocol=self.protocol)
        return dict(scores.summary(self.protocol))

    def details(self, partials: Sequence[ClassSums]) -> Mapping[str, Any]:
        """The scores of each class, and the number of frames that have it."""
        scores = pool_classes(partials, protocol=self.protocol)
        return {key: getattr(scores, key) for key in ('class_iou', 'class_f', 'class_frames')}

    def video_details(self, partial: ClassSums) -> Mapping[str, Any]:
        """Sums over the frames of one clip, and the number of frames with each class."""
        return vars(partial)

    def resample(
        self, partials: Sequence[ClassSums], draws: NDArray[np.int64]
    ) -> Mapping[str, NDArray[np.float64]]:
        """The scores of many draws of clips."""
        return resample_avss(partials, draws, protocol=self.protocol)

    def _pair(
        self, clip: PurePath, names: list[str], log: ProblemLog
    ) -> tuple[list[Path | None], list[Path | None]]:
        """The predicted file of each gt frame and each padding frame; None where it is missing."""
        blank: list[Path | None] = [None] * max(0, _PADDED - len(names))
        predicted = self._predicted[clip]
        if predicted is None:
            log.add('missing_prediction', self.pred / clip.name, 'no such folder with PNG files')
            return [None] * len(names), blank
        folder, found = self._found[predicted]
        pairs, extra_names = pair_frames(names, found)
        for name in names:
            if name not in pairs:
                message = f'no prediction for {name} of the ground truth'
                log.add('missing_frame', self.pred / folder, message)
        files = [self.pred / folder / pairs[name] if name in pairs else None for name in names]
        for name in sorted(extra_names, key=_by_number)[len(blank) :]:
            log.add('extra_frame', self.pred / folder / name, 'the clip has no such frame')
        extra = [self.pred / folder / name for name in sorted(extra_names, key=_by_number)]
        return files, [*extra, *blank][: len(blank)]

    def _read(self, path: Path, log: ProblemLog, kind: str) -> NDArray[np.uint8] | None:
        """Class indices of one image, (H, W)."""
        image, _ = read_or_log(read_png, path, log, kind)
        if image is None:
            return None
        if image.ndim == 3 and image.shape[2] > 2:
            return voc_colors_to_classes(image[..., :3], NUM_CLASSES)
        image = image[..., 0] if image.ndim == 3 else image  # drop the alpha channel
        highest = int(image.max(initial=0))
        if highest >= NUM_CLASSES:
            problem = f'class index {highest}, expected 0 to {NUM_CLASSES - 1}'
            log.add('unknown_class', path, problem)
            return np.zeros(image.shape, np.uint8)
        return image.astype(np.uint8)

    def _score_frame(
        self,
        gt: NDArray[np.uint8],
        pred: NDArray[np.uint8] | None,
        path: Path | None,
        log: ProblemLog,
    ) -> ClassSums:
        if pred is None:
            pred = np.zeros_like(gt)
        if pred.shape != gt.shape:
            problem = f'{pred.shape} (H, W), the ground truth of {gt.shape} was resized to it'
            log.add('wrong_size', path, problem)
            size = pred.shape[::-1]
            gt = np.asarray(Image.fromarray(gt).resize(size, Image.Resampling.NEAREST))
        return score_frames(pred[None], gt[None], num_classes=NUM_CLASSES).sums()


def _find_gt(gt: Path, split: str) -> _Clips:
    """Folder and file names of each clip, by its path without ``labels_rgb``."""
    expected = 'the data set, a folder with metadata.csv, or a folder of clips'
    check_folder(gt, expected, [gt.parent] if gt.name == 'metadata.csv' else [])
    table = gt / 'metadata.csv'
    inside = [path.parent for path in sorted(gt.glob('*/metadata.csv'))]
    if inside and not table.is_file():
        raise wrong_path(gt, 'contains no metadata.csv', expected, inside)
    if not table.is_file():
        clips = _by_clip(gt)
        if not clips:
            raise wrong_path(gt, 'contains neither metadata.csv nor PNG files', expected, [])
        return clips
    rows = read_table(table, ('uid', 'label', 'split'), by_name=True)
    chosen: _Clips = {}
    for row in rows:
        if row['split'] == split:
            folder = PurePath(row['label'], row['uid'], _LABELS)
            chosen[folder.parent] = (folder, sorted(list_pngs(gt / folder), key=_by_number))
    if not chosen:
        found = sorted({row['split'] for row in rows})
        raise ValueError(f'{table} has no clip of split {split!r}, found {found}')
    return chosen


def _by_clip(root: Path) -> _Clips:
    """The clips below a folder, by path without a trailing ``labels_rgb``."""
    return {
        folder.parent if folder.name == _LABELS else folder: (folder, names)
        for folder, names in find_clips(root).items()
    }


def _by_number(name: str) -> tuple[int, str]:
    return frame_number(name) or 0, name


def _add(frames: Sequence[ClassSums]) -> ClassSums:
    return ClassSums(
        *(np.sum([getattr(frame, key) for frame in frames], axis=0) for key in _FIELDS)
    )
