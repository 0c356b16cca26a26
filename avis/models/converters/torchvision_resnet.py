"""Weights of torchvision's ResNets for ``mmdet.ResNet``, which uses the same names."""

from collections.abc import Mapping

from torch import Tensor

from avis.models.converters.selection import select

_PARTS = ('conv1.', 'bn1.', 'layer1.', 'layer2.', 'layer3.', 'layer4.')


def convert(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Keep the convolutional part.

    Args:
        state_dict: For example ``resnet50-19c8e357.pth`` or ``resnet50-0676ba61.pth``.

    Returns:
        The state dict of ``mmdet.ResNet``, and the names left out: the classifier ``fc``.

    Raises:
        ValueError: A name that no ResNet of torchvision has, or no weights of one at all.
    """
    return select(state_dict, _PARTS, 'fc.', 'ResNet of torchvision')
