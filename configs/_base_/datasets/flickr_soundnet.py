"""Flickr-SoundNet, with models trained on its other frames without annotation.

224 x 224, 3 s of audio, as EZ-VSL reads them; validation is on the test set.
"""

from mmengine.config import read_base

with read_base():
    from .vggss import *

from avis.datasets import FlickrSoundNet

train_dataloader.dataset.data_root = 'data/Flickr-SoundNet'
train_dataloader.dataset.ann_file = 'flickr_144k.csv'
test_dataloader.dataset.type = FlickrSoundNet
val_dataloader = test_dataloader
