"""Every config loads, builds its model, trains a step and predicts."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData

from avis.apis import load_config
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted(path for path in (ROOT / 'configs').rglob('*.py') if '_base_' not in path.parts)
FRAMES, SIZE = 2, 64


def sample(num_classes: int, audio_dim: int) -> dict:
    """One clip with rows of sound, so that no file with weights of an audio network is needed."""
    labels = np.zeros((FRAMES, SIZE, SIZE), np.uint8)
    labels[:, 16:48, 16:48] = max(num_classes - 1, 1)
    truth = AVDataSample(metainfo={'img_shape': (SIZE, SIZE), 'video_name': 'clip'})
    truth.gt_sem_seg = PixelData(sem_seg=torch.from_numpy(labels))
    truth.labelled_frames = torch.tensor([True, False])
    frames = torch.randint(0, 256, (FRAMES, 3, SIZE, SIZE), dtype=torch.uint8)
    audio = torch.rand(FRAMES, audio_dim)
    return {'inputs': {'frames': frames, 'audio': audio}, 'data_samples': truth}


def without_pretrained(config: dict) -> None:
    """Take out what would read weights that are not here."""
    for value in config.values():
        if isinstance(value, dict):
            without_pretrained(value)
    if config.get('init_cfg') is not None:
        config['init_cfg'] = None


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config_loads_builds_and_trains_a_step(path: Path) -> None:
    config = load_config(path)
    assert config.default_scope == 'avis'
    init_default_scope('avis')
    without_pretrained(config.model)
    model = MODELS.build(config.model)
    model.train()
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    batch = [sample(model.decode_head.num_classes, model.audio_encoder.out_channels)] * 2
    losses = model.train_step(pseudo_collate(batch), wrapper)
    assert np.isfinite(float(losses['loss'].detach()))
    moved = [n for n, weight in model.named_parameters() if not torch.equal(weight, before[n])]
    assert any(name.startswith('backbone') for name in moved)
    assert any(name.startswith('decode_head') for name in moved)
    model.eval()
    with torch.no_grad():
        (prediction, _) = model.test_step(pseudo_collate(batch))
    assert prediction.pred_sem_seg.sem_seg.shape == (FRAMES, SIZE, SIZE)


def test_all_configs_are_found() -> None:
    assert len(CONFIGS) > 10
