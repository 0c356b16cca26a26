"""VPO and the per-data-set protocol of CAVP: folders of label images.

Ground truth: ``VPO-SS``, ``VPO-MS`` or ``VPO-MSMI``, a folder with the table of the set, whose
masks contain COCO ids, of which one split is scored; or any folder of ``[.../]<name>.png`` with
class indices. 255 is ignored in both. Prediction: ``<name>.png`` with class indices; ``<name>`` is
the path below the ground truth, or the name that the table gives: ``<img_Id>``, in VPO-SS
``<img_Id>_<ann_Ids>``, ids of 12 digits.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, get_args

import numpy as np
from numpy.typing import NDArray

from avis.evaluation.benchmarks.base import Benchmark, BenchmarkVideo, Summary, VideoScore
from avis.evaluation.benchmarks.paths import check_folder, wrong_path
from avis.evaluation.benchmarks.png_folders import find_clips, read_or_log
from avis.evaluation.benchmarks.problems import ProblemLog, Rule
from avis.evaluation.benchmarks.registry import BENCHMARKS
from avis.evaluation.functional.array_types import IntArray
from avis.evaluation.functional.counts import EvalProtocol
from avis.evaluation.functional.vpo import (
    NUM_VPO_CLASSES,
    count_confusion,
    index_classes,
    score_confusions,
    score_with_trivial,
)
from avis.utils.png import read_png
from avis.utils.vpo_csv import VPOSet, read_vpo_images, table_of


@BENCHMARKS.register_module(name='vpo')
class VPOBenchmark(Benchmark[IntArray]):
    """Scores of :func:`~avis.evaluation.functional.vpo.score_with_trivial`, in 0..1.

    Args:
        gt: Folder of the set, or of label images.
        pred: Folder of predictions.
        protocol: ``'official'`` or ``'corrected'``. The official ids of masks are renamed in
            place, see :func:`~avis.evaluation.functional.vpo.index_classes`.
        split: Which images of the table are scored; 'test' has those of 'val' too.
        num_classes: Number of classes, background included.
    """

    HEADLINE = ('miou', 'f_0.3', 'fdr', 'all_background_miou', 'frequent_class_miou')
    UNIT = 'fraction'
    RULES: ClassVar[Mapping[str, Rule]] = {
        # The authors score in memory, so none of these can happen to them.
        'missing_prediction': Rule('empty'),
        'unreadable_prediction': Rule('empty'),
        'unknown_image': Rule('ignore', 'ignore'),
        'unreadable_gt': Rule('stop'),
        'wrong_labels': Rule('stop'),
    }

    def __init__(
        self,
        gt: str | Path,
        pred: str | Path,
        *,
        protocol: EvalProtocol,
        split: str = 'test',
        num_classes: int = NUM_VPO_CLASSES,
    ) -> None:
        super().__init__(gt, pred, protocol=protocol)
        check_folder(self.gt, 'VPO-SS, VPO-MS or VPO-MSMI, or label images, <name>.png')
        check_folder(self.pred, 'the predictions, <name>.png')
        self.num_classes = num_classes
        subsets = get_args(VPOSet)
        self._subset = next((s for s in subsets if _table(self.gt, s).is_file()), None)
        self._masks = self._from_table(self._subset, split) if self._subset else self._from_folder()
        for name in sorted(_names(self.pred).keys() - self._masks.keys()):
            message = 'the ground truth has no such image'
            self.log.add('unknown_image', self.pred / f'{name}.png', message)

    def score(self, index: int) -> VideoScore[IntArray]:
        """Read, check and score one image."""
        name = self.videos[index].name
        log, path = self.new_log(name), self.pred / f'{name}.png'
        ids, _ = read_or_log(read_png, self._masks[name], log, 'unreadable_gt')
        if ids is None:
            return VideoScore(None, log.problems)
        pred = np.zeros_like(ids)
        if not path.is_file():
            log.add('missing_prediction', path, 'no such file')
        else:
            read, _ = read_or_log(read_png, path, log, 'unreadable_prediction')
            pred = pred if read is None else read
        table = self._count(ids, pred, self.protocol, name, log)
        if table is None or log.stopped:
            return VideoScore(None, log.problems)
        corrected: IntArray | None = table
        if self._subset and self.protocol == 'official':  # they read the same file in two ways
            corrected = self._count(ids, pred, 'corrected', name, log)
        return VideoScore(table, log.problems, corrected=corrected)

    def unpredicted(self) -> Sequence[str]:
        """Names of the images without a file."""
        return [name for name in self._masks if not (self.pred / f'{name}.png').is_file()]

    def combine(self, partials: Sequence[IntArray]) -> Summary:
        """Scores of the prediction and of the trivial answers."""
        return dict(score_with_trivial(partials, protocol=self.protocol))

    def details(self, partials: Sequence[IntArray]) -> Mapping[str, Any]:
        """Number of pixels by true and predicted class, (K, K)."""
        return {'confusion': np.sum(partials, axis=0)}

    def score_draw(self, partials: Sequence[IntArray]) -> Summary:
        """Scores of the prediction, without the trivial answers."""
        return dict(score_confusions(partials, protocol=self.protocol))

    def explain_gap(
        self,
        official: Sequence[IntArray],
        corrected: Sequence[IntArray],
        scores: Collection[str],
    ) -> Sequence[str]:
        """Classes that never occur, and images whose ids collide."""
        total = np.sum(official, axis=0)
        absent = int((total.sum(axis=0) + total.sum(axis=1) == 0).sum())
        renamed = sum(
            not np.array_equal(theirs, ours)
            for theirs, ours in zip(official, corrected, strict=True)
        )
        causes = {
            f'official counts {absent} classes that never occur as IoU 0': absent,
            f'official takes one class for another in the masks of {renamed} images': renamed,
        }
        return [text for text, count in causes.items() if count]

    def _from_table(self, subset: VPOSet, split: str) -> dict[str, Path]:
        """The mask of each image of a split."""
        table = _table(self.gt, subset)
        rows = read_vpo_images(table, subset)
        chosen = [row for row in rows if row.split == split]
        if not chosen:
            found = sorted({row.split for row in rows})
            raise ValueError(f'{table} has no image of split {split!r}, found {found}')
        self.videos = [
            BenchmarkVideo(row.name, {'sources': len(row.sounds), 'category': row.categories[0]})
            for row in chosen
        ]
        # Rows of VPO-MSMI name masks of VPO-MS.
        return {row.name: self.gt.absolute().parent / row.mask for row in chosen}

    def _from_folder(self) -> dict[str, Path]:
        masks = _names(self.gt)
        if not masks:
            tables = [self.gt / table_of(subset) for subset in get_args(VPOSet)]
            expected = 'VPO-SS, VPO-MS or VPO-MSMI, or a folder of PNG files'
            folders = [path.parent for path in tables if path.is_file()]
            raise wrong_path(self.gt, 'contains no table and no PNG file', expected, folders)
        self.videos = [BenchmarkVideo(name) for name in masks]
        return masks

    def _count(
        self,
        ids: NDArray[Any],
        pred: NDArray[Any],
        protocol: EvalProtocol,
        name: str,
        log: ProblemLog,
    ) -> IntArray | None:
        """The confusion matrix of an image; None after logging that its labels are wrong."""
        path = self._masks[name]
        try:
            target = index_classes(ids, protocol=protocol) if self._subset else ids
            path = self.pred / f'{name}.png'
            return count_confusion(pred, target, num_classes=self.num_classes)
        except (IndexError, ValueError) as error:
            log.add('wrong_labels', path, str(error))
            return None


def _table(folder: Path, subset: VPOSet) -> Path:
    """The table of a set within the folder of the set."""
    return folder / Path(table_of(subset)).name


def _names(root: Path) -> dict[str, Path]:
    """All label images below a folder by path without suffix."""
    return {
        (folder / name).with_suffix('').as_posix(): root / folder / name
        for folder, names in find_clips(root).items()
        for name in names
    }
