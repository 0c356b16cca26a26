"""VGG-SS: one frame per clip, cut around its audio source, and the box of the source.

Real clips show their source larger than the other layouts do: half of a frame is predicted, so that
a box of less than a quarter of it cannot be found. The silent source beside it moves, too.
"""

from pathlib import Path
from typing import Any

import numpy as np

from avis.structures.masks import mask_box
from avis.synthetic.canvas import Array
from avis.synthetic.casting import Job
from avis.synthetic.layouts.avsbench import CATEGORIES, sounding_kind
from avis.synthetic.layouts.naming import platform_id, start_second
from avis.synthetic.recipe import Recipe
from avis.synthetic.scene import Stage
from avis.synthetic.writing import save_jpeg, save_json, save_wav
from avis.utils.mp4 import to_int16

_SAMPLE_RATE = 16000
_SHARES = (0.25, 0.4)  # of the frame that the box covers; the median of VGG-SS is a quarter
_ROUNDING = 6  # digits of the corners


def vggss_name(job: Job) -> str:
    """Id and start in seconds, as in VGG-Sound."""
    return f'{platform_id(job)}_{start_second(job):06d}'


def write_vggss_video(root: Path, job: Job, stage: Stage) -> dict[str, Any]:
    """Write frame and audio of a clip; returns its entry, and its split."""
    name = vggss_name(job)
    for folder in ('frames', 'audio'):
        (root / folder).mkdir(exist_ok=True)
    save_wav(root / 'audio' / f'{name}.wav', to_int16(stage.audio(_SAMPLE_RATE)), _SAMPLE_RATE)
    time = job.seconds / 2
    image, owner = stage.draw(time)
    masks = stage.masks(owner, int(time)).values()
    box = _box_of(np.any([*masks], axis=0)) if masks else None
    boxes = []
    if box is not None:
        left, top, right, bottom = window = _window(box, owner.shape, job)
        image = image[top:bottom, left:right]
        boxes.append(_relative(box, window))
    save_jpeg(root / 'frames' / f'{name}.jpg', image)
    entry = {'file': name, 'class': CATEGORIES[sounding_kind(stage)], 'bbox': boxes}
    return {'split': job.split, **entry}


def write_vggss_index(root: Path, recipe: Recipe, entries: list[dict[str, Any]]) -> None:
    """Write ``vggss.json`` with the boxes of val and test, and the list of each split."""
    rows = []
    names: dict[str, list[str]] = {'train': [], 'val': [], 'test': []}
    for entry in entries:
        split = entry.pop('split')
        names[split].append(entry['file'])
        if split != 'train':  # clips to train on have no annotation
            rows.append(entry)
    save_json(root / 'vggss.json', rows)
    for split, listed in names.items():
        text = ''.join(f'{name}\n' for name in listed)
        (root / f'vggss_{split}.csv').write_text(text)


def _box_of(mask: Array) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the pixels of a mask."""
    left, top, last_column, last_row = mask_box(mask)
    return left, top, last_column + 1, last_row + 1


def _window(
    box: tuple[int, int, int, int], shape: tuple[int, ...], job: Job
) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a part of the frame, of its shape, at random around a box."""
    rng = job.rng(10)
    height, width = shape
    left, top, right, bottom = box
    share = rng.uniform(*_SHARES)
    scale = ((right - left) * (bottom - top) / (share * height * width)) ** 0.5
    scale = min(max(scale, (right - left) / width, (bottom - top) / height), 1.0)
    corners = []
    for low, high, length in ((left, right, width), (top, bottom, height)):
        size = max(round(scale * length), high - low)
        first, last = max(high - size, 0), min(low, length - size)
        start = int(rng.integers(first, last + 1))
        corners.append((start, start + size))
    (x1, x2), (y1, y2) = corners
    return x1, y1, x2, y2


def _relative(box: tuple[int, int, int, int], window: tuple[int, int, int, int]) -> list[float]:
    left, top, right, bottom = window
    size = (right - left, bottom - top) * 2
    corners = np.array(box) - (left, top, left, top)
    return [round(value, _ROUNDING) for value in (corners / size).tolist()]
