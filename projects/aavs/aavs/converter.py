"""Checkpoints of the authors, and of Mask2Former in the naming of Hugging Face."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from avis.models.converters.frame_head import rename, strip_prefix
from avis.models.converters.swin import convert_swin
from avis.registry import CONVERTERS

_SOURCE = 'official AAVS model'
_BLOCK = r'encoder\.(layers\.\d+\.blocks\.\d+\.)'
_ENCODER = r'pixel_level_module\.decoder\.'
_LAYER = _ENCODER + r'(encoder\.layers\.\d+\.)'
_DECODER = r'transformer_module\.decoder\.'
_DECODER_LAYER = _DECODER + r'layers\.(\d+)\.'
# Of three entries (queries, keys, values) that are one here.
_SPLIT = re.compile(r'(.+)\.(query|key|value|[qkv]_proj)\.(weight|bias)')
_ORDER = {name: index for index, name in enumerate(('query', 'key', 'value'))} | {
    name: index for index, name in enumerate(('q_proj', 'k_proj', 'v_proj'))
}

# Entries of the backbone, in the naming of the authors of Swin. First match wins.
_SWIN = (
    (r'embeddings\.patch_embeddings\.projection\.(.+)', r'patch_embed.proj.\1'),
    (r'embeddings\.norm\.(.+)', r'patch_embed.norm.\1'),
    (rf'{_BLOCK}layernorm_before\.(.+)', r'\1norm1.\2'),
    (rf'{_BLOCK}layernorm_after\.(.+)', r'\1norm2.\2'),
    (rf'{_BLOCK}attention\.self\.qkv\.(.+)', r'\1attn.qkv.\2'),
    (rf'{_BLOCK}attention\.self\.(relative_position_.+)', r'\1attn.\2'),
    (rf'{_BLOCK}attention\.output\.dense\.(.+)', r'\1attn.proj.\2'),
    (rf'{_BLOCK}attention\.output\.swin_adapt_1\.(.+)', r'\1attn.proj.adapter.\2'),
    (rf'{_BLOCK}intermediate\.dense\.(.+)', r'\1mlp.fc1.\2'),
    (rf'{_BLOCK}output\.dense\.(.+)', r'\1mlp.fc2.\2'),
    (rf'{_BLOCK}output\.swin_adapt_3\.(.+)', r'\1mlp.fc2.adapter.\2'),
    (r'encoder\.(layers\.\d+\.downsample\..+)', r'\1'),
    (r'hidden_states_norms\.stage1\.(.+)', r'norm0.\1'),
    (r'hidden_states_norms\.stage2\.(.+)', r'norm1.\1'),
    (r'hidden_states_norms\.stage3\.(.+)', r'norm2.\1'),
    (r'hidden_states_norms\.stage4\.(.+)', r'norm3.\1'),
)

# Entries of the head. First match wins.
_HEAD = (
    (rf'{_ENCODER}level_embed', r'pixel_decoder.level_encoding.weight'),
    (rf'{_ENCODER}input_projections\.(\d)\.0\.(.+)', r'pixel_decoder.input_convs.\1.conv.\2'),
    (rf'{_ENCODER}input_projections\.(\d)\.1\.(.+)', r'pixel_decoder.input_convs.\1.gn.\2'),
    (rf'{_LAYER}self_attn_layer_norm\.(.+)', r'pixel_decoder.\1norms.0.\2'),
    (rf'{_LAYER}final_layer_norm\.(.+)', r'pixel_decoder.\1norms.1.\2'),
    (rf'{_LAYER}fc1\.(.+)', r'pixel_decoder.\1ffn.layers.0.0.\2'),
    (rf'{_LAYER}fc2\.(.+)', r'pixel_decoder.\1ffn.layers.1.\2'),
    (rf'{_LAYER}(self_attn\..+)', r'pixel_decoder.\1\2'),
    (rf'{_ENCODER}mask_projection\.(.+)', r'pixel_decoder.mask_feature.\1'),
    (rf'{_ENCODER}adapter_1\.0\.(.+)', r'pixel_decoder.lateral_convs.0.conv.\1'),
    (rf'{_ENCODER}adapter_1\.1\.(.+)', r'pixel_decoder.lateral_convs.0.gn.\1'),
    (rf'{_ENCODER}layer_1\.0\.(.+)', r'pixel_decoder.output_convs.0.conv.\1'),
    (rf'{_ENCODER}layer_1\.1\.(.+)', r'pixel_decoder.output_convs.0.gn.\1'),
    (r'transformer_module\.queries_embedder\.(.+)', r'query_embed.\1'),
    (r'transformer_module\.queries_features\.(.+)', r'query_feat.\1'),
    (r'transformer_module\.(level_embed|prior_embed)\.(.+)', r'\1.\2'),
    (rf'{_DECODER_LAYER}self_attn_layer_norm\.(.+)', r'layers.\1.self_attention.norm.\2'),
    (rf'{_DECODER_LAYER}cross_attn_layer_norm\.(.+)', r'layers.\1.cross_attention.norm.\2'),
    (rf'{_DECODER_LAYER}self_attn\.qkv\.(.+)', r'layers.\1.self_attention.in_proj.\2'),
    (rf'{_DECODER_LAYER}self_attn\.(out_proj\..+)', r'layers.\1.self_attention.\2'),
    (rf'{_DECODER_LAYER}cross_attn\.in_proj_(.+)', r'layers.\1.cross_attention.in_proj.\2'),
    (rf'{_DECODER_LAYER}cross_attn\.(out_proj\..+)', r'layers.\1.cross_attention.\2'),
    (rf'{_DECODER_LAYER}fc1\.(.+)', r'layers.\1.ffn.linear1.\2'),
    (rf'{_DECODER_LAYER}fc2\.(.+)', r'layers.\1.ffn.linear2.\2'),
    (rf'{_DECODER_LAYER}final_layer_norm\.(.+)', r'layers.\1.ffn.norm.\2'),
    (rf'{_DECODER}layernorm\.(.+)', r'decoder_norm.\1'),
    (
        rf'{_DECODER}mask_predictor\.mask_embedder\.(\d)\.0\.(.+)',
        r'mask_embed.layers.\1.\2',
    ),
)


@CONVERTERS.register_module(name='aavs')
def convert_aavs(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename all entries; join queries, keys and values; drop constants and what is not used.

    Args:
        state_dict: An official checkpoint, of S4 and MS3 or of AVSS.

    Returns:
        The state dict of the model, and the names of dropped entries: loss weights, and for S4 and
        MS3 the output projections that adapters replace.

    Raises:
        ValueError: An entry that the official models do not have.
    """
    if not any(name.startswith('audio_proj.') for name in state_dict):
        raise ValueError(f'not an {_SOURCE}: no entry audio_proj')
    appended = any('.audio_embed.' in name for name in state_dict)
    dropped = [
        name
        for name in state_dict
        if name.endswith('empty_weight') or (not appended and _is_replaced(name))
    ]
    rest = {name: value for name, value in state_dict.items() if name not in dropped}
    audio = {name: rest.pop(name) for name in list(rest) if name.startswith('audio_proj.')}
    renamed = _convert_mask2former(
        {_adapter_name(name.removeprefix('model.'), appended): x for name, x in rest.items()}
    )
    return renamed | {f'frame_head.{name}': value for name, value in audio.items()}, dropped


