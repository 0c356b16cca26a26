"""Base of the models of sound source localization: where in a frame the audio comes from."""

from typing import Any

import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from torch import Tensor

from avis.models.base import BaseAVModel, Inputs
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample

_NUM_FREQUENCIES = 257  # rows of the spectrogram


class SoundLocalizer(BaseAVModel):
    """A model that maps one frame and its audio to a heat map; trained without annotation.

    Inputs: ``frames`` (B, 1, 3, H, W), normalized; ``audio`` (B, 257, N), see
    :class:`~avis.datasets.transforms.spectrogram.LogSpectrogram`.

    :meth:`compute_outputs` returns ``heat_map`` (B, h, w), higher where the audio comes from, and
    what else the loss needs.

    Args:
        data_preprocessor: Stacks and normalizes a batch.
        image_backbone: Maps images (B, 3, H, W) to a tuple of maps; the last one counts.
        audio_backbone: Maps spectrograms (B, 1, 257, N) to a tuple of maps; the maximum of the last
            one over bands and time counts.
        init_cfg: As for every mmengine model.
    """

    def __init__(
        self,
        *,
        data_preprocessor: dict[str, Any],
        image_backbone: dict[str, Any],
        audio_backbone: dict[str, Any],
        init_cfg: dict[str, Any] | list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(MODELS.build(data_preprocessor), init_cfg)
        self.image_backbone = MODELS.build(image_backbone)
        self.audio_backbone = MODELS.build(audio_backbone)

    def encode(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Encode a batch.

        Returns:
            Maps of the images (B, C, h, w), and embeddings of the audio (B, D).

        Raises:
            ValueError: Several frames per clip, or audio that is no spectrogram.
        """
        images, audio = self._check_inputs(inputs)
        return self.image_backbone(images)[-1], self.audio_backbone(audio)[-1].amax((2, 3))

    def predict(self, inputs: Inputs, data_samples: list[AVDataSample]) -> list[AVDataSample]:
        """Add ``pred_heat_map`` with the fields of :meth:`compute_maps`, float32 (1, h, w) each."""
        maps = self.compute_maps(inputs)
        for index, sample in enumerate(data_samples):
            fields = {name: values[index][None].float() for name, values in maps.items()}
            sample.pred_heat_map = PixelData(**fields)
        return data_samples

    def compute_maps(self, inputs: Inputs) -> dict[str, Tensor]:
        """The maps that are scored, (B, h, w) each, of one size; ``heat_map`` is the result."""
        outputs: dict[str, Tensor] = self.compute_outputs(inputs)
        return {'heat_map': outputs['heat_map']}

    def _check_inputs(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Images (B, 3, H, W) and spectrograms (B, 1, 257, N) of the inputs."""
        frames, audio = inputs['frames'], inputs.get('audio')
        if frames.ndim != 5 or frames.shape[1] != 1:
            raise ValueError(
                f'{type(self).__name__}: expected one frame per clip, (B, 1, 3, H, W), got '
                f'{tuple(frames.shape)}; put SampleFrames(num_frames=1) into the pipeline'
            )
        if audio is None or audio.ndim != 3 or audio.shape[1] != _NUM_FREQUENCIES:
            raise ValueError(
                f'{type(self).__name__}: expected spectrograms (B, {_NUM_FREQUENCIES}, N), got '
                f'{None if audio is None else tuple(audio.shape)}; put LoadAudioExcerpt and '
                f'LogSpectrogram into the pipeline'
            )
        return frames[:, 0], audio[:, None]


def cosine_maps(equation: str, images: Tensor, audio: Tensor) -> Tensor:
    """Return cosines of image locations and audio, in float32 under autocast too.

    Small temperatures, by which models divide them, would enlarge their rounding.

    Args:
        equation: Which pairs, for ``einsum``, such as ``nchw,mc->nmhw`` for all.
        images: (B, C, h, w).
        audio: (B, C).
    """
    with torch.autocast(images.device.type, enabled=False):
        units = (F.normalize(x.float(), dim=1) for x in (images, audio))
        return torch.einsum(equation, *units)
