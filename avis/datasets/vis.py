"""Base of the data sets with YouTube-VIS annotations: AVISeg, AVTrack, YouTube-VIS, OVIS, your own.

:func:`~avis.datasets.vis_annotations.read_vis` reads and checks the file.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from mmengine.logging import print_log

from avis.datasets.av_dataset import AVDataset
from avis.datasets.vis_annotations import VISAnnotations, read_vis
from avis.registry import DATASETS
from avis.structures.labels import voc_palette
from avis.structures.video_record import Track, VideoRecord
from avis.utils.vis_format import video_attributes, video_name


@DATASETS.register_module()
class VISDataset(AVDataset):
    """Maps an annotation file in the format of YouTube-VIS to records; usable for your own data.

    The audio file of a video has the name of the video, which is the folder of its frames. All
    folders are below ``data_root``.

    Classes are those in the ``categories`` of the file, in the order of their ids. To choose them
    and their order, state them as in mmdet: ``metainfo=dict(classes=('cat', 'dog'))``. Each must
    be the name of a category of the file. Annotations of other categories are then ignored.

    Args:
        image_dir: Folder of the frames, to which ``file_names`` are relative.
        audio_dir: Folder of the audio files ``<video>.wav``; None if there are none, or if the
            video files contain the audio.
        feature_dir: Folder of precomputed audio features ``<video>.npy``; None if there are none.
        video_dir: Folder of video files ``<video>.mp4``, read instead of images; None for images.
        fps: Annotated frames per second of videos that do not state ``fps``.
        metainfo: Metadata as for mmengine's ``BaseDataset``.
        kwargs: Arguments of :class:`~avis.datasets.av_dataset.AVDataset`.

    Attributes:
        extra: Lists of the annotation file besides videos, annotations and categories.
        category_ids: Category id in the file of each class index.
    """

    LAYOUT: ClassVar[str] = """\
  <ann_file>                            videos, annotations and categories as in YouTube-VIS
  <image_dir>/<video>/<frame>.jpg       as file_names states them
  <audio_dir>/<video>.wav               if audio_dir is set"""
    INDEXED_STATE: ClassVar[tuple[str, ...]] = ('_metainfo', 'extra', 'category_ids', '_names')
    SUFFIXES: ClassVar[dict[str, str]] = {'audio': '.wav', 'feature': '.npy', 'video': '.mp4'}

    def __init__(
        self,
        *,
        image_dir: str,
        audio_dir: str | None = None,
        feature_dir: str | None = None,
        video_dir: str | None = None,
        fps: float = 1.0,
        metainfo: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.folders = {
            'image': image_dir,
            'audio': audio_dir,
            'feature': feature_dir,
            'video': video_dir,
        }
        self.fps = fps
        self.extra: dict[str, list[Any]] = {}
        self.category_ids: list[int] = []
        self._names: set[str] = set()
        own_classes = (metainfo or {}).get('classes')
        self.own_classes = None if own_classes is None else tuple(own_classes)
        super().__init__(metainfo=metainfo, **kwargs)

    def load_data_list(self) -> list[VideoRecord]:
        """Read the file, and log its warnings."""
        self.require(*self.required_folders())
        file = self.read(for_training=self.split == 'train')
        self.category_ids = self.categories_of(file)
        labels = {number: label for label, number in enumerate(self.category_ids)}
        records = []
        for video_id, video in file.videos.items():
            record = self.to_record(video)
            tracks = self._chosen(file, file.tracks.get(video_id, []), labels)
            if file.annotated:
                record['tracks'] = [self._labeled(file, track, labels) for track in tracks]
            if not tracks and self.split == 'train':
                file.add_warning(
                    'video without annotation, left out of training', video_name(video)
                )
                continue
            records.append(record)
        log_warnings(file.warnings, f'{type(self).__name__} ({self.split}): {file.path}')
        if not records:
            raise ValueError(
                f'{file.path}: none of its {len(file.videos)} videos has an annotation, so there '
                f'is nothing to train on. Is this the file of a test split?'
            )
        return records

    def read(self, **options: Any) -> VISAnnotations:
        """Read the annotation file; ``options`` are those of :func:`read_vis`."""
        file = read_vis(self.ann_file, **options)
        self.extra = file.extra
        self._names = {video_name(video) for video in file.videos.values()}
        return file

    @property
    def published(self) -> int | None:
        """Number of videos of the split as published; None with classes of your own."""
        return super().published if self.own_classes is None else None

    def unlisted_videos(self) -> list[str]:
        """Folders of frames that the annotation file does not list."""
        folder = Path(self.data_root) / str(self.folders['image'])
        if self.folders['video'] is not None or not folder.is_dir():
            return []
        return sorted({path.name for path in folder.iterdir() if path.is_dir()} - self._names)

    def categories_of(self, file: VISAnnotations) -> list[int]:
        """Return the category id of each class index, and store the classes in the metainfo.

        Raises:
            ValueError: The file has no categories, or not those that ``metainfo`` states.
        """
        if not file.categories:
            raise ValueError(
                f'{file.path}: has no list categories, which states the classes. Fetch it again.'
            )
        ids = list(file.categories)
        if self.own_classes is not None:
            by_name = {name: number for number, name in file.categories.items()}
            missing = [name for name in self.own_classes if name not in by_name]
            if missing:
                raise ValueError(
                    f'{file.path}: expected the classes of metainfo among its categories '
                    f'{list(by_name)}, got {missing}. Correct metainfo=dict(classes=...), or the '
                    f'names of the categories.'
                )
            ids = [by_name[name] for name in self.own_classes]
        self._metainfo['classes'] = tuple(file.categories[number] for number in ids)
        if len(self._metainfo.get('palette', ())) != len(ids):
            self._metainfo['palette'] = voc_palette(len(ids) + 1)[1:].tolist()
        return ids

    def required_folders(self) -> list[str]:
        """Folders that must exist; that of the features may have to be created first."""
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
            height=video['height'],
            width=video['width'],
            attributes=video_attributes(video),
        )

    def _file_of(self, kind: str, name: str) -> str | None:
        folder = self.folders[kind]
        if folder is None:
            return None
        return str(Path(self.data_root) / folder / f'{name}{self.SUFFIXES[kind]}')

    def _chosen(
        self, file: VISAnnotations, tracks: list[Track], labels: Mapping[int, int]
    ) -> list[Track]:
        """Tracks of the own classes; all tracks unless ``metainfo`` states classes."""
        if self.own_classes is None:
            return tracks
        return [t for t in tracks if t['label'] in labels or t['label'] not in file.categories]

    def _labeled(self, file: VISAnnotations, track: Track, labels: Mapping[int, int]) -> Track:
        if track['label'] not in labels:
            raise file.error(
                f'annotation {track["id"]}: category_id',
                f'is {track["label"]}, expected one of {list(labels)}',
            )
        return Track(**{**track, 'label': labels[track['label']]})  # type: ignore[typeddict-item]


def log_warnings(warnings: Mapping[str, Sequence[str]], prefix: str) -> None:
    """Log each kind of warning once, with its count and the first three locations."""
    for kind, locations in warnings.items():
        more = ', ...' if len(locations) > 3 else ''
        print_log(
            f'{prefix}: {len(locations)} x {kind}: {", ".join(locations[:3])}{more}',
            logger='current',
            level=logging.WARNING,
        )
