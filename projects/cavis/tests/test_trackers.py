"""The three models: windows equal the whole video, batches, losses, frozen parts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cavis import (
    CAVISFrameHead,
    CAVISOfflineTracker,
    CAVISOnlineTracker,
    CAVISSegmenterTracker,
    TubeSetLoss,
)
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData

from avis.models.backbones.frozen_resnet import FrozenResNet
from avis.models.data_preprocessors.av_data_preprocessor import AVDataPreprocessor
from avis.models.segmentors.av_instance_segmentor import AVInstanceSegmentor
from avis.models.trackers.base import TrackerWindow
from tests.helpers.tiny_avism import LOSS, C, K, P, clip, frame_head
from tests.helpers.two_processes import check_gradients, gradients_of_model, seeded

SIZES = {'num_classes': K, 'channels': C, 'hidden_channels': 16, 'num_layers': 2}
TRACKERS: dict[str, dict[str, Any]] = {
    'segmenter': {'type': CAVISSegmenterTracker},
    'online': {'type': CAVISOnlineTracker, 'head': SIZES, 'loss_set': LOSS},
    'offline': {
        'type': CAVISOfflineTracker,
        'head': SIZES,
        'refiner': SIZES,
        'loss_set': {**LOSS, 'type': TubeSetLoss},
    },
}
FROZEN = {
    'segmenter': [],
    'online': ['backbone', 'frame_head'],
    'offline': ['backbone', 'frame_head', 'tracker.head'],
}
NAMES = list(TRACKERS)


def build(name: str, **settings: Any) -> AVInstanceSegmentor:
    torch.manual_seed(0)
    model = AVInstanceSegmentor(
        data_preprocessor={'type': AVDataPreprocessor},
        backbone={'type': FrozenResNet, 'depth': 18},
        frame_head={**frame_head(with_audio=False), 'type': CAVISFrameHead},
        tracker={**TRACKERS[name], **settings},
        frames_per_chunk=3,
        frozen=FROZEN[name],
    )
    model.eval()
    return model


def silent_clip(length: int = 3, seed: int = 0) -> dict:
    item = clip(length, (64, 64), seed)
    del item['inputs']['audio']
    return item


def predict(model: AVInstanceSegmentor, item: dict, windows: list[tuple[int, int]]) -> InstanceData:
    """Predict a clip in windows of frames (start, stop)."""
    data = model.data_preprocessor(pseudo_collate([item]))
    state = model.start_video()
    for start, stop in windows:
        window = TrackerWindow.from_sample(data['data_samples'][0], start)
        model.predict_window(state, {'frames': data['inputs']['frames'][:, start:stop]}, window)
    return model.finish_video(state)


@pytest.mark.parametrize('name', ['segmenter', 'online'])
def test_windows_equal_the_whole_video(name: str) -> None:
    model, item = build(name), silent_clip(7)
    whole = predict(model, item, [(0, 7)])
    assert len(whole.scores) == 10
    for windows in ([(0, 3), (3, 6), (6, 7)], [(0, 4), (2, 6), (5, 7)]):
        streamed = predict(model, item, windows)
        torch.testing.assert_close(streamed.scores, whole.scores)
        assert streamed.labels.tolist() == whole.labels.tolist()
        for ours, theirs in zip(streamed.masks, whole.masks, strict=True):
            assert np.array_equal(ours.to_dense(), theirs.to_dense())


def test_refined_windows_keep_the_queries() -> None:
    model, item = build('offline'), silent_clip(7)
    whole = predict(model, item, [(0, 7)])
    streamed = predict(model, item, [(0, 5), (3, 7)])
    assert len(streamed.masks[0]) == len(whole.masks[0]) == 7
    assert (streamed.scores - whole.scores).abs().max() < 0.05


@pytest.mark.parametrize('name', NAMES)
def test_video_of_one_frame_has_tracks(name: str) -> None:
    assert len(predict(build(name), silent_clip(1), [(0, 1)]).scores) == 10


def step(name: str, clips: list[dict], **settings: Any) -> tuple[AVInstanceSegmentor, dict]:
    """Compute the losses of clips, with seeded points."""
    model = build(name, **settings).train()
    for index, item in enumerate(clips):
        item['data_samples'].set_metainfo({'seed': (0, index + 1)})
    data = model.data_preprocessor(pseudo_collate(clips), training=True)
    return model, model(**data, mode='loss')


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('segmenter_iters', [80000, 0], ids=['early', 'late'])
def test_trained_parts_get_gradients(name: str, segmenter_iters: int) -> None:
    settings = {} if name == 'segmenter' else {'segmenter_iters': segmenter_iters}
    model, losses = step(name, [silent_clip(4), silent_clip(4, seed=1)], **settings)
    expected = {'segmenter': 12 + 4, 'online': 6 + 2, 'offline': 6}
    assert len(losses) == expected[name]
    sum(losses.values()).backward()
    trained = {part for part, w in model.named_parameters() if w.grad is not None}
    assert trained == {part for part, w in model.named_parameters() if w.requires_grad}
    prefix = {'segmenter': 'frame_head.', 'online': 'tracker.head.', 'offline': 'tracker.refiner.'}
    assert any(part.startswith(prefix[name]) for part in trained)
    assert name == 'segmenter' or all(part.startswith(prefix[name]) for part in trained)


def test_batch_has_the_mean_loss_of_its_clips() -> None:
    clips = [silent_clip(4), silent_clip(4, seed=1)]
    _, together = step('online', clips)
    alone = []
    for index, item in enumerate(clips):
        item['data_samples'].set_metainfo({'seed': (0, index + 1)})
        model = build('online').train()
        data = model.data_preprocessor(pseudo_collate([item]), training=True)
        alone.append(model(**data, mode='loss'))
    for name, value in together.items():
        torch.testing.assert_close(value, (alone[0][name] + alone[1][name]) / 2, msg=name)


def test_raw_outputs_have_masks_of_all_frames() -> None:
    data = build('online').data_preprocessor(pseudo_collate([silent_clip(3)] * 2))
    for name in ('online', 'offline'):
        with torch.no_grad():
            outputs = build(name)(data['inputs'])
        assert outputs['class_logits'].shape == (2, P, K + 1)
        assert outputs['mask_logits'].shape == (2, P, 3, 16, 16)


def test_sounding_gate_is_refused() -> None:
    with pytest.raises(ValueError, match='expected no sounding_gate'):
        build('online').tracker.start(torch.nn.Identity())


@pytest.mark.parametrize('name', NAMES)
def test_two_processes_have_the_gradients_of_one(name: str, tmp_path: Path) -> None:
    def compute(clips: list[dict], wrap: type | None = None) -> dict[str, float]:
        return gradients_of_model(build(name), clips, wrap)

    check_gradients(compute, seeded([silent_clip(3), silent_clip(3, seed=1)]), tmp_path)
