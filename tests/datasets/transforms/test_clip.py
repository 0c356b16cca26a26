import numpy as np
import pytest

from avis.datasets.transforms.audio import LoadAudio, MuteAudio
from avis.datasets.transforms.clip import frame_ids_of, path_of_frame, worker_random
from avis.datasets.transforms.color import ColorJitter
from avis.datasets.transforms.geometry import CenterCrop, RandomFlip, RandomResizedCrop, ResizeClip
from avis.datasets.transforms.loading import LoadFrames, LoadLabelMaps
from avis.datasets.transforms.moving_crop import RandomMovingCrop
from avis.datasets.transforms.packing import PackAVInputs
from avis.datasets.transforms.sampling import PadFrames

RECORD = {
    'video_id': 'v',
    'frames': ['0.png', '1.png', '2.png'],
    'audio': 'v.wav',
    'label_maps': [None] * 3,
    'length': 3,
    'fps': 1.0,
}


def test_worker_random_is_numpys_global_generator() -> None:
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.RandomState(5).rand(3)
    np.testing.assert_array_equal(worker_random().rand(3), expected)


def test_frame_ids_default_to_all_frames() -> None:
    assert frame_ids_of({'length': 3}).tolist() == [0, 1, 2]
    assert frame_ids_of({'length': 3, 'frame_ids': np.array([2])}).tolist() == [2]


def test_path_of_frame_is_known_before_and_after_loading() -> None:
    chosen = {**RECORD, 'frame_ids': np.array([2, 0])}
    loaded = {**chosen, 'frames': np.zeros((2, 1, 1, 3)), 'frame_paths': RECORD['frames']}
    assert path_of_frame(chosen, 0) == path_of_frame(loaded, 0) == '2.png'
    assert path_of_frame({**loaded, 'frame_paths': 'v.mp4'}, 1) == 'v.mp4'


@pytest.mark.parametrize(
    'step',
    [
        ResizeClip(short_side=8),
        CenterCrop(size=(4, 4)),
        RandomResizedCrop(size=(4, 4)),
        RandomFlip(),
        RandomMovingCrop(),
        ColorJitter(),
        LoadLabelMaps(encoding='binary'),
        PadFrames(num_frames=4),
        PackAVInputs(),
    ],
    ids=lambda step: type(step).__name__,
)
def test_step_before_load_frames_is_an_error(step) -> None:
    name = type(step).__name__
    with pytest.raises(ValueError, match=rf"'v': {name} expected .* put LoadFrames before {name}"):
        step.transform(RECORD)


def test_mute_before_load_audio_is_an_error() -> None:
    with pytest.raises(ValueError, match='put LoadAudio before MuteAudio'):
        MuteAudio().transform(RECORD)


@pytest.mark.parametrize(('step', 'key'), [(LoadFrames(), 'frames'), (LoadAudio(), 'audio')])
def test_loading_twice_is_an_error(step, key) -> None:
    with pytest.raises(ValueError, match=rf"expected paths in '{key}', got an array of shape"):
        step.transform({**RECORD, key: np.zeros((3, 4))})
