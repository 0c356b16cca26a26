"""Checkpoints of AVSBench's authors for :class:`~avis.models.segmentors.av_segmentor.AVSegmentor`.

The six official models (S4, MS3 and AVSS, each with ResNet-50 and PVTv2-B5) share these names.
The audio encoder is not part of those files.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from avis.models.converters.pvt_v2 import convert_pvt_v2
from avis.registry import CONVERTERS

# Built by the authors' constructors and never executed: a second copy of stages 3 and 4 of the
# ResNet, and the unit that would read a level above the coarsest one.
_DEAD = re.compile(r'resnet\.layer[34]_2\.|path4\.resConfUnit1\.')

# First match wins; levels of the official code count from 1, those of avis from 0.
_KEYS = (
    (r'resnet\.layer([34])_1\.(.+)', r'backbone.layer\1.\2'),
    (r'resnet\.(.+)', r'backbone.\1'),
    (r'conv([1-4])\.conv2d_list\.(\d+\..+)', r'neck.levels.<\1>.\2'),
    (r'tpavi_b([1-4])\.align_channel\.(.+)', r'fusions.<\1>.audio_proj.\2'),
    (r'tpavi_b([1-4])\.W_z\.0\.(.+)', r'fusions.<\1>.out_proj.\2'),
    (r'tpavi_b([1-4])\.W_z\.1\.(.+)', r'fusions.<\1>.norm.\2'),
    (r'tpavi_b([1-4])\.norm_layer\.(.+)', r'fusions.<\1>.layer_norm.\2'),
    (r'tpavi_b([1-4])\.((theta|phi|g)\..+)', r'fusions.<\1>.\2'),
    (r'path([1-4])\.resConfUnit([12])\.(.+)', r'decode_head.blocks.<\1>.unit\2.\3'),
    (r'output_conv\.0\.(.+)', r'decode_head.conv1.\1'),
    (r'output_conv\.2\.(.+)', r'decode_head.conv2.\1'),
    (r'output_conv\.4\.(.+)', r'decode_head.classifier.\1'),
)
_POINTWISE = re.compile(r'fusions\.\d\.(theta|phi|g|out_proj)\.weight')
_PVT = 'encoder_backbone.'


@CONVERTERS.register_module(name='avsbench')
def convert_avsbench(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename all entries and reshape the 1x1x1 convolutions of TPAVI to linear layers.

    Args:
        state_dict: An official checkpoint, for example ``S4_pvt_best.pth``.

    Returns:
        The state dict of ``AVSegmentor``, and the names of dropped entries: branches that are never
        executed.

    Raises:
        ValueError: An entry that the official models do not have.
    """
    dropped = [name for name in state_dict if _DEAD.match(name)]
    pvt = {
        name.removeprefix(_PVT): value
        for name, value in state_dict.items()
        if name.startswith(_PVT)
    }
    converted = {}
    if pvt:
        backbone, unused = convert_pvt_v2(pvt)
        converted.update({f'backbone.{name}': value for name, value in backbone.items()})
        dropped += [_PVT + name for name in unused]
    for name, value in state_dict.items():
        if name.startswith(_PVT) or _DEAD.match(name):
            continue
        key = _rename(name)
        converted[key] = value.flatten(1) if _POINTWISE.fullmatch(key) else value
    return converted, dropped


def _rename(name: str) -> str:
    for pattern, target in _KEYS:
        match = re.fullmatch(pattern, name)
        if match:
            return re.sub(r'<(\d)>', lambda k: str(int(k[1]) - 1), match.expand(target))
    raise ValueError(f'not an official AVSBench model: unknown entry {name!r}')
