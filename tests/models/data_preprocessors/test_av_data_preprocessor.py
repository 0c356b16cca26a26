import pytest
import torch
from mmengine.structures import InstanceData, PixelData

from avis.models.data_preprocessors.av_data_preprocessor import AVDataPreprocessor
from avis.structures.av_data_sample import AVDataSample
from avis.structures.mask_track import MaskTrack


def frames(length: int, height: int, width: int, value: int = 124) -> torch.Tensor:
    return torch.full((length, 3, height, width), value, dtype=torch.uint8)


def sample(length: int, height: int, width: int, valid: int | None = None) -> AVDataSample:
    sample = AVDataSample(metainfo={'img_shape': (height, width)})
    labels = torch.ones(length, height, width, dtype=torch.uint8)
    sample.gt_sem_seg = PixelData(sem_seg=labels)
    sample.labeled_frames = torch.ones(length, dtype=torch.bool)
    if valid is not None:
        sample.valid_frames = torch.arange(length) < valid
    return sample


def batch(*clips: tuple, audio=(100, 100), **more) -> dict:
    return {
        'inputs': {
            'frames': [frames(*clip) for clip in clips],
            'audio': [torch.ones(size) for size in audio],
        },
        'data_samples': [sample(*clip, **more) for clip in clips],
    }


def test_frames_are_normalized() -> None:
    pixels = torch.randint(256, (2, 3, 32, 32), dtype=torch.uint8)
    data = {'inputs': {'frames': [pixels], 'audio': [torch.zeros(10)]}}
    got = AVDataPreprocessor()(data)['inputs']
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    torch.testing.assert_close(got['frames'][0], (pixels / 255 - mean) / std)
    assert got['frames'].shape == (1, 2, 3, 32, 32)
    assert 'valid_frames' not in got


def test_padding_is_zero_after_normalization() -> None:
    data = batch((2, 30, 40), (2, 20, 64))
    got = AVDataPreprocessor(size_divisor=16)(data, training=True)
    images = got['inputs']['frames']
    assert images.shape == (2, 2, 3, 32, 64)
    value = (124 - 123.675) / 58.395
    assert images[0, :, 0, :30, :40].unique().tolist() == pytest.approx([value], abs=1e-6)
    assert images[0, :, :, 30:].abs().max() == images[0, :, :, :, 40:].abs().max() == 0
    assert images[1, :, :, 20:].abs().max() == 0
    assert 'valid_frames' not in got['inputs']
    labels = [s.gt_sem_seg.sem_seg for s in got['data_samples']]
    assert [tuple(label.shape) for label in labels] == [(2, 32, 64)] * 2
    assert [int(label.sum()) for label in labels] == [2 * 30 * 40, 2 * 20 * 64]
    assert labels[0].dtype == torch.uint8
    assert got['data_samples'][0].batch_input_shape == (32, 64)
    assert got['data_samples'][0].img_shape == (30, 40)


def test_ground_truth_keeps_its_size_in_testing() -> None:
    data = batch((2, 30, 40), (2, 20, 64))
    samples = AVDataPreprocessor()(data, training=False)['data_samples']
    assert samples[0].gt_sem_seg.sem_seg.shape == (2, 30, 40)
    assert samples[0].batch_input_shape == (32, 64)


def test_input_samples_are_not_changed() -> None:
    data = batch((2, 30, 40))
    AVDataPreprocessor()(data, training=True)
    assert data['data_samples'][0].gt_sem_seg.sem_seg.shape == (2, 30, 40)
    assert 'batch_input_shape' not in data['data_samples'][0]


def test_clips_of_several_lengths_get_valid_frames() -> None:
    data = batch((2, 32, 32), (3, 32, 32), audio=(200, 300))
    got = AVDataPreprocessor()(data, training=True)
    assert got['inputs']['frames'].shape == (2, 3, 3, 32, 32)
    assert got['inputs']['valid_frames'].tolist() == [[True, True, False], [True] * 3]
    assert got['inputs']['audio'].shape == (2, 300)
    assert got['inputs']['audio'].sum(dim=1).tolist() == [200, 300]
    short = got['data_samples'][0]
    assert short.labeled_frames.tolist() == [True, True, False]
    assert short.valid_frames.tolist() == [True, True, False]
    assert short.gt_sem_seg.sem_seg[2].max() == 0
    assert got['inputs']['frames'][0, 2].abs().max() == 0


