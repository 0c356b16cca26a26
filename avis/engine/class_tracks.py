"""Turn label maps to one mask track per class, frame by frame, so that memory stays flat."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData, PixelData
from torch import Tensor

from avis.structures.av_data_sample import AVDataSample
from avis.structures.mask_track import MaskTrack
from avis.structures.masks import RLE, encode_mask

_BACKGROUND = 0


@dataclass
class ClassTracks:
    """The masks of each class of a semantic model, in a video of any length.

    Args:
        size: Height and width of the masks, those of the file.
    """

    size: tuple[int, int]
    _seen: set[int] = field(default_factory=set)
    _rles: dict[int, dict[int, RLE]] = field(default_factory=lambda: defaultdict(dict))
    _sums: dict[int, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0]))

    def add(self, frames: Sequence[int], prediction: PixelData) -> int:
        """Add the label maps of some frames; frames that were added before keep their masks.

        Args:
            frames: T indices in the video.
            prediction: ``sem_seg`` (T, h, w) at any size, which is resized; for a binary task also
                ``prob`` (T, h, w).

        Returns:
            How many of the frames were not added before.
        """
        probs, known = prediction.get('prob'), len(self._seen)
        for row, frame in enumerate(frames):
            if frame in self._seen:
                continue
            self._seen.add(frame)
            prob = None if probs is None else probs[row]
            labels = self._resized(prediction.sem_seg[row], prob).cpu().numpy()
            for label in np.unique(labels).tolist():
                if label == _BACKGROUND:
                    continue
                self._rles[label][frame] = encode_mask(labels == label)
                if prob is not None:
                    inside = prediction.sem_seg[row] == label
                    self._sums[label][0] += float(prob[inside].sum())
                    self._sums[label][1] += int(inside.sum())
        return len(self._seen) - known

    def _resized(self, labels: Tensor, prob: Tensor | None) -> Tensor:
        """Return labels (h, w) at the size of the file, with smooth outlines."""
        if tuple(labels.shape) == self.size:
            return labels
        if prob is not None:
            return (self._scaled(prob[None]) > 0.5)[0].to(torch.uint8)
        present = labels.unique()  # few of the classes; their maps at full size fit into memory
        maps = self._scaled(torch.stack([(labels == label).float() for label in present]))
        return present[maps.argmax(0)]

    def _scaled(self, maps: Tensor) -> Tensor:
        return F.interpolate(maps[None], size=self.size, mode='bilinear', align_corners=False)[0]

    def to_instances(self, length: int) -> InstanceData:
        """Return the tracks: ``labels``, ``ids`` (the labels), ``scores`` and ``masks``.

        Args:
            length: Number of frames of the video.

        Returns:
            One track per class that is present, without background. Scores are the mean
            probability inside the masks of a binary task, and 1 for tasks with classes.
        """
        labels = sorted(label for label, rles in self._rles.items() if rles)
        sums = {label: self._sums.get(label, (1.0, 1.0)) for label in labels}
        return InstanceData(
            labels=torch.tensor(labels, dtype=torch.long),
            ids=torch.tensor(labels, dtype=torch.long),
            scores=torch.tensor([sums[each][0] / max(sums[each][1], 1) for each in labels]),
            masks=[
                MaskTrack(*self.size, [self._rles[label].get(t) for t in range(length)])
                for label in labels
            ],
        )


def class_tracks_of(sample: AVDataSample) -> InstanceData:
    """Return the ``pred_sem_seg`` of a clip as tracks, see :meth:`ClassTracks.to_instances`."""
    tracks = ClassTracks((int(sample.ori_shape[0]), int(sample.ori_shape[1])))
    length = len(sample.pred_sem_seg.sem_seg)
    tracks.add(range(length), sample.pred_sem_seg)
    return tracks.to_instances(length)
