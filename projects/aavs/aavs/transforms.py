"""Steps of the pipelines of AAVS."""

from pathlib import Path
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from avis.datasets.readers.images import read_label_values
from avis.datasets.transforms.clip import frame_ids_of
from avis.datasets.transforms.geometry import ResizeClip
from avis.registry import TRANSFORMS

Size = tuple[int, int]


@TRANSFORMS.register_module()
class ResizeFramesAndLabels(BaseTransform):
    """Resize frames (bilinear) and label maps (nearest) to two sizes.

    Reads and writes what ``ResizeClip`` does; ``img_shape`` is that of the frames.

    Args:
        frames: Height and width of the frames.
        labels: Height and width of the label maps.
    """

    def __init__(self, *, frames: Size, labels: Size) -> None:
        self.frames = ResizeClip(size=frames)
        self.labels = ResizeClip(size=labels)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        resized = self.frames.transform({k: v for k, v in results.items() if k != 'gt_sem_seg'})
        if 'gt_sem_seg' in results:
            resized['gt_sem_seg'] = self.labels.transform(results)['gt_sem_seg']
        return resized


@TRANSFORMS.register_module()
class RepeatLabeledFrame(BaseTransform):
    """If only the first frame is labeled, repeat it and its label in all frames of the clip.

    The audio remains that of all frames, as in the official training on clips of one source. Reads
    and writes ``frames``, ``gt_sem_seg`` and ``labeled_frames``.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        labeled = results['labeled_frames']
        if labeled[1:].any() or not labeled[0]:
            return results
        repeated = {
            key: np.repeat(results[key][:1], len(labeled), axis=0)
            for key in ('frames', 'gt_sem_seg', 'labeled_frames')
        }
        return {**results, **repeated}


@TRANSFORMS.register_module()
class LoadPriorMasks(BaseTransform):
    """Add the masks of the sounding objects, which the second stage reads.

    Writes ``prior_masks`` float32 (T, H, W), 0 or 1.

    Args:
        folder: Predictions of the first stage, ``<video>/<video>_<n>.png`` with n from 1 on, as
            ``AVSMetric(out=...)`` writes them; levels above 127 are foreground. None takes the
            ground truth, ``gt_sem_seg``, for training.
    """

    def __init__(self, *, folder: str | None = None) -> None:
        self.folder = None if folder is None else Path(folder)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        if self.folder is None:
            masks = results['gt_sem_seg'] > 0
        else:
            name = str(results['video_name'])
            files = [self.folder / name / f'{name}_{i + 1}.png' for i in frame_ids_of(results)]
            masks = np.stack([read_label_values(file) for file in files]) > 127
        return {**results, 'prior_masks': masks.astype(np.float32)}
