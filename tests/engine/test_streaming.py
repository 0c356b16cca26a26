import copy

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate

from avis.datasets.aviseg import AVISeg
from avis.datasets.window_dataset import WindowDataset
from avis.engine.streaming import VideoStream
from avis.models.trackers.mask_overlap_tracker import MaskOverlapTracker
from avis.models.trackers.query_matching_tracker import QueryMatchingTracker
from avis.structures.masks import encode_mask
from tests.helpers.painted import (
    PIPELINE,
    PaintedModel,
    dataset_of,
    mask_of,
    passing,
    write_data,
)
from tests.helpers.track_samples import content

SCENES = {'long': passing(23), 'one': passing(1), 'empty': [{}] * 4, 'short': passing(6, 9)}


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp('painted'), SCENES)


def model_of(tracker=MaskOverlapTracker, **arguments):
    return PaintedModel(tracker={'type': tracker, **arguments}).eval()


def stream(windows, model):
    """Predict the videos of a set of windows, by name."""
    video_stream = VideoStream(model)
    fed = [video_stream.feed(pseudo_collate([windows[index]])) for index in range(len(windows))]
    return {sample.video_name: sample for sample in fed if sample is not None}


@pytest.mark.parametrize('tracker', [MaskOverlapTracker, QueryMatchingTracker])
@pytest.mark.parametrize(('size', 'overlap'), [(None, 0), (100, 3), (5, 0), (5, 2), (1, 0)])
def test_streaming_equals_prediction_of_whole_clip(data_root, tracker, size, overlap):
    model = model_of(tracker)
    whole = AVISeg(split='test', data_root=str(data_root), pipeline=PIPELINE)
    windows = WindowDataset(dataset=dataset_of(data_root), size=size, overlap=overlap)
    streamed = stream(windows, model)
    assert list(streamed) == list(SCENES)
    for index in range(len(whole)):
        with torch.no_grad():
            (expected,) = model.test_step(pseudo_collate([copy.deepcopy(whole[index])]))
        found = streamed[expected.video_name]
        assert content(found.pred_tracks) == content(expected.pred_tracks)
        assert content(found.gt_tracks) == content(expected.gt_tracks)
        # InstanceData keeps its keys in a set, so their order depends on the hash seed.
        assert set(found.gt_tracks.keys()) == set(expected.gt_tracks.keys())
        assert found.frame_ids.tolist() == expected.frame_ids.tolist()
        for key in ('video_id', 'fps', 'ori_shape', 'img_shape'):
            assert found.get(key) == expected.get(key)
        assert 'labeled_frames' not in found


def test_streaming_predicts_the_painted_tracks(data_root):
    windows = WindowDataset(dataset=dataset_of(data_root), size=4, overlap=1)
    found = stream(windows, model_of())['long'].pred_tracks
    assert found.labels.tolist() == [0, 1]
    for number, track in enumerate(found.masks):
        expected = [b.get(number) and encode_mask(mask_of(b[number])) for b in SCENES['long']]
        assert track.rles == expected


def test_unlabeled_frames_stay_unlabeled(data_root):
    windows = WindowDataset(dataset=dataset_of(data_root), size=4, overlap=1)
    video_stream = VideoStream(model_of())
    for index in range(8):
        item = windows[index]
        frame_ids = item['data_samples'].frame_ids
        item['data_samples'].labeled_frames = torch.from_numpy(frame_ids % 3 == 0)
        sample = video_stream.feed(pseudo_collate([item]))
    np.testing.assert_array_equal(sample.labeled_frames.numpy(), np.arange(23) % 3 == 0)


def test_tracks_missing_in_some_windows_are_absent_there(data_root):
    windows = WindowDataset(dataset=dataset_of(data_root), size=6, overlap=2)
    video_stream = VideoStream(model_of())
    for index, window in enumerate(windows.windows):
        if window.video:
            break
        item = windows[index]
        tracks = item['data_samples'].gt_tracks
        visible = [any(rle is not None for rle in masks.rles) for masks in tracks.masks]
        item['data_samples'].gt_tracks = tracks[torch.tensor(visible)]
        sample = video_stream.feed(pseudo_collate([item]))
    whole = AVISeg(split='test', data_root=str(data_root), pipeline=PIPELINE)[0]['data_samples']
    assert content(sample.gt_tracks) == content(whole.gt_tracks)


def test_broken_window_drops_only_its_video(tmp_path):
    root = write_data(tmp_path, {'bad': passing(4), 'good': passing(2)})
    (root / 'test' / 'JPEGImages' / 'bad' / '00001.png').write_bytes(b'')
    windows = WindowDataset(dataset=dataset_of(root, skip_broken=True), size=2)
    assert list(stream(windows, model_of())) == ['good']


def test_window_without_earlier_windows_is_an_error(data_root):
    windows = WindowDataset(dataset=dataset_of(data_root), size=5)
    with pytest.raises(ValueError, match=r"'long': got its window at frame 5 without"):
        VideoStream(model_of()).feed(pseudo_collate([windows[1]]))
