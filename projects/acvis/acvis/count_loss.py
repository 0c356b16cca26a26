"""The number of sounding instances of a frame as an ordinal class: 0, 1, or 2 and more."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample


def count_probabilities(logits: Tensor) -> Tensor:
    """Return the probabilities (..., 3) of 0, 1, and 2 or more instances, of logits (..., 2).

    ``sigmoid(logits[..., i])`` is the probability of more than i instances, given at least i.
    """
    more = logits.sigmoid().cumprod(-1)  # P(y > 0), P(y > 1)
    return torch.cat([1 - more[..., :1], more[..., :1] - more[..., 1:], more[..., 1:]], -1)


@MODELS.register_module()
class OrdinalCountLoss(nn.Module):
    """Binary cross-entropy of "more than i instances" in the frames with at least i, i = 0 and 1.

    The mean over these terms of a clip, averaged over clips: two processes of one clip have the
    loss of one process with both. A frame counts its annotated instances, sounding or cropped away.

    Source: *Learning What to Hear*, ICASSP 2026 (arXiv:2509.22740).

    Args:
        weight: Weight of the loss.
    """

    def __init__(self, *, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, logits: Tensor, data_samples: Sequence[AVDataSample]) -> Tensor:
        """Compute the loss, a scalar.

        Args:
            logits: (B, T, 2).
            data_samples: B samples with ``gt_tracks``, which have ``annotated`` (N, T) or ``masks``
                (N, T, H, W).
        """
        logits = logits.float()
        counts = torch.stack([_counts(sample) for sample in data_samples]).to(logits.device)
        steps = torch.arange(logits.shape[-1], device=logits.device)
        more = (counts[..., None] > steps).to(logits)  # (B, T, 2)
        included = counts[..., None] >= steps
        terms = F.binary_cross_entropy_with_logits(logits, more, reduction='none') * included
        return self.weight * (terms.sum((1, 2)) / included.sum((1, 2))).mean()


def _counts(sample: AVDataSample) -> Tensor:
    """Return the number of instances (T,) of each frame."""
    tracks = sample.gt_tracks
    annotated = tracks.get('annotated')
    if annotated is None:
        annotated = tracks.masks.flatten(2).any(-1)
    return annotated.sum(0)
