"""Shared code of the two segmentors: modes, input checks and the audio encoder."""

from abc import ABCMeta, abstractmethod
from typing import Any

from mmengine.model import BaseModel
from torch import Tensor, nn

from avis.structures.av_data_sample import AVDataSample

Inputs = dict[str, Tensor]

_STRIDE = 32  # of the coarsest map


class BaseAVSegmentor(BaseModel, metaclass=ABCMeta):
    """Base of the models that segment what sounds in a clip.

    Subclasses build their parts from configs, ``audio_encoder`` among them, and implement the three
    modes.
    """

    audio_encoder: nn.Module | None

    def forward(
        self, inputs: Inputs, data_samples: list[AVDataSample] | None = None, mode: str = 'tensor'
    ) -> dict[str, Any] | list[AVDataSample]:
        """Run the model on one preprocessed batch.

        Args:
            inputs: ``frames`` (B, T, 3, H, W), normalized; ``audio`` as the audio encoder takes
                it, or embeddings (B, T, D), if there is an audio encoder; optionally
                ``audio_lengths`` int (B,), the length of each entry of ``audio`` without padding,
                and ``valid_frames`` bool (B, T), False on padding frames.
            data_samples: B samples; needed in the modes ``loss`` and ``predict``.
            mode: ``tensor`` returns the raw outputs of :meth:`compute_outputs`, ``loss`` the losses
                by name, ``predict`` the data samples with predictions.

        Returns:
            Raw outputs, losses or data samples.

        Raises:
            ValueError: Unknown mode, or no data samples where the mode needs them.
        """
        if mode == 'tensor':
            return self.compute_outputs(inputs)
        if mode not in ('loss', 'predict') or data_samples is None:
            raise ValueError(
                f"mode is {mode!r}, expected 'tensor', or 'loss' or 'predict' with data_samples"
            )
        return (self.loss if mode == 'loss' else self.predict)(inputs, data_samples)

    @abstractmethod
    def compute_outputs(self, inputs: Inputs) -> dict[str, Any]:
        """Return the raw outputs."""

    @abstractmethod
    def loss(self, inputs: Inputs, data_samples: list[AVDataSample]) -> dict[str, Any]:
        """Return the losses by name."""

    @abstractmethod
    def predict(self, inputs: Inputs, data_samples: list[AVDataSample]) -> list[AVDataSample]:
        """Return the data samples with predictions."""

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
