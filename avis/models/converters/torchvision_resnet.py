"""Weights of torchvision's ResNets for ``mmdet.ResNet``, which uses the same names."""

from collections.abc import Mapping

from torch import Tensor

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
    kept = {name: value for name, value in state_dict.items() if name.startswith(_PARTS)}
    dropped = [name for name in state_dict if name not in kept]
    unknown = [name for name in dropped if not name.startswith('fc.')]
    if unknown or not kept:
        raise ValueError(
            f'not a ResNet of torchvision: {len(kept)} entries fit, {len(unknown)} are unknown '
            f'({"; ".join(unknown[:3])})'
        )
    return kept, dropped
