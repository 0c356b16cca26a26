"""Backbones of timm and transformers: four maps at strides 4 to 32, frozen stages, weights."""

import pytest
import timm
import torch
from transformers import AutoBackbone, ConvNextConfig

from avis.models.backbones.pyramid import PyramidBackbone
from avis.models.backbones.timm_backbone import TimmBackbone
from avis.models.backbones.transformers_backbone import TransformersBackbone
from tests.helpers.tiny_encoders import IMAGES, image_config

WIDTHS = (8, 12, 16, 20)
# Name in timm and further arguments.
TIMM = {
    'test_convnext': {},
    'test_vit': {'dynamic_img_size': True},
    'test_efficientnet': {},
    'resnet10t': {},
    'mambaout_femto': {},
    'test_byobnet': {},
}
QUICK = {'swin', 'convnext', 'dinov2', 'pvt_v2', 'beit', 'test_convnext', 'test_vit'}
EACH_NETWORK = pytest.mark.parametrize(
    'name',
    [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in (*IMAGES, *TIMM)],
)


def build(name: str, **options) -> PyramidBackbone:
    torch.manual_seed(0)
    if name in IMAGES:
        return TransformersBackbone(model=image_config(name), **options).train()
    return TimmBackbone(model=name, pretrained=False, options=TIMM[name], **options).train()


@EACH_NETWORK
def test_four_maps_and_no_gradient_in_frozen_stages(name) -> None:
    backbone = build(name, out_channels=WIDTHS, frozen_stages=1)
    maps = backbone(torch.randn(2, 3, 64, 96))
    strides = (4, 8, 16, 32)
    sizes = [(2, c, 64 // s, 96 // s) for c, s in zip(WIDTHS, strides, strict=True)]
    assert [tuple(level.shape) for level in maps] == sizes
    assert backbone.out_channels == WIDTHS
    sum(level.square().sum() for level in maps).backward()
    frozen = [p for p in backbone.network.parameters() if not p.requires_grad]
    assert all(p.grad is None for p in frozen)
    assert not next(backbone.network.parameters()).requires_grad
    assert all(p.grad is not None for p in backbone.neck.parameters())
    if backbone.num_maps > 1:
        assert any(p.grad is not None for p in backbone.network.parameters())


def test_frozen_batch_norm_keeps_its_statistics() -> None:
    backbone = build('test_efficientnet', frozen_stages=4)
    before = {k: v.clone() for k, v in backbone.network.state_dict().items()}
    backbone(torch.randn(2, 3, 64, 64))
    after = backbone.network.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_maps_at_strides_4_to_32_are_those_of_the_network(tmp_path) -> None:
    network = AutoBackbone.from_config(
        ConvNextConfig(**IMAGES['convnext'], out_indices=[1, 2, 3, 4])
    )
    network.save_pretrained(tmp_path)
    images = torch.randn(1, 3, 64, 64)
    maps = TransformersBackbone(model=str(tmp_path)).eval()(images)
    for got, expected in zip(maps, network.eval()(images).feature_maps, strict=True):
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize('name', ['swin', 'pvt_v2'])
def test_each_stage_of_a_pyramid_is_an_output(name) -> None:
    assert build(name).num_maps == 4
    assert build(name).sources == [0, 1, 2, 3]


def test_channels_last_maps_of_timm_are_transposed() -> None:
    backbone = TimmBackbone(model='mambaout_femto', pretrained=False)
    maps = backbone(torch.randn(1, 3, 64, 64))
    assert [level.shape[1] for level in maps] == list(backbone.out_channels)


def test_weights_are_loaded_from_a_file(tmp_path) -> None:
    source = timm.create_model('test_convnext')
    torch.save(source.state_dict(), tmp_path / 'weights.pth')
    backbone = TimmBackbone(model='test_convnext', pretrained=str(tmp_path / 'weights.pth'))
    expected = source.state_dict()['stem.0.weight']
    assert torch.equal(backbone.network.state_dict()['stem_0.weight'], expected)


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (
            lambda: TimmBackbone(model='resnet51x', pretrained=False),
            r"TimmBackbone: expected a model of timm .*'resnet51x'",
        ),
        (
            lambda: TimmBackbone(model='test_vit', pretrained=False, frozen_stages=9),
            r'TimmBackbone: expected frozen_stages from 0 to \d, the number of maps, got 9',
        ),
        (
            lambda: TransformersBackbone(model=image_config('swin'), out_channels=(8, 16)),
            r'TransformersBackbone: expected out_channels of 4 maps, got \(8, 16\)',
        ),
        (
            lambda: TransformersBackbone(model={'model_type': 'bert'}),
            r"expected a network of AutoBackbone, got 'bert'",
        ),
    ],
)
def test_settings_that_cannot_work_are_one_sentence(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()
