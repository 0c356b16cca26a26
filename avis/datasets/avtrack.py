"""AVTrack: persons who speak, their masks and their identities, in videos of about a minute.

Wang, Zhou, Zhang and Ding, *AVTrack: Audio-Visual Tracking in Human-centric Complex Scenes*
(ICML 2026, arXiv:2606.02724). One frame per second; 871 videos, all for testing.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from avis.datasets.vis import VISDataset, log_warnings
from avis.datasets.vis_annotations import VISAnnotations
from avis.registry import DATASETS
from avis.structures.labels import voc_palette
from avis.structures.video_record import PngMask, Track, VideoRecord
from avis.utils.vis_format import video_name

MaskSource = Literal['merged', 'persons', 'json']
# An early version of the official settings spells the last one like this.
META_NAMES = ('avtrack_meta.json', 'avtrack_meta.json.gz', 'avtract_meta.json')
_NUMBER = re.compile(r'(\d+)\.png$', re.IGNORECASE)


@DATASETS.register_module()
class AVTrack(VISDataset):
    """Sounding persons in every frame; one class.

    Args:
        split: Only 'test'.
        data_root: Folder of the data set.
        ann_file: Metadata file below ``data_root``; by default the first of ``META_NAMES`` that
            exists.
        masks: Source of the ground truth: 'merged' gray images, which the benchmark scores;
            folders of 'persons'; or the 'json' file.
        kwargs: Arguments of :class:`~avis.datasets.vis.VISDataset`.
    """

    METAINFO: ClassVar[dict[str, Any]] = {
        'classes': ('person',),
        'palette': voc_palette(2)[1:].tolist(),
    }
    SPLITS: ClassVar[tuple[str, ...]] = ('test',)
    PUBLISHED: ClassVar[dict[str, int]] = {'test': 871}
    LAYOUT: ClassVar[str] = """\
  avtrack_meta.json                                        (or avtract_meta.json)
  Images/<video>/...                                       as the metadata names them
  Audios/<video>.wav
  Instance_Masks_merged/<video>/frame_%05d.png             (masks='merged')
  Instance_Masks/<video>/<person>/frame_%05d.png           (masks='persons')"""
    MASKS: ClassVar[dict[str, str]] = {
        'merged': 'Instance_Masks_merged',
        'persons': 'Instance_Masks',
    }

    def __init__(
        self,
        *,
        split: str = 'test',
        data_root: str = 'data/AVTrack',
        ann_file: str | None = None,
        masks: MaskSource = 'merged',
        **kwargs: Any,
    ) -> None:
        if masks not in get_args(MaskSource):
            raise ValueError(
                f'AVTrack: expected masks to be one of {get_args(MaskSource)}, got {masks!r}'
            )
        self.masks = masks
        if ann_file is None:
            found = (name for name in META_NAMES if (Path(data_root) / name).is_file())
            ann_file = next(found, META_NAMES[0])
        folders = {'image_dir': 'Images', 'audio_dir': 'Audios', 'feature_dir': 'FEATAudios'}
        super().__init__(
            split=split, data_root=data_root, ann_file=ann_file, **{**folders, **kwargs}
        )

    def required_folders(self) -> list[str]:
        """Folders that must exist, those of the masks included."""
        masks = [] if self.masks == 'json' else [self.MASKS[self.masks]]
        return [*super().required_folders(), *masks]

    def load_data_list(self) -> list[VideoRecord]:
        """Read the metadata, and list the folders of the masks."""
        self.require(*self.required_folders())
        file = self.read(track_fields=('video_id',))
        self.category_ids = [1]
        records = []
        for video_id, video in file.videos.items():
            record = self.to_record(video)
            record['annotated'] = video_id in file.tracks or not file.annotated
            if self.masks == 'json':
                record['tracks'] = self._from_json(file, file.tracks.get(video_id, []))
            elif self.masks == 'persons':
                record['tracks'] = self._persons(file, video)
            else:
                maps = self._merged(file, video)
                # A video without any image has no ground truth, and is not scored.
                record.update({'instance_maps': maps} if any(maps) else {})
            records.append(record)
        log_warnings(file.warnings, f'{type(self).__name__}: {file.path}')
        return records

    def _from_json(self, file: VISAnnotations, tracks: list[Track]) -> list[Track]:
        for track in tracks:
            if not len(track['masks']):
                raise file.error(
                    f'annotation {track["id"]}: segmentations',
                    "is missing; use AVTrack(masks='merged') or masks='persons', which read images",
                )
        return [Track(**{**track, 'label': 0}) for track in tracks]  # type: ignore[typeddict-item]

    def _merged(self, file: VISAnnotations, video: Mapping[str, Any]) -> list[str | None]:
        """Path of the image of each frame; None if it does not exist: the frame is not scored."""
        folder = self._folder(video_name(video))
        files = _by_number(folder)
        length = len(video['file_names'])
        if not files:
            file.add_warning('video without ground truth', str(folder))
        elif set(files) != set(range(length)):
            file.add_warning(
                'video whose ground truth has other frames than the metadata', str(folder)
            )
        return [files.get(frame) for frame in range(length)]

    def _persons(self, file: VISAnnotations, video: Mapping[str, Any]) -> list[Track]:
        folder = self._folder(video_name(video))
        persons = sorted(path for path in folder.glob('*') if path.is_dir())
        if not persons:
            file.add_warning('video without ground truth', str(folder))
        tracks = []
        for number, person in enumerate(persons):
            files = _by_number(person)
            masks = [
                PngMask(png=files[frame], value=None) if frame in files else None
                for frame in range(len(video['file_names']))
            ]
            attributes = {'name': person.name}
            tracks.append(Track(id=number, label=0, masks=masks, attributes=attributes))
        return tracks

    def _folder(self, name: str) -> Path:
        return Path(self.data_root) / self.MASKS[self.masks] / name


def _by_number(folder: Path) -> dict[int, str]:
    """Paths of the visible PNG files of a folder by the number at the end of their names."""
    found = ((_NUMBER.search(path.name), path) for path in folder.glob('[!.]*.png'))
    return {int(number[1]): str(path) for number, path in found if number}
