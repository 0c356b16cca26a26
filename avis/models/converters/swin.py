"""Weights of the Swin authors for ``mmdet.SwinTransformer``."""

from collections.abc import Mapping

from mmdet.models.backbones.swin import swin_converter
from torch import Tensor

from avis.models.converters.selection import select

_PARTS = ('patch_embed.', 'layers.', 'norm0.', 'norm1.', 'norm2.', 'norm3.')
# The classifier, its norm, and masks that are made again for each size of the input.
_UNUSED = ('head.', 'norm.')


def convert(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename with mmdet's own map, which also puts the patches to merge in mmdet's order.

    Args:
        state_dict: For example ``swin_large_patch4_window12_384_22k.pth``, or the backbone of a
            detector trained on it.

    Returns:
        The state dict of ``mmdet.SwinTransformer``, and the names left out: the classifier.

    Raises:
        ValueError: A name that Swin does not have, or no weights of one at all.
    """
    masks = [name for name in state_dict if name.endswith('.attn_mask')]
    rest = {name: value for name, value in state_dict.items() if name not in masks}
    kept, dropped = select(rest, _PARTS, _UNUSED, 'Swin Transformer of its authors')
    renamed = swin_converter(kept)
    return {name.removeprefix('backbone.'): value for name, value in renamed.items()}, [
        *dropped,
        *masks,
    ]
