"""OVIS, 25 classes, heavy occlusion, videos without sound; see youtube_vis_2019.py."""

from mmengine.config import read_base

with read_base():
    from .youtube_vis_2019 import *

data_root = 'data/ovis'
train_dataloader.dataset.update(version='ovis', data_root=data_root)
val_dataloader.dataset.update(version='ovis', data_root=data_root)
test_dataloader.dataset.update(version='ovis', data_root=data_root)
