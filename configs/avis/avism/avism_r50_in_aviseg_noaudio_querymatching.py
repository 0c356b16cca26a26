"""Plain Mask2Former on frames, ResNet-50, AVISeg, its queries matched by embedding: as MinVIS does.

Target: none published on AVISeg. Status: not run yet.
"""

from mmengine.config import read_base

with read_base():
    from .avism_r50_in_aviseg_noaudio import *

from avis.models.trackers.query_matching_tracker import QueryMatchingTracker

model.tracker = dict(type=QueryMatchingTracker)
