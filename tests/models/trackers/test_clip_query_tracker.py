"""AVISM's tracker with a clip module that returns given predictions."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData
from torch import nn

from avis.models.decode_heads.avism_clip_head import AVISMClipHead
from avis.models.decode_heads.clip_head import ClipLayer, ClipPredictions
from avis.models.decode_heads.frame_predictions import MaskProjection
from avis.models.losses.clip_similarity_loss import ClipSimilarityLoss
from avis.models.losses.mask_set_loss import MaskSetLoss
from avis.models.trackers import clip_query_tracker
from avis.models.trackers.base import TrackerWindow
from avis.models.trackers.clip_query_tracker import ClipQueryTracker
from avis.structures.av_data_sample import AVDataSample
from tests.helpers.tracker_scenes import (
    CHANNELS,
    CLASSES,
    QUERIES,
    box_mask,
    box_rle,
    predictions,
    window,
)

HEAD = {
    'type': AVISMClipHead,
    'num_classes': CLASSES,
    'channels': CHANNELS,
    'audio_dim': 4,
    'num_queries': 6,
    'num_frame_queries': QUERIES,
    'num_heads': 2,
    'hidden_channels': 8,
}


class FixedHead(nn.Module):
    """A clip module whose query k equals frame query k, with given class probabilities."""

    def __init__(self, probs) -> None:
        super().__init__()
        self.logits = torch.tensor(probs).clamp(min=1e-6).log()  # (Q, K + 1)

    def forward(self, frame_queries, audio) -> ClipPredictions:
        eye = torch.eye(QUERIES)
        layer = ClipLayer(self.logits[None, None], eye[None, None, : len(self.logits)])
        queries = torch.eye(CHANNELS)[: len(self.logits)][None, None]
        projection = MaskProjection(eye, torch.zeros(QUERIES))
        return ClipPredictions([layer], queries, frame_queries, projection)

    def similarity_embeds(self, predictions):
        return predictions.memory, predictions.queries


def tracker(probs, **settings) -> ClipQueryTracker:
    built = ClipQueryTracker(head=HEAD, **settings).eval()
    built.head = FixedHead(probs)
    return built


def run(built, scene, *, gate=None, place=None, cuts=()):
    state = built.start(gate)
    starts = (0, *cuts)
    for start, stop in zip(starts, (*cuts, scene.class_logits.shape[1]), strict=True):
        audio = torch.zeros(1, stop - start, 4)
        where = place or window(start)
        built.update(state, scene.select(slice(start, stop)), audio, where)
    return built.finish(state)


LEFT, RIGHT = [(t, 0) for t in range(4)], [(50 - t, 16) for t in range(4)]
SCENE = [{0: left, 1: right} for left, right in zip(LEFT, RIGHT, strict=True)]
SURE = [[0.0, 0.6, 0.0, 0.4], [0.9, 0.0, 0.0, 0.1], [0.0, 0.0, 0.0, 1.0]]


def test_tracks_are_sorted_by_class_times_mask_score() -> None:
    found = run(tracker(SURE), predictions(SCENE, shuffle=False))
    mask_score = torch.tensor(10.0).sigmoid().item()
    assert found.scores.tolist() == pytest.approx([0.9 * mask_score, 0.6 * mask_score], rel=1e-5)
    assert found.labels.tolist() == [0, 1]
    assert found.masks[0].rles == [box_rle(box) for box in RIGHT]
    assert found.masks[1].rles == [box_rle(box) for box in LEFT]


def test_query_may_have_two_classes() -> None:
    found = run(tracker([[0.5, 0.45, 0.0, 0.05]]), predictions(SCENE, shuffle=False))
    assert found.labels.tolist() == [0, 1]
    assert len(set(found.ids.tolist())) == 2
    assert found.masks[0].rles == found.masks[1].rles == [box_rle(box) for box in LEFT]


def test_masks_are_computed_for_possible_tracks_only(monkeypatch) -> None:
    sizes = []
    encode = clip_query_tracker.encode_masks
    monkeypatch.setattr(
        clip_query_tracker, 'encode_masks', lambda x: (sizes.append(len(x)), encode(x))[1]
    )
    scene = predictions(SCENE, shuffle=False)
    assert len(run(tracker(SURE, score_threshold=0.7), scene).scores) == 1
    assert sizes == [1] * len(SCENE)
    found = run(tracker(SURE, score_threshold=0.95), scene)
    assert len(found.scores) == len(found.masks) == 0
    assert sizes == [1] * len(SCENE)
    found = run(tracker(SURE, max_candidates=1), scene)
    assert found.labels.tolist() == [0]


@pytest.mark.parametrize('chunk', [1, 1 << 23])
def test_scores_use_input_size_and_masks_original_size(monkeypatch, chunk) -> None:
    monkeypatch.setattr(clip_query_tracker, '_CHUNK_PIXELS', chunk)
    scene = predictions(SCENE, shuffle=False)
    torch.manual_seed(0)
    scene.pixel_features = torch.randn(1, 4, QUERIES, 8, 16)
    place = TrackerWindow(0, input_shape=(32, 64), img_shape=(30, 50), ori_shape=(45, 75))
    found = run(tracker(SURE, score_threshold=0.0), scene, place=place)
    logits = F.interpolate(scene.pixel_features[0, :, [1, 0]], (32, 64), mode='bilinear')
    logits = logits[..., :30, :50]  # (T, 2, H, W), query 1 first as its score is higher
    inside = (logits > 0).float()
    mask_score = (logits.sigmoid() * inside).sum((0, 2, 3)) / inside.sum((0, 2, 3))
    expected = torch.tensor([0.9, 0.6]) * mask_score
    torch.testing.assert_close(found.scores[:2], expected, rtol=1e-5, atol=0)
    masks = F.interpolate(logits, (45, 75), mode='bilinear').transpose(0, 1) > 0
    for track, mask in zip(found.masks[:2], masks.numpy(), strict=True):
        np.testing.assert_array_equal(track.to_dense(), mask)


def test_gate_removes_masks_of_silent_frames() -> None:
    class Gate(nn.Module):
        """Sounding where the class probability is above 0.5."""

        def forward(self, class_logits, embeds, audio):
            assert embeds.shape == (2, 4, CHANNELS)
            return class_logits.softmax(-1)[..., :-1].amax(-1) > 0.5

    scene = predictions(SCENE, confidence={(0, 1): 0.2, (1, 3): 0.2})  # queries change their order
    scene.pixel_features = predictions(SCENE, shuffle=False).pixel_features
    found = run(tracker(SURE), scene, gate=Gate())
    sounding = [[rle is not None for rle in track.rles] for track in found.masks]
    assert sounding == [[True, True, True, False], [True, False, True, True]]


def test_tracks_of_windows_are_stitched() -> None:
    scene = predictions(SCENE, shuffle=False)
    found = run(tracker(SURE), scene, cuts=(2,))
    whole = run(tracker(SURE), scene)
    assert found.ids.tolist() == whole.ids.tolist()
    assert [m.rles for m in found.masks] == [m.rles for m in whole.masks]
    assert whole.masks[0].rles[3].items() == box_rle(RIGHT[3]).items()


def test_training_returns_losses_of_every_layer() -> None:
    torch.manual_seed(0)
    scene = predictions(SCENE, shuffle=False)
    scene.queries = scene.queries.expand(3, -1, -1, -1, -1)
    scene.pixel_features = torch.rand(1, 4, CHANNELS, 8, 16)
    masks = torch.stack(
        [torch.from_numpy(np.stack([box_mask(b) for b in row])) for row in (LEFT, RIGHT)]
    )
    tracks = InstanceData(labels=torch.tensor([0, 2]), ids=torch.tensor([3, 8]), masks=masks)
    pair = torch.tensor([0, 1]), torch.tensor([0, 1])
    loss_set = {'type': MaskSetLoss, 'num_classes': CLASSES, 'num_points': 64}
    similarity = {'type': ClipSimilarityLoss}
    tracker = ClipQueryTracker(head=HEAD, loss_set=loss_set, loss_similarity=similarity).train()
    sample = AVDataSample(gt_tracks=tracks)
    losses = tracker.loss(scene, torch.zeros(1, 4, 4), [sample], [[pair] * 4] * 5)
    names = ['loss_avism_ce', 'loss_avism_dice', 'loss_avism_mask']
    wanted = [f'{name}{suffix}' for name in names for suffix in ('', '_0', '_1')]
    assert sorted(losses) == sorted([*wanted, 'loss_clip_sim'])
    assert all(value > 0 for value in losses.values())


def test_training_without_loss_raises() -> None:
    with pytest.raises(ValueError, match='expected loss_set for training'):
        ClipQueryTracker(head=HEAD).loss(predictions(SCENE), torch.zeros(1, 4, 4), [], [])
