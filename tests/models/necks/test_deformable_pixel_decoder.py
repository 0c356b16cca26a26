"""DeformablePixelDecoder equals mmdet's pixel decoder."""

import pytest
import torch
from mmdet.models.layers import MSDeformAttnPixelDecoder
from mmengine.config import ConfigDict
from torch import Tensor, nn

from avis.models.necks.deformable_pixel_decoder import DeformablePixelDecoder

CHANNELS = (8, 12, 16, 20)


def small_decoder() -> DeformablePixelDecoder:
    decoder = DeformablePixelDecoder(
        in_channels=CHANNELS, channels=32, num_layers=2, num_heads=4, hidden_channels=48
    )
    for name, parameter in decoder.named_parameters():
        if 'sampling_offsets.weight' in name or 'attention_weights.weight' in name:
            nn.init.normal_(parameter, std=0.1)  # initialized with 0
    return decoder


def mmdets(decoder: DeformablePixelDecoder) -> MSDeformAttnPixelDecoder:
    attention = {'embed_dims': 32, 'num_heads': 4, 'num_levels': 3, 'num_points': 4}
    attention |= {'dropout': 0.0, 'batch_first': True}
    ffn = {'embed_dims': 32, 'feedforward_channels': 48, 'num_fcs': 2, 'ffn_drop': 0.0}
    theirs = MSDeformAttnPixelDecoder(
        in_channels=list(CHANNELS),
        feat_channels=32,
        out_channels=32,
        encoder=ConfigDict(num_layers=2, layer_cfg={'self_attn_cfg': attention, 'ffn_cfg': ffn}),
        positional_encoding={'num_feats': 16, 'normalize': True},
    )
    theirs.load_state_dict(decoder.state_dict(), strict=True)
    return theirs


def draw_maps(images: int = 2, size: int = 64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(images, channels, size // stride, 2 * size // stride, generator=generator)
        for channels, stride in zip(CHANNELS, (4, 8, 16, 32), strict=True)
    ]


@pytest.mark.parametrize('training', [True, False])
def test_equals_mmdet(training: bool) -> None:
    torch.manual_seed(0)
    ours = small_decoder()
    theirs, maps = mmdets(ours), draw_maps()
    with torch.set_grad_enabled(training):
        pixel_features, levels = ours(maps)
        mask_features, their_levels = theirs(maps)
        torch.testing.assert_close(
            ours.projection.project_features(pixel_features), mask_features, rtol=0, atol=2e-5
        )
        for got, expected in zip(levels, their_levels, strict=True):
            torch.testing.assert_close(got, expected, rtol=0, atol=2e-5)
    if not training:
        return
    weights = torch.linspace(-1, 1, mask_features.numel()).view(mask_features.shape)
    (ours.projection.project_features(pixel_features) * weights).mean().backward()
    (mask_features * weights).mean().backward()
    expected = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        gradient = expected[name].grad
        difference = (parameter.grad - gradient).norm()
        assert difference < 1e-3 * gradient.norm() + 1e-6, name


def test_image_does_not_depend_on_batch() -> None:
    torch.manual_seed(0)
    decoder, maps = small_decoder().eval(), draw_maps()
    with torch.no_grad():
        together, alone = decoder(maps), decoder([level[1:] for level in maps])
    torch.testing.assert_close(alone.pixel_features, together.pixel_features[1:])


def test_smallest_image_is_supported() -> None:
    out = small_decoder()(draw_maps(images=1, size=32))
    assert out.pixel_features.shape == (1, 32, 8, 16)
    assert [tuple(level.shape[-2:]) for level in out.levels] == [(1, 2), (2, 4), (4, 8)]


def test_wrong_number_of_maps_raises() -> None:
    with pytest.raises(ValueError, match=r'in_channels of 4 maps.*got \(8, 16\)'):
        DeformablePixelDecoder(in_channels=(8, 16))
    with pytest.raises(ValueError, match='expected 4 maps, finest first, got 3'):
        small_decoder()(draw_maps()[:3])


def test_initialization_equals_mmdet() -> None:
    decoder = DeformablePixelDecoder(in_channels=CHANNELS, channels=32, num_layers=1, num_heads=4)
    attention = decoder.encoder.layers[0].self_attn
    assert not attention.sampling_offsets.weight.any()
    assert attention.sampling_offsets.bias.abs().max() == 4  # pixels of the fourth point
    assert attention.value_proj.weight.std() > 0.01
