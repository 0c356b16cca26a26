"""Load the ground-truth instances of a clip, with masks in the geometry of its frames."""

import functools
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from avis.datasets.readers.errors import broken_data_error, require_file
from avis.datasets.transforms.clip import clip_name, frame_ids_of, path_of_frame
from avis.datasets.transforms.clip_geometry import ClipGeometry, Size
from avis.registry import TRANSFORMS
from avis.structures.mask_track import MaskTrack
from avis.structures.masks import (
    RLE,
    check_polygons,
    check_polygons_in_frame,
    encode_mask,
    to_rle,
)
from avis.structures.packed_masks import PackedMasks
from avis.utils.png import read_png_mask

Form = Literal['dense', 'tracks']
_VOID = 255  # gray level that the scorer of AVTrack removes from the ground truth


@TRANSFORMS.register_module()
class LoadTracks(BaseTransform):
    """Load the ground-truth instances of the chosen frames.

    Comes after the geometric transforms. Reads ``tracks`` (or ``instance_maps``), ``frame_ids``,
    ``geometry``. Writes ``gt_tracks``, a dict with ``labels`` int64 (N,), ``ids`` int64 (N,) and
    ``masks``; and ``labeled_frames`` bool (T,) if some frame has no ground truth. A test split
    without ground truth gets no ``gt_tracks``.

    Args:
        form: 'dense', for training: ``masks`` bool (N, T, H, W) at the size of the clip, of the
            instances that are visible in it, without crowds, ordered by id; in addition
            ``annotated`` bool (N, T), the frames whose annotation has a mask of the instance, even
            if the crop leaves nothing of it. 'tracks', for evaluation: ``masks`` is a list of N
            :class:`~avis.structures.mask_track.MaskTrack` at the size of the file, of all
            instances; in addition ``crowd`` bool (N,) and, if the annotations state areas,
            ``sizes`` float (N,).
    """

    def __init__(self, *, form: Form = 'dense') -> None:
        if form not in get_args(Form):
            raise ValueError(f'LoadTracks: form must be one of {get_args(Form)}, got {form!r}')
        self.form = form

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        if 'tracks' not in results and 'instance_maps' not in results:
            if self.form == 'tracks':
                return dict(results)
            raise ValueError(
                f'{clip_name(results)} has no ground truth to train on. Is its annotation file '
                f'that of a test split?'
            )
        results, size = dict(results), self._size(results)
        if 'instance_maps' in results:
            results['tracks'] = self._read_maps(results, size)
            paths = results['instance_maps']
            known = [t >= 0 and paths[t] is not None for t in frame_ids_of(results)]
            results.update({} if all(known) else {'labeled_frames': np.array(known)})
        results['gt_tracks'] = (
            self._dense(results) if self.form == 'dense' else self._tracks(results, size)
        )
        return results

    def _size(self, results: dict[str, Any]) -> Size:
        """Return height and width of the file, which annotation and frames must agree on."""
        stated = int(results['height']), int(results['width'])
        actual = results.get('ori_shape') or stated
        if stated != actual and all(stated):
            raise broken_data_error(
                path_of_frame(results, 0),
                f'is {actual} (H, W), but the annotation of {clip_name(results)} states height and '
                f'width {stated}',
                'Masks and frames must have the same size: prepare the frames again.',
            )
        return actual

    def _dense(self, results: dict[str, Any]) -> dict[str, Any]:
        """Draw the masks of the instances that are visible in the clip."""
        frame_ids = frame_ids_of(results)
        tracks = sorted(results['tracks'], key=lambda track: track['id'])
        geometry = results.get('geometry')
        if geometry is None:
            raise ValueError(
                f'{clip_name(results)}: LoadTracks expected the geometry of loaded frames; put '
                f'LoadFrames before LoadTracks in the pipeline'
            )
        shape = (len(frame_ids), *geometry.size)
        labels, ids, masks = [], [], [np.zeros((0, *shape), bool)]
        annotated = [np.zeros((0, len(frame_ids)), bool)]
        for track in tracks:
            chosen = _masks_of(track, frame_ids.tolist(), geometry.source, clip_name(results))
            given = np.array([mask is not None and len(mask) > 0 for mask in chosen])
            if track.get('crowd', False) or not given.any():
                continue
            drawn = np.zeros(shape, np.uint8)
            for row, mask in enumerate(chosen):
                if given[row]:
                    # COCO stores masks column by column; OpenCV transposes them fast.
                    cv2.transpose(_draw(mask, geometry, row), dst=drawn[row])
            if drawn.any():
                masks.append(drawn[None].view(bool))
                labels.append(track['label'])
                ids.append(track['id'])
                annotated.append(given[None])
        return {
            'labels': np.array(labels, np.int64),
            'ids': np.array(ids, np.int64),
            'annotated': np.concatenate(annotated),
            'masks': np.concatenate(masks) if len(masks) > 1 else masks[0],
        }

    def _tracks(self, results: dict[str, Any], size: Size) -> dict[str, Any]:
        """Encode the masks of all instances at the size of the file."""
        frame_ids, tracks = frame_ids_of(results).tolist(), results['tracks']
        areas = [track.get('area') for track in tracks]
        gt = {
            'labels': np.array([track['label'] for track in tracks], np.int64),
            'ids': np.array([track['id'] for track in tracks], np.int64),
            'crowd': np.array([track.get('crowd', False) for track in tracks], bool),
            'masks': [
                MaskTrack(
                    *size,
                    [
                        _encode(mask, size)
                        for mask in _masks_of(track, frame_ids, size, clip_name(results))
                    ],
                )
                for track in tracks
            ],
        }
        if areas and None not in areas:
            gt['sizes'] = np.array(areas, np.float64)
        return gt

    def _read_maps(self, results: dict[str, Any], size: Size) -> list[dict[str, Any]]:
        """Read tracks from the gray levels of the chosen frames; other frames have mask None."""
        masks: dict[int, list[Any]] = {}
        for t in np.unique(frame_ids_of(results)).tolist():
            path = results['instance_maps'][t] if t >= 0 else None
            if path is None:
                continue
            levels = _read_png(path, size)
            for level in np.flatnonzero(np.bincount(levels.ravel(), minlength=1)).tolist():
                if level == _VOID:
                    _warn_of_void(str(Path(path).parent))
                elif level:
                    track = masks.setdefault(level, [None] * results['length'])
                    track[t] = encode_mask(levels == level)
        return [{'id': level, 'label': 0, 'masks': masks[level]} for level in sorted(masks)]


