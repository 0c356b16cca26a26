"""The object prior of EZ-VSL: where a network trained on ImageNet sees anything, without audio."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from avis.models import CheckpointedResNet
from avis.models.backbones.pretrained import load_pretrained
from avis.registry import MODELS


@MODELS.register_module()
class ObjectPrior(nn.Module):
    """Mean activation of the last stage of a frozen ResNet-18.

    The network is not part of the state dict of a model, as in official checkpoints: it is loaded
    from its own file when the first map is computed.

    Args:
        weights: File of a ResNet-18 trained on ImageNet, of torchvision or converted.
    """

    def __init__(self, *, weights: str | Path) -> None:
        super().__init__()
        self.weights = weights
        self._network: list[Any] = []  # hidden from the state dict and from optimizers

    def forward(self, images: Tensor) -> Tensor:
        """Map normalized images (B, 3, H, W) to maps (B, H / 32, W / 32), at least 0."""
        if not self._network:
            checkpoint = {'type': 'Pretrained', 'checkpoint': str(self.weights)}
            network = CheckpointedResNet(depth=18, out_indices=(3,), init_cfg=checkpoint)
            load_pretrained(network, 'torchvision_resnet')
            network.eval()  # returns None in mmdet
            self._network.append(network)
        network = self._network[0].to(images.device)
        with torch.no_grad():
            features: Tensor = network(images)[0]
        return features.float().mean(1)
