"""Labels as JSON: COCO (one image per frame) and YouTube-VIS, which avis reads directly.

COCO has no identity: ``track_id`` of an annotation, or in its ``attributes`` as CVAT writes it, is
the instance; without it all annotations of one class in a video are one instance.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pycocotools import mask as coco_mask

from avis.datasets.label_formats.labels import (
    LabeledTrack,
    LabeledVideo,
    TrackBuilder,
    frame_of_name,
    label_classes,
    label_error,
    video_of,
)
from avis.datasets.vis_annotations import read_vis
from avis.structures.masks import RLE, rle_area, rle_to_json, to_rle
from avis.utils.atomic import write_atomic
from avis.utils.vis_format import video_name


def read_coco(content: dict[str, Any], path: str | Path) -> list[LabeledVideo]:
    """Read annotations of images; the folder of an image is its video, its number the frame.

    Args:
        content: The content of the file.
        path: The file, for messages.

    Raises:
        ValueError: The file is not COCO, or an entry is invalid; the message names it.
    """
    path = Path(path)
    try:
        categories = {entry['id']: str(entry['name']) for entry in content['categories']}
        builders, images = _videos(content['images'], path)
        for index, entry in enumerate(content['annotations']):
            name, frame = images[entry['image_id']]
            builders[name].add(
                categories[entry['category_id']],
                entry.get('track_id', entry.get('attributes', {}).get('track_id')),
                frame,
                entry['segmentation'],
                f'annotations[{index}]',
            )
    except (AttributeError, KeyError, TypeError) as error:
        problem = f'expected annotations of COCO, got {type(error).__name__}: {error}'
        raise label_error(path, 'file', problem) from error
    return [builder.finish() for builder in builders.values()]


def _videos(
    images: list[dict[str, Any]], path: Path
) -> tuple[dict[str, TrackBuilder], dict[int, tuple[str, int]]]:
    """The videos by name, and the video and frame of each image by its id."""
    builders: dict[str, TrackBuilder] = {}
    places: dict[int, tuple[str, int]] = {}
    for image in images:
        file, height, width = image['file_name'], image['height'], image['width']
        name, frame = video_of(file, path), frame_of_name(file, path)
        video = builders.setdefault(name, TrackBuilder(LabeledVideo(name, height, width), path))
        video.video.frames[frame] = Path(file).name
        places[image['id']] = name, frame
    return builders, places


def read_youtube_vis(path: str | Path) -> list[LabeledVideo]:
    """Read annotations in the format of YouTube-VIS, with all checks of :func:`read_vis`."""
    file = read_vis(path)
    videos = []
    for video_id, entry in file.videos.items():
        frames = {index: Path(name).name for index, name in enumerate(entry['file_names'])}
        video = LabeledVideo(video_name(entry), entry['height'], entry['width'], frames)
        for track in file.tracks.get(video_id, []):
            masks = {
                index: to_rle(mask, video.height, video.width)
                for index, mask in enumerate(track['masks'])
                if mask is not None
            }
            masks = {index: mask for index, mask in masks.items() if rle_area(mask)}
            category = file.categories.get(track['label'], str(track['label']))
            video.tracks.append(LabeledTrack(track['id'], category, masks))
        videos.append(video)
    return videos


def write_coco(videos: list[LabeledVideo], path: str | Path) -> None:
    """Write annotations of images, with RLEs and ``track_id``."""
    categories = _categories(label_classes(videos))
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for video in videos:
        first = len(images) + 1
        for frame in range(video.length):
            name = f'{video.name}/{video.frame_name(frame)}'
            size = {'height': video.height, 'width': video.width}
            images.append({'id': first + frame, 'file_name': name, **size})
        for track in video.tracks:
            for frame, mask in track.masks.items():
                annotations.append(
                    {
                        'id': len(annotations) + 1,
                        'image_id': first + frame,
                        'category_id': categories[track.category],
                        'segmentation': rle_to_json(mask),
                        'area': rle_area(mask),
                        'bbox': _box(mask),
                        'iscrowd': 0,
                        'track_id': track.id,
                    }
                )
    content = {'images': images, 'annotations': annotations, 'categories': _list(categories)}
    write_atomic(path, json.dumps(content) + '\n')


def write_vis_labels(
    videos: Sequence[LabeledVideo],
    path: str | Path,
    *,
    classes: Sequence[str] | None = None,
    fps: float | None = None,
) -> None:
    """Write annotations in the format of YouTube-VIS, as AVISeg and own instance data have it.

    Args:
        videos: The labels.
        path: The file.
        classes: Names of the classes, whose ids count from 1; None for those of the labels.
        fps: Frames per second to state; None for none.
    """
    categories = _categories(label_classes(videos) if classes is None else classes)
    entries: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, video in enumerate(videos, start=1):
        size = {'height': video.height, 'width': video.width}
        files = [f'{video.name}/{video.frame_name(k)}' for k in range(video.length)]
        rate = {} if fps is None else {'fps': fps}
        entry = {'id': number, 'file_names': files, 'length': video.length, **size, **rate}
        entries.append(entry)
        for track in video.tracks:
            masks = [track.masks.get(frame) for frame in range(video.length)]
            annotations.append(
                {
                    'id': len(annotations) + 1,
                    'video_id': number,
                    'category_id': categories[track.category],
                    'iscrowd': 0,
                    **size,
                    'segmentations': [rle_to_json(mask) for mask in masks],
                    'bboxes': [_box(mask) for mask in masks],
                    'areas': [None if mask is None else rle_area(mask) for mask in masks],
                }
            )
    content = {'videos': entries, 'annotations': annotations, 'categories': _list(categories)}
    write_atomic(path, json.dumps(content) + '\n')


def _box(mask: RLE | None) -> list[float] | None:
    box: list[float] | None = None if mask is None else coco_mask.toBbox(mask).tolist()
    return box


def _categories(names: Sequence[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(names, start=1)}


def _list(categories: dict[str, int]) -> list[dict[str, Any]]:
    return [{'id': number, 'name': name} for name, number in categories.items()]
