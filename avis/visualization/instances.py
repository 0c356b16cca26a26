"""Draw the instances of a data sample: one color per identity, the same in both halves of a figure.

Start reading at :func:`instance_colors`; :func:`draw_instances` draws one frame.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from mmengine.structures import InstanceData
from numpy.typing import NDArray

from avis.structures.av_data_sample import AVDataSample
from avis.structures.masks import RLE, encode_mask
from avis.visualization.colors import paired_indices
from avis.visualization.drawing import Image
from avis.visualization.tracks import draw_tracks


def instance_colors(sample: AVDataSample) -> dict[str, list[int]]:
    """Choose a color for each track of a whole video.

    A predicted track has the color of the ground truth that it overlaps, see
    :func:`~avis.visualization.colors.paired_indices`.

    Args:
        sample: Sample with ``gt_tracks`` or ``pred_tracks``.

    Returns:
        Per field the color number of each track, an argument of
        :func:`~avis.visualization.colors.identity_color`. Without the other side they count from 0.
    """
    fields = [name for name in ('gt_tracks', 'pred_tracks') if name in sample]
    if len(fields) < 2:
        return {name: list(range(len(sample.get(name).masks))) for name in fields}
    gt, pred = (_track_rles(sample.get(name)) for name in fields)
    return {'gt_tracks': list(range(len(gt))), 'pred_tracks': paired_indices(pred, gt)}


def draw_instances(
    frame: Image,
    tracks: InstanceData,
    t: int,
    *,
    colors: Sequence[int],
    classes: Sequence[str] = (),
) -> Image:
    """Tint and outline the instances of one frame, with class and id above them.

    Args:
        frame: RGB, shape (H, W, 3); masks of another size are resized to it.
        tracks: Tracks with ``labels``, ``ids`` and ``masks``, as in a data sample.
        t: Index of the frame in the masks.
        colors: Color number of each track, see :func:`instance_colors`.
        classes: Names of the classes; without them, their indices are shown.

    Returns:
        A new frame.
    """
    masks, captions = {}, {}
    labels, ids = tracks.labels.tolist(), tracks.ids.tolist()
    for index, color in enumerate(colors):
        mask = _dense(tracks.masks[index], t)
        if not mask.any():
            continue
        if mask.shape != frame.shape[:2]:
            size = frame.shape[1::-1]
            mask = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        name = classes[labels[index]] if classes else f'class {labels[index]}'
        masks[color], captions[color] = mask, f'{name} {ids[index]}'
    return draw_tracks(frame, masks, captions)


def _dense(masks: torch.Tensor | object, t: int) -> NDArray[np.bool_]:
    """Return the mask (H, W) of one frame of a bool tensor (T, H, W) or of a ``MaskTrack``."""
    if isinstance(masks, torch.Tensor):
        return masks[t].cpu().numpy().astype(bool)
    return masks.dense(t)  # type: ignore[attr-defined,no-any-return]


def _track_rles(tracks: InstanceData) -> list[list[RLE | None]]:
    """Return T masks per track, None where it is absent."""
    return [
        [encode_mask(mask) if mask.any() else None for mask in masks.cpu().numpy()]
        if isinstance(masks, torch.Tensor)
        else masks.rles
        for masks in tracks.masks
    ]