@CONVERTERS.register_module(name='mask2former_ade')
def convert_mask2former_ade(
    state_dict: Mapping[str, Tensor],
) -> tuple[dict[str, Tensor], list[str]]:
    """Rename the entries of a Mask2Former of Hugging Face, to start the training of AAVS.

    Args:
        state_dict: For example ``facebook/mask2former-swin-base-ade-semantic``.

    Returns:
        The state dict of a model of AAVSS without adapters in the backbone, and the names of
        dropped entries: the classifier and loss weights.

    Raises:
        ValueError: An entry that Mask2Former does not have.
    """
    dropped = [name for name in state_dict if name.startswith(('class_predictor.', 'criterion.'))]
    return _convert_mask2former({k: v for k, v in state_dict.items() if k not in dropped}), dropped


def _convert_mask2former(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Map ``model.*`` and ``class_predictor.*`` of Hugging Face to backbone and frame head."""
    joined = _join_projections(state_dict)
    encoder = 'model.pixel_level_module.encoder.'
    swin = rename(strip_prefix(joined, encoder), _SWIN, 'Swin of Hugging Face')
    plain = {name: value for name, value in swin.items() if '.adapter.' not in name}
    backbone, _ = convert_swin(plain)
    for name, value in swin.items():
        if name not in plain:
            place = name.replace('layers.', 'stages.', 1).replace('attn.', 'attn.w_msa.')
            backbone[place.replace('mlp.fc2', 'ffn.layers.1')] = value
    head = {
        name: value
        for name, value in strip_prefix(joined, 'model.').items()
        if not name.startswith('pixel_level_module.encoder.')
    }
    converted = {f'backbone.{name}': value for name, value in backbone.items()}
    renamed = rename(head, _HEAD, 'Mask2Former of Hugging Face')
    converted |= {f'frame_head.{name}': value for name, value in renamed.items()}
    for name, value in strip_prefix(joined, 'class_predictor.').items():
        converted[f'frame_head.class_embed.{name}'] = value
    return converted


def _join_projections(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Concatenate queries, keys and values to ``qkv``, and the embeddings of prior masks."""
    joined: dict[str, Tensor] = {}
    groups: dict[str, dict[int, Tensor]] = {}
    for name, value in state_dict.items():
        match = _SPLIT.fullmatch(name)
        kind = re.fullmatch(r'(.+\.)(silence|uncertain|audio)_embed\.weight', name)
        if match:
            target = f'{match[1]}.qkv.{match[3]}'
            groups.setdefault(target, {})[_ORDER[match[2]]] = value
        elif kind:
            index = ('silence', 'uncertain', 'audio').index(kind[2])
            groups.setdefault(f'{kind[1]}prior_embed.weight', {})[index] = value
        else:
            joined[name] = value
    for target, parts in groups.items():
        if len(parts) != 3:
            raise ValueError(f'not a Mask2Former of Hugging Face: {target} has {len(parts)} parts')
        joined[target] = torch.cat([parts[index] for index in range(3)])
    return joined


def _is_replaced(name: str) -> bool:
    """Whether an entry belongs to an output projection that an adapter replaces."""
    return re.search(r'\.self_attn\.(output_proj|out_proj)\.', name) is not None


def _adapter_name(name: str, appended: bool) -> str:
    """Rename an adapter of a self-attention to a part of its output projection."""
    projection = 'output_proj' if 'pixel_level_module' in name else 'out_proj'
    place = f'{projection}.adapter' if appended else projection
    return name.replace('.avs_adapt.', f'.{place}.')
