"""AVISM's frame head, ResNet-50, AVISeg, its masks matched by overlap and looks, online.

Only the frame head is trained. Target: none published. Status: not run yet.
"""

from mmengine.config import read_base

with read_base():
    from .avism_r50_in_aviseg import *

from avis.models.trackers.mask_overlap_tracker import MaskOverlapTracker

model.tracker = dict(type=MaskOverlapTracker)
