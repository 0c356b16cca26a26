"""VITA: every config is valid, the demo model trains and predicts without audio, streamed too."""

from pathlib import Path

import pytest
import torch
from torch import nn
from vita import convert_vita

from avis.apis import load_config
from avis.registry import MODELS
from tests.helpers.clip_query_models import (
    check_config,
    check_losses,
    check_predictions,
    check_training_step,
)
from tests.helpers.tiny_avism import clip

CONFIGS = sorted((Path(__file__).parents[1] / 'configs').glob('*.py'))
DEMO = CONFIGS[0].with_name('demo_vita_synthetic.py')
LENGTH = 8  # more frames than a window of the encoder


@pytest.fixture(scope='module')
def model() -> nn.Module:
    torch.manual_seed(0)
    return MODELS.build(load_config(DEMO).model).eval()


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config_is_valid_and_reads_no_audio(path) -> None:
    check_config(path)


def test_published_config_with_fewer_layers_trains_and_predicts() -> None:
    cfg = load_config(DEMO.with_name('vita_swinl_coco_ovis.py'))
    head, tracker = cfg.model.frame_head, cfg.model.tracker
    cfg.model.backbone.update(embed_dims=24, depths=(1, 1, 1, 1), num_heads=(1, 2, 4, 8))
    head.update(num_layers=2, num_query_layers=2, num_queries=10, hidden_channels=64)
    head.pixel_decoder.update(num_layers=1, in_channels=[24, 48, 96, 192])
    tracker.head.update(num_encoder_layers=2, num_decoder_layers=1)
    tracker.head.update(num_frame_queries=10, hidden_channels=64)
    head.loss_set.num_points = tracker.loss_set.num_points = 64
    check_training_step(cfg, clip(LENGTH))


def test_demo_model_trains_with_the_losses_of_vita(model) -> None:
    check_losses(model, LENGTH, 'loss_vita_', len(model.tracker.head.decoder))


def test_clips_of_a_batch_and_a_single_window_are_predicted_as_alone(model) -> None:
    check_predictions(model, LENGTH)


def test_converter_knows_old_names_and_refuses_audio() -> None:
    names = {
        'sem_seg_head.predictor.static_query.weight': 'frame_head.query_feat.weight',
        'vita_module.query_feat.weight': 'tracker.head.query_feat.weight',
        'vita_module.enc_self_attn.0.self_attn.in_proj_bias': 'tracker.head.encoder.0.in_proj.bias',
        'backbone.stem.conv1.weight': 'backbone.conv1.weight',
    }
    checkpoint = {name: torch.zeros(1) for name in names}
    converted, dropped = convert_vita({**checkpoint, 'vita_criterion.empty_weight': torch.ones(1)})
    assert sorted(converted) == sorted(names.values())
    assert dropped == ['vita_criterion.empty_weight']
    with pytest.raises(ValueError, match=r'no entry for audio, got .*av_proj'):
        convert_vita({**checkpoint, 'vita_module.av_proj.weight': torch.zeros(1)})
