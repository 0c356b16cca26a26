"""The Swin Transformer with two adapters in each block."""

from typing import Any

from mmdet.models.backbones import SwinTransformer
from torch import nn

from aavs.adapters import AdaptedLinear, Adapter
from avis.registry import MODELS


@MODELS.register_module()
class AdaptedSwin(SwinTransformer):
    """Swin with adapters after the projection of each attention and after each feed-forward block.

    Args:
        kwargs: Arguments of ``mmdet.SwinTransformer``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for stage in self.stages:
            for block in stage.blocks:
                attention, layers = block.attn.w_msa, block.ffn.layers
                attention.proj = _adapted(attention.proj)
                layers[1] = _adapted(layers[1])

    def init_weights(self) -> None:
        """Initialize as Swin; adapters as PyTorch initializes linear layers."""
        super().init_weights()
        for module in self.modules():
            if isinstance(module, Adapter):
                for layer in (module[0], module[2]):
                    layer.reset_parameters()


def _adapted(layer: nn.Linear) -> AdaptedLinear:
    return AdaptedLinear(layer.in_features, layer.out_features, residual=True)
