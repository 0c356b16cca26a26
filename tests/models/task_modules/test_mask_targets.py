"""Targets of frames and clips; late instances are "no object" in both."""

import pytest
import torch
from mmengine.structures import InstanceData

from avis.models.task_modules.mask_targets import (
    clip_targets,
    frame_targets,
    label_late_as_no_object,
)
from avis.structures.av_data_sample import AVDataSample

K = 26


def sample(*presence: str, **fields) -> AVDataSample:
    """A clip with an instance of class 1, 2, ... per string: visible in frames with a 1."""
    masks = torch.zeros(len(presence), len(presence[0]), 4, 6, dtype=torch.bool)
    for mask, frames in zip(masks, presence, strict=True):
        mask[[frame == '1' for frame in frames]] = True
    labels = torch.arange(1, len(presence) + 1)
    return AVDataSample(gt_tracks=InstanceData(labels=labels, masks=masks, **fields))


def labels(samples: list[AVDataSample]) -> tuple[list, list]:
    """Labels of the targets of all clips, and of all frames by index of the instance."""
    frames = [
        dict(zip(target.instances.tolist(), target.labels.tolist(), strict=True))
        for target in frame_targets(samples)
    ]
    return [target.labels.tolist() for target in clip_targets(samples)], frames


def test_late_instance_is_no_object_in_its_clip_and_all_its_frames() -> None:
    batch = [sample('110', '011'), sample('001', '111')]
    clips, frames = labels(label_late_as_no_object(batch, K))
    assert clips == [[1, K], [K, 2]]
    assert frames == [{0: 1}, {0: 1, 1: K}, {1: K}, {1: 2}, {1: 2}, {0: K, 1: 2}]
    clips, frames = labels(batch)  # unchanged
    assert clips == [[1, 2], [1, 2]]
    assert frames[1] == {0: 1, 1: 2}


def test_instance_annotated_in_first_frame_but_cropped_away_keeps_its_class() -> None:
    annotated = torch.tensor([[True, True, True], [False, True, True]])
    cropped = sample('011', '011', annotated=annotated, ids=torch.tensor([7, 9]))
    (relabeled,) = label_late_as_no_object([cropped], K)
    assert labels([relabeled]) == ([[1, K]], [{}, {0: 1, 1: K}, {0: 1, 1: K}])
    assert relabeled.gt_tracks.ids.tolist() == [7, 9]
    assert torch.equal(relabeled.gt_tracks.masks, cropped.gt_tracks.masks)


@pytest.mark.parametrize('relabel', [True, False])
def test_clip_without_instances_has_empty_targets(relabel) -> None:
    masks = torch.zeros(0, 2, 4, 6, dtype=torch.bool)
    tracks = InstanceData(labels=torch.zeros(0, dtype=torch.long), masks=masks)
    batch = [AVDataSample(gt_tracks=tracks)]
    batch = label_late_as_no_object(batch, K) if relabel else batch
    assert labels(batch) == ([[]], [{}, {}])


def test_targets_state_their_clip_and_seed() -> None:
    batch = [sample('11'), sample('11')]
    batch[1].set_metainfo({'seed': (5, 3)})
    assert [(t.clip, t.seed) for t in clip_targets(batch)] == [(0, ()), (1, (5, 3))]
    assert [t.clip for t in frame_targets(batch)] == [0, 0, 1, 1]
    assert [t.seed for t in frame_targets(batch)] == [(), (), (5, 3, 1), (5, 3, 2)]
    assert [t.masks.shape for t in frame_targets(batch)] == [(1, 1, 4, 6)] * 4
