"""Visual encoder of active speaker detection: a track of face crops to one embedding per frame."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.layers.factorized_conv import BlockKind, Memory, build_blocks
from avis.registry import MODELS

_LEVELS = 255.0
GRAY_MEAN, GRAY_STD = 0.4161, 0.1688  # of gray faces in 0..1, in the training data of the models


@MODELS.register_module()
class FaceSequenceEncoder(nn.Module):
    """Gray face crops to one embedding per frame, which sees the frames around it.

    The first convolution and the pooling between the blocks halve the map; the embedding is its
    maximum over all positions.

    Source: the visual encoders of LR-ASD (block 'serial', 9 frames to each side) and Light-ASD
    (block 'parallel', 6 frames to each side).

    Args:
        block: 'serial' or 'parallel', see :mod:`avis.models.layers.factorized_conv`.
        channels: Channels of the blocks; the last one is C.
        norm_cfg: Norm of all convolutions, as in mmcv; None for the published batch norm.
    """

    def __init__(
        self,
        *,
        block: BlockKind,
        channels: Sequence[int] = (32, 64, 128),
        norm_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.out_channels = channels[-1]
        self.blocks = build_blocks(
            block, tuple(channels), column=False, stride=2, norm_cfg=norm_cfg
        )
        self.blocks.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, faces: Tensor) -> Tensor:
        """Encode tracks of faces.

        Args:
            faces: Float (B, T, H, W), 0 to 255.

        Returns:
            Float (B, T, C).
        """
        clips, length = faces.shape[:2]
        x = _normalize(faces.flatten(0, 1))
        for index, block in enumerate(self.blocks):
            x = block(_halve(x) if index else x, length)
        return x.amax((2, 3)).unflatten(0, (clips, length))

    def stream(self, parts: Iterable[Tensor]) -> Tensor:
        """Encode one track that arrives in parts; equal to :meth:`forward`, with less memory.

        Maps are computed for one part at a time. Parts of a second fit the cache of a processor and
        are faster than a whole track.

        Args:
            parts: Consecutive frames, float (N, H, W), 0 to 255.

        Returns:
            Float (1, T, C).
        """
        memory: Memory = {}
        outputs, ahead = [], iter(parts)
        part = next(ahead, None)
        while part is not None:
            following = next(ahead, None)
            outputs.append(self.encode_next(part, memory, last=following is None))
            part = following
        return torch.cat(outputs)[None]

    def encode_next(self, faces: Tensor, memory: Memory, *, last: bool) -> Tensor:
        """Encode the next frames of one track; see :meth:`stream`.

        Args:
            faces: Float (N, H, W), 0 to 255; N may be 0.
            memory: Frames that later outputs need; starts empty.
            last: The track ends with these frames.

        Returns:
            Float (M, C), the embeddings that these frames complete; after the last call as many as
            frames.
        """
        x = _normalize(faces)
        blocks: list[Any] = list(self.blocks)
        for index, block in enumerate(blocks):
            x = block.stream(_halve(x) if index else x, memory, last=last)
        embeds: Tensor = x.amax((2, 3))
        return embeds


def _normalize(faces: Tensor) -> Tensor:
    """Map faces (N, H, W) to (N, 1, H, W)."""
    return ((faces / _LEVELS - GRAY_MEAN) / GRAY_STD)[:, None]


def _halve(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 3, stride=2, padding=1)
