"""Targets of mask matching: the ground-truth instances of one frame, or of one clip."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmengine.structures import InstanceData
from torch import Tensor

from avis.structures.av_data_sample import AVDataSample


@dataclass
class MaskTarget:
    """Ground-truth instances of one frame (T = 1) or of one clip.

    Attributes:
        labels: int (N,), class indices below K, or K, the index of "no object".
        masks: bool (N, T, H, W).
        instances: int (N,), their indices in the clip's ``gt_tracks``.
        clip: Index of the clip in the batch.
        seed: Seed of the random points of this frame or clip; empty for unseeded points.
    """

    labels: Tensor
    masks: Tensor
    instances: Tensor
    clip: int = 0
    seed: tuple[int, ...] = ()


def label_late_as_no_object(
    data_samples: Sequence[AVDataSample], num_classes: int
) -> list[AVDataSample]:
    """Give late instances the label of "no object", in the targets of the clip and of all frames.

    An instance is late if it is not annotated in the first frame of the clip. One that is annotated
    there but not visible, since it was cropped away, keeps its class. Masks and ids stay. Without
    ``gt_tracks.annotated``, an instance is annotated in the frames with a mask.

    Source: ``prepare_targets`` of the official AVISM, which fills the classes of frames without an
    annotation with K, and copies those of the first frame to all others.

    Args:
        data_samples: B samples with ``gt_tracks``, which are not changed.
        num_classes: K, the index of "no object".

    Returns:
        B samples.
    """
    relabeled = []
    for sample in data_samples:
        sample, tracks = sample.new(), sample.gt_tracks
        annotated = tracks.get('annotated')  # (N, T)
        if annotated is None:
            annotated = tracks.masks.flatten(2).any(-1)
        labels = tracks.labels.masked_fill(~annotated[:, 0], num_classes)
        sample.gt_tracks = InstanceData(**{**dict(tracks.items()), 'labels': labels})
        relabeled.append(sample)
    return relabeled


def frame_targets(data_samples: Sequence[AVDataSample]) -> list[MaskTarget]:
    """Return the instances visible in each frame: B * T targets, clip by clip."""
    visible = [sample.gt_tracks.masks.flatten(2).any(-1).T for sample in data_samples]  # (T, N)
    found = iter(_nonzero_rows(visible))
    targets = []
    for clip, (sample, in_frames) in enumerate(zip(data_samples, visible, strict=True)):
        tracks, clip_seed = sample.gt_tracks, sample.get('seed', ())
        for frame in range(len(in_frames)):
            instances = next(found)
            masks = tracks.masks[instances, frame : frame + 1]
            seed = (*clip_seed, frame + 1) if clip_seed else ()
            targets.append(MaskTarget(tracks.labels[instances], masks, instances, clip, seed))
    return targets


def _nonzero_rows(matrices: Sequence[Tensor]) -> list[Tensor]:
    """Return the indices of the nonzero elements of each row of bool matrices.

    The matrices are copied to the CPU at once, so that a GPU is waited for once.
    """
    rows = [row for matrix in matrices for row in matrix]
    values = torch.cat(rows).cpu().split([len(row) for row in rows])
    indices = [row.nonzero()[:, 0] for row in values]
    on_device = torch.cat(indices).to(rows[0].device, non_blocking=True)
    return list(on_device.split([len(index) for index in indices]))


def clip_targets(data_samples: Sequence[AVDataSample]) -> list[MaskTarget]:
    """Return the instances of each clip: B targets."""
    targets = []
    for clip, sample in enumerate(data_samples):
        tracks = sample.gt_tracks
        instances = torch.arange(len(tracks.labels), device=tracks.labels.device)
        seed = sample.get('seed', ())
        targets.append(MaskTarget(tracks.labels, tracks.masks, instances, clip, seed))
    return targets
