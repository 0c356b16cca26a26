"""AVA-ActiveSpeaker: face crops and audio of each track, as published preprocessing cuts them.

The class shows the layout.
"""

from mmengine.dataset import DefaultSampler

from avis.datasets import AVAActiveSpeaker, TrackBatchSampler, TrackSampler
from avis.datasets.transforms import AugmentFaces, LoadAudio, LoadFaces, PackAVInputs
from avis.evaluation import ASDMetric

dataset = dict(type=AVAActiveSpeaker, data_root='data/AVA-ActiveSpeaker')

train_pipeline = dict(
    load_faces=dict(type=LoadFaces),
    # The audio of a track ends with its last frame; the model repeats the MFCCs that are missing.
    load_audio=dict(type=LoadAudio, sample_rate=16000, max_padding=None),
    augment=dict(type=AugmentFaces),
    pack=dict(type=PackAVInputs),
)
test_pipeline = dict(
    load_faces=dict(type=LoadFaces),
    load_audio=dict(type=LoadAudio, sample_rate=16000, max_padding=None),
    mute_audio=None,  # an optional step, for the scores without audio
    pack=dict(type=PackAVInputs),
)

train_dataloader = dict(
    batch_size=2000,  # frames
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type=TrackSampler),
    batch_sampler=dict(type=TrackBatchSampler),
    dataset=dict(**dataset, split='train', pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**dataset, split='val', pipeline=test_pipeline),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(**dataset, split='val', pipeline=test_pipeline),
)
val_evaluator = dict(type=ASDMetric, protocol='official')
test_evaluator = dict(type=ASDMetric, protocol='official')
