"""Draw the ground truth and the prediction of a clip on its frames, as rows of one figure.

Start reading at :func:`draw_clip`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.structures.av_data_sample import AVDataSample
from avis.visualization.drawing import (
    Image,
    RGBColor,
    class_color,
    image_grid,
    overlay_masks,
    side_by_side,
)
from avis.visualization.instances import draw_instances, instance_colors

MIN_SIDE = 224  # smaller frames are enlarged, so that titles and captions are readable
_MAX_WIDTH = 2600  # of the columns of a figure in pixels
ClipRows: TypeAlias = dict[str, list[Image | None]]
_ROW_PREFIXES = {'ground truth': 'gt', 'prediction': 'pred'}


@dataclass
class DrawnClip:
    """A clip of T frames without padding, at the aspect ratio of the file.

    Attributes:
        frames: RGB, shape (T, H, W, 3).
        rows: T images by the name of what is drawn on them; None for a frame without it.
        titles: Titles of the frames.
        legend: Colors by class name; empty where colors are identities.
    """

    frames: Image
    rows: ClipRows
    titles: list[str]
    legend: dict[str, RGBColor] = field(default_factory=dict)

    def grid(self) -> Image:
        """Return one image (H', W', 3): a column per frame, below it a row per name."""
        rows = {'frame': list(self.frames), **self.rows}
        return image_grid(rows, titles=self.titles, legend=self.legend, columns=self.columns)

    @property
    def columns(self) -> int:
        """Number of columns of a figure that is not wider than a screen can show."""
        return min(max(_MAX_WIDTH // self.frames.shape[2], 1), 10)

    def video(self) -> Image:
        """Return frames (T, H', W', 3) with the rows side by side; see `side_by_side_frames`."""
        return side_by_side_frames(self.frames, self.rows)


def draw_clip(
    frames: Image,
    sample: AVDataSample,
    *,
    metainfo: Mapping[str, Any],
    draw_gt: bool = True,
    draw_pred: bool = True,
    colors: Mapping[str, Sequence[int]] | None = None,
    min_side: int = MIN_SIDE,
) -> DrawnClip:
    """Draw label maps or instances on the frames of a clip.

    Args:
        frames: RGB, shape (T, H, W, 3), at the size of the input or of the file.
        sample: Sample of the clip; its masks may be padded at the right and the bottom.
        metainfo: Of the data set: ``classes`` and ``palette``.
        draw_gt: Draw the ground truth, on the labeled frames.
        draw_pred: Draw the prediction.
        colors: Color numbers of the tracks, if those of the whole video are not those of this
            clip; see :func:`~avis.visualization.instances.instance_colors`.
        min_side: Least length of the shorter side of the result.
    """
    count = len(frames)
    keep = flags_per_frame(sample, 'valid_frames', count)
    labeled = flags_per_frame(sample, 'labeled_frames', count)[keep]
    size = clip_size(sample, frames.shape[1], frames.shape[2], min_side)
    shown = _resized(frames[keep], size)
    palette = class_palette(metainfo)
    rows: ClipRows = {}
    drawn: set[int] = set()
    images: Image | list[Image]
    tracks_colors = instance_colors(sample) if colors is None else colors
    for name, prefix in _ROW_PREFIXES.items():
        if not (draw_gt if prefix == 'gt' else draw_pred):
            continue
        known = labeled if prefix == 'gt' else np.ones_like(labeled)
        if f'{prefix}_sem_seg' in sample:
            labels = sample.get(f'{prefix}_sem_seg').sem_seg.cpu().numpy()
            labels = labels[:count, : frames.shape[1], : frames.shape[2]][keep]
            images = overlay_masks(shown, _resized(labels, size, labels=True), palette=palette)
            drawn |= set(np.unique(labels[known]).tolist()) - {0}
        elif f'{prefix}_tracks' in sample:
            tracks = sample.get(f'{prefix}_tracks')
            classes, numbers = metainfo.get('classes', ()), tracks_colors[f'{prefix}_tracks']
            images = [
                draw_instances(image, tracks, int(t), colors=numbers, classes=classes)
                for t, image in zip(np.flatnonzero(keep), shown, strict=True)
            ]
        else:
            continue
        rows[name] = [image if k else None for image, k in zip(images, known, strict=True)]
    legend = {} if palette is None else _legend(sorted(drawn), palette, metainfo)
    return DrawnClip(shown, rows, frame_titles(sample, count), legend)


def side_by_side_frames(frames: Image, rows: ClipRows) -> Image:
    """The rows side by side, shape (T, H, W, 3); the plain frame where a row has no image."""
    images = []
    for index, frame in enumerate(frames):
        cells = {name: row[index] for name, row in rows.items()}
        images_by_name = {
            name if image is not None else f'no {name}': frame if image is None else image
            for name, image in cells.items()
        }
        images.append(side_by_side(images_by_name or {'frame': frame}))
    return np.stack(images)


def clip_size(
    sample: AVDataSample, height: int, width: int, min_side: int = MIN_SIDE
) -> tuple[int, int]:
    """Height and width at which a clip is drawn: the aspect ratio of the file.

    Args:
        sample: Sample of the clip; its ``scale_factor`` states how the pipeline resized the frames.
        height: Height of the frames that are given.
        width: Width of the frames that are given.
        min_side: Least length of the shorter side; smaller frames grow by an integer factor.
    """
    x, y = sample.get('scale_factor', (1.0, 1.0))
    factor = max(-(-min_side // min(height, width)), 1)
    undistorted = height / y, width / x
    scale = factor * min(height, width) / min(undistorted)
    return round(undistorted[0] * scale), round(undistorted[1] * scale)


def frame_titles(sample: Any, count: int) -> list[str]:
    """Titles of ``count`` frames without padding: the time, or the frame id without ``fps``."""
    ids = np.asarray(sample.get('frame_ids', range(count)))[:count]
    ids = ids[flags_per_frame(sample, 'valid_frames', count)]
    fps = sample.get('fps')
    return [f'frame {k}' for k in ids] if fps is None else [f'{k / fps:.4g} s' for k in ids]


def class_palette(metainfo: Mapping[str, Any]) -> Sequence[RGBColor] | None:
    """The palette of the data set; None for binary tasks, which are drawn in a bright color."""
    palette = metainfo.get('palette')
    return palette if palette is not None and len(palette) > 2 else None


def flags_per_frame(sample: Any, name: str, count: int) -> NDArray[np.bool_]:
    """A flag per frame, bool (T,); all True if the sample has none."""
    flags = sample.get(name)
    return np.ones(count, bool) if flags is None else flags.cpu().numpy().astype(bool)[:count]


def _legend(
    labels: Sequence[int], palette: Sequence[RGBColor], metainfo: Mapping[str, Any]
) -> dict[str, RGBColor]:
    """Colors of the drawn classes by their names."""
    classes = metainfo.get('classes', range(len(palette)))
    return {str(classes[label]): class_color(label, palette) for label in labels}


def _resized(images: NDArray[Any], size: tuple[int, int], *, labels: bool = False) -> NDArray[Any]:
    """Resize images (T, H, W) or (T, H, W, 3); labels are repeated or dropped, not interpolated."""
    if images.shape[1:3] == size:
        return images
    smaller = size[0] < images.shape[1]
    smooth = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    interpolation = cv2.INTER_NEAREST if labels else smooth
    return np.stack([cv2.resize(one, size[::-1], interpolation=interpolation) for one in images])
