"""LVS with two ResNet-18 whose last stage has stride 1, trained from scratch."""

from lvs import LVS

from avis.models import AVDataPreprocessor, CheckpointedResNet

resnet = dict(
    type=CheckpointedResNet,
    depth=18,
    strides=(1, 2, 2, 1),
    norm_eval=False,
    zero_init_residual=False,
    init_cfg=None,
)
model = dict(
    type=LVS,
    data_preprocessor=dict(type=AVDataPreprocessor),
    image_backbone=resnet,
    audio_backbone=dict(**resnet, in_channels=1),
    positive_threshold=0.65,
    negative_threshold=0.4,
)
