"""Synthetic scenes: boxes with known ids, as RLE masks and as the output of a frame head."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from avis.models.decode_heads.frame_predictions import FramePredictions, MaskProjection
from avis.models.trackers.base import TrackerWindow
from avis.structures.masks import RLE, encode_mask

SIZE = (32, 64)  # height and width of the frames, and of the mask logits, for exact boxes
Box = tuple[int, int]  # left and top of a box of 8 x 8 pixels
CLASSES, CHANNELS, QUERIES = 3, 8, 5


def box_mask(box: Box) -> np.ndarray:
    """Return the mask of a box, (H, W)."""
    mask = np.zeros(SIZE, bool)
    left, top = box
    mask[max(top, 0) : top + 8, max(left, 0) : left + 8] = True
    return mask


def box_rle(box: Box | None) -> RLE | None:
    """Return the RLE of a box; None for None."""
    return None if box is None else encode_mask(box_mask(box))


def embed_of(name: int, seed: int = 0) -> np.ndarray:
    """Return the embedding of an instance: similar in all frames, different from all others."""
    embed = np.zeros(CHANNELS, np.float32)
    embed[name % CHANNELS] = 1
    return embed + 0.02 * np.random.default_rng(seed).standard_normal(CHANNELS).astype(np.float32)


def predictions(
    frames: Sequence[Mapping[int, Box]],
    *,
    labels: Mapping[int, int] | None = None,
    confidence: Mapping[tuple[int, int], float] | None = None,
    shuffle: bool = True,
) -> FramePredictions:
    """Return perfect predictions of a scene; the order of queries changes in every frame.

    Args:
        frames: T dicts from id to box.
        labels: Class of each id, 0 if absent.
        confidence: Probability of that class by (id, frame), else 0.9.
        shuffle: False keeps id k in query k.
    """
    length = len(frames)
    class_logits = torch.zeros(1, length, QUERIES, CLASSES + 1)
    class_logits[..., -1] = 8.0
    queries = torch.zeros(1, 1, length, QUERIES, CHANNELS)
    features = torch.full((1, length, QUERIES, *SIZE), -10.0)
    for t, boxes in enumerate(frames):
        positions = np.random.default_rng(t).permutation(QUERIES) if shuffle else range(QUERIES)
        for position, (name, box) in zip(positions, boxes.items(), strict=False):
            prob = (confidence or {}).get((name, t), 0.9)
            probs = torch.full((CLASSES + 1,), 1e-6)
            probs[-1] = 1 - prob
            probs[(labels or {}).get(name, 0)] = prob
            class_logits[0, t, position] = probs.log()
            queries[0, 0, t, position] = torch.from_numpy(embed_of(name, t))
            features[0, t, position][torch.from_numpy(box_mask(box))] = 10.0
    eye = torch.eye(QUERIES)
    return FramePredictions(
        class_logits=class_logits,
        mask_embeds=eye.expand(1, length, QUERIES, QUERIES),
        queries=queries,
        pixel_features=features,
        projection=MaskProjection(eye, torch.zeros(QUERIES)),
    )


def window(start: int = 0, size: tuple[int, int] = SIZE) -> TrackerWindow:
    """Return a window without padding."""
    return TrackerWindow(start, size, size, size)
