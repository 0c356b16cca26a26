"""J-HMDB Sentences: 2,784 frames with a sentence each, for testing only, without audio.

Clips of 8 frames around the chosen one; the metric compares at the size of the files.
"""

from mmengine.dataset import DefaultSampler

from avis.datasets import JHMDBSentences
from avis.datasets.transforms import (
    LoadAudio,
    LoadFrames,
    LoadLabelMaps,
    PackAVInputs,
    ResizeClip,
)
from avis.evaluation import ReferringMetric

test_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(
        type=JHMDBSentences,
        data_root='data/jhmdb_sentences',
        window=8,
        pipeline=dict(
            load_frames=dict(type=LoadFrames),
            load_audio=dict(type=LoadAudio, sample_rate=16000, missing='silence'),
            resize=dict(type=ResizeClip, size=(256, 256)),
            load_labels=dict(type=LoadLabelMaps, encoding='binary', original_size=True),
            pack=dict(type=PackAVInputs),
        ),
    ),
)

test_evaluator = dict(type=ReferringMetric, protocol='official')
