"""The common ground of the sets in the JSON dialect of YouTube-VIS: AVISeg, YouTube-VIS, OVIS.

Start reading at :func:`read_vis`. The file is read element by element, and masks are packed at
once, so memory follows the masks and not the text.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from mmengine.logging import print_log

from avis.datasets.av_dataset import AVDataset
from avis.structures.packed_masks import PackedMasks
from avis.structures.video_record import Track, VideoRecord
from avis.utils.json_stream import JsonStream
from avis.utils.vis_format import (
    TRACK_FIELDS,
    VIDEO_FIELDS,
    mean_area,
    missing_fields,
    track_attributes,
    video_attributes,
    video_name,
)

VideoId: TypeAlias = int | str
_LISTS = ('videos', 'annotations', 'categories')


@dataclass
class VisAnnotations:
    """What an annotation file says.

    Attributes:
        path: Of the file.
        videos: Entries by id, in the order of the file.
        tracks: Tracks by video id, in the order of the file; labels are category ids here.
        categories: Names by id, in the order of the ids.
        annotated: Whether there is any annotation; test splits come without.
        extra: What else the file holds, by key.
        warnings: What was passed over or looks wrong, by kind: the places in the file.
    """

    path: Path
    videos: dict[VideoId, dict[str, Any]] = field(default_factory=dict)
    tracks: dict[VideoId, list[Track]] = field(default_factory=dict)
    categories: dict[int, str] = field(default_factory=dict)
    annotated: bool = False
    extra: dict[str, list[Any]] = field(default_factory=dict)
    warnings: dict[str, list[str]] = field(default_factory=dict)

    def note(self, kind: str, where: str) -> None:
        """Count an oddity."""
        self.warnings.setdefault(kind, []).append(where)

    def error(self, where: str, problem: str) -> ValueError:
        """The error for a place in the file."""
        return ValueError(
            f'{self.path}: {where} {problem}. Fetch the file again, or mend or remove the entry.'
        )


def read_vis(path: str | Path, *, track_fields: Sequence[str] = TRACK_FIELDS) -> VisAnnotations:
    """Read an annotation file, ``.json`` or ``.json.gz``.

    Args:
        path: Of the file.
        track_fields: What every annotation must have; AVTrack's may lack the masks.

    Raises:
        ValueError: No JSON, or an entry that cannot be used; the message names it.
    """
    file = VisAnnotations(Path(path))
    counts: dict[str | None, int] = {}
    with JsonStream(path) as stream:
        for key, value, _, _ in stream.elements():
            number = counts[key] = counts.get(key, -1) + 1
            if key == 'videos':
                _add_video(file, value, f'videos[{number}]')
            elif key == 'annotations' and value is not None:
                _add_track(file, value, f'annotations[{number}]', track_fields)
            elif key == 'categories':
                file.categories[int(value['id'])] = str(value.get('name', value['id']))
            elif key is not None and key not in _LISTS:
                file.extra.setdefault(key, []).append(value)
    if not file.videos:
        raise ValueError(
            f'{path}: holds no videos, expected an object with the lists {list(_LISTS)}. Fetch '
            f'it again.'
        )
    file.categories = dict(sorted(file.categories.items()))
    _check_tracks(file)
    return file


def _add_video(file: VisAnnotations, video: dict[str, Any], where: str) -> None:
    for name in missing_fields(video, VIDEO_FIELDS):
        raise file.error(f'{where}.{name}', 'is missing')
    if video['id'] in file.videos:
        raise file.error(f'{where}.id', f'{video["id"]!r} is the id of an earlier video, too')
    length = len(video['file_names'])
    if not length:
        raise file.error(f'{where}.file_names', 'is empty, a video has at least one frame')
    if video.get('length', length) != length:
        raise file.error(f'{where}.length', f'is {video["length"]}, but there are {length} files')
    file.videos[video['id']] = video


def _add_track(
    file: VisAnnotations, entry: dict[str, Any], where: str, fields: Sequence[str]
) -> None:
    file.annotated = True
    for name in missing_fields(entry, fields):
        raise file.error(f'{where}.{name}', 'is missing')
    try:
        masks = PackedMasks(entry.get('segmentations') or [])
    except ValueError as error:
        raise file.error(f'{where}.segmentations{str(error).split(":")[0]}', str(error)) from error
    tracks = file.tracks.setdefault(entry['video_id'], [])
    number = len(tracks)
    tracks.append(
        Track(
            id=int(entry.get('id', number)),
            label=int(entry.get('category_id', 1)),
            masks=masks,
            crowd=bool(entry.get('iscrowd', 0)),
            area=mean_area(entry.get('areas')),
            attributes={**track_attributes(entry), 'place': where},
        )
    )


def _check_tracks(file: VisAnnotations) -> None:
    """Check what needs both lists: tracks against their videos."""
    for video_id in [key for key in file.tracks if key not in file.videos]:
        for track in file.tracks.pop(video_id):
            file.note('annotation of a video that is not listed', track['attributes']['place'])
    for video_id, tracks in file.tracks.items():
        video, ids = file.videos[video_id], set()
        for track in tracks:
            where = track['attributes'].pop('place')
            if track['id'] in ids:
                raise file.error(f'{where}.id', f'{track["id"]} is that of two tracks of a video')
            ids.add(track['id'])
            if len(track['masks']):
                _check_masks(file, video, track['masks'], f'{where}.segmentations')


def _check_masks(file: VisAnnotations, video: dict[str, Any], masks: Any, where: str) -> None:
    length, size = len(video['file_names']), (video['height'], video['width'])
    if len(masks) != length:
        raise file.error(
            where, f'has {len(masks)} masks for the {length} frames of {video_name(video)!r}'
        )
    if masks.size not in (None, size):
        raise file.error(
            where, f'has RLEs of size {masks.size} in the {size} frames of {video_name(video)!r}'
        )
    if not masks.present.any():
        file.note('track that is null in all frames', where)
    for frame in masks.blank:
        file.note('mask without any area', f'{where}[{frame}]')


class VISDataset(AVDataset):
    """Maps a file in the dialect of YouTube-VIS to records.

    The sound of a video is found by the name of the video, which is the folder of its frames.
    All folders are below ``data_root``.

    Args:
        image_dir: Folder of the frames, to which ``file_names`` are relative.
        audio_dir: Folder of the sounds; None without sound, or if the video files hold it.
        audio_suffix: Of their files.
        feature_dir: Folder of precomputed sound, ``<video>.npy``; None without.
        video_dir: Folder of video files, which are read instead of images; None for images.
        video_suffix: Of their files.
        fps: Annotated frames per second, where the file does not state ``fps``.
        kwargs: Arguments of :class:`~avis.datasets.av_dataset.AVDataset`.

    Attributes:
        extra: What the annotation file holds beside videos, annotations and categories.
        category_ids: Category in the file of each class index.
    """

    def __init__(
        self,
        *,
        image_dir: str,
        audio_dir: str | None = None,
        audio_suffix: str = '.wav',
        feature_dir: str | None = None,
        video_dir: str | None = None,
        video_suffix: str = '.mp4',
        fps: float = 1.0,
        **kwargs: Any,
    ) -> None:
        self.folders = {
            'image': image_dir,
            'audio': audio_dir,
            'feature': feature_dir,
            'video': video_dir,
        }
        self.suffixes = {'audio': audio_suffix, 'feature': '.npy', 'video': video_suffix}
        self.fps = fps
        self.extra: dict[str, list[Any]] = {}
        self.category_ids: list[int] = []
        self._names: set[str] = set()
        super().__init__(**kwargs)

    def load_data_list(self) -> list[VideoRecord]:
        """Read the file, and say in a warning each what was counted on the way."""
        self.require(*self.required_folders())
        file = self.read()
        self.category_ids = self.categories_of(file)
        labels = {number: label for label, number in enumerate(self.category_ids)}
        records = []
        for video_id, video in file.videos.items():
            record = self.to_record(video)
            tracks = file.tracks.get(video_id, [])
            if file.annotated:
                record['tracks'] = [self._labeled(file, track, labels) for track in tracks]
            if not tracks and self.split == 'train':
                file.note('video without annotation, left out of training', video_name(video))
                continue
            records.append(record)
        log_warnings(file.warnings, f'{type(self).__name__} ({self.split}): {file.path}')
        if not records:
            raise ValueError(
                f'{file.path}: none of its {len(file.videos)} videos has an annotation, so there '
                f'is nothing to train on. Is this the file of a test split?'
            )
        return records

    def read(self, **options: Any) -> VisAnnotations:
        """Read the annotation file."""
        file = read_vis(self.ann_file, **options)
        self.extra = file.extra
        self._names = {video_name(video) for video in file.videos.values()}
        return file

    def unlisted_videos(self) -> list[str]:
        """Folders of frames that the annotation file does not name."""
        folder = Path(self.data_root) / str(self.folders['image'])
        if self.folders['video'] is not None or not folder.is_dir():
            return []
        return sorted({path.name for path in folder.iterdir() if path.is_dir()} - self._names)

    def categories_of(self, file: VisAnnotations) -> list[int]:
        """The categories that make the classes, in the order of the class indices."""
        return list(file.categories)

    def required_folders(self) -> list[str]:
        """Folders that must be there; that of features may have to be built first."""
        names = ('video' if self.folders['video'] else 'image', 'audio')
        return [folder for name in names if (folder := self.folders[name]) is not None]

    def to_record(self, video: Mapping[str, Any]) -> VideoRecord:
        """Map the entry of a video, without its tracks."""
        name, root = video_name(video), Path(self.data_root)
        video_file = self._file_of('video', name)
        frames = str(root / str(self.folders['image']))
        return VideoRecord(
            video_id=video['id'],
            video_name=name,
            frames=video_file or [f'{frames}/{file}' for file in video['file_names']],
            audio=self._file_of('audio', name) or video_file,
            features=self._file_of('feature', name),
            fps=float(video.get('fps', self.fps)),
            length=len(video['file_names']),
            height=int(video['height']),
            width=int(video['width']),
            attributes=video_attributes(video),
        )

    def _file_of(self, kind: str, name: str) -> str | None:
        folder = self.folders[kind]
        if folder is None:
            return None
        return str(Path(self.data_root) / folder / f'{name}{self.suffixes[kind]}')

    def _labeled(self, file: VisAnnotations, track: Track, labels: Mapping[int, int]) -> Track:
        if track['label'] not in labels:
            raise file.error(
                f'annotation {track["id"]}: category_id',
                f'is {track["label"]}, expected one of {list(labels)}',
            )
        return Track(**{**track, 'label': labels[track['label']]})  # type: ignore[typeddict-item]


def log_warnings(warnings: Mapping[str, Sequence[str]], where: str) -> None:
    """Log each kind of oddity once, with its count and the first places."""
    for kind, places in warnings.items():
        more = ', ...' if len(places) > 3 else ''
        print_log(
            f'{where}: {len(places)} x {kind}: {", ".join(places[:3])}{more}',
            logger='current',
            level=logging.WARNING,
        )
