"""A small EZ-VSL trained from scratch on synthetic clips without annotation, on two CPU cores.

The result is the map of the audio: there is no prior. Differs from the published recipe also in
image and map size, temperature, batch and learning rate.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.synthetic_vggss import *
    from avis.configs._base_.default_runtime import *
    from avis.configs._base_.schedules.adam_linear_9e import *

from ez_vsl import EZVSL
from mmdet.models.backbones import ResNet

from avis.models import AVDataPreprocessor

resnet = dict(
    type=ResNet,
    depth=18,
    num_stages=3,
    dilations=(1, 1, 1),
    out_indices=(2,),
    base_channels=16,
    stem_channels=16,
    norm_eval=False,
    zero_init_residual=False,
)
model = dict(
    type=EZVSL,
    data_preprocessor=dict(type=AVDataPreprocessor),
    image_backbone=dict(**resnet, strides=(1, 2, 1)),
    audio_backbone=dict(**resnet, strides=(2, 2, 2), in_channels=1),
    channels=64,
    temperature=0.1,
)
optim_wrapper.optimizer.lr = 2e-3
train_cfg.update(max_epochs=16, val_interval=4)
param_scheduler[1].end = 16
auto_scale_lr.base_batch_size = 32
default_hooks.checkpoint.save_best = 'vggss/cIoU@0.5'
