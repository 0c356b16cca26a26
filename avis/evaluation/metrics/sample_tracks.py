"""Convert the tracks of a data sample for the scorers: masks as RLEs, selected frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from avis.evaluation.functional.overlap import TrackMasks
from avis.structures.mask_track import MaskTrack
from avis.structures.masks import RLE, encode_mask


@dataclass(frozen=True)
class SampleTracks:
    """The tracks of one video.

    Attributes:
        name: Name of the video.
        video_id: Id of the video; its name if the sample has no id.
        size: Height and width.
        pred: Predicted tracks, all frames.
        gt: Ground-truth tracks, all frames; None without ground truth.
        frames: True for the frames to score, bool (T,).
    """

    name: str
    video_id: int | str
    size: tuple[int, int]
    pred: TrackMasks
    gt: TrackMasks | None
    frames: NDArray[np.bool_]

    def scored(self, masks: TrackMasks, *, write_blanks: bool = False) -> TrackMasks:
        """The tracks restricted to the frames to score.

        Args:
            masks: :attr:`pred` or :attr:`gt`.
            write_blanks: Insert a blank mask where a track is absent.
        """
        absent = encode_mask(np.zeros(self.size, bool)) if write_blanks else None
        selected = np.flatnonzero(self.frames).tolist()
        rles = [[track[t] or absent for t in selected] for track in masks.rles]
        return TrackMasks(**{**vars(masks), 'rles': rles})


def tracks_of(sample: Mapping[str, Any]) -> SampleTracks:
    """Convert the tracks of a data sample.

    Args:
        sample: A data sample as a dict, of a whole video. ``pred_tracks`` has ``masks``, ``labels``
            and ``scores``; ``gt_tracks``, if the ground truth is known, ``masks``, ``labels`` and
            ``ids``, and optionally ``crowd`` and ``sizes``. Masks are a list of
            :class:`~avis.structures.mask_track.MaskTrack` or dense (N, T, H, W). Frames that
            ``labeled_frames`` or ``valid_frames`` exclude are not scored.

    Raises:
        ValueError: A field is missing, or sizes or numbers of frames differ.
    """
    name = str(sample.get('video_name', sample.get('video_id', 'unnamed video')))
    if 'pred_tracks' not in sample:
        raise ValueError(
            f'{name!r}: expected pred_tracks in the data sample, got {sorted(sample)}; use a model '
            f'that predicts tracks'
        )
    sides = {'prediction': _masks_of(sample['pred_tracks'], name)}
    if 'gt_tracks' in sample:
        sides['ground truth'] = _masks_of(sample['gt_tracks'], name)
    size, length = _common_shape(sample, sides, name)
    gt = None
    if 'ground truth' in sides:
        fields = ('labels', 'ids', 'crowd', 'sizes')
        gt = TrackMasks(_rles(sides['ground truth']), **_fields(sample['gt_tracks'], fields))
    frames = np.ones(length, bool)
    for key in ('labeled_frames', 'valid_frames'):
        if sample.get(key) is not None:
            frames &= _flags(sample[key], length, f'{name!r}: {key}')
    return SampleTracks(
        name=name,
        video_id=sample.get('video_id', name),
        size=size,
        pred=TrackMasks(
            _rles(sides['prediction']), **_fields(sample['pred_tracks'], ('labels', 'scores'))
        ),
        gt=gt,
        frames=frames,
    )


def _masks_of(tracks: Mapping[str, Any], name: str) -> list[MaskTrack]:
    masks = tracks['masks']
    if isinstance(masks, Sequence) and all(isinstance(mask, MaskTrack) for mask in masks):
        return list(masks)
    dense = torch.as_tensor(masks).cpu().numpy()
    if dense.ndim != 4:
        raise ValueError(f'{name!r}: expected masks (N, T, H, W), got shape {dense.shape}')
    return [MaskTrack.from_dense(mask) for mask in dense]


def _common_shape(
    sample: Mapping[str, Any], sides: Mapping[str, list[MaskTrack]], name: str
) -> tuple[tuple[int, int], int]:
    """Size and number of frames that all tracks have in common."""
    shapes = {
        (side, (track.height, track.width), len(track))
        for side, tracks in sides.items()
        for track in tracks
    }
    if len({shape[1:] for shape in shapes}) > 1:
        raise ValueError(
            f'{name!r}: expected tracks of one size and length, got {sorted(shapes)}; resize the '
            f'predicted masks to ori_shape'
        )
    for _, size, length in shapes:
        return size, length
    # Without any track, use the metainfo.
    length = len(sample['frame_ids']) if 'frame_ids' in sample else 0
    height, width = sample.get('ori_shape', (1, 1))
    return (int(height), int(width)), length


def _rles(tracks: list[MaskTrack]) -> list[list[RLE | None]]:
    return [track.rles for track in tracks]


def _fields(tracks: Mapping[str, Any], names: Sequence[str]) -> dict[str, list[Any]]:
    return {name: torch.as_tensor(tracks[name]).tolist() for name in names if name in tracks}


def _flags(values: Any, length: int, name: str) -> NDArray[np.bool_]:
    flags = torch.as_tensor(values).cpu().numpy().astype(bool)
    if len(flags) != length:
        raise ValueError(f'{name}: expected {length} flags, one per frame, got {len(flags)}')
    return flags
