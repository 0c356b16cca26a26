"""Synthetic clips in the layout of VGG-SS, 64 x 64, with 1.5 s of audio.

Made by tools/dataset_tools/make_synthetic.py, `--layout vggss --out data/synthetic_vggss
--seconds 3`. Training uses no boxes.
"""

from mmengine.config import read_base

with read_base():
    from .vggss import *

from avis.datasets.transforms import ResizeClip

for steps in (train_pipeline, test_pipeline):
    steps.load_audio.update(seconds=1.5, sample_rate=8000)
    steps.resize = dict(type=ResizeClip, size=(64, 64))
train_pipeline.resize.size = (72, 72)
train_pipeline.crop.size = (64, 64)

train_dataloader.batch_size = 32
train_dataloader.num_workers = 2
train_dataloader.dataset.data_root = 'data/synthetic_vggss'
train_dataloader.dataset.ann_file = 'vggss_train.csv'
train_dataloader.dataset.pipeline = train_pipeline
for loader in (val_dataloader, test_dataloader):
    loader.num_workers = 2
    loader.dataset.data_root = 'data/synthetic_vggss'
    loader.dataset.pipeline = test_pipeline
val_dataloader.dataset.list_file = 'vggss_val.csv'
