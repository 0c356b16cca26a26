"""PVTv2-B5, to take the place of ResNet-50 in a model: its `backbone`, and the channels it gives.

data/pretrained/pvt_v2_b5.pth is made of the authors' file by
`tools/model_converters/convert_checkpoint.py pvt_v2`.
"""

from mmengine.model import PretrainedInit

from avis.models.backbones.pvt_v2 import PVTv2

backbone = dict(
    type=PVTv2,
    init_cfg=dict(type=PretrainedInit, checkpoint='data/pretrained/pvt_v2_b5.pth'),
)
channels = [64, 128, 320, 512]
