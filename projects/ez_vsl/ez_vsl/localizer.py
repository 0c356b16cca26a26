"""The model EZ-VSL: an image network, an audio network, and the most similar location."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.models import SoundLocalizer
from avis.models.base import Inputs
from avis.models.sound_localizers.base import cosine_maps
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample


@MODELS.register_module()
class EZVSL(SoundLocalizer):
    """Similarity of each location of an image with the audio, learned from which pairs match.

    Args:
        channels: Channels of the last maps of both, and of the common space.
        temperature: Divides the similarities.
        prior: An ``ObjectPrior`` that is added in testing; None for none.
        prior_weight: Share of the prior in the result, 0 to 1.
        kwargs: Further arguments of ``SoundLocalizer``.
    """

    def __init__(
        self,
        *,
        channels: int = 512,
        temperature: float = 0.03,
        prior: dict[str, Any] | None = None,
        prior_weight: float = 0.6,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.image_proj = nn.Conv2d(channels, channels, 1)
        self.audio_proj = nn.Linear(channels, channels)
        self.prior = None if prior is None else MODELS.build(prior)
        self.temperature = temperature
        self.prior_weight = prior_weight

    def init_weights(self) -> None:
        """Initialize the projections as the official code does, then the backbones."""
        nn.init.kaiming_normal_(self.image_proj.weight, mode='fan_out')
        nn.init.trunc_normal_(self.audio_proj.weight, std=0.01)
        super().init_weights()

    def compute_outputs(self, inputs: Inputs) -> dict[str, Tensor]:
        """Return the raw outputs.

        Returns:
            ``image_embedding`` (B, C, h, w) and ``audio_embedding`` (B, C), not normalized;
            ``heat_map`` (B, h, w), cosines divided by the temperature.
        """
        maps, embedding = self.encode(inputs)
        image, sound = self.image_proj(maps), self.audio_proj(embedding)
        return {
            'image_embedding': image,
            'audio_embedding': sound,
            'heat_map': cosine_maps('nchw,nc->nhw', image, sound) / self.temperature,
        }

    def loss(self, inputs: Inputs, data_samples: list[AVDataSample]) -> dict[str, Tensor]:
        """Return ``loss_image`` and ``loss_audio``, see :func:`matching_losses`."""
        outputs = self.compute_outputs(inputs)
        image, audio = outputs['image_embedding'], outputs['audio_embedding']
        by_image, by_audio = matching_losses(image, audio, self.temperature)
        return {'loss_image': by_image, 'loss_audio': by_audio}

    def compute_maps(self, inputs: Inputs) -> dict[str, Tensor]:
        """``audio_map`` and, with a prior, ``prior_map``, each scaled to 0..1; and their sum.

        The maps have the size of the input.
        """
        size = inputs['frames'].shape[-2:]
        audio_map = enlarge(self.compute_outputs(inputs)['heat_map'], size)
        if self.prior is None:
            return {'heat_map': audio_map}
        prior_map = enlarge(self.prior(inputs['frames'][:, 0]), size)
        both = (1 - self.prior_weight) * audio_map + self.prior_weight * prior_map
        return {'heat_map': scale(both), 'audio_map': audio_map, 'prior_map': prior_map}


def matching_losses(image: Tensor, audio: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Cross-entropy of finding the audio of an image in a batch, and the image of an audio.

    A pair is as similar as its most similar location.

    Args:
        image: (B, C, h, w).
        audio: (B, C).
        temperature: Divides the cosines.
    """
    logits = cosine_maps('nchw,mc->nmhw', image, audio).amax((2, 3)) / temperature
    own = torch.arange(len(logits), device=logits.device)
    return F.cross_entropy(logits, own), F.cross_entropy(logits.T, own)


def enlarge(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize maps (B, h, w) to (B, H, W) with aligned corners, and scale them to 0..1."""
    resized = F.interpolate(maps[:, None].float(), size, mode='bilinear', align_corners=True)
    return scale(resized[:, 0])


def scale(maps: Tensor) -> Tensor:
    """Scale each map (B, H, W) to 0..1; a flat one stays as it is."""
    low, high = (x[:, None, None] for x in maps.flatten(1).aminmax(dim=1))
    return torch.where(high > low, (maps - low) / (high - low), maps)
