"""CAVIS: context-aware video instance segmentation, on top of avis.

Importing the package registers its classes, and the converter ``cavis``.

Three models are trained one after the other: the segmenter, online with a tracker of queries, and
offline with a refiner over the whole video. The earlier ones are frozen. The method is that of the
official code (Lee et al., *CAVIS*, ICCV 2025), which descends from MinVIS and DVIS. Letters are
those of avis: B clips, T frames, Q queries, K classes, C channels.
"""

from cavis.converter import convert_cavis
from cavis.frame_head import CAVISFrameHead
from cavis.losses import TubeSetLoss
from cavis.sampling import SampleRun
from cavis.trackers import CAVISOfflineTracker, CAVISOnlineTracker, CAVISSegmenterTracker

__all__ = [
    'CAVISFrameHead',
    'CAVISOfflineTracker',
    'CAVISOnlineTracker',
    'CAVISSegmenterTracker',
    'SampleRun',
    'TubeSetLoss',
    'convert_cavis',
]
