"""AVSegFormer and ACVSegFormer: audio-visual segmentation by queries from audio, on top of avis.

Importing the package registers its classes, and the converter ``avsegformer``.

The method is that of the official code vvvb-github/AVSegFormer (arXiv:2307.01146). Letters: N
frames of a batch, Q queries, S positions of all levels; others as in avis.
"""

from avsegformer.converter import convert_avsegformer
from avsegformer.freezing import FreezeBackboneHook
from avsegformer.head import AVSegFormerHead
from avsegformer.losses import LabeledDiceLoss
from avsegformer.segmentor import AVSegFormer

__all__ = [
    'AVSegFormer',
    'AVSegFormerHead',
    'FreezeBackboneHook',
    'LabeledDiceLoss',
    'convert_avsegformer',
]
