"""Shared code of the segmentors: input checks, the audio encoder and the text encoder."""

from typing import Any

from torch import Tensor, nn

from avis.models.base import BaseAVModel, Inputs
from avis.registry import MODELS

_STRIDE = 32  # of the coarsest map


class BaseAVSegmentor(BaseAVModel):
    """Base of the models that segment what sounds in a clip.

    Subclasses build their parts from configs, ``audio_encoder`` among them, and implement the three
    modes. Inputs: ``frames`` (B, T, 3, H, W), normalized; ``audio`` as the audio encoder takes it,
    or embeddings (B, T, D), if there is an audio encoder; optionally ``audio_lengths`` int (B,),
    the length of each entry of ``audio`` without padding, and ``valid_frames`` bool (B, T), False
    on padding frames; with a text encoder ``expressions``, B sentences or None.

    Args:
        data_preprocessor: Stacks, pads and normalizes a batch.
        init_cfg: As for every mmengine model.
        text_encoder: Maps B expressions to tokens (B, L, E), see
            :class:`~avis.models.text_encoders.text_encoder.TextEncoder`; None without text.
        text_fusion: Fuses these tokens into the audio embeddings, see
            :class:`~avis.models.fusion.text_fusion.TextAudioFusion`; None without text.
    """

    audio_encoder: nn.Module | None

    def __init__(
        self,
        data_preprocessor: nn.Module,
        init_cfg: dict[str, Any] | None = None,
        text_encoder: dict[str, Any] | None = None,
        text_fusion: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        if (text_encoder is None) != (text_fusion is None):
            raise ValueError(
                f'{type(self).__name__}: expected text_encoder and text_fusion together, got '
                f'{text_encoder} and {text_fusion}'
            )
        self.text_encoder = None if text_encoder is None else MODELS.build(text_encoder)
        self.text_fusion = None if text_fusion is None else MODELS.build(text_fusion)

    def check_frames(self, frames: Tensor) -> None:
        """Raise ValueError unless frames are (B, T, 3, H, W) with H and W multiples of 32."""
        height, width = frames.shape[-2:]
        if frames.ndim != 5 or height % _STRIDE or width % _STRIDE:
            raise ValueError(
                f'{type(self).__name__}: expected frames (B, T, 3, H, W) with H and W multiples of '
                f'{_STRIDE}, got {tuple(frames.shape)}. Pad or resize them, as '
                f'data_preprocessor.size_divisor={_STRIDE} does.'
            )

    def encode_audio(self, inputs: Inputs) -> Tensor:
        """Return one audio embedding per frame, (B, T, D), with D = 0 without an audio encoder.

        With a text encoder they are fused with the expression of the clip.
        """
        if self.audio_encoder is None:
            frames = inputs['frames']
            return frames.new_zeros(*frames.shape[:2], 0)
        embeds: Tensor = self.audio_encoder(
            inputs['audio'],
            num_frames=inputs['frames'].shape[1],
            lengths=inputs.get('audio_lengths'),
        )
        if self.text_encoder is None or self.text_fusion is None:
            return embeds
        if 'expressions' not in inputs:
            raise ValueError(
                f'{type(self).__name__}: expected an expression for each clip, got none; use a '
                f'data set with expressions, or set the expression of the video'
            )
        text, is_token = self.text_encoder(inputs['expressions'])
        fused: Tensor = self.text_fusion(embeds, text, is_token, inputs.get('valid_frames'))
        return fused

    def make_extra_inputs(self, frames: Tensor) -> Inputs:
        """Make what a subclass reads beside audio and frames (..., 3, H, W).

        Operations, time and memory of models are measured with such inputs.
        """
        return {}


def round_up_to_stride(size: tuple[int, int]) -> tuple[int, int]:
    """Round (height, width) up to multiples of 32."""
    height, width = (-(-side // _STRIDE) * _STRIDE for side in size)
    return height, width
