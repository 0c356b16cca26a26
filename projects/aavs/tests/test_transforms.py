"""Sizes of frames and labels, the repeated labeled frame, and prior masks from files."""

import numpy as np
from aavs import LoadPriorMasks, RepeatLabeledFrame, ResizeFramesAndLabels

from avis.export.submission import write_probabilities


def results() -> dict:
    frames = np.arange(3 * 8 * 8 * 3, dtype=np.uint8).reshape(3, 8, 8, 3)
    labels = np.zeros((3, 8, 8), np.uint8)
    labels[0, :4] = 7
    known = np.array([True, False, False])
    return {
        'frames': frames,
        'gt_sem_seg': labels,
        'labeled_frames': known,
        'video_id': 'a',
        'video_name': 'a',
        'length': 3,
    }


def test_frames_and_labels_have_sizes_of_their_own():
    out = ResizeFramesAndLabels(frames=(16, 12), labels=(4, 4)).transform(results())
    assert out['frames'].shape == (3, 16, 12, 3)
    assert out['img_shape'] == (16, 12)
    assert out['gt_sem_seg'].shape == (3, 4, 4)
    assert set(np.unique(out['gt_sem_seg'])) == {0, 7}


def test_only_labeled_frame_is_repeated():
    out = RepeatLabeledFrame().transform(results())
    assert out['labeled_frames'].all()
    for key in ('frames', 'gt_sem_seg'):
        assert (out[key] == results()[key][:1]).all()
    whole = {**results(), 'labeled_frames': np.ones(3, bool)}
    assert RepeatLabeledFrame().transform(whole) is whole


def test_prior_masks_are_the_ground_truth_or_written_predictions(tmp_path):
    out = LoadPriorMasks().transform(results())['prior_masks']
    assert out.dtype == np.float32
    assert np.array_equal(out, results()['gt_sem_seg'] > 0)
    prob = np.linspace(0, 1, 3 * 64, dtype=np.float32).reshape(3, 8, 8)
    write_probabilities(tmp_path, 'a', prob)
    out = LoadPriorMasks(folder=str(tmp_path)).transform(results())['prior_masks']
    assert np.array_equal(out, prob > 0.5)
