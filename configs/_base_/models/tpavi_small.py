"""A small TPAVI without pretrained weights, for two CPU cores.

Differs from the published model: a narrow ResNet-18, 64 channels, an audio network trained from
scratch, audio mixed in from the first step on, each frame fused on its own, PyTorch's initial
weights in the neck (N(0, 0.01) ended at a validation mIoU of 0.34 instead of 0.38), and GroupNorm
instead of BatchNorm, so that the loss does not depend on how a batch is split among processes. The
loss is computed from the logits and does not saturate.
"""

from mmdet.models.backbones import ResNet

from avis.models import (
    TPAVI,
    AVDataPreprocessor,
    AVSegmentor,
    DilatedConvNeck,
    LabeledBCELoss,
    LogMelCNN,
    RefineFPNHead,
)

channels = 64
norm_cfg = dict(type='GN', num_groups=8)
model = dict(
    type=AVSegmentor,
    data_preprocessor=dict(type=AVDataPreprocessor),
    backbone=dict(
        type=ResNet,
        depth=18,
        base_channels=32,
        stem_channels=32,
        norm_cfg=norm_cfg,
        norm_eval=False,
    ),
    neck=dict(type=DilatedConvNeck, in_channels=[32, 64, 128, 256], out_channels=channels),
    audio_encoder=dict(type=LogMelCNN, out_channels=channels),
    # TPAVI sums over the audio of all frames of a group: with groups of one frame, each frame
    # reads the audio of its own second only.
    fusion=dict(
        type=TPAVI,
        channels=channels,
        audio_dim=channels,
        norm_cfg=norm_cfg,
        frames_per_group=1,
        identity_init=False,
    ),
    decode_head=dict(type=RefineFPNHead, num_classes=1, channels=channels),
    loss_seg=dict(type=LabeledBCELoss),
)
