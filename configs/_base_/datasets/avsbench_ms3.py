"""AVSBench MS3, multiple sources, 224 x 224: the authors' protocol, which is that of S4.

Their other protocol works at 512 x 512, see avsbench_s4.py.
"""

from mmengine.config import read_base

with read_base():
    from .avsbench_s4 import *

from avis.datasets.avsbench import AVSBenchMS3

data_root = 'data/avsbench_data/Multi-sources'
train_dataloader.dataset.update(type=AVSBenchMS3, data_root=data_root)
val_dataloader.dataset.update(type=AVSBenchMS3, data_root=data_root)
test_dataloader.dataset.update(type=AVSBenchMS3, data_root=data_root)
