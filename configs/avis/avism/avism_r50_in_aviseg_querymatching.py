"""AVISM's frame head, ResNet-50, AVISeg, its queries matched by embedding, online.

Only the frame head is trained. Target: none published. Status: not run yet.
"""

from mmengine.config import read_base

with read_base():
    from .avism_r50_in_aviseg import *

from avis.models.trackers.query_matching_tracker import QueryMatchingTracker

model.tracker = dict(type=QueryMatchingTracker)
