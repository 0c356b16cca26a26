"""avis: a modular toolbox for audio-visual segmentation and speaker tracking.

Importing it is fast and does not import torch; it only registers the workarounds of
:mod:`avis.utils.compat`.
"""

from avis.utils.compat import install_workarounds

__version__ = '0.1.0'

install_workarounds()
