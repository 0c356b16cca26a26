"""Ref-AVS Bench: folders of 8-bit probability maps, one folder per expression.

Ground truth: the data root, with ``metadata.csv`` and ``gt_mask/<clip>/fid_<fid>/0000<n>.png``; all
pixels but 0 are foreground. Prediction: ``<uid>/<name>.png``, one PNG per frame, gray level / 255
is the probability of the referred object; ``<uid>~2`` and so on for a uid that the table repeats.
Null references need no masks of the ground truth.

Images have the size of the ground truth, or 256 x 256, at which the authors compare.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.benchmarks.base import Benchmark, BenchmarkVideo, Summary, VideoScore
from avis.evaluation.benchmarks.paths import check_file, check_folder
from avis.evaluation.benchmarks.png_folders import (
    find_clips,
    list_pngs,
    pair_paths,
    read_gt_masks,
    read_probabilities,
)
from avis.evaluation.benchmarks.problems import ProblemLog, Rule
from avis.evaluation.benchmarks.registry import BENCHMARKS
from avis.evaluation.functional.counts import EvalProtocol
from avis.evaluation.functional.ref_avs import BATCH_SIZE, LABEL_SIZE
from avis.evaluation.functional.referred_objects import (
    PREDICTION,
    ScoredExpression,
    match_sizes,
    resample_expressions,
    score_expression,
    summarize_expressions,
)
from avis.utils.ref_avs_csv import (
    REF_AVS_SPLITS,
    REF_AVS_TEST_SPLITS,
    RefAVSRow,
    read_ref_avs_rows,
)

_TABLE = 'metadata.csv'


@BENCHMARKS.register_module(name='refavs')
class RefAVSBenchmark(Benchmark[ScoredExpression]):
    """J and F of seen and unseen objects, S of null references, in 0..1.

    Args:
        gt: Data root.
        pred: Folder of predictions.
        protocol: ``'official'`` compares at 256 x 256 and averages over evaluation batches,
            ``'corrected'`` compares at the size of the files and takes all frames together.
        split: A split; None scores those of test_s, test_u and test_n that have predictions.
        batch_size: Expressions per evaluation batch of the official protocol.
        resize: False compares at the size of the files under ``official``, too.
    """

    HEADLINE = ('J_seen', 'F_seen', 'J_unseen', 'F_unseen', 'S', 'center_box_J_seen', 'empty_S')
    UNIT = 'fraction'
    RULES: ClassVar[Mapping[str, Rule]] = {
        # The authors score in memory, so most of these cannot happen to them.
        'missing_prediction': Rule('empty'),
        # An empty answer to a null reference would be a perfect one.
        'missing_null_prediction': Rule('stop'),
        'missing_frame': Rule('empty'),
        'unreadable_prediction': Rule('empty'),
        'extra_frame': Rule('ignore'),
        'unknown_video': Rule('ignore', 'ignore'),
        'wrong_size': Rule('stop'),
        'not_probabilities': Rule('stop'),
        'unreadable_gt': Rule('stop'),
    }

    def __init__(
        self,
        gt: str | Path,
        pred: str | Path,
        *,
        protocol: EvalProtocol,
        split: str | None = None,
        batch_size: int = BATCH_SIZE,
        resize: bool = True,
    ) -> None:
        super().__init__(gt, pred, protocol=protocol)
        if split is not None and split not in REF_AVS_SPLITS:
            raise ValueError(f'refavs: split must be one of {REF_AVS_SPLITS}, got {split!r}')
        summarize_expressions([], ['val'], protocol=protocol, batch_size=batch_size)
        self.batch_size, self.resize = batch_size, resize
        check_folder(self.gt, f'the data root, with {_TABLE} and gt_mask')
        check_file(self.gt / _TABLE, 'the table of expressions')
        check_folder(self.pred, 'the predictions, <uid>/<name>.png')
        self._found = {folder.name: names for folder, names in find_clips(self.pred).items()}
        rows = read_ref_avs_rows(self.gt / _TABLE)
        self.splits = [split] if split else _predicted_splits(rows, self._found)
        self._rows = [row for row in rows if row.split in self.splits]
        if not self._rows:
            raise ValueError(f'{self.gt / _TABLE}: expected rows of {self.splits}, got none')
        self.videos = [
            BenchmarkVideo(row.name, {'split': row.split, 'object': row.object, 'clip': row.clip})
            for row in self._rows
        ]
        for name in sorted(self._found.keys() - {row.name for row in rows}):
            self.log.add('unknown_video', self.pred / name, f'{_TABLE} has no such uid')

    def score(self, index: int) -> VideoScore[ScoredExpression]:
        """Read, check and score one expression."""
        row = self._rows[index]
        log = self.new_log(row.name)
        label = None if row.is_null else self._read_label(row, log)
        prob = None
        if row.is_null:
            prob = self._read_null(row, log)
            label = None if prob is None else np.zeros_like(prob)
        elif label is not None:
            prob = self._read_object(row, label, log)
        if prob is None or label is None:
            return VideoScore(None, log.problems)
        prob, label = match_sizes(prob, label, protocol=self.protocol, resize=self.resize)
        scored = score_expression(
            prob, label, split=row.split, is_null=row.is_null, protocol=self.protocol
        )
        return VideoScore(scored, log.problems, {'length': len(prob)})

    def unpredicted(self) -> Sequence[str]:
        """Names of the expressions without a folder."""
        return [row.name for row in self._rows if row.name not in self._found]

    def combine(self, partials: Sequence[ScoredExpression]) -> Summary:
        """J, F and S of the prediction and of trivial answers."""
        return self._summarize(partials, self.splits)

    def summarize_video(self, partial: ScoredExpression) -> Summary:
        """J and F, or S, of one expression."""
        return self._summarize([partial], [partial.split])

    def _summarize(self, rows: Sequence[ScoredExpression], splits: Sequence[str]) -> Summary:
        return dict(
            summarize_expressions(rows, splits, protocol=self.protocol, batch_size=self.batch_size)
        )

    def video_details(self, partial: ScoredExpression) -> Mapping[str, Any]:
        """J, the best F and the segmented share of each frame."""
        answer = partial.answers[PREDICTION]
        return {'J': answer.clip.jaccard, 'max_F': answer.clip.max_f, 'share': answer.shares}

    def resample(
        self, partials: Sequence[ScoredExpression], draws: NDArray[np.int64]
    ) -> Mapping[str, NDArray[np.float64]]:
        """The scores of the prediction for many draws of expressions."""
        return resample_expressions(
            partials, draws, self.splits, protocol=self.protocol, batch_size=self.batch_size
        )

    def _read_label(self, row: RefAVSRow, log: ProblemLog) -> NDArray[np.uint8] | None:
        """Gray levels of the masks, (N, H, W); None if one of them cannot be used."""
        folder = self.gt / row.mask_folder
        names = list_pngs(folder)
        if not names:
            log.add('unreadable_gt', folder, 'no such folder with PNG files')
            return None
        masks = read_gt_masks(folder, names, log)
        return None if masks is None else masks.astype(np.uint8)

    def _read_object(
        self, row: RefAVSRow, label: NDArray[np.uint8], log: ProblemLog
    ) -> NDArray[np.uint8] | None:
        """Prediction of each frame of the ground truth; empty where it is missing."""
        folder = self.pred / row.name
        expected = [f'{frame:05d}.png' for frame in range(len(label))]
        paths = pair_paths(expected, folder, self._found.get(row.name, []), log)
        images = [None if path is None else read_probabilities(path, log) for path in paths]
        return _stack(images, label.shape[1:], folder, log)

    def _read_null(self, row: RefAVSRow, log: ProblemLog) -> NDArray[np.uint8] | None:
        """Prediction for a null reference; None if a frame is missing."""
        folder, names = self.pred / row.name, self._found.get(row.name, [])
        frames = len(list_pngs(self.gt / row.mask_folder))
        images = [read_probabilities(folder / name, log) for name in names]
        found = [image for image in images if image is not None]
        if not found or len(found) < frames:
            message = f'{len(found)} PNG files that can be read, expected {frames or "one or more"}'
            log.add('missing_null_prediction', folder, message)
            return None
        return _stack(found, found[0].shape, folder, log)


def _predicted_splits(rows: Sequence[RefAVSRow], found: Mapping[str, Any]) -> list[str]:
    """The test splits of which at least one expression is predicted, or all of them."""
    predicted = {row.split for row in rows if row.name in found}
    return [split for split in REF_AVS_TEST_SPLITS if split in predicted] or list(
        REF_AVS_TEST_SPLITS
    )


def _stack(
    images: Sequence[NDArray[np.uint8] | None],
    size: tuple[int, ...],
    folder: PurePath,
    log: ProblemLog,
) -> NDArray[np.uint8] | None:
    """Frames of one size, empty where there is none; None if the size is wrong."""
    shapes = {image.shape for image in images if image is not None} or {size}
    (shape, *others) = sorted(shapes)
    if others or shape not in (size, (LABEL_SIZE, LABEL_SIZE)):
        problem = (
            f'images of {sorted(shapes)} (H, W), expected all of {size} as the ground truth, or of '
            f'{(LABEL_SIZE, LABEL_SIZE)}'
        )
        log.add('wrong_size', folder, problem)
        return None
    return np.stack([np.zeros(shape, np.uint8) if image is None else image for image in images])
