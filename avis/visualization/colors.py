"""Colors of identities: the same over a video, for one thing in ground truth and prediction.

The first seven are those of Okabe and Ito (*Color Universal Design*, 2008). Each further one is far
in CIELAB from all before it, for normal vision and for protanopia and deuteranopia as simulated by
Machado et al., *A Physiologically-based Model for Simulation of Color Vision Deficiency*, 2009.
"""

from collections.abc import Sequence

import numpy as np

from avis.models.trackers.matching import match, tube_iou
from avis.structures.masks import RLE
from avis.structures.video_result import TrackResult

IDENTITY_COLORS = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (0, 114, 178),
    (204, 121, 167),
    (213, 94, 0),
    (240, 228, 66),
    (150, 30, 30),
    (135, 240, 150),
    (105, 105, 255),
    (105, 60, 90),
    (150, 240, 255),
    (105, 0, 180),
    (255, 0, 90),
    (105, 150, 255),
    (255, 150, 90),
)
"""RGB by index; further indices repeat them."""

_SAME_THING = 0.1  # least IoU over the video of a ground truth and its prediction


def identity_color(index: int) -> tuple[int, int, int]:
    """RGB of the identity at an index, from 0.

    >>> identity_color(0)
    (230, 159, 0)
    """
    return IDENTITY_COLORS[index % len(IDENTITY_COLORS)]


def text_color(background: Sequence[int]) -> tuple[int, int, int]:
    """Black or white, whichever has more contrast on an RGB color.

    >>> text_color((240, 228, 66)), text_color((0, 114, 178))
    ((0, 0, 0), (255, 255, 255))
    """
    luma = float(np.dot(background, (0.299, 0.587, 0.114)))
    return (0, 0, 0) if luma > 140 else (255, 255, 255)


def track_colors(
    tracks: Sequence[TrackResult], gt: Sequence[TrackResult] = ()
) -> dict[int, tuple[int, int, int]]:
    """RGB of each track by its id.

    Args:
        tracks: The tracks, which have the colors in their order.
        gt: Ground truth of the same video, to share its colors; see :func:`paired_indices`.
    """
    rles, gt_rles = ([track.masks.rles for track in side] for side in (tracks, gt))
    indices = paired_indices(rles, gt_rles)
    return {track.id: identity_color(k) for track, k in zip(tracks, indices, strict=True)}


def paired_indices(
    tracks: Sequence[Sequence[RLE | None]], gt: Sequence[Sequence[RLE | None]]
) -> list[int]:
    """Index of the color of each track: that of the ground truth that is the same thing.

    Pairs are one to one and maximize the sum of their IoU over the video; the other tracks have the
    indices after all those of the ground truth.

    Args:
        tracks: Masks of each track, T each.
        gt: Masks of each ground truth; the k-th has color k.
    """
    pairs = dict(match(tube_iou(tracks, gt)[0], _SAME_THING)) if tracks and gt else {}
    unused = iter(range(len(gt), len(gt) + len(tracks)))
    return [pairs[k] if k in pairs else next(unused) for k in range(len(tracks))]
