"""Checkpoints of the ACVIS authors for ``AVInstanceSegmentor`` with ``ACVISFrameHead``."""

from collections.abc import Mapping

from torch import Tensor

from avis.models.converters.avism import convert_avism
from avis.models.converters.frame_head import new_name, rename, strip_prefix
from avis.models.converters.vggish import convert_vggish
from avis.registry import CONVERTERS

_AUDIO = 'audio_backbone.'
_PREDICTOR = 'sem_seg_head.predictor.'
_BLOCK = r'audio_centric_query_generator\.(\d)\.'
# Below the name of the predictor. Built by the official code, but never run.
_UNUSED = 'av_post_proj.'
_RULES = (
    (r'av_pre_proj\.(.+)', r'query_generation.audio_proj.\1'),
    (rf'{_BLOCK}multihead_attn\.in_proj_(.+)', r'query_generation.blocks.\1.value.\2'),
    (rf'{_BLOCK}multihead_attn\.(out_proj\..+)', r'query_generation.blocks.\1.\2'),
    (rf'{_BLOCK}(norm\..+)', r'query_generation.blocks.\1.\2'),
    (r'cls_token\.(.+)', r'count_token.\1'),
    (r'cnt_proj\.(.+)', r'count_proj.\1'),
)


@CONVERTERS.register_module(name='acvis')
def convert_acvis(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename all entries, and keep the values of the attention to a single audio token.

    Args:
        state_dict: An official checkpoint.

    Returns:
        The state dict of ``AVInstanceSegmentor``, and the names of dropped entries: constants and
        a layer that is never executed.

    Raises:
        ValueError: An entry that the official model does not have.
    """
    head, rest, dropped = {}, {}, []
    for name, value in state_dict.items():
        inner = name.removeprefix(_PREDICTOR)
        if name.startswith(_AUDIO):
            continue
        if inner.startswith(_UNUSED):
            dropped.append(name)
        elif new_name(inner, _RULES):
            head[inner] = value[-_third(value) :] if '.in_proj_' in inner else value
        else:
            rest[name] = value
    converted, constants = convert_avism(rest)
    renamed = rename(head, _RULES, 'official ACVIS model')
    audio, _ = convert_vggish(strip_prefix(state_dict, _AUDIO))
    converted |= {f'frame_head.{name}': value for name, value in renamed.items()}
    converted |= {f'audio_encoder.{name}': value for name, value in audio.items()}
    return converted, dropped + constants


def _third(value: Tensor) -> int:
    """Number of rows of the values in a matrix of queries, keys and values."""
    return -(-len(value) // 3)
