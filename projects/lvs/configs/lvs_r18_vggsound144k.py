"""LVS trained on 144,000 clips of VGG-Sound, VGG-SS.

Target: cIoU 34.4, AUC 38.2. Status: not run yet. Deviates from the authors: they release no
training code; batch, learning rate and epochs are those of EZ-VSL.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.vggss import *
    from avis.configs._base_.default_runtime import *
    from avis.configs._base_.schedules.adam import *

    from ._base_.lvs_r18 import *

from avis.datasets.transforms import CenterCrop, ResizeClip

for steps in (train_pipeline, test_pipeline):
    steps.load_audio.update(seconds=10.0, position='start')
# The boxes are those of the whole frame, also in the official code.
test_pipeline.resize = dict(type=ResizeClip, short_side=224, interpolation='bicubic')
test_pipeline.crop = dict(type=CenterCrop, size=(224, 224))
for loader in (val_dataloader, test_dataloader):
    loader.dataset.pipeline = test_pipeline
train_dataloader.dataset.pipeline = train_pipeline
for evaluator in (val_evaluator, test_evaluator):
    evaluator.variant = 'lvs'
train_cfg.max_epochs = 20
auto_scale_lr.base_batch_size = 128
default_hooks.checkpoint.save_best = 'vggss/cIoU@0.5'