def _masks_of(
    track: Mapping[str, Any], frame_ids: Sequence[int], size: Size, clip: str
) -> list[Any]:
    """Return the masks of some frames of a track, checked; None where it is absent."""
    masks = [track['masks'][t] if t >= 0 else None for t in frame_ids]
    # Those of annotation files were checked as a whole when they were packed.
    if not isinstance(track['masks'], PackedMasks):
        masks = [
            _checked(mask, size, f'{clip}: mask of instance {track["id"]} in frame {t}')
            for mask, t in zip(masks, frame_ids, strict=True)
        ]
    return masks


def _checked(mask: Any, size: Size, location: str) -> Any:
    if mask is None or (isinstance(mask, dict) and 'png' in mask):
        return mask
    try:
        if isinstance(mask, dict):
            return to_rle(mask, *size)
        check_polygons(mask)
        check_polygons_in_frame(mask, *size)
    except ValueError as error:
        raise broken_data_error(location, str(error), 'Correct the annotations.') from error
    return mask


def _draw(mask: Any, geometry: ClipGeometry, row: int) -> NDArray[np.uint8]:
    """Draw one mask in the geometry of the clip, transposed: (w, h), 0 and 1."""
    height, width = geometry.size
    drawn: NDArray[np.uint8]
    if isinstance(mask, dict):
        if geometry.rotations is not None:
            raise ValueError(
                'RandomRotation: expected masks as polygons, got an RLE; leave RandomRotation out'
            )
        drawn = _decode(mask, geometry.source).T
        if geometry.unchanged:
            return drawn
        rows, columns = geometry.sources(row)
        return drawn.take(columns, axis=0).take(rows, axis=1)
    parts = coco_mask.frPyObjects(geometry.polygons(row, mask), height, width)
    drawn = coco_mask.decode(coco_mask.merge(parts)).T
    return drawn


def _decode(mask: Any, size: Size) -> NDArray[np.uint8]:
    """Decode an RLE or a gray level of an image to pixels 0 and 1, (H, W)."""
    if 'png' not in mask:
        pixels: NDArray[np.uint8] = coco_mask.decode(_of_size(mask, size))
        return pixels
    levels = _read_png(mask['png'], size)
    marked = levels > 0 if mask['value'] is None else levels == mask['value']
    return marked.view(np.uint8)


def _encode(mask: Any, size: Size) -> RLE | None:
    """Encode any mask as an RLE at the size of the file."""
    if mask is None or (not isinstance(mask, dict) and not len(mask)):
        return None
    if isinstance(mask, dict) and 'png' in mask:
        return encode_mask(_decode(mask, size))
    return _of_size(mask, size) if isinstance(mask, dict) else to_rle(mask, *size)


def _of_size(rle: Any, size: Size) -> RLE:
    if tuple(rle['size']) != size:
        raise ValueError(f'RLE of size {list(rle["size"])} in a frame of {list(size)}')
    checked: RLE = rle
    return checked


def _read_png(path: str, size: Size) -> NDArray[np.uint8]:
    try:
        levels = read_png_mask(require_file(path))
    except ValueError as error:
        raise broken_data_error(path, str(error).removeprefix(f'{path} ')) from error
    if levels.shape != size:
        raise broken_data_error(path, f'is {levels.shape} (H, W), but its frame is {size}')
    return levels


@functools.cache
def _warn_of_void(folder: str) -> None:
    """Warn once per video and process."""
    print_log(
        f'{folder}: gray level {_VOID} is not loaded as an instance, because the scorer of AVTrack '
        f'ignores its pixels',
        logger='current',
        level=logging.WARNING,
    )
