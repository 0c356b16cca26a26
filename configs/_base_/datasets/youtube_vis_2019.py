"""YouTube-VIS 2019, 40 classes, videos without sound: the recipe of aviseg.py.

A head that listens gets zeros for sound. The published val and test splits hold no truth: set
`test_evaluator.out` to the path of a results.json, and submit that.
"""

from mmengine.config import read_base

with read_base():
    from .aviseg import *

from avis.datasets.transforms.audio import LoadAudio
from avis.datasets.youtube_vis import YouTubeVIS
from avis.evaluation.metrics.track_metrics import YouTubeVISMetric

data_root = 'data/youtube_vis_2019'
data = dict(type=YouTubeVIS, version='2019', data_root=data_root)
silence = dict(type=LoadAudio, source='features', missing='silence')

train_pipeline[2] = silence
test_pipeline[1] = silence
train_dataloader.dataset.update(data, pipeline=train_pipeline)
val_dataloader.dataset.update(data, pipeline=test_pipeline)
test_dataloader.dataset.update(data, pipeline=test_pipeline)

val_evaluator = dict(type=YouTubeVISMetric, protocol='official')
test_evaluator = dict(type=YouTubeVISMetric, protocol='official')
