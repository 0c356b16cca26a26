"""Entries of Detectron2, of the official Swin and of mmdet are renamed."""

import pytest
import torch
from mmdet.models.backbones import SwinTransformer

from avis.models.backbones.frozen_resnet import FrozenResNet
from avis.models.converters.avism_frame import convert_avism_frame_parts
from avis.models.converters.detectron2_resnet import convert_detectron2_resnet
from avis.models.converters.mask2former import convert_mask2former
from avis.models.converters.swin import convert_swin

ZERO = torch.zeros(1)


def detectron2_name(name: str) -> str:
    """The name in Detectron2 of an entry of mmdet's ResNet."""
    for index in (1, 2, 3):
        name = name.replace(f'.bn{index}.', f'.conv{index}.norm.')
    if name.startswith(('conv1.', 'bn1.')):
        return 'stem.' + name.replace('bn1.', 'conv1.norm.')
    stage, rest = name.removeprefix('layer').split('.', 1)
    rest = rest.replace('downsample.0.', 'shortcut.').replace('downsample.1.', 'shortcut.norm.')
    return f'res{int(stage) + 1}.{rest}'


@pytest.mark.parametrize('depth', [18, 50])
def test_every_entry_of_detectron2_resnet_is_converted(depth: int) -> None:
    state = FrozenResNet(depth=depth).state_dict()
    theirs = {
        detectron2_name(name): value
        for name, value in state.items()
        if not name.endswith('num_batches_tracked')
    }
    converted, dropped = convert_detectron2_resnet(theirs)
    assert not dropped
    assert converted.keys() == state.keys()
    for name, value in converted.items():
        assert torch.equal(value, state[name]), name


def test_swin_drops_classifier_and_attention_masks() -> None:
    model = SwinTransformer(embed_dims=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1))
    theirs = {
        'patch_embed.proj.weight': torch.rand(8, 3, 4, 4),
        'layers.0.blocks.0.attn.qkv.weight': torch.rand(24, 8),
        'layers.0.blocks.0.mlp.fc1.bias': torch.rand(32),
        'layers.0.downsample.norm.weight': torch.arange(32.0),
        'norm3.weight': torch.rand(64),
    }
    unused = {'layers.0.blocks.1.attn_mask': ZERO, 'norm.weight': ZERO, 'head.bias': ZERO}
    converted, dropped = convert_swin({**theirs, **unused})
    assert sorted(dropped) == sorted(unused)
    assert converted.keys() == {
        'patch_embed.projection.weight',
        'stages.0.blocks.0.attn.w_msa.qkv.weight',
        'stages.0.blocks.0.ffn.layers.0.0.bias',
        'stages.0.downsample.norm.weight',
        'norm3.weight',
    }
    result = model.load_state_dict(converted, strict=False)
    assert not result.unexpected_keys
    # The official order of patches is (0,0), (1,0), (0,1), (1,1); mmdet uses rows of 2x2, channels
    # first.
    merged = converted['stages.0.downsample.norm.weight'].view(8, 4)
    assert merged[0].tolist() == [0, 16, 8, 24]


def test_unknown_entries_raise() -> None:
    with pytest.raises(ValueError, match=r"not a ResNet of Detectron2: unknown entry 'fc.weight'"):
        convert_detectron2_resnet({'fc.weight': ZERO})
    with pytest.raises(ValueError, match=r'not a Swin Transformer of its authors: 1 unknown'):
        convert_swin({'stem.weight': ZERO})
    published = {'backbone.stem.conv1.weight': ZERO, 'sem_seg_head.predictor.odd.weight': ZERO}
    with pytest.raises(
        ValueError, match=r"model of the AVISM authors: unknown entry 'predictor.odd"
    ):
        convert_avism_frame_parts(published)
    with pytest.raises(ValueError, match=r'2 unknown entries \(neck.a; neck.b\), 0 that begin'):
        convert_mask2former({'neck.a': ZERO, 'neck.b': ZERO})
    known = {'panoptic_head.cls_embed.bias': ZERO, 'panoptic_head.odd.weight': ZERO}
    with pytest.raises(ValueError, match=r"not a Mask2Former of mmdet: unknown entry 'odd.weight'"):
        convert_mask2former(known)
