"""PVTv2 has the normalization constants of the official code; outputs are in golden tests."""

import torch
from torch import nn

from avis.models.backbones.pvt_v2 import PVTv2


def small(**options) -> PVTv2:
    return PVTv2(num_layers=(1, 1, 2, 1), **options)


def test_eps_of_every_layer_norm() -> None:
    model = small()
    eps = {name: layer.eps for name, layer in model.named_modules() if type(layer) is nn.LayerNorm}
    default = {name for name, value in eps.items() if value == 1e-5}
    assert default == {f'layers.{stage}.0.norm' for stage in range(4)} | {
        'layers.0.1.0.attn.norm',  # the last stage has no spatial reduction
        'layers.1.1.0.attn.norm',
        'layers.2.1.0.attn.norm',
        'layers.2.1.1.attn.norm',
    }
    assert {eps[name] for name in eps.keys() - default} == {1e-6}


def test_maps_and_stochastic_depth() -> None:
    model = small(drop_path_rate=0.4, mlp_ratios=(8, 8, 4, 4)).eval()
    shapes = [tuple(level.shape) for level in model(torch.randn(1, 3, 64, 96))]
    assert shapes == [(1, 64, 16, 24), (1, 128, 8, 12), (1, 320, 4, 6), (1, 512, 2, 3)]
    rates = [block.ffn.dropout_layer.drop_prob for _, blocks, _ in model.layers for block in blocks]
    torch.testing.assert_close(torch.tensor(rates), torch.linspace(0, 0.4, 5))
    assert model.layers[0][1][0].ffn.layers[0].out_channels == 8 * 64
