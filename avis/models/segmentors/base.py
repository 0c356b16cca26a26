"""Shared code of the segmentors: input checks and the audio encoder."""

from torch import Tensor, nn

from avis.models.base import BaseAVModel, Inputs

_STRIDE = 32  # of the coarsest map


class BaseAVSegmentor(BaseAVModel):
    """Base of the models that segment what sounds in a clip.

    Subclasses build their parts from configs, ``audio_encoder`` among them, and implement the three
    modes. Inputs: ``frames`` (B, T, 3, H, W), normalized; ``audio`` as the audio encoder takes it,
    or embeddings (B, T, D), if there is an audio encoder; optionally ``audio_lengths`` int (B,),
    the length of each entry of ``audio`` without padding, and ``valid_frames`` bool (B, T), False
    on padding frames.
    """

    audio_encoder: nn.Module | None

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
        """Return one audio embedding per frame, (B, T, D), with D = 0 without an audio encoder."""
        if self.audio_encoder is None:
            frames = inputs['frames']
            return frames.new_zeros(*frames.shape[:2], 0)
        embeds: Tensor = self.audio_encoder(
            inputs['audio'],
            num_frames=inputs['frames'].shape[1],
            lengths=inputs.get('audio_lengths'),
        )
        return embeds


def round_up_to_stride(size: tuple[int, int]) -> tuple[int, int]:
    """Round (height, width) up to multiples of 32."""
    height, width = (-(-side // _STRIDE) * _STRIDE for side in size)
    return height, width
