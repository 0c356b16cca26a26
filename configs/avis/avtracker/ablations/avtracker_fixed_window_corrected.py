"""AVTracker with windows of 8 seconds under the corrected protocol. No published row.

Windows start at 0, each is asked about with the words spoken in it, and windows without speech are
skipped. The authors' code has no fixed windows, see avtracker_fixed_window.py.
"""

from mmengine.config import read_base

with read_base():
    from ...._base_.datasets.avtrack_videos import *
    from ...._base_.default_runtime import *
    from ...._base_.models.avtracker import *

model.speech.encoder = None
model.window_seconds = 8.0
model.protocol = 'corrected'
# Long videos are tracked in windows, so that memory does not grow with their length.
model.instance_tracker.window_frames = 256
