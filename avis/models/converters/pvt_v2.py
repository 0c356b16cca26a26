"""Checkpoints of the PVTv2 authors for :class:`~avis.models.backbones.pvt_v2.PVTv2`."""

from collections.abc import Mapping

from mmdet.models.backbones.pvt import pvt_convert
from torch import Tensor

from avis.models.converters.selection import select_backbone
from avis.registry import CONVERTERS

_PARTS = ('patch_embed', 'block', 'norm1.', 'norm2.', 'norm3.', 'norm4.')


@CONVERTERS.register_module(name='pvt_v2')
def convert_pvt_v2(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename with mmdet's own map, which concatenates ``q`` and ``kv`` to one input projection.

    Args:
        state_dict: For example ``pvt_v2_b5.pth``: ``block1.0.attn.q.weight`` and so on.

    Returns:
        The state dict of ``PVTv2``, and the names of dropped entries: the classifier ``head``.

    Raises:
        ValueError: An entry that PVTv2 does not have, or no entry of PVTv2 at all.
    """
    kept, dropped = select_backbone(state_dict, _PARTS, 'head.', 'PVTv2 of its authors')
    try:
        return dict(pvt_convert(kept)), dropped
    except KeyError as error:
        raise ValueError(f'not a complete PVTv2: {error} is missing') from error
