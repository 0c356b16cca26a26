"""A small LVS trained from scratch on synthetic clips without annotation, on two CPU cores.

Differs from the published recipe in image size, audio, batch and learning rate.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.synthetic_vggss import *
    from avis.configs._base_.default_runtime import *
    from avis.configs._base_.schedules.adam_linear_9e import *

from lvs import LVS
from mmdet.models.backbones import ResNet

from avis.models import AVDataPreprocessor

resnet = dict(
    type=ResNet,
    depth=18,
    base_channels=16,
    stem_channels=16,
    strides=(1, 2, 2, 1),
    norm_eval=False,
    zero_init_residual=False,
)
model = dict(
    type=LVS,
    data_preprocessor=dict(type=AVDataPreprocessor),
    image_backbone=resnet,
    audio_backbone=dict(**resnet, in_channels=1),
)
auto_scale_lr.base_batch_size = 32
default_hooks.checkpoint.save_best = 'vggss/cIoU@0.5'
for evaluator in (val_evaluator, test_evaluator):
    evaluator.variant = 'lvs'
