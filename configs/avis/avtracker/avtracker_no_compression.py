"""AVTracker without merging of the segments of one speaker: row C1 (HOTA 16.88).

Which models the row used is not known: the paper compares it with M3, whose models are both small;
the authors' command is ``agent=no_compression``, with Whisper large and the 4B model as their
defaults. Here they are those of the full method; the README lists the options for smaller ones, as
a rule with lower scores.
Status: not run on the real weights. Deviates from the authors: perhaps in the models; prompts in
our own words and a random state per message, so replies differ; separated audio stays float32,
where theirs is rounded to 16 bits (1e-5), and silence is not separated; details in
configs/_base_/models/avtracker.py.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.avtrack_videos import *
    from ..._base_.default_runtime import *
    from ..._base_.models.avtracker import *

model.speech.encoder = None
