"""COMBO: audio-visual segmentation with a second image per frame, on top of avis.

Importing the package registers its classes, and the converter ``combo``.

Yang et al., *Cooperation Does Matter: Exploring Multi-Order Bilateral Relations for Audio-Visual
Segmentation*, CVPR 2024 (arXiv:2312.06462); official code yannqi/COMBO-AVS. Letters as in avis; N
frames of a batch, P positions of a map.
"""

from combo.converter import convert_combo
from combo.frame_head import COMBOFrameHead
from combo.segmentor import COMBOSegmentor
from combo.transforms import JitterEachImage, LoadPriorImages, RandomCropOrPad

__all__ = [
    'COMBOFrameHead',
    'COMBOSegmentor',
    'JitterEachImage',
    'LoadPriorImages',
    'RandomCropOrPad',
    'convert_combo',
]
