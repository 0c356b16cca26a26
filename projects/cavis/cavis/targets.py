"""Targets of CAVIS: all instances of a clip in each of its frames, also where they are absent."""

from collections.abc import Sequence

import torch
from torch import Tensor

from avis.models.task_modules.mask_targets import MaskTarget
from avis.structures.av_data_sample import AVDataSample


def annotated_frames(sample: AVDataSample) -> Tensor:
    """Return in which frames each instance is annotated, bool (N, T)."""
    tracks = sample.gt_tracks
    annotated: Tensor | None = tracks.get('annotated')
    return tracks.masks.flatten(2).any(-1) if annotated is None else annotated


def frame_ids(sample: AVDataSample) -> Tensor:
    """Return the index of the instance in each frame, (N, T), -1 where it is absent."""
    annotated = annotated_frames(sample)
    index = torch.arange(len(annotated), device=annotated.device)
    return torch.where(annotated, index[:, None], -1)


def clip_targets(
    data_samples: Sequence[AVDataSample], absent_label: int | None
) -> list[MaskTarget]:
    """Return the instances of each clip that are annotated in any frame: B targets.

    Args:
        data_samples: B samples with ``gt_tracks``.
        absent_label: Label of an instance that is not annotated in the last frame; None for its
            class.
    """
    targets = []
    for clip, sample in enumerate(data_samples):
        tracks, annotated = sample.gt_tracks, annotated_frames(sample)
        instances = annotated.any(1).nonzero()[:, 0]
        labels = tracks.labels[instances]
        if absent_label is not None:
            labels = labels.masked_fill(~annotated[instances, -1], absent_label)
        seed = sample.get('seed', ())
        targets.append(MaskTarget(labels, tracks.masks[instances], instances, clip, seed))
    return targets


def frame_targets(
    data_samples: Sequence[AVDataSample], absent_label: int | None
) -> list[MaskTarget]:
    """Return the instances of the clip in each frame: B * T targets; see :func:`clip_targets`."""
    return [
        MaskTarget(
            target.labels,
            target.masks[:, frame : frame + 1],
            target.instances,
            target.clip,
            (*target.seed, frame + 1) if target.seed else (),
        )
        for target in clip_targets(data_samples, absent_label)
        for frame in range(target.masks.shape[1])
    ]
