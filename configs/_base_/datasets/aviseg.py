"""AVISeg, 26 classes, instances over about 60 frames at 1 fps: the authors' recipe.

Training takes 5 frames around a random one, of 2 videos at a time. Sound comes as one VGGish
embedding per second, which tools/dataset_tools/extract_audio_features.py makes; for an audio
encoder that wants the wave, see aviseg_wav.py. Testing takes whole videos; the short side is 360
for ResNet-50 and 448 for Swin-L.
"""

from mmengine.dataset import DefaultSampler, InfiniteSampler

from avis.datasets.aviseg import AVISeg
from avis.datasets.transforms.geometry import RandomFlip, ResizeClip
from avis.datasets.transforms.loading import LoadFrames
from avis.datasets.transforms.moving_crop import RandomMovingCrop
from avis.datasets.transforms.packing import PackAVInputs
from avis.datasets.transforms.sampling import SampleAroundReference
from avis.datasets.transforms.audio import LoadAudio
from avis.datasets.transforms.tracks import LoadTracks
from avis.evaluation.metrics.track_metrics import AVISegMetric

data_root = 'data/AVISeg'

train_pipeline = [
    dict(type=SampleAroundReference, num_frames=5, max_distance=20, replace=True),
    dict(type=LoadFrames),
    dict(type=LoadAudio, source='features'),
    dict(
        type=RandomMovingCrop,
        short_sides=(400, 500, 600),
        crop_range=(384, 600),
        prob=0.5,
        backend='torch',
    ),
    dict(
        type=ResizeClip,
        short_side=(288, 320, 352, 384, 416, 448, 480, 512),
        max_long_side=768,
        rounding='nearest',
        backend='torch',
    ),
    dict(type=RandomFlip, prob=0.5),
    dict(type=LoadTracks, form='dense'),
    dict(type=PackAVInputs),
]
test_resize = dict(
    type=ResizeClip, short_side=360, max_long_side=1333, rounding='nearest', backend='torch'
)
test_pipeline = [
    dict(type=LoadFrames, resize=test_resize),
    dict(type=LoadAudio, source='features'),
    dict(type=LoadTracks, form='tracks'),
    dict(type=PackAVInputs),
]

train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type=InfiniteSampler, shuffle=True),
    dataset=dict(type=AVISeg, data_root=data_root, split='train', pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(type=AVISeg, data_root=data_root, split='val', pipeline=test_pipeline),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(type=AVISeg, data_root=data_root, split='test', pipeline=test_pipeline),
)

val_evaluator = dict(type=AVISegMetric, protocol='official')
test_evaluator = dict(type=AVISegMetric, protocol='official')
