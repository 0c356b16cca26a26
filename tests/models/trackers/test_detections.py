import numpy as np
import pytest
import torch
import torch.nn.functional as F

from avis.models.trackers import detections
from avis.models.trackers.base import TrackerWindow
from avis.models.trackers.detections import Detector, encode_logits, resize_mask_logits
from avis.structures.masks import decode_rle
from tests.helpers.tracker_scenes import box_mask, box_rle, embed_of, predictions, window

AUDIO = torch.zeros(1, 1, 4)


def detect(frames, **settings):
    return list(Detector(**settings)(frames, AUDIO, window()))


def test_detections_equal_predicted_instances():
    scene = predictions([{4: (8, 8), 2: (40, 16)}], labels={4: 1}, confidence={(2, 0): 0.6})
    (found,) = detect(scene)
    assert found.frame == 0
    assert found.class_scores.argmax(1).tolist() == [1, 0]
    assert found.scores == pytest.approx([0.9, 0.6], abs=1e-3)
    np.testing.assert_array_equal(found.embeds, [embed_of(4), embed_of(2)])
    np.testing.assert_array_equal(found.boxes, [[8, 8, 16, 16], [40, 16, 48, 24]])
    np.testing.assert_array_equal(decode_rle(found.rles[0]), box_mask((8, 8)))
    assert found.sounding.tolist() == [True, True]


def test_weak_queries_and_empty_masks_are_dropped():
    scene = predictions([{0: (8, 8), 1: (100, 8), 2: (40, 8)}], confidence={(2, 0): 0.1})
    (found,) = detect(scene)
    assert found.rles == [box_rle((8, 8))]


def test_frame_without_detections_is_yielded():
    found = detect(predictions([{}, {0: (8, 8)}]))
    assert [len(frame) for frame in found] == [0, 1]
    assert found[0].boxes.shape == (0, 4)
    assert found[0].scores.shape == (0,)


@pytest.mark.parametrize(('duplicate_iou', 'count'), [(0.7, 1), (None, 2)])
def test_duplicate_with_lower_score_is_dropped(duplicate_iou, count):
    scene = predictions([{0: (8, 8), 1: (8, 8)}], confidence={(0, 0): 0.5})
    (found,) = detect(scene, duplicate_iou=duplicate_iou)
    assert len(found) == count
    np.testing.assert_array_equal(found.embeds[0], embed_of(1))


def test_max_per_frame_keeps_best_detections():
    scene = predictions([{0: (8, 8), 1: (24, 8), 2: (40, 8)}], confidence={(1, 0): 0.99})
    (found,) = detect(scene, max_per_frame=1)
    assert found.rles == [box_rle((24, 8))]


def test_masks_are_resized_in_two_steps_without_the_padding():
    logits = torch.randn(3, 8, 16, generator=torch.Generator().manual_seed(0))
    sizes = TrackerWindow(0, input_shape=(32, 64), img_shape=(30, 50), ori_shape=(61, 99))
    found = resize_mask_logits(logits, sizes)
    padded = F.interpolate(logits[None], (32, 64), mode='bilinear', align_corners=False)
    expected = F.interpolate(padded[..., :30, :50], (61, 99), mode='bilinear', align_corners=False)[
        0
    ]
    assert torch.equal(found, expected)


def test_result_does_not_depend_on_chunk_size(monkeypatch):
    logits = torch.randn(5, 8, 16, generator=torch.Generator().manual_seed(0))
    logits[2] = -1
    whole = encode_logits(logits, window())
    monkeypatch.setattr(detections, '_CHUNK_PIXELS', 1)
    assert encode_logits(logits, window()) == whole
    assert whole[2] is None
    dense = resize_mask_logits(logits, window()) > 0
    np.testing.assert_array_equal(decode_rle(whole[4]), dense[4].numpy())


def test_skip_drops_leading_frames_and_gate_is_called_once():
    calls = []

    def gate(class_logits, embeds, audio):
        calls.append((class_logits.shape, embeds.shape, audio.shape))
        return torch.zeros(class_logits.shape[:2], dtype=torch.bool)

    scene = predictions([{0: (8, 8)}] * 3)
    found = list(Detector()(scene, torch.zeros(1, 3, 4), window(7), gate=gate, skip=2))
    assert [frame.frame for frame in found] == [9]
    assert found[0].sounding.tolist() == [False]
    assert calls == [((5, 3, 4), (5, 3, 8), (3, 4))]
