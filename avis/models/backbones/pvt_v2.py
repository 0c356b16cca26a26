"""Pyramid Vision Transformer v2 with the normalization constants of its authors."""

from typing import Any

from mmdet.models.backbones import PyramidVisionTransformerV2
from torch import nn

from avis.models.backbones.pretrained import load_pretrained
from avis.registry import MODELS

# mmdet passes one norm_cfg (eps 1e-6) to every layer; patch embeddings and spatial reductions of
# the official code keep PyTorch's default.
_DEFAULT_EPS = 1e-5


@MODELS.register_module()
class PVTv2(PyramidVisionTransformerV2):
    """mmdet's PVTv2 with the results of the official code, and without unused attention matrices.

    The eps of LayerNorm is 1e-6 in the norms of blocks and stages, 1e-5 in those of patch
    embeddings and spatial reductions.

    Source: Wang et al., *PVT v2: Improved Baselines with Pyramid Vision Transformer*, Computational
    Visual Media 2022 (arXiv:2106.13797); official code whai362/PVT.

    Args:
        num_layers: Number of blocks per stage.
        mlp_ratios: Ratio of hidden width to width of the feed-forward blocks, per stage.
        drop_path_rate: Stochastic depth of the last block; it rises linearly from 0.
        init_cfg: ``dict(type=PretrainedInit, checkpoint=...)`` loads the official weights; None
            initializes at random.
    """

    def __init__(
        self,
        *,
        num_layers: tuple[int, ...] = (3, 6, 40, 3),
        mlp_ratios: tuple[int, ...] = (4, 4, 4, 4),
        drop_path_rate: float = 0.1,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            num_layers=num_layers,
            mlp_ratios=mlp_ratios,
            drop_path_rate=drop_path_rate,
            init_cfg=init_cfg,
        )
        for patch_embed, blocks, _ in self.layers:
            patch_embed.norm.eps = _DEFAULT_EPS
            for block in blocks:
                block.attn.attn.register_forward_pre_hook(_without_matrix, with_kwargs=True)
                if isinstance(getattr(block.attn, 'norm', None), nn.LayerNorm):
                    block.attn.norm.eps = _DEFAULT_EPS

    def init_weights(self) -> None:
        """Load pretrained weights, or initialize at random."""
        if not load_pretrained(self, 'pvt_v2'):
            super().init_weights()


def _without_matrix(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Request the output of multi-head attention only, so that it can use its fused kernel."""
    return args, {**kwargs, 'need_weights': False}
