"""ACVIS, audio-visual instance segmentation with audio-centric queries and a count of sources.

Source: *Learning What to Hear: Boosting Sound-Source Association for Robust Audiovisual Instance
Segmentation*, ICASSP 2026 (arXiv:2509.22740); code of the authors: jinbae-s/ACVIS.
"""

from acvis.converter import convert_acvis
from acvis.count_loss import OrdinalCountLoss, count_probabilities
from acvis.frame_head import ACVISFrameHead
from acvis.query_generation import AudioCentricQueries

__all__ = [
    'ACVISFrameHead',
    'AudioCentricQueries',
    'OrdinalCountLoss',
    'convert_acvis',
    'count_probabilities',
]