def test_valid_frames_of_pipeline_are_stacked() -> None:
    data = batch((4, 32, 32), (4, 32, 32), valid=2)
    data['data_samples'][1] = sample(4, 32, 32)
    got = AVDataPreprocessor()(data)
    assert got['inputs']['valid_frames'].tolist() == [[True, True, False, False], [True] * 4]


@pytest.mark.parametrize('training', [True, False])
def test_padding_frames_are_zero_after_normalization(training) -> None:
    got = AVDataPreprocessor()(batch((3, 32, 32), (3, 32, 32), valid=2), training=training)
    images = got['inputs']['frames']
    assert not images[:, 2].any()
    assert images[:, :2].all()


@pytest.mark.parametrize('size', [(5, 96, 64), (5, 128)])
def test_precomputed_audio_is_stacked(size) -> None:
    data = batch((5, 32, 32), (3, 32, 32), audio=(size, (3, *size[1:])))
    audio = AVDataPreprocessor()(data)['inputs']['audio']
    assert audio.shape == (2, *size)
    assert audio[1, 3:].abs().max() == 0


def test_mixed_kinds_of_audio_raise() -> None:
    data = batch((5, 32, 32), (5, 32, 32), audio=(80000, (5, 96, 64)))
    with pytest.raises(ValueError, match=r'audio of one kind.*\(80000,\), \(5, 96, 64\)'):
        AVDataPreprocessor()(data)


def test_buffers_are_not_in_state_dict() -> None:
    assert not AVDataPreprocessor().state_dict()


def test_mean_without_three_values_raises() -> None:
    with pytest.raises(ValueError, match=r'expected 3 values in mean, got \[0\.5\]'):
        AVDataPreprocessor(mean=[0.5])


def with_tracks(data: dict, masks: list) -> dict:
    for clip, mask in zip(data['data_samples'], masks, strict=True):
        clip.gt_tracks = InstanceData(
            labels=torch.arange(len(mask)), ids=torch.arange(len(mask)), masks=mask
        )
    return data


def test_masks_of_tracks_are_padded_in_training_only() -> None:
    masks = [torch.ones(2, 3, 40, 30, dtype=torch.bool), torch.ones(0, 2, 32, 70, dtype=torch.bool)]
    data = with_tracks(batch((3, 40, 30), (2, 32, 70)), masks)
    data['data_samples'][1].gt_tracks.annotated = torch.ones(0, 2, dtype=torch.bool)
    one, other = AVDataPreprocessor()(data, training=True)['data_samples']
    assert one.gt_tracks.masks.shape == (2, 3, 64, 96)
    assert one.gt_tracks.masks[:, :, :40, :30].all()
    assert one.gt_tracks.masks.sum() == 2 * 3 * 40 * 30
    assert other.gt_tracks.masks.shape == (0, 3, 64, 96)
    assert other.gt_tracks.annotated.shape == (0, 3)
    assert one.gt_tracks.ids.tolist() == [0, 1]
    assert data['data_samples'][0].gt_tracks.masks.shape == (2, 3, 40, 30)
    (kept, _) = AVDataPreprocessor()(data)['data_samples']
    assert kept.gt_tracks.masks.shape == (2, 3, 40, 30)


def test_rle_masks_in_training_raise() -> None:
    data = with_tracks(batch((2, 32, 32), audio=(9,)), [[MaskTrack(32, 32, [None, None])]])
    with pytest.raises(ValueError, match=r"LoadTracks\(form='dense'\)"):
        AVDataPreprocessor()(data, training=True)
    (kept,) = AVDataPreprocessor()(data)['data_samples']
    assert len(kept.gt_tracks.masks[0]) == 2


def test_batch_without_audio_is_supported() -> None:
    data = batch((2, 32, 32))
    del data['inputs']['audio']
    assert set(AVDataPreprocessor()(data)['inputs']) == {'frames'}


def test_expressions_of_the_samples_become_inputs() -> None:
    data = batch((2, 32, 32), (2, 32, 32))
    assert 'expressions' not in AVDataPreprocessor()(data)['inputs']
    data['data_samples'][0].set_metainfo({'expression': 'the man'})
    assert AVDataPreprocessor()(data)['inputs']['expressions'] == ['the man', None]
