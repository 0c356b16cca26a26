"""Entries of the official models are renamed; outputs are compared in golden tests."""

import pytest
import torch

from avis.models.converters.avsbench import convert_avsbench

PUBLISHED = {
    'resnet.conv1.weight': (4, 3, 7, 7),
    'resnet.layer2.0.bn1.running_mean': (4,),
    'resnet.layer3_1.0.conv1.weight': (4, 4, 1, 1),
    'resnet.layer3_2.0.conv1.weight': (4, 4, 1, 1),
    'resnet.layer4_2.1.bn1.weight': (4,),
    'conv1.conv2d_list.3.bias': (4,),
    'tpavi_b4.align_channel.weight': (4, 2),
    'tpavi_b4.theta.weight': (2, 4, 1, 1, 1),
    'tpavi_b1.phi.bias': (2,),
    'tpavi_b1.W_z.0.weight': (4, 2, 1, 1, 1),
    'tpavi_b1.W_z.1.running_var': (4,),
    'tpavi_b1.norm_layer.bias': (4,),
    'path4.resConfUnit1.conv2.bias': (4,),
    'path4.resConfUnit2.conv1.weight': (4, 4, 3, 3),
    'output_conv.0.weight': (2, 4, 3, 3),
    'output_conv.2.bias': (1,),
    'output_conv.4.bias': (1,),
}


def test_entries_are_renamed_and_unused_branches_dropped() -> None:
    converted, dropped = convert_avsbench(
        {name: torch.ones(shape) for name, shape in PUBLISHED.items()}
    )
    assert {name: tuple(value.shape) for name, value in converted.items()} == {
        'backbone.conv1.weight': (4, 3, 7, 7),
        'backbone.layer2.0.bn1.running_mean': (4,),
        'backbone.layer3.0.conv1.weight': (4, 4, 1, 1),
        'neck.levels.0.3.bias': (4,),
        'fusions.3.audio_proj.weight': (4, 2),
        'fusions.3.theta.weight': (2, 4),
        'fusions.0.phi.bias': (2,),
        'fusions.0.out_proj.weight': (4, 2),
        'fusions.0.norm.running_var': (4,),
        'fusions.0.layer_norm.bias': (4,),
        'decode_head.blocks.3.unit2.conv1.weight': (4, 4, 3, 3),
        'decode_head.conv1.weight': (2, 4, 3, 3),
        'decode_head.conv2.bias': (1,),
        'decode_head.classifier.bias': (1,),
    }
    assert dropped == [
        'resnet.layer3_2.0.conv1.weight',
        'resnet.layer4_2.1.bn1.weight',
        'path4.resConfUnit1.conv2.bias',
    ]


def test_unknown_entry_raises() -> None:
    with pytest.raises(ValueError, match=r"unknown entry 'transformer\.layer\.weight'"):
        convert_avsbench({'transformer.layer.weight': torch.ones(1)})
