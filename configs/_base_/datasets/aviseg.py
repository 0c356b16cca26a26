"""AVISeg, 26 classes, instances in videos of about 60 frames at 1 fps: the recipe of the authors.

Training reads 5 frames around a random one, one video per process, as published with 2 processes;
in one process set `train_dataloader.batch_size=2`. Audio is one VGGish embedding per
second, made by tools/dataset_tools/extract_audio_features.py. For an audio encoder that needs the
waveform, replace the step `load_audio`, see avis/avism/ablations/avism_r50_in_aviseg_vggish.py.
Testing reads whole videos; the short side is 360 for ResNet-50 and 448 for Swin-L.

Differs from the authors: frames are resized by the filter of Pillow in torch, whose values mostly
equal Pillow's or differ by 1 of 255; a video of one frame is trained, where their sampler stops.
"""

from mmengine.dataset import DefaultSampler, InfiniteSampler

from avis.datasets import AVISeg
from avis.datasets.transforms import (
    LoadAudio,
    LoadFrames,
    LoadTracks,
    PackAVInputs,
    RandomFlip,
    RandomMovingCrop,
    ResizeClip,
    SampleAroundReference,
)
from avis.evaluation import AVISegMetric

dataset = dict(type=AVISeg, data_root='data/AVISeg')

train_pipeline = dict(
    sample_frames=dict(type=SampleAroundReference, num_frames=5, max_distance=20, replace=True),
    load_frames=dict(type=LoadFrames),
    load_audio=dict(type=LoadAudio, source='features'),
    random_crop=dict(
        type=RandomMovingCrop,
        short_sides=(400, 500, 600),
        crop_range=(384, 600),
        prob=0.5,
        backend='torch',
    ),
    resize=dict(
        type=ResizeClip,
        short_side=(288, 320, 352, 384, 416, 448, 480, 512),
        max_long_side=768,
        rounding='nearest',
        backend='torch',
    ),
    random_flip=dict(type=RandomFlip, prob=0.5),
    load_labels=dict(type=LoadTracks, form='dense'),
    pack=dict(type=PackAVInputs),
)
test_pipeline = dict(
    load_frames=dict(
        type=LoadFrames,
        resize=dict(
            type=ResizeClip,
            short_side=360,
            max_long_side=1333,
            rounding='nearest',
            backend='torch',
        ),
    ),
    load_audio=dict(type=LoadAudio, source='features'),
    load_labels=dict(type=LoadTracks, form='tracks'),
    pack=dict(type=PackAVInputs),
)

train_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type=InfiniteSampler, shuffle=True),
    dataset=dict(**dataset, split='train', pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**dataset, split='val', pipeline=test_pipeline),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**dataset, split='test', pipeline=test_pipeline),
)

val_evaluator = dict(type=AVISegMetric, protocol='official')
test_evaluator = dict(type=AVISegMetric, protocol='official')
