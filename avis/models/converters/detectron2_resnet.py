"""Checkpoints of Detectron2's ResNets for ``mmdet.ResNet``."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

# First match wins; stages of Detectron2 count from 2, those of mmdet from 1.
_KEYS = (
    (r'stem\.conv1\.norm\.(.+)', r'bn1.\1'),
    (r'stem\.conv1\.(.+)', r'conv1.\1'),
    (r'res([2-5])\.(\d+)\.shortcut\.norm\.(.+)', r'layer<\1>.\2.downsample.1.\3'),
    (r'res([2-5])\.(\d+)\.shortcut\.(.+)', r'layer<\1>.\2.downsample.0.\3'),
    (r'res([2-5])\.(\d+)\.conv(\d)\.norm\.(.+)', r'layer<\1>.\2.bn\3.\4'),
    (r'res([2-5])\.(\d+)\.conv(\d)\.(.+)', r'layer<\1>.\2.conv\3.\4'),
)


def convert_detectron2_resnet(
    state_dict: Mapping[str, Tensor],
) -> tuple[dict[str, Tensor], list[str]]:
    """Rename all entries and add the batch counters that frozen batch norms of Detectron2 lack.

    Args:
        state_dict: ``stem.conv1.weight``, ``res2.0.conv1.norm.running_mean`` and so on.

    Returns:
        The state dict of ``mmdet.ResNet``, and an empty list: nothing is dropped.

    Raises:
        ValueError: An entry that no ResNet of Detectron2 has.
    """
    converted = {_rename(name): value for name, value in state_dict.items()}
    for name in [name for name in converted if name.endswith('running_var')]:
        converted.setdefault(name.replace('running_var', 'num_batches_tracked'), torch.tensor(0))
    return converted, []


def _rename(name: str) -> str:
    for pattern, target in _KEYS:
        match = re.fullmatch(pattern, name)
        if match:
            return re.sub(r'<(\d)>', lambda k: str(int(k[1]) - 1), match.expand(target))
    raise ValueError(f'not a ResNet of Detectron2: unknown entry {name!r}')
