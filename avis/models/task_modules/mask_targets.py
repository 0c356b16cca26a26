"""Targets of mask matching: the ground-truth instances of one frame, or of one clip."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from avis.structures.av_data_sample import AVDataSample


@dataclass
class MaskTarget:
    """Ground-truth instances of one frame (T = 1) or of one clip.

    Attributes:
        labels: int (N,).
        masks: bool (N, T, H, W).
        instances: int (N,), their indices in the clip's ``gt_tracks``.
        seed: Seed of the random points of this frame or clip; empty for unseeded points.
    """

    labels: Tensor
    masks: Tensor
    instances: Tensor
    seed: tuple[int, ...] = ()


def frame_targets(data_samples: Sequence[AVDataSample]) -> list[MaskTarget]:
    """Return the instances visible in each frame: B * T targets, clip by clip."""
    targets = []
    for sample in data_samples:
        tracks = sample.gt_tracks
        present = tracks.masks.flatten(2).any(-1)  # (N, T)
        clip_seed = sample.get('seed', ())
        for frame, visible in enumerate(present.T):
            instances = visible.nonzero()[:, 0]
            masks = tracks.masks[instances, frame : frame + 1]
            seed = (*clip_seed, frame + 1) if clip_seed else ()
            targets.append(MaskTarget(tracks.labels[instances], masks, instances, seed))
    return targets


def clip_targets(
    data_samples: Sequence[AVDataSample], *, num_classes: int, late_as_no_object: bool
) -> list[MaskTarget]:
    """Return the instances of each clip: B targets.

    Args:
        data_samples: B samples.
        num_classes: K, the index of "no object".
        late_as_no_object: Set the label K for instances that are absent from the first frame.
    """
    targets = []
    for sample in data_samples:
        tracks = sample.gt_tracks
        labels = tracks.labels
        if late_as_no_object:
            early = tracks.masks[:, 0].flatten(1).any(-1)  # (N,)
            labels = torch.where(early, labels, num_classes)
        instances = torch.arange(len(labels), device=labels.device)
        targets.append(MaskTarget(labels, tracks.masks, instances, sample.get('seed', ())))
    return targets
