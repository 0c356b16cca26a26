"""AAVS, the models of *Stepping Stones*: adapters and an audio prompt in a Mask2Former, on avis.

Importing the package registers its classes, and the converters ``aavs`` and ``mask2former_ade``.

Ma et al., *Stepping Stones: A Progressive Training Strategy for Audio-Visual Semantic
Segmentation*, ECCV 2024 (arXiv:2407.11820). Letters as in avis; N = B * T frames.
"""

from aavs.converter import convert_aavs, convert_mask2former_ade
from aavs.frame_head import AAVSFrameHead, AAVSPriorHead
from aavs.segmentor import AAVSSegmentor
from aavs.swin import AdaptedSwin
from aavs.transforms import LoadPriorMasks, RepeatLabeledFrame, ResizeFramesAndLabels

__all__ = [
    'AAVSFrameHead',
    'AAVSPriorHead',
    'AAVSSegmentor',
    'AdaptedSwin',
    'LoadPriorMasks',
    'RepeatLabeledFrame',
    'ResizeFramesAndLabels',
    'convert_aavs',
    'convert_mask2former_ade',
]
