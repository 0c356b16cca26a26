"""EZ-VSL: sound source localization learned from unlabeled videos, on top of avis.

Importing the package registers its classes, and the converter ``ez_vsl``.

The method is that of the official code stoneMo/EZ-VSL (arXiv:2203.09324). Letters: B clips of a
batch, C channels; others as in avis.
"""

from ez_vsl.converter import convert_ez_vsl
from ez_vsl.localizer import EZVSL
from ez_vsl.prior import ObjectPrior

__all__ = ['EZVSL', 'ObjectPrior', 'convert_ez_vsl']
