"""Visual encoder of active speaker detection: a track of face crops to one embedding per frame."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.models.layers.factorized_conv import BlockKind, build_blocks
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
        # Frames that an output reads to each side.
        self.reach = {'serial': 3, 'parallel': 2}.get(block, 0) * len(channels)
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
        x = ((faces / _LEVELS - GRAY_MEAN) / GRAY_STD).flatten(0, 1)[:, None]
        for index, block in enumerate(self.blocks):
            if index:
                x = F.max_pool2d(x, 3, stride=2, padding=1)
            x = block(x, length)
        return x.amax((2, 3)).unflatten(0, (clips, length))
