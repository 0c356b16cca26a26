"""Match each instance once, in the first frame that shows it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from avis.models.decode_heads.frame_predictions import Matching
from avis.models.losses.mask_set_loss import MaskSetLoss, SetPredictions
from avis.models.task_modules.mask_targets import MaskTarget


def match_first_appearances(
    loss_set: MaskSetLoss,
    layer: SetPredictions,
    features: Tensor,
    targets: Sequence[MaskTarget],
    appears: Sequence[Tensor],
) -> list[Matching]:
    """Match the instances of B clips of T frames; a query is taken once.

    Args:
        loss_set: Its costs and points are used.
        layer: Predictions of B * T frames.
        features: (B * T, 1, C, h, w).
        targets: Of B * T frames, with all instances of the clip.
        appears: In which frames each instance of a clip is annotated, B times bool (N, T).

    Returns:
        B * T matchings, the same for all frames of a clip.
    """
    length, result = len(targets) // len(appears), []
    for clip, annotated in enumerate(appears):
        first = annotated.int().argmax(1)[targets[clip * length].instances]
        first = first.cpu()  # once: a GPU is waited for
        free = torch.arange(layer.class_logits.shape[1], device=features.device)
        pairs: list[Matching] = []
        for t in range(length):
            index = clip * length + t
            target = targets[index]
            new = (first == t).nonzero()[:, 0].to(features.device, non_blocking=True)
            if not len(new):
                continue
            ((rows, instances),) = loss_set.match(
                SetPredictions(*(part[index, free][None] for part in layer)),
                features[index : index + 1],
                [
                    MaskTarget(
                        target.labels[new],
                        target.masks[new],
                        target.instances[new],
                        seed=target.seed,
                    )
                ],
            )
            pairs.append((free[rows], instances))
            free = free[~torch.isin(free, free[rows])]
        empty = targets[clip * length].instances[:0]
        queries, matched = zip(*pairs, strict=True) if pairs else ([empty], [empty])
        result += [(torch.cat(queries), torch.cat(matched))] * length
    return result
