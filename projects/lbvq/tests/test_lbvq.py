"""LBVQ: every config is valid, the demo model trains and predicts without audio, streamed too."""

from pathlib import Path

import pytest
import torch
from lbvq import convert_lbvq
from torch import nn

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
DEMO = CONFIGS[0].with_name('demo_lbvq_synthetic.py')
LENGTH = 4


@pytest.fixture(scope='module')
def model() -> nn.Module:
    torch.manual_seed(0)
    return MODELS.build(load_config(DEMO).model).eval()


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config_is_valid_and_reads_no_audio(path) -> None:
    check_config(path)


def test_published_config_with_fewer_layers_trains_and_predicts() -> None:
    cfg = load_config(DEMO.with_name('lbvq_r101_coco_youtube_vis_2019.py'))
    head, tracker = cfg.model.frame_head, cfg.model.tracker
    cfg.model.backbone.depth = 18
    head.update(num_layers=2, num_query_layers=2, num_queries=10, hidden_channels=64)
    head.pixel_decoder.update(num_layers=1, in_channels=[64, 128, 256, 512])
    tracker.head.update(num_decoder_layers=1, num_queries=10, hidden_channels=64)
    head.loss_set.num_points = tracker.loss_set.num_points = 64
    check_training_step(cfg, clip(LENGTH))


def test_demo_model_trains_with_the_losses_of_lbvq(model) -> None:
    check_losses(model, LENGTH, 'loss_lbvq_', len(model.tracker.head.layers))


def test_clips_of_a_batch_and_a_single_window_are_predicted_as_alone(model) -> None:
    check_predictions(model, LENGTH)


def test_converter_takes_checkpoints_of_lbvq_and_of_mask2former() -> None:
    names = {
        'sem_seg_head.predictor.static_query.weight': 'frame_head.query_feat.weight',
        'backbone.stem.conv1.weight': 'backbone.conv1.weight',
    }
    mask2former = {name: torch.zeros(1) for name in names}
    constants = {'criterion.empty_weight': torch.ones(1)}
    converted, dropped = convert_lbvq({**mask2former, **constants})
    assert sorted(converted) == sorted(names.values())
    assert dropped == ['criterion.empty_weight']
    clip_module = {'lbvq_module.time_attention_weights.bias': torch.zeros(1)}
    converted, _ = convert_lbvq({**mask2former, **clip_module})
    assert 'tracker.head.time_attention.bias' in converted
    with pytest.raises(ValueError, match='1 unknown entries'):
        convert_lbvq({**mask2former, 'vita_module.query_feat.weight': torch.zeros(1)})
    with pytest.raises(ValueError, match='0 that begin with backbone'):
        convert_lbvq({})
