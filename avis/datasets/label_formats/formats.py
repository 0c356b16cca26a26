"""The formats by name: :func:`read_labels` finds the format, :func:`save_labels` is told it."""

import json
from collections.abc import Callable
from pathlib import Path

from avis.datasets.label_formats.coco import (
    read_coco,
    read_youtube_vis,
    write_coco,
    write_vis_labels,
)
from avis.datasets.label_formats.cvat import read_cvat, write_cvat_images, write_cvat_video
from avis.datasets.label_formats.labelme import read_labelme, write_labelme
from avis.datasets.label_formats.labels import LabeledVideo

LABEL_WRITERS: dict[str, Callable[[list[LabeledVideo], Path], None]] = {
    'labelme': write_labelme,
    'cvat-video': write_cvat_video,
    'cvat-images': write_cvat_images,
    'coco': write_coco,
    'youtube-vis': write_vis_labels,
}


def read_labels(path: str | Path) -> list[LabeledVideo]:
    """Read labels in any of the formats.

    Args:
        path: Folder of LabelMe; XML file of CVAT, or a folder of them; JSON file of COCO or
            YouTube-VIS.

    Raises:
        FileNotFoundError: It does not exist, or contains no labels.
        ValueError: It has none of these formats, or an entry is invalid.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f'{path} does not exist.')
    if path.suffix.lower() == '.xml' or (path.is_dir() and any(path.glob('[!.]*.xml'))):
        return read_cvat(path)
    if path.is_dir():
        return read_labelme(path)
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(
            f'{path}: expected a folder of LabelMe, XML of CVAT, or JSON of COCO or YouTube-VIS '
            f'({error}).'
        ) from error
    is_coco = isinstance(content, dict) and 'images' in content
    return read_coco(content, path) if is_coco else read_youtube_vis(path)


def save_labels(videos: list[LabeledVideo], path: str | Path, *, form: str) -> None:
    """Write labels.

    Args:
        videos: The labels.
        path: A folder for ``labelme`` and ``cvat-video``, else a file.
        form: Key of ``LABEL_WRITERS``.
    """
    if form not in LABEL_WRITERS:
        raise ValueError(f'expected a format among {list(LABEL_WRITERS)}, got {form!r}')
    LABEL_WRITERS[form](videos, Path(path))
