import copy

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData, PixelData

from avis.structures.av_data_sample import AVDataSample
from avis.structures.mask_track import MaskTrack


@pytest.fixture
def sample():
    sample = AVDataSample(metainfo={'video_id': 0, 'fps': 1.0, 'ori_shape': (4, 6)})
    sample.gt_sem_seg = PixelData(sem_seg=torch.zeros(2, 4, 6, dtype=torch.uint8))
    sample.labeled_frames = torch.tensor([True, False])
    return sample


def test_metainfo_and_fields_are_stored(sample):
    assert sample.video_id == 0
    assert sample.ori_shape == (4, 6)
    assert sample.gt_sem_seg.sem_seg.shape == (2, 4, 6)
    assert sample.labeled_frames.tolist() == [True, False]
    assert set(sample.keys()) == {'gt_sem_seg', 'labeled_frames'}


def test_tracks_have_ids_and_mask_tracks(sample):
    masks = np.ones((2, 4, 6), bool)
    sample.pred_tracks = InstanceData(
        ids=torch.tensor([7]), scores=torch.tensor([0.5]), masks=[MaskTrack.from_dense(masks)]
    )
    assert len(sample.pred_tracks) == 1
    assert sample.pred_tracks.masks[0].areas.tolist() == [24, 24]


@pytest.mark.parametrize(
    ('name', 'value', 'expected'),
    [
        ('gt_sem_seg', torch.zeros(1), 'PixelData, got Tensor'),
        ('pred_sem_seg', InstanceData(), 'PixelData, got InstanceData'),
        ('pred_tracks', [], 'InstanceData, got list'),
        ('labeled_frames', [True], 'Tensor, got list'),
        ('valid_frames', np.ones(1, bool), 'Tensor, got ndarray'),
    ],
)
def test_field_of_wrong_type_is_an_error(sample, name, value, expected):
    with pytest.raises(TypeError, match=rf'AVDataSample\.{name}: expected {expected}'):
        setattr(sample, name, value)


def test_to_and_clone_keep_the_class_and_move_the_fields(sample):
    moved = sample.to(torch.float64)
    assert isinstance(moved, AVDataSample)
    assert moved.gt_sem_seg.sem_seg.dtype == torch.float64
    copied = copy.deepcopy(sample)
    copied.gt_sem_seg.sem_seg += 1
    assert sample.gt_sem_seg.sem_seg.max() == 0
