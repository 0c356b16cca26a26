"""Checkpoints of torchvision's ResNets for ``mmdet.ResNet``, which uses the same names."""

from collections.abc import Mapping

from torch import Tensor

from avis.models.converters.selection import select_backbone
from avis.registry import CONVERTERS

_PARTS = ('conv1.', 'bn1.', 'layer1.', 'layer2.', 'layer3.', 'layer4.')


@CONVERTERS.register_module(name='torchvision_resnet')
def convert_torchvision_resnet(
    state_dict: Mapping[str, Tensor],
) -> tuple[dict[str, Tensor], list[str]]:
    """Keep the backbone and drop the classifier.

    Args:
        state_dict: For example ``resnet50-19c8e357.pth`` or ``resnet50-0676ba61.pth``.

    Returns:
        The state dict of ``mmdet.ResNet``, and the names of dropped entries: the classifier ``fc``.

    Raises:
        ValueError: An entry that no ResNet of torchvision has, or no entry of one at all.
    """
    return select_backbone(state_dict, _PARTS, 'fc.', 'ResNet of torchvision')
