import numpy as np
import pytest
import torch

from avis.datasets.aviseg import AVISeg
from avis.datasets.readers.errors import BrokenDataError
from avis.datasets.transforms.sampling import SampleFrames
from avis.datasets.window_dataset import VideoSampler, WindowDataset
from avis.structures.windows import WindowSpec
from tests.helpers.painted import PIPELINE, dataset_of, paint, passing, write_data


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    scenes = {'long': passing(7), 'one': passing(1), 'short': passing(3)}
    return write_data(tmp_path_factory.mktemp('painted'), scenes)


def test_windows_have_frames_audio_and_gt_of_their_range(data_root):
    windows = WindowDataset(dataset=dataset_of(data_root), size=3, overlap=1)
    assert windows.windows == [
        WindowSpec(0, 0, 3, 7),
        WindowSpec(0, 2, 5, 7),
        WindowSpec(0, 4, 7, 7),
        WindowSpec(1, 0, 1, 1),
        WindowSpec(2, 0, 3, 3),
    ]
    assert (len(windows), windows.num_videos) == (5, 3)
    assert windows.metainfo['classes'][0] == 'person'
    whole = AVISeg(split='test', data_root=str(data_root), pipeline=PIPELINE)[0]
    part = windows[1]
    sample = part['data_samples']
    assert sample.window == WindowSpec(0, 2, 5, 7)
    assert sample.frame_ids.tolist() == [2, 3, 4]
    frames = part['inputs']['frames'].numpy().transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(frames, paint(passing(7))[2:5])
    assert torch.equal(part['inputs']['audio'], whole['inputs']['audio'][2 * 1600 : 5 * 1600])
    gt, all_gt = sample.gt_tracks, whole['data_samples'].gt_tracks
    assert gt.ids.tolist() == all_gt.ids.tolist()
    assert [m.rles for m in gt.masks] == [m.rles[2:5] for m in all_gt.masks]


def test_window_without_size_is_the_whole_video(data_root):
    windows = WindowDataset(dataset=dataset_of(data_root))
    assert [window.stop for window in windows.windows] == [7, 1, 3]


def test_pipeline_that_chooses_frames_is_an_error(data_root):
    chosen = ({'type': SampleFrames, 'mode': 'first', 'num_frames': 2}, *PIPELINE)
    windows = WindowDataset(dataset=dataset_of(data_root, pipeline=chosen), size=3)
    with pytest.raises(ValueError, match='chose other frames than those of the window 0 to 3'):
        windows[0]


def test_unreadable_window_is_an_error_or_marked_broken(tmp_path):
    root = write_data(tmp_path, {'good': passing(2), 'bad': passing(4)})
    (root / 'test' / 'JPEGImages' / 'bad' / '00003.png').write_bytes(b'')
    with pytest.raises(BrokenDataError, match=r'bad/00003\.png'):
        WindowDataset(dataset=dataset_of(root), size=2)[2]
    windows = WindowDataset(dataset=dataset_of(root, skip_broken=True), size=2)
    sample = windows[2]['data_samples']
    assert (sample.broken, sample.video_name, sample.window.stop) == (True, 'bad', 4)
    assert 'broken' not in windows[1]['data_samples']


def test_each_process_gets_the_windows_of_its_videos_in_order(data_root, monkeypatch):
    windows = WindowDataset(dataset=dataset_of(data_root), size=2)
    assigned = []
    for rank in range(2):
        monkeypatch.setattr('avis.datasets.window_dataset.get_dist_info', lambda r=rank: (r, 2))
        sampler = VideoSampler(windows)
        assert len(list(sampler)) == len(sampler)
        assigned.append([windows.windows[index][:2] for index in sampler])
    assert assigned == [[(0, 0), (0, 2), (0, 4), (0, 6)], [(1, 0), (2, 0), (2, 2)]]


def test_process_without_videos_has_no_windows(data_root, monkeypatch):
    windows = WindowDataset(dataset=dataset_of(data_root))
    monkeypatch.setattr('avis.datasets.window_dataset.get_dist_info', lambda: (3, 4))
    assert list(VideoSampler(windows)) == []
