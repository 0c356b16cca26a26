"""AVInstanceSegmentor: every frame head with every tracker, in chunks, batches and windows."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData

from avis.models.trackers.base import TrackerWindow
from avis.models.trackers.sounding_gate import SoundingGate
from avis.registry import MODELS
from tests.helpers.tiny_avism import C, D, K, P, build, clip
from tests.helpers.train_in_two_processes import (
    CLIPS,
    ITERATIONS,
    SamePoints,
    batches,
    gradients,
    train,
)
from tests.helpers.warm_python import run_warm

ROOT = Path(__file__).parents[3]


def predict(model, *clips) -> list[InstanceData]:
    samples = model.test_step(pseudo_collate(list(clips)))
    return [sample.pred_tracks for sample in samples]


def assert_same(ours: InstanceData, theirs: InstanceData, **tolerance) -> None:
    torch.testing.assert_close(ours.scores, theirs.scores, **tolerance)
    assert ours.labels.tolist() == theirs.labels.tolist()
    for a, b in zip(ours.masks, theirs.masks, strict=True):
        assert (a.to_dense() != b.to_dense()).mean() <= (0.01 if tolerance else 0)


@pytest.mark.parametrize('name', ['clip', 'query', 'overlap', 'byte'])
@pytest.mark.parametrize('with_audio', [True, False], ids=['avism', 'mask2former'])
@pytest.mark.parametrize('gated', [False, True], ids=['open', 'gated'])
def test_every_frame_head_works_with_every_tracker(name, with_audio, gated) -> None:
    gate = {'type': SoundingGate, 'source': 'similarity', 'query_dim': C, 'audio_dim': D}
    model = build(name, with_audio, sounding_gate={**gate, 'threshold': 0.0} if gated else None)
    model.train()
    data = model.data_preprocessor(pseudo_collate([clip(), clip(seed=1)]), training=True)
    losses = model(**data, mode='loss')
    expected = {'clip': 10, 'query': 0, 'overlap': 0, 'byte': 0}[name] + 12 + gated
    assert len(losses) == expected
    sum(losses.values()).backward()
    assert all(weight.grad is not None for weight in model.parameters() if weight.requires_grad)
    model.eval()
    tracks, _ = predict(model, clip(), clip(seed=1))
    assert len(tracks.scores) == len(tracks.ids) == len(tracks.masks) > 0
    assert all((len(m), m.height, m.width) == (3, 64, 96) for m in tracks.masks)


def test_frozen_parts_stay_in_evaluation_mode_without_gradient() -> None:
    model = build('overlap', frozen=['backbone', 'frame_head'])
    model.train()
    assert not model.backbone.training
    assert not model.frame_head.training
    assert model.tracker.training
    assert not any(weight.requires_grad for weight in model.parameters())
    data = model.data_preprocessor(pseudo_collate([clip()]), training=True)
    assert model(**data, mode='loss') == {}


def test_raw_outputs_do_not_depend_on_chunk_size() -> None:
    model = build()
    inputs = model.data_preprocessor(pseudo_collate([clip(5), clip(5, seed=1)]))['inputs']
    whole = model(inputs)
    assert whole['class_logits'].shape == (2, 4, K + 1)
    assert whole['mask_logits'].shape == (2, 4, 5, 16, 24)
    assert whole['frame_class_logits'].shape == (2, 5, P, K + 1)
    assert whole['frame_mask_logits'].shape == (2, 5, P, 16, 24)
    model.frames_per_chunk = 2
    with torch.no_grad():
        for name, value in model(inputs).items():
            torch.testing.assert_close(value, whole[name], rtol=0, atol=1e-4)


def test_prediction_does_not_depend_on_batch() -> None:
    model = build()
    clips = [clip(2, (64, 64)), clip(4, (50, 90), seed=1)]
    for alone, together in zip(clips, predict(model, *clips), strict=True):
        assert len(together.masks[0]) == len(alone['inputs']['frames'])
        assert_same(together, *predict(model, alone), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('name', ['clip', 'overlap'])
def test_single_window_equals_prediction_of_clip(name) -> None:
    model = build(name)
    data = model.data_preprocessor(pseudo_collate([clip()]))
    state = model.start_video()
    model.predict_window(state, data['inputs'], TrackerWindow.from_sample(data['data_samples'][0]))
    assert_same(model.finish_video(state), *predict(model, clip()))


def test_prediction_in_mixed_precision_is_close() -> None:
    model = build()
    (exact,) = predict(model, clip())
    with torch.autocast('cpu', torch.bfloat16):
        (close,) = predict(model, clip())
    best = exact.scores.argmax()
    same_query = [i for i in range(len(close.ids)) if close.labels[i] == exact.labels[best]]
    difference = (close.scores[same_query] - exact.scores[best]).abs().min()
    assert 0 < difference < 0.02


def test_reported_classes_filters_and_renumbers_labels() -> None:
    (every,) = predict(build(), clip())
    assert len(set(every.labels.tolist())) > 1
    (some,) = predict(build(reported_classes=[2, 0]), clip())
    kept = [i for i, label in enumerate(every.labels.tolist()) if label in (2, 0)]
    assert some.ids.tolist() == every.ids[kept].tolist()
    assert some.labels.tolist() == [{2: 0, 0: 1}[int(every.labels[i])] for i in kept]
    assert len(some.masks) == len(kept)
    (none,) = predict(build(reported_classes=[]), clip())
    assert len(none.scores) == len(none.masks) == 0


def test_audio_changes_prediction_of_audio_models_only() -> None:
    loud, muted = clip(), clip()
    muted['inputs']['audio'] = muted['inputs']['audio'] * 0
    for with_audio in (True, False):
        (one,), (other,) = (predict(build('clip', with_audio), item) for item in (loud, muted))
        assert torch.equal(one.scores, other.scores) != with_audio


def test_model_without_audio_encoder_reads_no_audio() -> None:
    silent = build('clip', with_audio=False)
    silent.audio_encoder = None
    clips = [clip(2), clip(4, (50, 90), seed=1)]
    expected = predict(build('clip', with_audio=False), *clips)
    for item in clips:
        del item['inputs']['audio']
    for ours, theirs in zip(predict(silent, *clips), expected, strict=True):
        assert_same(ours, theirs)
    silent.train()
    data = silent.data_preprocessor(pseudo_collate([clips[0]] * 2), training=True)
    assert len(silent(**data, mode='loss')) == 22


def test_late_instances_are_no_object_in_all_class_losses_of_frames_and_clip() -> None:
    def losses(late: bool, item: dict) -> dict:
        torch.manual_seed(1)
        model = build(late_as_no_object=late).train()
        for loss in (model.frame_head.loss_set, model.tracker.loss_set):
            loss.points = SamePoints()
        data = model.data_preprocessor(pseudo_collate([item]), training=True)
        return model(**data, mode='loss')

    official, own_classes = losses(True, clip()), losses(False, clip())
    differs = {name for name in official if not torch.equal(official[name], own_classes[name])}
    class_losses = {name for name in official if '_ce' in name}
    assert len(class_losses) == 4 + 3
    assert class_losses <= differs
    early = clip()
    early['data_samples'].gt_tracks.annotated = torch.ones(2, 3, dtype=torch.bool)  # but cropped
    assert losses(True, early) == losses(False, early)


def test_training_forward_does_not_depend_on_batch() -> None:
    model = build().train()
    one, other = clip(), clip(seed=1)
    batches = ([one], [other], [one, other])
    frames = []
    for batch in batches:
        inputs = model.data_preprocessor(pseudo_collate(batch))['inputs']
        frames.append(model.predict_frames(inputs)[0])
    for index, alone in enumerate(frames[:2]):
        torch.testing.assert_close(
            frames[2].queries[:, index], alone.queries[:, 0], rtol=0, atol=1e-4
        )


@pytest.fixture(scope='module')
def two_processes(tmp_path_factory) -> dict:
    """Gradient norms and losses of two processes with one clip each."""
    out = tmp_path_factory.mktemp('processes') / 'out.json'
    script = ROOT / 'tests/helpers/train_in_two_processes.py'
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    done = run_warm([script, out], ROOT, environment, processes=2)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(out.read_text())


@pytest.mark.slow
def test_two_processes_have_the_gradients_of_one(two_processes) -> None:
    shared, alone = two_processes['norms'], gradients(build(), CLIPS)
    assert shared.keys() == alone.keys()
    for name, norm in alone.items():
        assert shared[name] == pytest.approx(norm, rel=2e-3, abs=1e-5), name


@pytest.mark.slow
def test_two_processes_of_one_clip_train_as_one_process_of_two(two_processes) -> None:
    alone = train(build(late_as_no_object=True), batches())
    assert len(alone) == len(two_processes['losses']) == ITERATIONS
    for ours, shared in zip(alone, two_processes['losses'], strict=True):
        assert shared == pytest.approx(ours, rel=1e-4, abs=1e-4)
    first, last = (sum(alone[index].values()) for index in (0, -1))  # of the same clips
    assert last < first - 0.1


def test_invalid_inputs_raise() -> None:
    model = build()
    data = model.data_preprocessor(pseudo_collate([clip(2), clip(3)]), training=True)
    with pytest.raises(ValueError, match=r'clips of one length, got clips of \[2, 3\] frames'):
        model(**data, mode='loss')
    with pytest.raises(ValueError, match='multiples of 32'):
        model({'frames': torch.zeros(1, 2, 3, 40, 64), 'audio': torch.zeros(1, 2, D)})
    with pytest.raises(ValueError, match="mode is 'score'"):
        model(data['inputs'], mode='score')
    with pytest.raises(ValueError, match='frames_per_chunk of 1 or more, got 0'):
        build(frames_per_chunk=0)
    audio = np.full((1, 2, D), np.nan, np.float32)
    with pytest.raises(ValueError, match='NaN'):
        model({'frames': torch.zeros(1, 2, 3, 64, 64), 'audio': torch.from_numpy(audio)})


def test_registry_finds_parts_by_name() -> None:
    names = ('AVInstanceSegmentor', 'ClipQueryTracker', 'AVISMClipHead', 'MaskSetLoss')
    assert all(MODELS.get(name) is not None for name in names)
