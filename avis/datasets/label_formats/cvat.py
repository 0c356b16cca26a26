"""Labels of CVAT 1.1: ``CVAT for video`` (tracks) and ``CVAT for images``, as XML.

A shape is a polygon, a box or a mask. An instance is a track, or the ``group_id`` of several tracks
or shapes. Frame numbers of a task that was made from a video file count the frames of that file.
Source: cvat-ai/cvat, documentation of the XML format.
"""

import xml.etree.ElementTree as ElementTree
from collections.abc import Hashable
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from avis.datasets.label_formats.labels import (
    LabeledTrack,
    LabeledVideo,
    TrackBuilder,
    frame_of_name,
    label_classes,
    label_error,
    video_of,
)
from avis.structures.masks import RLE, decode_rle, encode_mask
from avis.synthetic.polygons import mask_to_polygons
from avis.utils.atomic import write_atomic
from avis.utils.file_names import path_inside
from avis.utils.media_files import VIDEO_SUFFIXES

_SHAPES = ('polygon', 'box', 'mask')


def read_cvat(path: str | Path) -> list[LabeledVideo]:
    """Read an export of CVAT.

    Args:
        path: An XML file, or a folder of them.

    Raises:
        FileNotFoundError: A folder without XML file.
        ValueError: A file or a shape is invalid; the message names it.
    """
    path = Path(path)
    files = sorted(path.glob('[!.]*.xml')) if path.is_dir() else [path]
    if not files:
        raise FileNotFoundError(f'{path}: expected XML files of CVAT, got none.')
    return [video for file in files for video in _read_file(file)]


def _read_file(path: Path) -> list[LabeledVideo]:
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise label_error(path, 'file', f'expected XML ({error})') from error
    if root.tag != 'annotations':
        raise label_error(path, root.tag, 'expected annotations as the first element')
    try:
        if root.find('track') is not None or root.find('image') is None:
            return [_read_video(root, path)]
        return _read_images(root, path)
    except KeyError as error:
        raise label_error(path, 'file', f'expected the attribute {error} of an element') from error


def _read_video(root: Element, path: Path) -> LabeledVideo:
    source = next((text for element in root.iter('source') if (text := element.text)), None)
    name = source or next((e.text for e in root.iter('name') if e.text), path.stem)
    is_file = Path(name).suffix.lower() in VIDEO_SUFFIXES
    size = root.find('.//original_size')
    sides = [None if size is None else size.findtext(side) for side in ('height', 'width')]
    if size is None or None in sides:
        raise label_error(path, 'meta.task.original_size', 'expected height and width')
    height, width = (int(side) for side in sides if side is not None)
    video = LabeledVideo(Path(name).stem, height, width, of_video_file=is_file)
    builder = TrackBuilder(video, path)
    for index, track in enumerate(root.iter('track')):
        instance: Hashable = int(track.get('group_id', '0')) or f'track {index}'
        for shape in track:
            if shape.tag not in _SHAPES:
                kinds = ', '.join(_SHAPES)
                raise label_error(path, f'track {index}', f'expected {kinds}, got {shape.tag}')
            if shape.get('outside') != '1':
                frame = int(shape.attrib['frame'])
                place = f'track {index}, frame {frame}'
                segmentation = _segmentation(shape, builder, place)
                builder.add(track.attrib['label'], instance, frame, segmentation, place)
    return builder.finish()


def _read_images(root: Element, path: Path) -> list[LabeledVideo]:
    builders: dict[str, TrackBuilder] = {}
    for image in root.iter('image'):
        name = image.attrib['name']
        height, width = int(image.attrib['height']), int(image.attrib['width'])
        video = video_of(name, path)
        if video not in builders:
            builders[video] = TrackBuilder(LabeledVideo(video, height, width), path)
        builder = builders[video]
        if (height, width) != (builder.video.height, builder.video.width):
            known = builder.video.height, builder.video.width
            raise label_error(path, name, f'expected {known} (height, width) as before')
        frame = frame_of_name(name, path)
        builder.video.frames[frame] = Path(name).name
        for shape in image:
            if shape.tag in _SHAPES:
                instance = int(shape.get('group_id', '0')) or None
                segmentation = _segmentation(shape, builder, name)
                builder.add(shape.attrib['label'], instance, frame, segmentation, name)
            elif shape.tag != 'tag':
                kinds = ', '.join(_SHAPES)
                raise label_error(path, name, f'expected {kinds}, got {shape.tag}')
    return [builder.finish() for builder in builders.values()]


def _segmentation(shape: Element, builder: TrackBuilder, location: str) -> Any:
    """Polygons or RLE of a shape."""
    try:
        if shape.tag == 'polygon':
            points = shape.attrib['points'].replace(';', ',').split(',')
            return [[float(value) for value in points]]
        if shape.tag == 'box':
            x1, y1, x2, y2 = (float(shape.attrib[key]) for key in ('xtl', 'ytl', 'xbr', 'ybr'))
            return [[x1, y1, x2, y1, x2, y2, x1, y2]]
        return _mask(shape, builder.video.height, builder.video.width)
    except ValueError as error:
        raise label_error(builder.path, location, str(error)) from error


