"""Labels of LabelMe: one JSON file per frame in a folder per video.

A shape is a polygon, a rectangle or a mask; ``group_id`` is the instance. Source: wkentaro/labelme,
labelme/label_file.py.
"""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from avis.datasets.label_formats.labels import (
    LabeledVideo,
    TrackBuilder,
    frame_of_name,
    label_error,
)
from avis.structures.masks import decode_rle, encode_mask
from avis.synthetic.polygons import mask_to_polygons
from avis.utils.atomic import write_atomic
from avis.utils.file_names import path_inside

_VERSION = '5.5.0'


def read_labelme(folder: str | Path) -> list[LabeledVideo]:
    """Read the labels of LabelMe.

    Args:
        folder: Contains a folder of JSON files per video, or the JSON files of one video. The name
            of a file ends with the number of its frame.

    Raises:
        FileNotFoundError: It contains no JSON file.
        ValueError: A file or a shape is invalid; the message names it.
    """
    folders: dict[Path, list[Path]] = {}
    for path in sorted(Path(folder).rglob('[!.]*.json')):
        folders.setdefault(path.parent, []).append(path)
    if not folders:
        raise FileNotFoundError(f'{folder}: expected JSON files of LabelMe, got none.')
    return [_read_video(path.resolve().name, files) for path, files in folders.items()]


def _read_video(name: str, files: list[Path]) -> LabeledVideo:
    builder: TrackBuilder | None = None
    for path in files:
        content = _read_file(path)
        size = content['imageHeight'], content['imageWidth']
        if builder is None:
            builder = TrackBuilder(LabeledVideo(name, *size), path)
        video = builder.video
        if size != (video.height, video.width):
            problem = f'expected {(video.height, video.width)} as in the first file, got {size}'
            raise label_error(path, 'imageHeight, imageWidth', problem)
        frame = frame_of_name(path.name, path)
        builder.path = path
        video.frames[frame] = Path(content.get('imagePath') or f'{path.stem}.jpg').name
        for index, shape in enumerate(content['shapes']):
            location = f'shapes[{index}]'
            if not isinstance(shape, dict) or not {'label', 'points'} <= shape.keys():
                raise label_error(path, location, "expected an object with 'label' and 'points'")
            segmentation = _segmentation(shape, size, path, location)
            builder.add(str(shape['label']), shape.get('group_id'), frame, segmentation, location)
    assert builder is not None
    return builder.finish()


def _read_file(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise label_error(path, 'file', f'expected JSON ({error})') from error
    needed = ('imageHeight', 'imageWidth', 'shapes')
    missing = [key for key in needed if not isinstance(content, dict) or key not in content]
    if missing:
        raise label_error(path, 'file', f'expected the fields {list(needed)}, got no {missing}')
    read: dict[str, Any] = content
    return read


def _segmentation(shape: dict[str, Any], size: tuple[int, int], path: Path, location: str) -> Any:
    kind = shape.get('shape_type', 'polygon')
    points = shape['points']
    if kind == 'polygon':
        return [[value for point in points for value in point]]
    if kind == 'rectangle':
        (x1, y1), (x2, y2) = points
        return [[x1, y1, x2, y1, x2, y2, x1, y2]]
    if kind == 'mask':
        (x1, y1), (x2, y2) = points
        mask = np.zeros(size, bool)
        try:
            image = Image.open(io.BytesIO(base64.b64decode(shape['mask'])))
            box = mask[int(y1) : int(y2) + 1, int(x1) : int(x2) + 1]
            if image.size != box.shape[::-1]:  # known before any pixel is unpacked
                raise ValueError(f'has size {image.size}, expected {box.shape[::-1]} of its points')
            box[:] = np.asarray(image) > 0
        except (KeyError, OSError, ValueError, Image.DecompressionBombError) as error:
            raise label_error(path, f'{location}.mask', f'cannot be read ({error})') from error
        return encode_mask(mask)
    raise label_error(path, location, f'expected a polygon, rectangle or mask, got a {kind}')


def write_labelme(videos: list[LabeledVideo], folder: str | Path) -> None:
    """Write one JSON file per known or labeled frame; polygons have exactly the given pixels.

    Args:
        videos: The labels.
        folder: Folder that gets a folder per video.
    """
    for video in videos:
        shapes: dict[int, list[dict[str, Any]]] = {frame: [] for frame in video.frames}
        for track in video.tracks:
            for frame, mask in track.masks.items():
                for polygon in mask_to_polygons(decode_rle(mask)):
                    shapes.setdefault(frame, []).append(
                        {
                            'label': track.category,
                            'points': np.reshape(polygon, (-1, 2)).tolist(),
                            'group_id': track.id,
                            'shape_type': 'polygon',
                            'flags': {},
                        }
                    )
        for frame, found in shapes.items():
            image = video.frame_name(frame)
            content: dict[str, Any] = {
                'version': _VERSION,
                'flags': {},
                'shapes': found,
                'imagePath': image,
                'imageData': None,
                'imageHeight': video.height,
                'imageWidth': video.width,
            }
            path = path_inside(folder, f'{video.name}/{Path(image).stem}.json')
            write_atomic(path, json.dumps(content) + '\n')
