"""Checkpoints of LR-ASD and Light-ASD for ``ActiveSpeakerDetector``.

The official files are state dicts of the network (``model.*``) and of its two heads.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from avis.models.converters.frame_head import Rules, new_name
from avis.registry import CONVERTERS

_ENCODER = r'model\.(audio|visual)Encoder\.block([123])\.'
_HEADS: Rules = (
    (r'lossAV\.FC\.(.+)', r'head.\1'),
    (r'lossV\.FC\.(.+)', r'visual_head.\1'),
)
# First match wins; blocks of the official code count from 1, those of avis from 0. Layers s and m
# convolve in space (pixels, coefficients), t over time.
_LR_ASD: Rules = (
    (_ENCODER + r'[sm]_([12])\.(.+)', r'network.\1_encoder.blocks.<\2>.space\3.conv.\4'),
    (_ENCODER + r'[sm]_norm_([12])\.(.+)', r'network.\1_encoder.blocks.<\2>.space\3.norm.\4'),
    (_ENCODER + r't_([12])\.(.+)', r'network.\1_encoder.blocks.<\2>.time\3.conv.\4'),
    (_ENCODER + r't_norm_([12])\.(.+)', r'network.\1_encoder.blocks.<\2>.time\3.norm.\4'),
    (r'model\.fusion\.attention\.(.+)', r'network.fusion_gate.linear.\1'),
    (r'model\.fusion\.bn\.(.+)', r'network.fusion_gate.norm.\1'),
    (r'model\.detector\.attention\.attention\.(.+)', r'network.output_gate.linear.\1'),
    (r'model\.detector\.attention\.bn\.(.+)', r'network.output_gate.norm.\1'),
    (r'model\.detector\.(gru_(?:forward|backward)\..+)', r'network.\1'),
    *_HEADS,
)
_LIGHT_ASD: Rules = (
    (_ENCODER + r'[sm]_([35])\.(.+)', r'network.\1_encoder.blocks.<\2>.space\3.conv.\4'),
    (_ENCODER + r'bn_[sm]_([35])\.(.+)', r'network.\1_encoder.blocks.<\2>.space\3.norm.\4'),
    (_ENCODER + r't_([35])\.(.+)', r'network.\1_encoder.blocks.<\2>.time\3.conv.\4'),
    (_ENCODER + r'bn_t_([35])\.(.+)', r'network.\1_encoder.blocks.<\2>.time\3.norm.\4'),
    (_ENCODER + r'last\.(.+)', r'network.\1_encoder.blocks.<\2>.last.conv.\3'),
    (_ENCODER + r'bn_last\.(.+)', r'network.\1_encoder.blocks.<\2>.last.norm.\3'),
    (r'model\.GRU\.(gru_(?:forward|backward)\..+)', r'network.\1'),
    *_HEADS,
)


@CONVERTERS.register_module(name='lr_asd')
def convert_lr_asd(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename all entries of LR-ASD, and convert its 3D convolutions to 2D ones.

    Args:
        state_dict: An official checkpoint, for example ``pretrain_AVA.model``.

    Returns:
        The state dict of ``ActiveSpeakerDetector``, and an empty list: nothing is dropped.

    Raises:
        ValueError: An entry that LR-ASD does not have.
    """
    return _convert(state_dict, _LR_ASD, 'LR-ASD'), []


@CONVERTERS.register_module(name='light_asd')
def convert_light_asd(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename all entries of Light-ASD, and convert its 3D convolutions to 2D ones.

    Args:
        state_dict: An official checkpoint, for example ``pretrain_AVA_CVPR.model``.

    Returns:
        The state dict of ``ActiveSpeakerDetector``, and an empty list: nothing is dropped.

    Raises:
        ValueError: An entry that Light-ASD does not have.
    """
    return _convert(state_dict, _LIGHT_ASD, 'Light-ASD'), []


def _convert(state_dict: Mapping[str, Tensor], rules: Rules, model: str) -> dict[str, Tensor]:
    converted = {}
    for name, value in state_dict.items():
        key = _rename(name, rules)
        if key is None:
            raise ValueError(
                f'not the weights of {model}: unknown entry {name!r} among {len(state_dict)}; '
                f'fetch the file of {model}, or convert this one as the model that it is'
            )
        converted[key] = _two_dimensional(key, value)
    return converted


def _rename(name: str, rules: Rules) -> str | None:
    target = new_name(name, rules)
    return target and re.sub(r'<(\d)>', lambda k: str(int(k[1]) - 1), target)


def _two_dimensional(key: str, weight: Tensor) -> Tensor:
    """Reshape the kernel of a convolution.

    In space it becomes (k, k) or (k, 1), over time (k, 1); a pointwise one of a gate, (1,), becomes
    a matrix.
    """
    if weight.ndim == 3:  # gate
        return weight.squeeze(2)
    if weight.ndim < 4 or not key.endswith('conv.weight'):
        return weight
    kernel = weight.squeeze(2) if weight.ndim == 5 and weight.shape[2] == 1 else weight
    if '.time' in key:  # (k, 1, 1) of the faces, (1, k) of the audio
        kernel = kernel.reshape(*weight.shape[:2], -1, 1)
    return kernel
