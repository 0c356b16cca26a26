"""AVTracker on a laptop, without downloads: all weights are included in packages.

WebRTC's VAD and Resemblyzer perform speaker diarization, MediaPipe's networks detect faces and
bodies. With the weights of LR-ASD (`avis download lr_asd_ava`, 3.4 MB) a speaker is the person who
is seen to speak audibly. Without them, and below 8 frames per second, it is the person whose
mouth is open while they speak. There is neither speech recognition nor a language model.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.avtrack_videos import *
    from ..._base_.default_runtime import *
    from ..._base_.models.avtracker_offline import *
