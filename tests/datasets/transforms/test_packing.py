import numpy as np
import pytest
import torch

from avis.datasets.transforms.packing import PackAVInputs
from avis.structures.mask_track import MaskTrack


def clip(**more) -> dict:
    return {
        'video_id': 7,
        'video_name': 'v',
        'frame_ids': np.arange(2),
        'fps': 1.0,
        'frames': np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3),
        'audio': np.ones(32000, np.float64),
        'sample_rate': 16000,
        'ori_shape': (8, 10),
        'img_shape': (4, 5),
        **more,
    }


def test_frames_and_audio_become_tensors() -> None:
    source = clip()
    inputs = PackAVInputs().transform(source)['inputs']
    assert inputs['frames'].dtype == torch.uint8
    assert inputs['audio'].dtype == torch.float32
    assert inputs['audio'].shape == (32000,)
    np.testing.assert_array_equal(inputs['frames'], source['frames'].transpose(0, 3, 1, 2))


def test_properties_of_the_clip_become_metainfo() -> None:
    sample = PackAVInputs().transform(clip(attributes={'category': 'dog'}))['data_samples']
    assert sample.video_id == 7
    assert sample.attributes == {'category': 'dog'}
    assert sample.img_shape == (4, 5)
    assert sample.flip is False
    assert sample.frame_ids.tolist() == [0, 1]
    assert set(sample.keys()) == set()


def test_expression_becomes_metainfo() -> None:
    text = 'the person in red'
    assert PackAVInputs().transform(clip(expression=text))['data_samples'].expression == text
    assert PackAVInputs().transform(clip(expression=None))['data_samples'].expression is None
    assert 'expression' not in PackAVInputs().transform(clip())['data_samples']


def test_empty_expression_raises() -> None:
    message = 'video 7: expected expression to be a sentence or None'
    with pytest.raises(ValueError, match=message):
        PackAVInputs().transform(clip(expression=' '))


def test_labels_and_flags_are_packed() -> None:
    labels = np.ones((2, 4, 9), np.uint8)[:, :, ::-1][:, :, :5]  # as a flip and a crop leave it
    flags = np.array([True, False])
    source = clip(gt_sem_seg=labels, labeled_frames=flags, valid_frames=~flags, flip=True)
    sample = PackAVInputs().transform(source)['data_samples']
    np.testing.assert_array_equal(sample.gt_sem_seg.sem_seg, labels)
    assert sample.labeled_frames.tolist() == [True, False]
    assert sample.valid_frames.tolist() == [False, True]
    assert sample.flip is True


def test_clip_without_audio_has_no_audio_input() -> None:
    source = clip()
    del source['audio']
    assert set(PackAVInputs().transform(source)['inputs']) == {'frames'}


def test_tracks_become_instances() -> None:
    dense = {
        'labels': np.array([3]),
        'ids': np.array([8]),
        'masks': np.ones((1, 2, 4, 5), bool),
    }
    tracks = PackAVInputs().transform(clip(gt_tracks=dense))['data_samples'].gt_tracks
    assert tracks.masks.shape == (1, 2, 4, 5)
    assert tracks.masks.dtype == torch.bool
    assert tracks.labels.tolist() == [3]
    coded = {**dense, 'masks': [MaskTrack(8, 10, [None, None])], 'crowd': np.array([True])}
    tracks = PackAVInputs().transform(clip(gt_tracks=coded))['data_samples'].gt_tracks
    assert tracks.masks == coded['masks']
    assert tracks.crowd.tolist() == [True]
