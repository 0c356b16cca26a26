"""Predictions of every kind of model become one structure."""

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData, PixelData

from avis.apis import to_video_result
from avis.engine.class_tracks import ClassTracks
from avis.structures.av_data_sample import AVDataSample
from avis.structures.mask_track import MaskTrack
from tests.helpers.tracker_set import Calls, ColoredVideos, make_tracker, write_set

RECORD = {'video_name': 'talk', 'fps': 2.0, 'length': 2, 'warnings': ['It rains.']}
DENSE = np.zeros((2, 4, 6), bool)
DENSE[0, 1:3, 2:5] = True


def sample_of(**fields):
    sample = AVDataSample(metainfo={'ori_shape': (4, 6), 'video_name': 'talk'})
    for name, value in fields.items():
        setattr(sample, name, value)
    return sample


def instances(*ids):
    masks = [MaskTrack.from_dense(DENSE) for _ in ids]
    return InstanceData(
        ids=torch.tensor(ids),
        labels=torch.ones(len(ids)).long(),
        scores=torch.rand(len(ids)),
        masks=masks,
    )


def test_instances_are_numbered_from_1_and_named_by_class():
    sample = sample_of(pred_tracks=instances(7, 0))
    sample.set_metainfo({'warnings': ['It blows.']})
    result = to_video_result(RECORD, sample, ['dog', 'violin'], warnings=['It snows.'])
    assert [(track.id, track.name) for track in result.tracks] == [(1, 'violin 1'), (2, 'violin 2')]
    assert result.tracks[0].sounding.tolist() == [True, False]
    assert (result.height, result.width, result.seconds) == (4, 6, 1.0)
    assert result.warnings == ['It rains.', 'It blows.', 'It snows.']
    assert to_video_result(RECORD, sample).tracks[0].name == 'class 1 1'


def test_each_class_of_a_semantic_prediction_is_a_track():
    labels = torch.from_numpy(DENSE * 2).to(torch.uint8)
    labels[1, 0, 0] = 1
    sample = sample_of(pred_sem_seg=PixelData(sem_seg=labels))
    tracks = to_video_result(RECORD, sample, ['background', 'dog', 'man']).tracks
    assert [(track.id, track.name, track.label) for track in tracks] == [
        (1, 'dog', 1),
        (2, 'man', 2),
    ]
    assert (tracks[1].masks.to_dense() == DENSE).all()
    assert tracks[0].visible.tolist() == tracks[0].sounding.tolist() == [False, True]


@pytest.mark.parametrize('binary', [True, False])
def test_label_maps_are_resized_to_the_file(binary):
    small = torch.zeros(1, 4, 4, dtype=torch.uint8)
    small[0, :2] = 1 if binary else 5
    data = {'prob': small.float() * 0.8} if binary else {}
    tracks = ClassTracks((16, 8))
    tracks.add([3], PixelData(sem_seg=small, **data))
    found = tracks.to_instances(5)
    assert found.labels.tolist() == [1 if binary else 5]
    assert found.scores.tolist() == pytest.approx([0.8 if binary else 1])
    mask = found.masks[0].dense(3)
    assert mask.shape == (16, 8)
    assert mask[:7].all()
    assert not mask[9:].any()
    assert found.masks[0].areas.astype(bool).tolist() == [False] * 3 + [True, False]


def test_a_frame_that_is_added_again_keeps_its_masks():
    tracks = ClassTracks((2, 2))
    for value in (1, 1, 2):
        labels = torch.full((1, 2, 2), value, dtype=torch.uint8)
        labels[0, 0, 0] = 0 if value == 1 else 2
        tracks.add([0], PixelData(sem_seg=labels))
    found = tracks.to_instances(1)
    assert found.labels.tolist() == [1]
    assert found.masks[0].areas.tolist() == [3]


def test_speakers_have_words_and_are_visible_while_silent(tmp_path):
    videos = ColoredVideos(data_root=str(write_set(tmp_path)))
    (sample,) = make_tracker(Calls(tmp_path / 'calls')).test_step(videos.batch('first'))
    result = to_video_result(videos.record(0), sample, ['person'])
    assert [track.name for track in result.tracks] == ['Speaker 1', 'Speaker 2']
    assert np.flatnonzero(result.tracks[0].sounding).tolist() == [0, 1, 2, 3, 9, 10, 11]
    assert np.flatnonzero(result.tracks[1].sounding).tolist() == [5, 6, 7]
    assert all(track.visible.all() for track in result.tracks)
    assert [(said.text, said.start, said.end, said.track_id) for said in result.utterances] == [
        ('I am the red one.', 0.0, 2.0, 1),
        ('I am the green one.', 2.5, 4.0, 2),
        ('I am the red one.', 4.5, 6.0, 1),
    ]
