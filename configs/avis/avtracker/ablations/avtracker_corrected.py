"""AVTracker, the full method under the corrected protocol. No published row.

For videos of your own. The components are those of avtracker.py; docs/avtracker_defects.md lists
what is corrected.
"""

from mmengine.config import read_base

with read_base():
    from ...._base_.datasets.avtrack_videos import *
    from ...._base_.default_runtime import *
    from ...._base_.models.avtracker import *

model.protocol = 'corrected'
# Long videos are tracked in windows, so that memory does not grow with their length.
model.instance_tracker.window_frames = 256
