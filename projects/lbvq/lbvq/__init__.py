"""LBVQ: learning better video query, on top of avis.

The method is that of the official code (TCSVT 2024): VITA's frame level and losses with a clip
module of its own. Importing the package registers ``LBVQClipHead`` and the converter ``lbvq``.
"""

from lbvq.clip_head import LBVQClipHead
from lbvq.converter import convert_lbvq

__all__ = ['LBVQClipHead', 'convert_lbvq']
