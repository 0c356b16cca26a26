"""AVISM, ResNet-50, AVISeg, deaf: neither the frame head nor the clip module hears.

Target: none published for this very ablation. Status: not run yet. The files of sound are still
read, and not used.
"""

from mmengine.config import read_base

with read_base():
    from .avism_r50_in_aviseg import *

from avis.models.decode_heads.mask2former_frame_head import Mask2FormerFrameHead
from avis.models.necks.deformable_pixel_decoder import DeformablePixelDecoder

model.frame_head = dict(
    type=Mask2FormerFrameHead,
    num_classes=26,
    num_queries=100,
    pixel_decoder=dict(type=DeformablePixelDecoder, in_channels=[256, 512, 1024, 2048]),
    loss_set=loss_set,
)
model.tracker.head.audio_dim = None
