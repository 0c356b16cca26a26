"""EZ-VSL with two ResNet-18, as published; the prior counts in testing only.

Initial weights, made by tools/model_converters/convert_checkpoint.py: `torchvision_resnet` for
data/pretrained/resnet18.pth.
"""

from ez_vsl import EZVSL, ObjectPrior
from mmengine.model import KaimingInit, NormalInit, PretrainedInit

from avis.models import AVDataPreprocessor, CheckpointedResNet

model = dict(
    type=EZVSL,
    data_preprocessor=dict(type=AVDataPreprocessor),
    image_backbone=dict(
        type=CheckpointedResNet,
        depth=18,
        norm_eval=False,
        init_cfg=dict(type=PretrainedInit, checkpoint='data/pretrained/resnet18.pth'),
    ),
    audio_backbone=dict(
        type=CheckpointedResNet,
        depth=18,
        in_channels=1,
        norm_eval=False,
        zero_init_residual=False,
        init_cfg=[
            dict(type=KaimingInit, layer='Conv2d', mode='fan_out'),
            dict(type=NormalInit, layer='BatchNorm2d', mean=1.0, std=0.02),
        ],
    ),
    prior=dict(type=ObjectPrior, weights='data/pretrained/resnet18.pth'),
    prior_weight=0.6,
)
