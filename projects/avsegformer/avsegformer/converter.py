"""Checkpoints of AVSegFormer and ACVSegFormer for :class:`~avsegformer.segmentor.AVSegFormer`."""

import re
from collections.abc import Mapping

from torch import Tensor

from avis.models.converters.frame_head import new_name
from avis.models.converters.pvt_v2 import convert_pvt_v2
from avis.registry import CONVERTERS

# Never executed: a second copy of two stages of the ResNet, a pyramid and its classifier. VGGish is
# frozen: its weights are those of torchvggish, and in no checkpoint of avis.
_DROPPED = re.compile(r'vggish\..+|backbone\.layer[34]_2\..+|head\.(?:fpn|attn_fc)\..+')
_PVT = re.compile(r'backbone\.((?:patch_embed|block|norm)\d\..+)')
_LAYER = r'head\.transformer\.(encoder|decoder)\.layers\.(\d+)\.'
_GENERATOR = r'head\.query_generator\.(layers\.\d+)\.'
_NEW_GENERATOR = r'decode_head.query_generator.\1'
_NORM = re.compile(rf'{_GENERATOR}norm(\d)\.(.+)')
_BLOCKS = ('self_attention', 'audio_attention', 'ffn')  # of a layer of the query generator
_AUDIO_PROJECTIONS = re.compile(rf'{_GENERATOR}cross_attn\.in_proj_weight')

# First match wins.
_RULES = (
    (r'backbone\.layer([34])_1\.(.+)', r'backbone.layer\1.\2'),
    (r'backbone\.((?:conv1|bn1|layer[12])\..+)', r'backbone.\1'),
    (r'(audio_proj\..+)', r'\1'),
    (r'head\.learnable_query\.(.+)', r'decode_head.query_generator.added_query.\1'),
    (r'head\.query_generator\.(query\..+)', r'decode_head.query_generator.\1'),
    (rf'{_GENERATOR}self_attn\.(.+)', rf'{_NEW_GENERATOR}.self_attention.attn.\2'),
    (_AUDIO_PROJECTIONS.pattern, rf'{_NEW_GENERATOR}.audio_attention.value_proj.weight'),
    (rf'{_GENERATOR}cross_attn\.(.+)', rf'{_NEW_GENERATOR}.audio_attention.\2'),
    (rf'{_GENERATOR}(?:ffn\.0|linear1)\.(.+)', rf'{_NEW_GENERATOR}.ffn.linear1.\2'),
    (rf'{_GENERATOR}(?:ffn\.2|linear2)\.(.+)', rf'{_NEW_GENERATOR}.ffn.linear2.\2'),
    (rf'{_LAYER}(linear\d\..+)', r'decode_head.\1.\2.ffn.\3'),
    (
        r'head\.transformer\.encoder\.layers\.(\d+)\.self_attn\.(.+)',
        r'decode_head.encoder.\1.self_attention.\2',
    ),
    (r'head\.transformer\.encoder\.layers\.(\d+)\.norm1\.(.+)', r'decode_head.encoder.\1.norm.\2'),
    (rf'{_LAYER}(self|cross)_attn\.(.+)', r'decode_head.\1.\2.\3_attention.attn.\4'),
    (
        r'head\.transformer\.decoder\.layers\.(\d+)\.norm1\.(.+)',
        r'decode_head.decoder.\1.self_attention.norm.\2',
    ),
    (
        r'head\.transformer\.decoder\.layers\.(\d+)\.norm2\.(.+)',
        r'decode_head.decoder.\1.cross_attention.norm.\2',
    ),
    (rf'{_LAYER}norm[23]\.(.+)', r'decode_head.\1.\2.ffn.norm.\3'),
    (r'head\.fusion_block\.(.+)', r'decode_head.mixer.\1'),
    (r'head\.fc\.0\.(.+)', r'decode_head.conv1.\1'),
    (r'head\.fc\.2\.(.+)', r'decode_head.conv2.\1'),
    (r'head\.fc\.4\.(.+)', r'decode_head.classifier.\1'),
    (r'head\.((?:level_embed|in_proj|mlp|lateral_conv|out_conv)(?:\..+)?)', r'decode_head.\1'),
)


@CONVERTERS.register_module(name='avsegformer')
def convert_avsegformer(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename all entries; drop VGGish, what is never executed, and what has no effect.

    Args:
        state_dict: An official checkpoint of AVSegFormer, with ResNet-50 or PVTv2-B5, or of
            ACVSegFormer, whose backbone is called ``image_backbone``.

    Returns:
        The state dict of ``AVSegFormer``, and the names of dropped entries. Of the projections of
        queries, keys and values of one audio token the last third is kept.

    Raises:
        ValueError: An entry that the official models do not have.
    """
    with_self_attention = any('query_generator.layers.0.self_attn' in name for name in state_dict)
    blocks = _BLOCKS if with_self_attention else _BLOCKS[1:]
    converted, dropped, pvt = {}, [], {}
    for original, value in state_dict.items():
        name = original.removeprefix('image_')
        match = _PVT.fullmatch(name)
        if match:
            pvt[match[1]] = value
        elif _DROPPED.fullmatch(name):
            dropped.append(original)
        elif _AUDIO_PROJECTIONS.fullmatch(name):
            converted[_rename(name, blocks)] = value[-len(value) // 3 :].clone()
        else:
            converted[_rename(name, blocks)] = value
    if pvt:
        backbone, unused = convert_pvt_v2(pvt)
        converted.update({f'backbone.{name}': value for name, value in backbone.items()})
        dropped += [f'backbone.{name}' for name in unused]
    return converted, dropped


def _rename(name: str, blocks: tuple[str, ...]) -> str:
    norm = _NORM.fullmatch(name)
    if norm and int(norm[2]) <= len(blocks):
        layer, number, rest = norm.groups()
        return f'decode_head.query_generator.{layer}.{blocks[int(number) - 1]}.norm.{rest}'
    target = new_name(name, _RULES)
    if target is None:
        raise ValueError(f'not an official AVSegFormer or ACVSegFormer: unknown entry {name!r}')
    return target
