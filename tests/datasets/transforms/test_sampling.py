import numpy as np
import pytest

from avis.datasets.transforms.clip import worker_random
from avis.datasets.transforms.sampling import PadFrames, SampleAroundReference, SampleFrames

VIDEO = {'video_id': 'v', 'length': 10, 'fps': 1.0}


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        ({}, list(range(10))),
        ({'mode': 'first', 'num_frames': 3}, [0, 1, 2]),
        ({'mode': 'uniform', 'num_frames': 5}, [1, 3, 5, 7, 9]),
        ({'mode': 'uniform', 'num_frames': 3}, [1, 5, 8]),
        ({'mode': 'window', 'num_frames': 10}, list(range(10))),
        ({'mode': 'first', 'num_frames': 99}, list(range(10))),
    ],
)
def test_modes_choose_their_frames(options, expected) -> None:
    results = SampleFrames(**options).transform(VIDEO)
    assert results['frame_ids'].tolist() == expected
    assert 'frame_ids' not in VIDEO


def test_window_position_depends_on_the_seed() -> None:
    sample = SampleFrames(mode='window', num_frames=4)
    worker_random().seed(0)
    starts = [sample.transform(VIDEO)['frame_ids'][0] for _ in range(100)]
    assert set(starts) == set(range(7))
    worker_random().seed(0)
    assert [sample.transform(VIDEO)['frame_ids'][0] for _ in range(100)] == starts


@pytest.mark.parametrize(
    'options',
    [{'mode': 'all', 'num_frames': 3}, {'mode': 'first'}, {'mode': 'first', 'num_frames': 0}],
)
def test_number_of_frames_must_fit_the_mode(options) -> None:
    with pytest.raises(ValueError, match='num_frames'):
        SampleFrames(**options)


def test_unknown_mode_is_an_error() -> None:
    with pytest.raises(ValueError, match="got 'last'"):
        SampleFrames(mode='last', num_frames=2)


def test_sampling_after_loading_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"before the loaders .* found \['frames'\]"):
        SampleFrames().transform({**VIDEO, 'frames': np.zeros((10, 2, 2, 3))})


def clip(frames: int, audio: np.ndarray) -> dict:
    return {
        **VIDEO,
        'length': frames,
        'frames': np.full((frames, 2, 3, 3), 7, np.uint8),
        'gt_sem_seg': np.ones((frames, 2, 3), np.uint8),
        'labeled_frames': np.ones(frames, bool),
        'audio': audio,
        'sample_rate': 100,
    }


@pytest.mark.parametrize(
    ('audio', 'padded'),
    [
        (np.ones(500, np.float32), (1000,)),
        (np.ones((5, 96, 64), np.float32), (10, 96, 64)),
        (np.ones((5, 128), np.float32), (10, 128)),
    ],
)
def test_padding_is_marked_invalid(audio, padded) -> None:
    results = PadFrames(num_frames=10).transform(clip(5, audio))
    assert results['valid_frames'].tolist() == [True] * 5 + [False] * 5
    assert results['labeled_frames'].tolist() == [True] * 5 + [False] * 5
    assert results['frame_ids'].tolist() == [0, 1, 2, 3, 4, -1, -1, -1, -1, -1]
    assert results['frames'].shape == (10, 2, 3, 3)
    assert results['frames'].dtype == np.uint8
    assert results['frames'][5:].max() == results['gt_sem_seg'][5:].max() == 0
    assert results['audio'].shape == padded
    assert results['audio'].sum() == audio.sum()


def test_waveform_keeps_its_length_on_request() -> None:
    pad = PadFrames(num_frames=10, pad_waveform=False)
    assert pad.transform(clip(5, np.ones(460, np.float32)))['audio'].shape == (460,)
    assert pad.transform(clip(5, np.ones((5, 128), np.float32)))['audio'].shape == (10, 128)


def test_full_clip_is_not_padded() -> None:
    full = clip(10, np.ones(1000, np.float32))
    results = PadFrames(num_frames=10).transform(full)
    assert results['valid_frames'].all()
    np.testing.assert_array_equal(results['frames'], full['frames'])


def test_clip_longer_than_padding_is_an_error() -> None:
    with pytest.raises(ValueError, match='PadFrames expected at most 10 frames, got 12'):
        PadFrames(num_frames=10).transform(clip(12, np.ones(1200)))


@pytest.mark.parametrize('replace', [True, False])
def test_sampled_frames_are_near_the_reference_and_sorted(replace) -> None:
    sample = SampleAroundReference(num_frames=4, max_distance=3, replace=replace)
    worker_random().seed(0)
    drawn = [sample.transform(VIDEO)['frame_ids'] for _ in range(300)]
    for frame_ids in drawn:
        assert (np.diff(frame_ids) >= (0 if replace else 1)).all()
        assert frame_ids[-1] - frame_ids[0] <= 6
    assert {int(frame) for frame_ids in drawn for frame in frame_ids} == set(range(10))
    doubled = [len(set(frame_ids.tolist())) < 4 for frame_ids in drawn]
    assert any(doubled) == replace
    worker_random().seed(0)
    np.testing.assert_array_equal([sample.transform(VIDEO)['frame_ids'] for _ in range(300)], drawn)


def test_reference_is_never_drawn_again() -> None:
    """With two frames, the other one fills the clip."""
    sample = SampleAroundReference(num_frames=4)
    worker_random().seed(0)
    clips = {tuple(sample.transform({**VIDEO, 'length': 2})['frame_ids']) for _ in range(50)}
    assert clips == {(0, 1, 1, 1), (0, 0, 0, 1)}


def test_neighbors_are_the_frames_around_the_reference() -> None:
    sample = SampleAroundReference(max_distance=2)
    assert sample.neighbors(0, 10).tolist() == [1, 2, 0]
    assert sample.neighbors(5, 10).tolist() == [3, 4, 6, 7, 5]
    assert sample.neighbors(9, 10).tolist() == [7, 8, 9]
    assert sample.neighbors(0, 1).tolist() == [0]


def test_every_frame_may_be_the_reference() -> None:
    worker_random().seed(0)
    sample = SampleAroundReference(num_frames=1)
    drawn = [int(sample.transform(VIDEO)['frame_ids'][0]) for _ in range(500)]
    counts = np.bincount(drawn, minlength=10)
    assert counts.min() > 25
    assert counts.max() < 80


@pytest.mark.parametrize('replace', [True, False])
@pytest.mark.parametrize('length', [1, 2, 7200])
def test_reference_sampling_of_short_and_long_videos(replace, length) -> None:
    sample = SampleAroundReference(num_frames=5, max_distance=20, replace=replace)
    frame_ids = sample.transform({**VIDEO, 'length': length})['frame_ids']
    assert frame_ids.dtype == np.int64
    assert len(frame_ids) == 5
    if not replace:
        assert len(set(frame_ids.tolist())) == min(length, 5)


@pytest.mark.parametrize('options', [{'num_frames': 0}, {'max_distance': -1}])
def test_invalid_range_around_reference_is_an_error(options) -> None:
    with pytest.raises(ValueError, match='expected num_frames > 0 and max_distance >= 0'):
        SampleAroundReference(**options)


def test_sampling_around_reference_after_loading_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"SampleAroundReference must come .* \['gt_tracks'\]"):
        SampleAroundReference().transform({**VIDEO, 'gt_tracks': {}})
