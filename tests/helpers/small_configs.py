"""Reduce the models of real configs, so that they run in seconds and without weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from unittest.mock import patch

import torch
from mmdet.models.backbones import ResNet
from torch import nn

from avis.models.backbones.pvt_v2 import PVTv2
from avis.registry import MODELS
from tests.helpers.tiny_encoders import text_config


def shrink(model: dict) -> None:
    """Reduce layers, queries and points of a model with a frame head; its components stay."""
    backbone, frame_head, tracker = model.backbone, model.frame_head, model.get('tracker', {})
    widths = frame_head.pixel_decoder.in_channels
    if 'depths' in backbone:
        backbone.update(embed_dims=24, depths=(1, 1, 1, 1), num_heads=(1, 2, 4, 8))
        widths = [24, 48, 96, 192]
    elif backbone.depth == 50:
        backbone.depth = 18
        widths = [64, 128, 256, 512]
    frame_head.update(num_layers=3, hidden_channels=64, num_queries=10)
    frame_head.pixel_decoder.update(num_layers=1, hidden_channels=64, in_channels=widths)
    frame_head.loss_set.num_points = 64
    if 'head' in tracker:
        tracker.head.update(num_encoder_layers=2, hidden_channels=64, num_frame_queries=10)
        tracker.loss_set.num_points = 64


@contextmanager
def one_block_per_stage(model: dict) -> Iterator[None]:
    """Models built in this context have one block in each stage of their backbone.

    The widths of all stages stay, so that what follows must fit them.
    """
    if model.backbone.type is PVTv2:
        model.backbone.num_layers = (1, 1, 1, 1)
    block, _ = ResNet.arch_settings[50]
    with patch.dict(ResNet.arch_settings, {50: (block, (1, 1, 1, 1))}):
        yield


def without_pretrained(config: dict) -> None:
    """Remove the initialization from pretrained files, which do not exist here."""
    if isinstance((config.get('text_encoder') or {}).get('model'), str):
        model = {**text_config('roberta'), 'hidden_size': 768}
        config['text_encoder'].update(model=model, vocabulary=['the', 'man'], max_tokens=8)
    for value in config.values():
        if isinstance(value, dict):
            without_pretrained(value)
    if config.get('init_cfg') is not None:
        config['init_cfg'] = None


def build_without_memory(config: dict) -> nn.Module:
    """Build a model whose tensors have shapes only; its files need not exist."""
    without_pretrained(config)
    # Backbones read the rates of stochastic depth from such a tensor.
    linspace = partial(torch.linspace, device='cpu')
    with patch('torch.linspace', linspace), torch.device('meta'):
        return MODELS.build(config)
