"""A small TPAVI that reads text, without pretrained weights, for two CPU cores.

Differs from tpavi_small.py in the text encoder, which is trained from scratch on the words of the
synthetic expressions, in 32 instead of 64 channels and a narrower backbone, in plain convolutions
in the neck, whose finest map has 8 x 8 positions, and in a wider classifier: with 32 / 8 channels
all of its initial weights may be negative, and the masks stay empty.
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
    TextAudioFusion,
    TextEncoder,
)

channels = 32
norm_cfg = dict(type='GN', num_groups=8)
vocabulary = [
    *('the', 'object', 'person', 'man', 'woman', 'guitar', 'dog', 'bell', 'car', 'violin'),
    *('in', 'clothes', 'red', 'orange', 'yellow', 'green', 'cyan', 'blue', 'purple', 'pink'),
    *('on', 'left', 'right', 'middle', 'that', 'makes', 'to', 'make', 'a', 'no', 'sound'),
    *('first', 'last', 'longest', 'after', '.'),
]
model = dict(
    type=AVSegmentor,
    data_preprocessor=dict(type=AVDataPreprocessor),
    backbone=dict(
        type=ResNet,
        depth=18,
        base_channels=16,
        stem_channels=16,
        norm_cfg=norm_cfg,
        norm_eval=False,
    ),
    neck=dict(
        type=DilatedConvNeck,
        in_channels=[16, 32, 64, 128],
        out_channels=channels,
        dilations=(1,),
    ),
    audio_encoder=dict(type=LogMelCNN, out_channels=channels, width=16),
    text_encoder=dict(
        type=TextEncoder,
        model=dict(
            model_type='bert',
            hidden_size=channels,
            num_hidden_layers=1,
            num_attention_heads=4,
            intermediate_size=64,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            max_position_embeddings=25,
        ),
        vocabulary=vocabulary,
        frozen=False,
    ),
    text_fusion=dict(
        type=TextAudioFusion,
        channels=channels,
        audio_dim=channels,
        text_dim=channels,
        num_heads=4,
        identity_init=True,
    ),
    # The embedding of each frame knows the whole clip.
    fusion=dict(
        type=TPAVI,
        channels=channels,
        audio_dim=channels,
        norm_cfg=norm_cfg,
        frames_per_group=1,
        identity_init=False,
    ),
    decode_head=dict(type=RefineFPNHead, num_classes=1, channels=channels, classifier_channels=16),
    loss_seg=dict(type=LabeledBCELoss),
)
