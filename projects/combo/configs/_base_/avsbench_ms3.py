"""AVSBench MS3 with prior images, which are below ms3_data/pre_SAM_mask: as avsbench_s4.py."""

from mmengine.config import read_base

with read_base():
    from .avsbench_s4 import *

from avis.datasets import AVSBenchMS3

source = dict(type=AVSBenchMS3, data_root='data/avsbench_data/Multi-sources')
dataset.update(source)
for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader.dataset.update(source)
