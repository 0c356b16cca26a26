import cv2
import numpy as np
import pytest

from avis.structures.mask_track import MaskTrack
from avis.structures.video_result import TrackResult
from avis.visualization.colors import IDENTITY_COLORS, identity_color, text_color, track_colors

# Machado et al. 2009, severity 1.0, on linear RGB.
VISION = {
    'normal': np.eye(3),
    'protanopia': [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    'deuteranopia': [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


def lab_as_seen(colors, matrix):
    """CIELAB (N, 3) of RGB colors (N, 3) as a person with this vision sees them."""
    values = np.asarray(colors) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.transpose(matrix), 0, 1)
    encoded = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    return cv2.cvtColor(encoded[None].astype(np.float32), cv2.COLOR_RGB2LAB)[0]


@pytest.mark.parametrize(('count', 'least'), [(4, 24), (8, 17), (16, 8)])
@pytest.mark.parametrize('vision', VISION)
def test_colors_are_distinguishable_with_color_vision_deficiency(vision, count, least):
    lab = lab_as_seen(IDENTITY_COLORS[:count], VISION[vision])
    distance = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
    assert distance[~np.eye(count, dtype=bool)].min() > least


def test_text_is_readable_on_each_color():
    for color in IDENTITY_COLORS:
        lightness = lab_as_seen([color, text_color(color)], np.eye(3))[:, 0]
        assert abs(lightness[0] - lightness[1]) > 40


def track(number, *boxes):
    masks = np.zeros((len(boxes), 10, 20), bool)
    for mask, left in zip(masks, boxes, strict=True):
        if left is not None:
            mask[2:8, left : left + 5] = True
    return TrackResult(number, f'{number}', MaskTrack.from_dense(masks), masks.any((1, 2)))


def test_prediction_has_the_color_of_the_ground_truth_that_it_overlaps():
    gt = [track(1, 0, 0, 0), track(2, 10, 10, 10)]
    pred = [track(5, 14, 14, None), track(7, 10, 11, 11), track(9, 1, None, 0)]
    colors = track_colors(pred, gt)
    assert colors == {5: identity_color(2), 7: identity_color(1), 9: identity_color(0)}
    assert track_colors(gt) == {1: identity_color(0), 2: identity_color(1)}


def test_colors_do_not_depend_on_the_ids():
    assert track_colors([track(40, 0), track(56, 10)]) == {
        40: identity_color(0),
        56: identity_color(1),
    }
