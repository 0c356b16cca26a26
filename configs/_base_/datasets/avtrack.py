"""AVTrack, sounding persons in videos of about 54 frames at 1 fps; it has no training split.

The ground truth is that of the benchmark, the merged gray images. Whole videos, short side 360;
audio is one VGGish embedding per second, as in aviseg.py.
"""

from mmengine.dataset import DefaultSampler

from avis.datasets import AVTrack
from avis.datasets.transforms import LoadAudio, LoadFrames, LoadTracks, PackAVInputs, ResizeClip
from avis.evaluation import AVTrackMetric

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

test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(type=AVTrack, data_root='data/AVTrack', pipeline=test_pipeline),
)
test_evaluator = dict(type=AVTrackMetric, protocol='official')

train_dataloader = None
val_dataloader = None
val_evaluator = None
