"""Predictions of one task are scored with the metric of another, and the keys say so."""

import numpy as np
import pytest
import torch

from avis.evaluation.metrics.avs_metric import AVSMetric
from avis.evaluation.metrics.avss_metric import AVSSMetric
from avis.evaluation.metrics.converted_metric import (
    ConvertedMetric,
    maps_of_tracks,
    tracks_of_maps,
)
from avis.evaluation.metrics.track_metrics import AVISegMetric, AVTrackMetric
from avis.structures.mask_track import MaskTrack

T, SIZE = 3, (8, 12)


def square(left: int, frames=(0, 1, 2)) -> np.ndarray:
    mask = np.zeros((T, *SIZE), bool)
    mask[list(frames), 2:6, left : left + 4] = True
    return mask


def tracks(*masks: np.ndarray, scores, labels) -> dict:
    return {
        'masks': [MaskTrack.from_dense(mask) for mask in masks],
        'scores': torch.tensor(scores),
        'labels': torch.tensor(labels),
        'ids': torch.arange(len(masks)),
    }


def sample(**fields) -> dict:
    return {
        'video_name': 'a',
        'video_id': 1,
        'img_shape': SIZE,
        'ori_shape': SIZE,
        'frame_ids': np.arange(T),
        'labeled_frames': torch.ones(T, dtype=torch.bool),
        **fields,
    }


def scores_of(metric: dict, conversion: str, data: dict, **options) -> dict:
    converted = ConvertedMetric(metric=metric, conversion=conversion, **options)
    converted.dataset_meta = {'classes': ('a',)}
    converted.process(None, [data])
    return converted.evaluate(1)


def test_instances_are_scored_as_binary_maps() -> None:
    target = torch.from_numpy(square(0) | square(6)).to(torch.uint8)
    pred = tracks(square(0), square(6), scores=[0.9, 0.2], labels=[0, 1])
    data = sample(gt_sem_seg={'sem_seg': target}, pred_tracks=pred)
    scores = scores_of({'type': AVSMetric}, 'tracks_to_maps', data)
    # Only the instance with a score above 0.5 is in the binary map.
    assert scores['avs_from_tracks/miou'] == pytest.approx(0.5, abs=1e-6)
    pred['scores'][1] = 0.8
    scores = scores_of({'type': AVSMetric}, 'tracks_to_maps', data)
    assert scores['avs_from_tracks/miou'] == pytest.approx(1, abs=1e-6)


def test_instances_are_scored_as_semantic_maps_with_other_class_numbers() -> None:
    target = np.zeros((T, *SIZE), np.uint8)
    target[square(0)], target[square(6)] = 17, 3
    pred = tracks(square(0), square(6), scores=[0.9, 0.8], labels=[0, 1])
    data = sample(gt_sem_seg={'sem_seg': torch.from_numpy(target)}, pred_tracks=pred)
    metric = {'type': AVSSMetric, 'protocol': 'corrected', 'num_classes': 20}
    scores = scores_of(metric, 'tracks_to_maps', data, labels=[17, 3])
    assert scores['avss_corrected_from_tracks/miou_present'] == pytest.approx(1, abs=1e-6)
    swapped = scores_of(metric, 'tracks_to_maps', data, labels=[3, 17])
    assert swapped['avss_corrected_from_tracks/miou_present'] < 0.5


def test_instance_with_the_highest_score_covers_the_others() -> None:
    data = sample(
        gt_sem_seg={'sem_seg': torch.zeros(T, *SIZE)},
        pred_tracks=tracks(square(0), square(2), scores=[0.9, 0.4], labels=[0, 1]),
    )
    maps = maps_of_tracks(data)
    assert maps['sem_seg'][0, 2].tolist() == [1, 1, 1, 1, 2, 2] + [0] * 6
    assert maps['prob'][0, 2, [0, 3, 5]].tolist() == pytest.approx([0.9, 0.9, 0.4])


@pytest.mark.parametrize('metric', [AVISegMetric, AVTrackMetric])
def test_components_of_maps_are_scored_as_instances(metric) -> None:
    maps = torch.from_numpy(square(0) | square(6)).to(torch.uint8)
    data = sample(
        pred_sem_seg={'sem_seg': maps, 'prob': maps.float() * 0.9},
        gt_tracks={
            'masks': [MaskTrack.from_dense(square(0)), MaskTrack.from_dense(square(6))],
            'labels': torch.tensor([0, 0]),
            'ids': torch.tensor([1, 2]),
        },
    )
    scores = scores_of({'type': metric}, 'maps_to_tracks', data)
    (hota,) = [value for key, value in scores.items() if key.endswith('_components/HOTA')]
    assert hota == pytest.approx(100)


def test_object_that_leaves_and_returns_is_two_and_specks_are_dropped() -> None:
    maps = np.zeros((T, *SIZE), np.uint8)
    maps[square(0, frames=(0, 2))] = 1
    maps[0, 0, 11] = 1
    maps[square(6)] = 2
    data = sample(pred_sem_seg={'sem_seg': torch.from_numpy(maps)}, ori_shape=(16, 24))
    found = tracks_of_maps(data, min_pixels=2)
    assert found['labels'].tolist() == [0, 0, 1]
    assert found['scores'].tolist() == [1, 1, 1]
    assert [track.areas.tolist() for track in found['masks']] == [[64, 0, 0], [0, 0, 64], [64] * 3]
    assert tracks_of_maps(data, labels=[-1, -1, 5])['labels'].tolist() == [5]


def test_semantic_maps_are_scored_as_binary_maps() -> None:
    maps = torch.from_numpy(square(0)).to(torch.uint8)
    data = sample(gt_sem_seg={'sem_seg': maps}, pred_sem_seg={'sem_seg': maps * 7})
    scores = scores_of({'type': AVSMetric}, 'classes_to_binary', data)
    assert scores['avs_from_classes/miou'] == pytest.approx(1, abs=1e-6)


def test_wrong_conversion_and_missing_prediction_are_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"expected conversion tracks_to_maps or .*, got 'x'"):
        ConvertedMetric(metric={'type': AVSMetric}, conversion='x')
    with pytest.raises(ValueError, match=r"'a': ConvertedMetric expected pred_tracks for tracks"):
        scores_of({'type': AVSMetric}, 'tracks_to_maps', sample())
