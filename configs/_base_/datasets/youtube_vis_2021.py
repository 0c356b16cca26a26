"""YouTube-VIS 2021, 40 classes, videos without sound; see youtube_vis_2019.py."""

from mmengine.config import read_base

with read_base():
    from .youtube_vis_2019 import *

data_root = 'data/youtube_vis_2021'
train_dataloader.dataset.update(version='2021', data_root=data_root)
val_dataloader.dataset.update(version='2021', data_root=data_root)
test_dataloader.dataset.update(version='2021', data_root=data_root)
