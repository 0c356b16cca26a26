"""AVISM's frame head: Mask2Former whose queries listen before they look."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from avis.models.decode_heads.mask2former_frame_head import Mask2FormerFrameHead
from avis.registry import MODELS


@MODELS.register_module()
class AVISMFrameHead(Mask2FormerFrameHead):
    """Add to the content of each query what a fusion of sound and frame says.

    Args:
        audio_fusion: A block with the contract of :mod:`avis.models.fusion.query_fusion`.
        kwargs: Of :class:`Mask2FormerFrameHead`.
    """

    def __init__(self, *, audio_fusion: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.audio_fusion = MODELS.build(audio_fusion)

    def hear(self, tokens: Sequence[Tensor], audio: Tensor) -> Tensor:
        """Contents (N, Q, C) from audio (B, T, D) and the tokens of each frame."""
        if audio.ndim != 3 or audio.shape[0] * audio.shape[1] != len(tokens[0]):
            raise ValueError(
                f'AVISMFrameHead: expected one row of sound for each of {len(tokens[0])} frames, '
                f'(B, T, D), got {tuple(audio.shape)}'
            )
        heard: Tensor = self.audio_fusion(audio.flatten(0, 1), self.query_embed.weight, tokens)
        return heard
