"""LVS: sound source localization with hard negatives from the background, on top of avis.

Importing the package registers its classes, and the converter ``lvs``.

The method is that of the official code hche11/Localizing-Visual-Sounds-the-Hard-Way
(arXiv:2104.02691). Letters: B clips of a batch, C channels; others as in avis.
"""

from lvs.converter import convert_lvs
from lvs.localizer import LVS

__all__ = ['LVS', 'convert_lvs']
