"""A small TPAVI from scratch on synthetic people and things, for two CPU cores.

Target: `make demo`, which makes the data in the MS3 layout with tools/dataset_tools/
make_synthetic.py. Deviates from the published recipe: a narrow ResNet-18, 64 channels, 96 x 96
pixels, a small audio network trained along, sound mixed in from the first step on, every frame on
its own, and GroupNorm instead of BatchNorm, so that the loss does not depend on how a batch is
shared among processes.
"""

from mmengine.config import read_base

with read_base():
    from .._base_.datasets.avsbench_ms3 import *
    from .._base_.default_runtime import *
    from .._base_.models.tpavi_r50 import *
    from .._base_.schedules.adam_15e import *

from mmdet.models.backbones import ResNet
from mmengine.optim import LinearLR

from avis.datasets.transforms.geometry import RandomFlip, ResizeClip
from avis.datasets.transforms.loading import LoadFrames, LoadLabelMaps
from avis.datasets.transforms.packing import PackAVInputs
from avis.datasets.transforms.audio import LoadAudio
from avis.models.audio_encoders.log_mel_cnn import LogMelCNN

data_root = 'data/synthetic_ms3/Multi-sources'
load = [
    dict(type=LoadFrames),
    dict(type=LoadAudio, sample_rate=16000),
    dict(type=LoadLabelMaps, encoding='binary'),
    dict(type=ResizeClip, size=(96, 96)),
]
train_pipeline = [*load, dict(type=RandomFlip, prob=0.5), dict(type=PackAVInputs)]
test_pipeline = [*load, dict(type=PackAVInputs)]
data = dict(data_root=data_root, audio='wav')
train_dataloader.dataset.update(data, pipeline=train_pipeline)
val_dataloader.dataset.update(data, pipeline=test_pipeline)
test_dataloader.dataset.update(data, pipeline=test_pipeline)

norm = dict(type='GN', num_groups=8)
model.backbone.update(
    type=ResNet, depth=18, base_channels=32, stem_channels=32, norm_cfg=norm, init_cfg=None
)
model.neck.update(in_channels=[32, 64, 128, 256], out_channels=64)
model.audio_encoder = dict(type=LogMelCNN, out_channels=64)
# TPAVI sums over the sounds of all frames of a group: only alone does a frame hear its own second.
model.fusion.update(
    channels=64, audio_dim=64, norm_cfg=norm, frames_per_group=1, identity_init=False
)
model.decode_head.channels = 64

optim_wrapper.optimizer.lr = 1e-3
train_cfg.update(max_epochs=9, val_interval=9)
param_scheduler = [
    dict(type=LinearLR, start_factor=0.05, by_epoch=False, begin=0, end=20),
    dict(
        type=LinearLR,
        start_factor=1.0,
        end_factor=0.02,
        by_epoch=True,
        begin=0,
        end=9,
        convert_to_iter_based=True,
    ),
]
