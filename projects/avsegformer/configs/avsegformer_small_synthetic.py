"""A small AVSegFormer trained from scratch on synthetic people and things, for two CPU cores.

The demo of TPAVI in avis (configs/avs/demo_tpavi_synthetic.py) with another model: same data,
schedule, backbone and audio network.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.synthetic_ms3 import *
    from avis.configs._base_.default_runtime import *
    from avis.configs._base_.schedules.adam_linear_9e import *

from avsegformer import AVSegFormer, AVSegFormerHead, LabeledDiceLoss
from mmdet.models.backbones import ResNet

from avis.models import AVDataPreprocessor, LogMelCNN

channels = 64
model = dict(
    type=AVSegFormer,
    data_preprocessor=dict(type=AVDataPreprocessor),
    backbone=dict(
        type=ResNet,
        depth=18,
        base_channels=32,
        stem_channels=32,
        norm_cfg=dict(type='GN', num_groups=8),
        norm_eval=False,
    ),
    audio_encoder=dict(type=LogMelCNN, out_channels=channels),
    decode_head=dict(
        type=AVSegFormerHead,
        in_channels=[32, 64, 128, 256],
        num_classes=1,
        channels=channels,
        num_queries=20,
        num_layers=2,
        hidden_channels=128,
        dropout=0.0,
        query_generator=dict(num_layers=2, hidden_channels=128),
    ),
    loss_seg=dict(type=LabeledDiceLoss),
    loss_mix=dict(type=LabeledDiceLoss),
)
