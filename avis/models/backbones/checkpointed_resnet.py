"""mmdet's ResNet with activation checkpointing: less memory in training, the same results."""

from typing import Any

from mmdet.models.backbones import ResNet
from torch import Tensor

from avis.models.backbones.pretrained import load_pretrained
from avis.models.layers.activation_checkpointing import checkpoint_activations
from avis.registry import MODELS


@MODELS.register_module()
class CheckpointedResNet(ResNet):
    """``mmdet.ResNet`` that keeps only the outputs of its blocks for the backward pass.

    Every frame of a clip passes the backbone at full size, so its activations are most of the
    memory of a training step, while its computation is a small part of a model with a wide decoder.
    Arguments, weights and results are those of ``mmdet.ResNet``, but pretrained weights are loaded
    strictly.

    Args:
        recompute: Whether activations are computed again; False keeps them, as ``mmdet.ResNet``.
        args: Of ``mmdet.ResNet``.
        kwargs: Of ``mmdet.ResNet``.
    """

    def __init__(self, *args: Any, recompute: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.recompute = recompute

    def init_weights(self) -> None:
        """Load pretrained weights, those of torchvision for example, or initialize at random."""
        if not load_pretrained(self, 'torchvision_resnet'):
            super().init_weights()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map images (N, 3, H, W) to one map per stage of ``out_indices``, finest first."""
        x = self.maxpool(self.relu(self.norm1(self.conv1(x))))
        outs = []
        for index, name in enumerate(self.res_layers):
            for block in getattr(self, name):
                x = checkpoint_activations(block, x) if self.recompute else block(x)
            if index in self.out_indices:
                outs.append(x)
        return tuple(outs)
