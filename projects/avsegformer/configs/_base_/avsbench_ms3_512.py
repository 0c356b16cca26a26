"""AVSBench MS3 at 512 x 512, training and scores, in batches of 2."""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.avsbench_ms3 import *

pipeline.resize.size = (512, 512)
for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader.batch_size = 2
    loader.dataset.pipeline = pipeline
for evaluator in (val_evaluator, test_evaluator):
    evaluator.batch_size = 2