def _mask(shape: Element, height: int, width: int) -> RLE:
    """Convert the runs of a box, row by row, to the RLE of a frame."""
    left, top, w, h = (int(float(shape.attrib[k])) for k in ('left', 'top', 'width', 'height'))
    runs = [int(run) for run in shape.attrib['rle'].split(',')]
    values = np.repeat(np.arange(len(runs)) % 2, runs).astype(bool)
    if len(values) != w * h:
        raise ValueError(f'expected runs of {w * h} pixels in a mask, got {len(values)}')
    mask = np.zeros((height, width), bool)
    mask[top : top + h, left : left + w] = values.reshape(h, w)
    return encode_mask(mask)


def write_cvat_video(videos: list[LabeledVideo], folder: str | Path) -> None:
    """Write ``<video>.xml`` in the format CVAT for video; polygons have exactly the given pixels.

    A track has one polygon per frame, so the parts of an instance are tracks of one ``group_id``.
    """
    for video in videos:
        root = _root(video.name, videos, video, length=video.length)
        number = 0
        for track in video.tracks:
            for polygons in _parts(track):
                attributes = {'id': str(number), 'label': track.category, 'source': 'manual'}
                element = SubElement(root, 'track', attributes, group_id=str(track.id))
                number += 1
                for frame, outside, polygon in _with_ends(polygons, video.length):
                    shape = {'frame': str(frame), 'outside': outside, 'occluded': '0'}
                    SubElement(element, 'polygon', shape, keyframe='1', points=_text(polygon))
        _save(root, path_inside(folder, f'{video.name}.xml'))


def write_cvat_images(videos: list[LabeledVideo], path: str | Path) -> None:
    """Write one file in the format CVAT for images; ``group_id`` is the instance."""
    root = _root(Path(path).stem, videos, None, length=sum(video.length for video in videos))
    number = 0
    for video in videos:
        for frame in range(video.length):
            name = f'{video.name}/{video.frame_name(frame)}'
            size = {'width': str(video.width), 'height': str(video.height)}
            image = SubElement(root, 'image', {'id': str(number), 'name': name, **size})
            number += 1
            for track in video.tracks:
                if frame in track.masks:
                    for polygon in mask_to_polygons(decode_rle(track.masks[frame])):
                        shape = {'label': track.category, 'occluded': '0', 'z_order': '0'}
                        shape['points'] = _text(polygon)
                        SubElement(image, 'polygon', shape, group_id=str(track.id))
    _save(root, Path(path))


def _root(
    name: str, videos: list[LabeledVideo], video: LabeledVideo | None, *, length: int
) -> Element:
    """The element of a file, with the task in its meta data."""
    root = Element('annotations')
    SubElement(root, 'version').text = '1.1'
    task = SubElement(SubElement(root, 'meta'), 'task')
    SubElement(task, 'name').text = name
    SubElement(task, 'size').text = str(length)
    SubElement(task, 'mode').text = 'annotation' if video is None else 'interpolation'
    labels = SubElement(task, 'labels')
    for category in label_classes(videos):
        SubElement(SubElement(labels, 'label'), 'name').text = category
    if video is not None:
        size = SubElement(task, 'original_size')
        SubElement(size, 'width').text = str(video.width)
        SubElement(size, 'height').text = str(video.height)
        suffix = '.mp4' if video.of_video_file else ''
        SubElement(task, 'source').text = f'{name}{suffix}'
    return root


def _parts(track: LabeledTrack) -> list[dict[int, list[float]]]:
    """The first, second, ... polygon of an instance in each frame."""
    parts: list[dict[int, list[float]]] = []
    for frame, mask in track.masks.items():
        for index, polygon in enumerate(mask_to_polygons(decode_rle(mask))):
            if index == len(parts):
                parts.append({})
            parts[index][frame] = polygon
    return parts


def _with_ends(polygons: dict[int, list[float]], length: int) -> list[tuple[int, str, list[float]]]:
    """Frame, ``outside`` and polygon; a track ends where it is outside, and starts again."""
    rows = []
    for frame, polygon in polygons.items():
        rows.append((frame, '0', polygon))
        if frame + 1 < length and frame + 1 not in polygons:
            rows.append((frame + 1, '1', polygon))
    return rows


def _text(polygon: list[float]) -> str:
    return ';'.join(f'{x:.2f},{y:.2f}' for x, y in zip(polygon[::2], polygon[1::2], strict=True))


def _save(root: Element, path: Path) -> None:
    ElementTree.indent(root)
    write_atomic(path, ElementTree.tostring(root, encoding='unicode', xml_declaration=True) + '\n')
