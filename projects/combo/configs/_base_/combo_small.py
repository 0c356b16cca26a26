"""A small COMBO without pretrained weights, for two CPU cores.

Differs from the published model as avism_small.py of avis does from AVISM: narrow networks, the
audio network trained from scratch.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.models.avism_small import *

from combo import COMBOFrameHead, COMBOSegmentor

hidden_channels = 128
model.pop('tracker')
model.pop('sounding_gate')
model.update(type=COMBOSegmentor, in_channels=[32, 64, 128, 256])
model.backbone.norm_eval = False
model.frame_head.pop('audio_fusion')
model.frame_head.pop('num_query_layers')
model.frame_head.update(
    type=COMBOFrameHead,
    num_classes=2,
    hidden_channels=hidden_channels,
    audio_dim=channels,
    audio_hidden=hidden_channels,
)
model.frame_head.pixel_decoder.hidden_channels = hidden_channels
model.frame_head.loss_set.num_classes = 2
