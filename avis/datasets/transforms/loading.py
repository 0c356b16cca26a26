"""Load frames and label maps from paths; only the chosen frames are read."""

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from avis.datasets.readers.errors import broken_data_error
from avis.datasets.readers.images import read_image, read_label_colors, read_label_values
from avis.datasets.readers.stored_masks import mask_file, read_stored_mask
from avis.datasets.readers.video import read_video_frames
from avis.datasets.transforms.clip import frame_ids_of, loaded_frames, path_of_frame, refuse_loaded
from avis.datasets.transforms.clip_geometry import ClipGeometry, Size
from avis.datasets.transforms.geometry import ResizeClip, resize_images
from avis.registry import TRANSFORMS
from avis.structures.labels import voc_colors_to_classes, vpo_ids_to_classes
from avis.structures.media_time import frame_time
from avis.structures.video_record import H5Mask, MatMask

LabelEncoding = Literal['binary', 'voc_colors', 'vpo_ids']


@TRANSFORMS.register_module()
class LoadFrames(BaseTransform):
    """Decode the chosen frames from image files, or from a video file by seeking.

    Reads ``frames`` (paths), ``frame_ids``, ``fps`` and ``start``, 0 if missing. Writes ``frames``
    uint8 (T, H, W, 3) RGB, ``frame_paths`` (the paths), ``frame_ids``, ``ori_shape`` and
    ``img_shape`` (H, W), and ``geometry``. Frame k of a video file is the one shown at
    start + k / fps seconds.

    Args:
        resize: Config of a :class:`~avis.datasets.transforms.geometry.ResizeClip` that is applied
            to each frame as soon as it is decoded, so that a long clip is never in memory at the
            size of its files.
    """

    def __init__(self, *, resize: dict[str, Any] | None = None) -> None:
        self.resize: ResizeClip | None = None if resize is None else TRANSFORMS.build(resize)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        refuse_loaded(results, 'frames', 'LoadFrames')
        frame_ids, paths = frame_ids_of(results), results['frames']
        shrink = _Shrink(self.resize)
        if isinstance(paths, str):
            times = results.get('start', 0.0) + frame_time(frame_ids, results['fps'])
            frames = read_video_frames(paths, times, shrink)
        else:
            frames = _read_images([paths[index] for index in frame_ids], shrink)
        shape, source = frames.shape[1:3], shrink.source
        return {
            **results,
            'frames': frames,
            'frame_paths': paths,
            'frame_ids': frame_ids,
            'ori_shape': source,
            'img_shape': shape,
            'geometry': ClipGeometry.identity(len(frames), source).resized(shape),
        }


class _Shrink:
    """Resizes the frames of one clip, one after the other, to the size chosen for the first."""

    def __init__(self, resize: ResizeClip | None) -> None:
        self.resize = resize
        self.source: Size = (0, 0)
        self.size: Size = (0, 0)

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.resize is None:
            self.source = image.shape[:2]
            return image
        if self.size == (0, 0):
            self.source = image.shape[:2]
            self.size = self.resize.choose_size(*self.source)
        if self.size == self.source:
            return image
        step = self.resize
        return resize_images(image[None], self.size, step.backend, step.interpolation)[0]


@TRANSFORMS.register_module()
class LoadLabelMaps(BaseTransform):
    """Decode the label maps of the chosen frames.

    Reads ``label_maps`` (path, stored mask or None per frame), ``frame_ids``, ``frames``. Writes
    ``gt_sem_seg`` uint8 (T, H, W) with class indices, 0 where a frame has no label, and
    ``labeled_frames`` (T,) bool.

    Args:
        encoding: 'binary': every non-zero value of the file is 1, whether the file is 1-bit, gray,
            palette or color. 'voc_colors': the colors of Pascal VOC; unknown colors are 0.
            'vpo_ids': the ids in the masks of VPO, see :data:`~avis.structures.labels.VPO_IDS`.
        num_classes: Number of classes of 'voc_colors', background included.
        original_size: The label maps have the size of the frames in the files, ``ori_shape``, even
            if the pipeline has resized the frames: for metrics that compare at another size.
    """

    def __init__(
        self, *, encoding: LabelEncoding, num_classes: int = 2, original_size: bool = False
    ) -> None:
        if encoding not in get_args(LabelEncoding):
            raise ValueError(
                f'LoadLabelMaps: encoding must be one of {get_args(LabelEncoding)}, '
                f'got {encoding!r}'
            )
        self.encoding = encoding
        self.num_classes = num_classes
        self.original_size = original_size

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        paths = [results['label_maps'][index] for index in frame_ids_of(results)]
        frames = loaded_frames(results, 'LoadLabelMaps')
        size = results['ori_shape'] if self.original_size else frames.shape[1:3]
        labels = np.zeros((len(frames), *size), np.uint8)
        labeled = np.zeros(len(frames), bool)
        for row, path in enumerate(paths):
            label = None if path is None else self.read(path)
            if path is None or label is None:
                continue
            if label.shape != size:
                raise broken_data_error(
                    mask_file(path),
                    f'is {_size(label)}, but its frame ({path_of_frame(results, row)}) is '
                    f'{size[1]}x{size[0]}',
                    'Prepare frames and label maps at the same size.',
                )
            labels[row], labeled[row] = label, True
        return {**results, 'gt_sem_seg': labels, 'labeled_frames': labeled}

    def read(self, path: str | MatMask | H5Mask) -> NDArray[np.uint8] | None:
        """Read the class indices of one label map, (H, W); None if it lacks the instance."""
        if not isinstance(path, str):
            return read_stored_mask(path)
        if self.encoding == 'voc_colors':
            return voc_colors_to_classes(read_label_colors(path), self.num_classes)
        if self.encoding == 'vpo_ids':
            try:
                return vpo_ids_to_classes(read_label_values(path))
            except (ValueError, IndexError) as error:
                raise broken_data_error(path, f'is no mask of VPO ({error})') from error
        values = read_label_values(path) > 0
        flat = values.any(axis=-1) if values.ndim == 3 else values  # (H, W)
        return np.asarray(flat, np.uint8)


def _read_images(
    paths: list[str], shrink: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
) -> NDArray[np.uint8]:
    """Read images of the same size, each file once, shape (T, H, W, 3)."""
    size = ''
    clip = np.empty((0, 0, 0, 0), np.uint8)
    rows = {path: row for row, path in reversed(list(enumerate(paths)))}  # first row of each
    for row, path in enumerate(paths):
        if rows[path] < row:
            clip[row] = clip[rows[path]]
            continue
        image = read_image(path, clip[row] if row else None)
        size = size or _size(image)
        if _size(image) != size:
            raise broken_data_error(path, f'is {_size(image)}, but {paths[0]} is {size}')
        image = shrink(image)
        if not row:
            clip = np.empty((len(paths), *image.shape), np.uint8)
        if not np.may_share_memory(image, clip):
            clip[row] = image
    return clip


def _size(image: NDArray[np.uint8]) -> str:
    return f'{image.shape[1]}x{image.shape[0]}'
