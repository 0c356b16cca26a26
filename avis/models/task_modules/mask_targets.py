"""What a set of predicted masks is matched with: the instances of one frame, or of one clip."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from avis.structures.av_data_sample import AVDataSample


@dataclass
class MaskTarget:
    """True instances of one frame (T = 1) or of one clip.

    Attributes:
        labels: int (N,).
        masks: bool (N, T, H, W).
        instances: int (N,), their places in the clip's ``gt_tracks``.
        seed: Numbers that fix what is drawn for this frame or clip; empty if nothing fixes it.
    """

    labels: Tensor
    masks: Tensor
    instances: Tensor
    seed: tuple[int, ...] = ()


def frame_targets(data_samples: Sequence[AVDataSample]) -> list[MaskTarget]:
    """The instances that each frame shows: B * T targets, the frames of a clip in a row."""
    targets = []
    for sample in data_samples:
        tracks = sample.gt_tracks
        present = tracks.masks.flatten(2).any(-1)  # (N, T)
        of_clip = sample.get('seed', ())
        for frame, seen in enumerate(present.T):
            instances = seen.nonzero()[:, 0]
            masks = tracks.masks[instances, frame : frame + 1]
            seed = (*of_clip, frame + 1) if of_clip else ()
            targets.append(MaskTarget(tracks.labels[instances], masks, instances, seed))
    return targets


def clip_targets(
    data_samples: Sequence[AVDataSample], *, num_classes: int, late_as_no_object: bool
) -> list[MaskTarget]:
    """The instances of each clip: B targets.

    Args:
        data_samples: B samples.
        num_classes: K, the index of "no object".
        late_as_no_object: Give an instance that the first frame does not show the label K.
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
