"""Audio encoder of active speaker detection: MFCCs to one embedding per frame."""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from avis.models.audio_encoders.base import AudioEncoder
from avis.models.audio_encoders.mfcc import NUM_COEFFICIENTS, ROWS_PER_FRAME
from avis.models.layers.factorized_conv import BlockKind, build_blocks
from avis.registry import MODELS


@MODELS.register_module()
class MFCCEncoder(AudioEncoder):
    """Rows of MFCCs, four per frame, to one embedding per frame.

    Convolutions over coefficients and over time; pooling between the blocks halves the rate, and
    the coefficients are averaged at the end.

    Source: the audio encoders of LR-ASD (block 'serial') and Light-ASD (block 'parallel').

    Args:
        block: 'serial' or 'parallel', see :mod:`avis.models.layers.factorized_conv`.
        channels: Channels of the three blocks; the last one is C.
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
        if len(channels) != 3:
            raise ValueError(
                f'MFCCEncoder: expected channels of 3 blocks, which pool {ROWS_PER_FRAME} rows to '
                f'one, got {list(channels)}'
            )
        self.out_channels = channels[-1]
        self.accepts = f'MFCCs (B, {ROWS_PER_FRAME}*T, {NUM_COEFFICIENTS})'
        self.blocks = build_blocks(block, tuple(channels), column=True, stride=1, norm_cfg=norm_cfg)

    def encode(self, audio: Tensor, num_frames: int, lengths: Tensor | None) -> Tensor:
        """Encode MFCCs (B, 4*T, 13)."""
        rows = ROWS_PER_FRAME * num_frames
        if audio.shape[1:] != (rows, NUM_COEFFICIENTS):
            raise self.shape_error(audio)
        clips = len(audio)
        x = audio.flatten(0, 1)[:, None, :, None]  # (B*4T, 1, 13, 1): one column per row of MFCCs
        for index, block in enumerate(self.blocks):
            if index:
                x = _halve_rate(x, clips)
            x = block(x, len(x) // clips)
        return x.mean((2, 3)).unflatten(0, (clips, num_frames))


def _halve_rate(x: Tensor, clips: int) -> Tensor:
    """Pool the frames (B*T, C, H, 1) of clips over time to (B*T/2, C, H, 1)."""
    by_time = x.squeeze(3).unflatten(0, (clips, -1)).permute(0, 2, 3, 1)  # (B, C, H, T)
    pooled = F.max_pool2d(by_time, (1, 3), stride=(1, 2), padding=(0, 1))
    return pooled.permute(0, 3, 1, 2).flatten(0, 1).unsqueeze(3)
