"""Checkpoints of the Swin Transformer authors for ``mmdet.SwinTransformer``."""

from collections.abc import Mapping

from mmdet.models.backbones.swin import swin_converter
from torch import Tensor

from avis.models.converters.selection import select_backbone
from avis.registry import CONVERTERS

_PARTS = ('patch_embed.', 'layers.', 'norm0.', 'norm1.', 'norm2.', 'norm3.')
# The classifier and its norm.
_UNUSED = ('head.', 'norm.')


@CONVERTERS.register_module(name='swin')
def convert_swin(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename with mmdet's own map, which also permutes patch merging to mmdet's order of patches.

    Attention masks are dropped, as they are computed again for each size of the input.

    Args:
        state_dict: For example ``swin_large_patch4_window12_384_22k.pth``, or the backbone of a
            detector trained on it.

    Returns:
        The state dict of ``mmdet.SwinTransformer``, and the names of dropped entries: the
        classifier and attention masks.

    Raises:
        ValueError: An entry that Swin does not have, or no entry of Swin at all.
    """
    masks = [name for name in state_dict if name.endswith('.attn_mask')]
    rest = {name: value for name, value in state_dict.items() if name not in masks}
    kept, dropped = select_backbone(rest, _PARTS, _UNUSED, 'Swin Transformer of its authors')
    renamed = swin_converter(kept)
    return {name.removeprefix('backbone.'): value for name, value in renamed.items()}, [
        *dropped,
        *masks,
    ]
