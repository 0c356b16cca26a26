"""Configs of active speaker detection load, train a step and predict."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from avis.apis import load_config
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample
from tests.helpers.tiny_asd import narrow

FOLDER = Path(__file__).resolve().parents[1] / 'configs' / 'asd'
# lr_asd_faces reads whole videos: tests/avtracker/test_active_speaker_tracker.py.
CONFIGS = [path for path in sorted(FOLDER.glob('*.py')) if path.stem != 'lr_asd_faces']
LENGTH = 6


def track(length: int, seed: int) -> dict:
    """A track of random faces with noise, every second frame speaking."""
    rng = np.random.default_rng(seed)
    sample = AVDataSample(metainfo={'fps': 25.0, 'video_name': str(seed), 'seed': (0, 0, seed)})
    sample.gt_speaking = torch.arange(length) % 2
    faces = torch.from_numpy(rng.integers(0, 256, (length, 24, 24)).astype(np.uint8))
    audio = torch.from_numpy(rng.uniform(-0.1, 0.1, 640 * length).astype(np.float32))
    return {'inputs': {'faces': faces, 'audio': audio}, 'data_samples': sample}


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config_loads_trains_a_step_and_predicts(path: Path) -> None:
    config = load_config(path)
    init_default_scope('avis')
    narrow(config.model)
    model = MODELS.build(config.model)
    batch = [track(LENGTH, 1), track(LENGTH + 3, 2)]
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    model.train()
    losses = model.train_step(pseudo_collate(batch), wrapper)
    assert {'loss', 'loss_speaking', 'loss_visual', 'accuracy'} <= set(losses)
    assert np.isfinite(float(losses['loss'].detach()))
    moved = [n for n, weight in model.named_parameters() if not torch.equal(weight, before[n])]
    for part in ('network.visual_encoder', 'network.audio_encoder', 'head', 'visual_head'):
        assert any(name.startswith(part) for name in moved), part
    model.eval()
    with torch.no_grad():
        (prediction,) = model.test_step(pseudo_collate(batch[:1]))
    assert prediction.pred_speaking.shape == (LENGTH,)
    assert ((prediction.pred_speaking > 0) & (prediction.pred_speaking < 1)).all()
    with pytest.raises(ValueError, match='expected tracks of one length'):
        model.test_step(pseudo_collate(batch))


def test_light_asd_sets_the_temperature_of_each_epoch() -> None:
    config = load_config(next(path for path in CONFIGS if path.stem == 'light_asd_ava'))
    init_default_scope('avis')
    narrow(config.model)
    model = MODELS.build(config.model)
    assert [hook.type.__name__ for hook in config.custom_hooks] == ['SetEpochInfoHook']
    logits, labels = torch.tensor([[[0.0, 2.0]]]), torch.ones(1, 1, dtype=torch.int64)
    for epoch, temperature in ((0, 1.3), (29, 0.72)):
        model.set_epoch(epoch)
        loss = model.loss_speaking(logits, logits, labels)['loss_speaking']
        expected = -torch.log(torch.sigmoid(torch.tensor(2.0 / temperature)))
        torch.testing.assert_close(loss, expected)
