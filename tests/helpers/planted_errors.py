"""Predictions made from a ground truth with one known error each.

A planter modifies a :class:`Side` in place and returns the expected errors by kind.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from avis.evaluation.functional.diagnosis import VideoDiagnosis, count_diagnosis
from avis.evaluation.functional.overlap import TrackMasks, VideoOverlap
from avis.structures.masks import encode_mask
from tests.helpers.synthetic_scenes import stages

CLASSES = range(4)


@dataclass
class Side:
    """Tracks as dense masks (H, W) or None, with classes and scores."""

    masks: list[list[np.ndarray | None]]
    labels: list[int]
    scores: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scores = self.scores or [0.9 - 0.01 * k for k in range(len(self.labels))]

    def copy(self) -> 'Side':
        return Side([list(row) for row in self.masks], list(self.labels), list(self.scores))

    def add(self, row: list[np.ndarray | None], label: int) -> None:
        self.masks.append(row)
        self.labels.append(label)
        self.scores.append(0.5)

    @property
    def length(self) -> int:
        return len(self.masks[0])

    def frames(self, track: int) -> list[int]:
        return [t for t, mask in enumerate(self.masks[track]) if mask is not None]

    def encode(self) -> TrackMasks:
        rles = [[None if m is None else encode_mask(m) for m in row] for row in self.masks]
        return TrackMasks(rles, labels=self.labels, scores=self.scores)


def moving_squares(size: int = 64) -> Side:
    """Four squares that do not overlap; the last two sound one after the other."""
    times = [range(12), range(2, 10), range(5), range(7, 12)]
    masks: list[list[np.ndarray | None]] = []
    for lane, sounding in enumerate(times):
        row: list[np.ndarray | None] = []
        for frame in range(12):
            mask = np.zeros((size, size), bool)
            mask[16 * lane + 2 : 16 * lane + 14, 3 * frame : 3 * frame + 12] = True
            row.append(mask if frame in sounding else None)
        masks.append(row)
    return Side(masks, [0, 0, 1, 1])


def synthetic_gt(index: int) -> Side:
    """The tracks of a synthetic video, longest first, all of one class."""
    stage = stages('aviseg', videos=index + 1, seconds=8, seed=5)[index]
    frames = [stage.masks(stage.draw(t + 0.5)[1], t) for t in range(8)]
    ids = sorted({track_id for frame in frames for track_id in frame})
    rows = [[frame.get(track_id) for frame in frames] for track_id in ids]
    rows.sort(key=lambda row: sum(mask is None for mask in row))
    return Side(rows, [0] * len(rows))


def miss_speaker(pred: Side) -> dict[str, int]:
    masks = len(pred.frames(1))
    runs = int((np.diff(pred.frames(1)) > 1).sum()) + 1
    pred.masks[1] = [None] * pred.length
    return {'missed_speaker': runs, 'missed_masks': masks}


def miss_middle(pred: Side) -> dict[str, int]:
    first = pred.frames(0)[0]
    for frame in (first + 2, first + 3):
        pred.masks[0][frame] = None
    return {'missed_speaker': 1, 'missed_masks': 2}


def add_ghost(pred: Side) -> dict[str, int]:
    """Add a mask in an empty corner for five frames."""
    shape = next(mask.shape for mask in pred.masks[0] if mask is not None)
    ghost = np.zeros(shape, bool)
    ghost[-12:, -12:] = True
    pred.add([ghost if 1 <= frame < 6 else None for frame in range(pred.length)], 0)
    return {'ghost_speaker': 1, 'ghost_masks': 5}


def start_late(pred: Side) -> dict[str, int]:
    for frame in pred.frames(0)[:3]:
        pred.masks[0][frame] = None
    return {'late_start': 3, 'missed_masks': 3}


def end_early(pred: Side) -> dict[str, int]:
    for frame in pred.frames(1)[-2:]:
        pred.masks[1][frame] = None
    return {'early_end': 2, 'missed_masks': 2}


def start_early(pred: Side) -> dict[str, int]:
    first = pred.frames(3)[0]
    for frame in range(first - 2, first):
        pred.masks[3][frame] = pred.masks[3][first]
    return {'early_start': 2, 'ghost_masks': 2}


def end_late(pred: Side) -> dict[str, int]:
    last = pred.frames(2)[-1]
    for frame in range(last + 1, last + 4):
        pred.masks[2][frame] = pred.masks[2][last]
    return {'late_end': 3, 'ghost_masks': 3}


def crop_masks(pred: Side) -> dict[str, int]:
    """Keep the left two fifths of every mask of the longest track."""
    for frame in pred.frames(0):
        rows, columns = np.nonzero(pred.masks[0][frame])
        kept = np.argsort(columns, kind='stable')[: max(1, len(columns) * 2 // 5)]
        mask = np.zeros_like(pred.masks[0][frame])
        mask[rows[kept], columns[kept]] = True
        pred.masks[0][frame] = mask
    return {'poor_mask': len(pred.frames(0))}


def switch_identities(pred: Side) -> dict[str, int]:
    first, second = pred.masks[:2]
    pred.masks[:2] = [first[:6] + second[6:], second[:6] + first[6:]]
    return {'identity_switch': 2}


def split_track(pred: Side) -> dict[str, int]:
    row, middle = pred.masks[0], pred.length // 2
    pred.masks[0] = row[:middle] + [None] * (pred.length - middle)
    pred.add([None] * middle + row[middle:], pred.labels[0])
    return {'split': 1}


def merge_tracks(pred: Side) -> dict[str, int]:
    later = pred.masks[3]
    pred.masks[2] = [b if a is None else a for a, b in zip(pred.masks[2], later, strict=True)]
    pred.masks[3] = [None] * pred.length
    return {'merge': 1}


def change_class(pred: Side) -> dict[str, int]:
    pred.labels[0] = 3
    return {'wrong_class': 1}


Planter = Callable[[Side], dict[str, int]]
PLANTERS: dict[str, tuple[Planter, ...]] = {
    'who': (miss_speaker, miss_middle, add_ghost, start_late, end_early, start_early, end_late),
    'where': (crop_masks,),
    'same': (switch_identities, split_track, merge_tracks, change_class),
}


def diagnose(gt: Side, pred: Side, name: str = 'video') -> VideoDiagnosis:
    """Diagnose one video."""
    size = next(m.shape for row in gt.masks for m in row if m is not None)
    options = {'size': size, 'num_frames': gt.length}
    video = VideoOverlap.from_rles(gt.encode(), pred.encode(), **options)
    overlap = VideoOverlap.from_rles(gt.encode(), gt.encode(), **options).intersections
    return count_diagnosis(video, name=name, classes=CLASSES, gt_overlap=overlap)
