"""AVISM's frame head: Mask2Former with audio fused into its queries before the first layer."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from avis.models.decode_heads.mask2former_frame_head import Mask2FormerFrameHead
from avis.registry import MODELS


@MODELS.register_module()
class AVISMFrameHead(Mask2FormerFrameHead):
    """Add the output of a query fusion of audio and frame to the content of each query.

    Source: Guo et al., *Audio-Visual Instance Segmentation*, CVPR 2025 (arXiv:2310.18709).

    Args:
        audio_fusion: A block with the interface of :mod:`avis.models.fusion.query_fusion`.
        kwargs: Arguments of :class:`Mask2FormerFrameHead`.
    """

    def __init__(self, *, audio_fusion: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.audio_fusion = MODELS.build(audio_fusion)

    def fuse_audio(self, tokens: Sequence[Tensor], audio: Tensor) -> Tensor:
        """Return query contents (N, Q, C) from tokens (N, S, C) per level and audio (B, T, D)."""
        if audio.ndim != 3 or audio.shape[0] * audio.shape[1] != len(tokens[0]):
            raise ValueError(
                f'AVISMFrameHead: expected one audio embedding for each of {len(tokens[0])} '
                f'frames, (B, T, D), got {tuple(audio.shape)}'
            )
        fused: Tensor = self.audio_fusion(audio.flatten(0, 1), self.query_embed.weight, tokens)
        return fused
