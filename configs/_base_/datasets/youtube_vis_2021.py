"""YouTube-VIS 2021 and clips of COCO images, 40 classes; see youtube_vis_2019.py."""

from mmengine.dataset import DefaultSampler

from avis.datasets import CocoClips, MixedDataset, MixedSampler, YouTubeVIS
from avis.datasets.transforms import (
    LoadFrames,
    LoadTracks,
    PackAVInputs,
    RandomFlip,
    RandomMovingCrop,
    RandomRotation,
    ResizeClip,
    SampleAroundReference,
)
from avis.evaluation import YouTubeVISMetric

version, data_root = '2021', 'data/youtube_vis_2021'

train_pipeline = dict(
    sample_frames=dict(type=SampleAroundReference, num_frames=6, max_distance=8, replace=True),
    load_frames=dict(type=LoadFrames),
    load_audio=None,
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
    rotate=None,  # an optional step, of images
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
    load_audio=None,
    load_labels=dict(type=LoadTracks, form='tracks'),
    pack=dict(type=PackAVInputs),
)

image_pipeline = dict(train_pipeline, rotate=dict(type=RandomRotation))

train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type=MixedSampler),
    dataset=dict(
        type=MixedDataset,
        datasets=dict(
            images=dict(type=CocoClips, version=version, pipeline=image_pipeline),
            videos=dict(
                type=YouTubeVIS,
                version=version,
                data_root=data_root,
                split='train',
                pipeline=train_pipeline,
            ),
        ),
        shares=dict(images=1.0, videos=0.8),
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        type=YouTubeVIS, version=version, data_root=data_root, split='val', pipeline=test_pipeline
    ),
)

test_evaluator = dict(type=YouTubeVISMetric, protocol='official')
val_dataloader = val_evaluator = None
