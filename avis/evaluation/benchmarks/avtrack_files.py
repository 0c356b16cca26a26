"""The videos of AVTrack: ``avtrack_meta.json``, or the folders of the ground truth."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from avis.evaluation.benchmarks.base import BenchmarkVideo
from avis.evaluation.benchmarks.paths import check_folder, wrong_path
from avis.evaluation.benchmarks.png_folders import list_folders, list_pngs
from avis.utils.json_stream import Element, JsonStream
from avis.utils.vis_format import (
    TRACK_TYPES,
    VIDEO_TYPES,
    FieldType,
    missing_fields,
    show,
    video_attributes,
    video_name,
    wrong_fields,
)

MASKS = 'Instance_Masks_merged'
_META = ('avtrack_meta.json', 'avtrack_meta.json.gz', 'avtract_meta.json')
_GENRE = re.compile(r'([A-Za-z]+)_[A-Z]_\d+$')
_EXPECTED = f'the data set, a folder with avtrack_meta.json and {MASKS}/<video>/frame_00000.png'


def find_annotated_videos(gt: Path) -> tuple[Path, list[BenchmarkVideo]]:
    """The folder of the masks, and the videos.

    Args:
        gt: The data set, or its folder of masks alone.

    Raises:
        FileNotFoundError: It is none of the two.
        ValueError: The metadata have a wrong entry.
    """
    check_folder(gt, _EXPECTED, [gt.parent] if (gt.parent / MASKS).is_dir() else [])
    masks = gt / MASKS if (gt / MASKS).is_dir() else gt
    return masks, _read_meta(gt) or _list_videos(masks)


def _read_meta(root: Path) -> list[BenchmarkVideo]:
    """The videos of ``avtrack_meta.json`` in their order; empty without such a file."""
    path = next((root / name for name in _META if (root / name).is_file()), None)
    if path is None:
        return []
    videos: list[tuple[Any, str, dict[str, Any]]] = []
    sources: dict[Any, int] = {}
    with JsonStream(path) as stream:
        for element in stream.elements():
            entry = element.value
            if element.key == 'annotations' and entry is not None:
                _check_entry(path, element, ('video_id',), TRACK_TYPES)
                sources[entry['video_id']] = sources.get(entry['video_id'], 0) + 1
            elif element.key == 'videos':
                _check_entry(path, element, ('file_names',), VIDEO_TYPES)
                name = video_name({'id': element.number, **entry})
                attributes = {**video_attributes(entry), 'length': len(entry['file_names'])}
                genre = _GENRE.match(name)
                if genre and 'genre' not in attributes:
                    attributes['genre'] = genre[1]
                videos.append((entry.get('id'), name, attributes))
    return [
        BenchmarkVideo(name, {**attributes, 'sources': sources.get(number, 0)})
        for number, name, attributes in videos
    ]


def _check_entry(
    path: Path, element: Element, needed: Sequence[str], types: Mapping[str, FieldType]
) -> None:
    """Check an entry of the metadata.

    Raises:
        ValueError: A field is missing or has another type.
    """
    if element.number is None:
        problem = f'expected a list, got {show(element.value)}'
        raise ValueError(f'{path}: {element.location}: {problem}. Fetch the file again.')
    problems = wrong_fields(element.value, types)
    if isinstance(element.value, dict):
        missing = missing_fields(element.value, needed)
        problems = [(name, 'is missing') for name in missing] + problems
    for name, problem in problems:
        where = f'{element.location}.{name}' if name else element.location
        raise ValueError(f'{path}: {where}: {problem}. Correct the entry or fetch the file again.')


def _list_videos(masks: Path) -> list[BenchmarkVideo]:
    """The folders of the ground truth, used without ``avtrack_meta.json``."""
    folders = list_folders(masks)
    if not any(list_pngs(folder) for folder in folders):
        inside = [folder for folder in folders if (folder / MASKS).is_dir()]
        raise wrong_path(masks, 'is not a ground truth of AVTrack', _EXPECTED, inside)
    return [BenchmarkVideo(folder.name) for folder in folders]
