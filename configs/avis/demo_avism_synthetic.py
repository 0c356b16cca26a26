"""A small AVISM from scratch on synthetic people who talk, for two CPU cores.

Target: `make demo`, which makes the data in AVISeg's layout with tools/dataset_tools/
make_synthetic.py. Deviates from the published recipe: a narrow ResNet-18 with GroupNorm, 64
channels, 8 queries, fewer layers and points, 64 x 128 pixels, a small audio network trained along,
no filler class for those who come in late, and a gate that leaves out the frames in which a person
is silent.
"""

from mmengine.config import read_base

with read_base():
    from .._base_.datasets.aviseg_wav import *
    from .._base_.default_runtime import *
    from .._base_.models.avism_r50 import *

from mmdet.models.backbones import ResNet
from mmengine.optim import LinearLR, OptimWrapper
from mmengine.runner import IterBasedTrainLoop
from torch.optim import AdamW

from avis.datasets.transforms.geometry import RandomFlip
from avis.datasets.transforms.loading import LoadFrames
from avis.datasets.transforms.packing import PackAVInputs
from avis.datasets.transforms.sampling import SampleAroundReference
from avis.datasets.transforms.audio import LoadAudio
from avis.datasets.transforms.tracks import LoadTracks
from avis.engine.loops import VideoTestLoop, VideoValLoop
from avis.models.audio_encoders.log_mel_cnn import LogMelCNN
from avis.models.trackers.sounding_gate import SoundingGate

data_root = 'data/synthetic_aviseg'
audio = dict(type=LoadAudio, sample_rate=16000)
train_pipeline = [
    dict(type=SampleAroundReference, num_frames=4, max_distance=5, replace=False),
    dict(type=LoadFrames),
    audio,
    dict(type=RandomFlip, prob=0.5),
    dict(type=LoadTracks, form='dense'),
    dict(type=PackAVInputs),
]
test_pipeline = [
    dict(type=LoadFrames),
    audio,
    dict(type=LoadTracks, form='tracks'),
    dict(type=PackAVInputs),
]
train_dataloader.update(batch_size=4, num_workers=1)
train_dataloader.dataset.update(data_root=data_root, pipeline=train_pipeline)
val_dataloader.update(num_workers=1)
val_dataloader.dataset.update(data_root=data_root, pipeline=test_pipeline)
test_dataloader.update(num_workers=1)
test_dataloader.dataset.update(data_root=data_root, pipeline=test_pipeline)
# The official protocol averages HOTA over all 26 classes, of which there is one here.
val_evaluator.update(protocol='corrected', write_blanks=False)
test_evaluator.update(protocol='corrected', write_blanks=False)

model.backbone = dict(
    type=ResNet,
    depth=18,
    base_channels=32,
    stem_channels=32,
    norm_cfg=dict(type='GN', num_groups=8),
)
model.audio_encoder = dict(type=LogMelCNN, out_channels=64)
model.frame_head.update(
    channels=64, num_queries=8, num_layers=3, hidden_channels=256, num_query_layers=1
)
model.frame_head.pixel_decoder.update(
    in_channels=[32, 64, 128, 256], channels=64, num_layers=1, hidden_channels=256
)
model.frame_head.audio_fusion.update(channels=64, audio_dim=64)
model.frame_head.loss_set.num_points = 512
model.tracker.late_as_no_object = False
model.tracker.loss_set.num_points = 512
model.tracker.head.update(
    channels=64,
    audio_dim=64,
    num_queries=8,
    num_frame_queries=8,
    hidden_channels=256,
    num_encoder_layers=2,
    num_decoder_layers=2,
)
# The masks of AVISM's clips do not hear; in which frames somebody sounds, the frame head knows.
model.sounding_gate = dict(type=SoundingGate, source='class')

train_cfg = dict(type=IterBasedTrainLoop, max_iters=1400, val_interval=1400)
val_cfg = dict(type=VideoValLoop)
test_cfg = dict(type=VideoTestLoop)
optim_wrapper = dict(
    type=OptimWrapper,
    optimizer=dict(type=AdamW, lr=1e-3, weight_decay=0.05),
    clip_grad=dict(max_norm=1.0, norm_type=2),
)
param_scheduler = [
    dict(type=LinearLR, start_factor=0.02, by_epoch=False, begin=0, end=40),
    dict(type=LinearLR, start_factor=1.0, end_factor=0.02, by_epoch=False, begin=0, end=1400),
]
default_hooks.checkpoint.update(
    interval=350, by_epoch=False, save_best='aviseg_corrected/HOTA', rule='greater'
)
log_processor.by_epoch = False
