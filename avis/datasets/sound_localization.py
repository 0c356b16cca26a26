"""Sound source localization: a frame with its audio, and the boxes of what sounds.

VGG-SS: Chen et al., *Localizing Visual Sounds the Hard Way* (CVPR 2021, arXiv:2104.02691).
Flickr-SoundNet: Senocak et al., *Learning to Localize Sound Source in Visual Scenes* (CVPR 2018,
arXiv:1803.03849). Extended sets with silent pairs: Mo and Morgado (NeurIPS 2022, arXiv:2209.09634).
MUSIC with boxes: Mo and Tian (CVPR 2023, arXiv:2303.17056).

A record has one frame, ``frames/<name>.jpg``, and the audio ``audio/<name>.wav``; nothing is
opened. Frames and audio of clips that no longer exist are missing for most users: ``skip_broken``
leaves them out, and the metric states how many of the published clips it has scored.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from avis.datasets.av_dataset import AVDataset
from avis.datasets.vis import log_warnings
from avis.registry import DATASETS
from avis.structures.video_record import VideoRecord
from avis.utils.source_boxes import (
    FLICKR_LISTS,
    FLICKR_SILENT,
    VGGSS_LISTS,
    VGGSS_SILENT,
    SourceBoxes,
    read_annotators,
    read_clip_list,
    read_music,
    read_silent_pairs,
    read_vggss,
    silent_name,
)

_FILES = """\
  frames/<name>.jpg                     one frame of the clip
  audio/<name>.wav"""


class _FrameWithAudio(AVDataset):
    """Base of the data sets: one frame and one audio file per record."""

    def full_init(self) -> None:
        """Read the annotations, and state in the metainfo how many clips are published."""
        super().full_init()
        self._metainfo['published'] = self.published

    def _record(
        self, frame: str, audio: str | None = None, *, attributes: dict[str, Any] | None = None
    ) -> VideoRecord:
        root, audio = Path(self.data_root), audio or frame
        name = silent_name(frame, audio)
        return VideoRecord(
            video_id=name,
            video_name=name,
            frames=[str(root / 'frames' / f'{frame}.jpg')],
            audio=str(root / 'audio' / f'{audio}.wav'),
            fps=1.0,
            length=1,
            height=0,  # the annotations do not state it
            width=0,
            attributes=attributes or {},
        )

    def _log(self, boxes: dict[str, SourceBoxes]) -> None:
        """Log what is wrong with boxes, and clips in which no box has an area."""
        warnings: dict[str, list[str]] = defaultdict(list)
        for name, found in boxes.items():
            for problem in found.problems:
                warnings[problem].append(name)
            if not found.has_area:
                warnings['empty ground truth, where cIoU is 0 whatever is predicted'].append(name)
        log_warnings(warnings, f'{type(self).__name__} ({self.split})')


@DATASETS.register_module()
class FrameAudioPairs(_FrameWithAudio):
    """Frames with their audio and without annotation, to learn which belong together.

    Args:
        data_root: Folder of ``frames`` and ``audio``.
        ann_file: List of names below ``data_root``, the first column of a text file or csv without
            a header; empty takes each frame with an audio file.
        kwargs: Arguments of :class:`~avis.datasets.av_dataset.AVDataset`.
    """

    SPLITS: ClassVar[tuple[str, ...]] = ('train',)
    LAYOUT: ClassVar[str] = f'{_FILES}\n  <ann_file>                            names, one per line'

    def __init__(
        self, *, data_root: str, ann_file: str = '', split: str = 'train', **kwargs: Any
    ) -> None:
        super().__init__(split=split, data_root=data_root, ann_file=ann_file, **kwargs)

    def annotation_files(self) -> list[Path]:
        """The list.

        Raises:
            ValueError: There is none, so that an index would not notice new files.
        """
        if not self.ann_file:
            raise ValueError(
                'FrameAudioPairs: index_dir needs ann_file, a list of the names; without it each '
                'frame with an audio file is taken'
            )
        return super().annotation_files()

    def load_data_list(self) -> list[VideoRecord]:
        """Read the list, or the names of the files."""
        self.require('frames', 'audio')
        if self.ann_file:
            return [self._record(name) for name in read_clip_list(self.ann_file)]
        frames, audio = (
            {path.stem for path in (Path(self.data_root) / folder).glob(pattern)}
            for folder, pattern in (('frames', '*.jpg'), ('audio', '*.wav'))
        )
        if not frames & audio:
            raise ValueError(
                f'{self.data_root}: expected frames/<name>.jpg with audio/<name>.wav, got '
                f'{len(frames)} frames and {len(audio)} audio files without a common name'
            )
        return [self._record(name) for name in sorted(frames & audio)]


class _BoxSet(_FrameWithAudio):
    """Base of VGG-SS and Flickr-SoundNet: lists of clips, and silent pairs.

    Args:
        split: A key of ``LISTS``; 'extended' adds silent pairs.
        data_root: Folder of the data set.
        list_file: Names of the clips, below ``data_root``; by default that of the split.
        kwargs: Arguments of :class:`~avis.datasets.av_dataset.AVDataset`.
    """

    LISTS: ClassVar[dict[str, str]]  # of each split
    SILENT: ClassVar[str]

    def __init__(
        self, *, split: str, data_root: str, list_file: str | None = None, **kwargs: Any
    ) -> None:
        self.list_name = list_file or self.LISTS.get(split, '')
        super().__init__(split=split, data_root=data_root, **kwargs)

    def annotation_files(self) -> list[Path]:
        """Boxes, list and silent pairs."""
        return [Path(self.ann_file), self.list_file, Path(self.data_root) / self.SILENT]

    def _names(self) -> list[str]:
        """Names of the clips with a source."""
        self.require('frames', 'audio', self.list_name)
        return read_clip_list(self.list_file)

    @property
    def list_file(self) -> Path:
        """The names of the clips with a source."""
        return Path(self.data_root) / self.list_name

    def _silent_records(
        self, boxes_key: Literal['source_boxes', 'annotator_boxes']
    ) -> list[VideoRecord]:
        """The silent pairs of 'extended', without boxes."""
        if self.split != 'extended':
            return []
        self.require(self.SILENT)
        records = []
        for frame, audio in read_silent_pairs(Path(self.data_root) / self.SILENT):
            record = self._record(frame, audio, attributes={'sounding': False})
            record[boxes_key] = np.zeros((0, 4))
            records.append(record)
        return records


@DATASETS.register_module()
class VGGSS(_BoxSet):
    """VGG-SS: boxes of the visible sources of 5,158 clips of VGG-Sound, 221 classes.

    Split ``heard`` has the clips of 110 classes, ``unheard`` those of 110 others; the class
    ``singing choir`` is in neither. ``extended`` adds silent pairs to ``test``. To train, see
    :class:`FrameAudioPairs`.

    Args:
        data_root: Folder of the data set.
        ann_file: Boxes of all clips.
        kwargs: ``split``, 'test', 'heard', 'unheard' or 'extended'; ``list_file``, names of the
            clips below ``data_root``, by default those of the split; and arguments of
            :class:`~avis.datasets.av_dataset.AVDataset`.
    """

    SPLITS: ClassVar[tuple[str, ...]] = ('test', 'heard', 'unheard', 'extended')
    PUBLISHED: ClassVar[dict[str, int]] = {
        'test': 5158,
        'heard': 2564,
        'unheard': 2575,
        'extended': 10316,
    }
    PUBLISHED_NOTE: ClassVar[str] = 'Scores of other clips do not compare with published ones.'
    LISTS: ClassVar[dict[str, str]] = VGGSS_LISTS
    SILENT: ClassVar[str] = VGGSS_SILENT
    LAYOUT: ClassVar[str] = f"""\
  vggss.json                            boxes of all clips
  vggss_test.csv                        names, without a header; or of the heard, unheard classes
  vggss_test_plus_silent.csv            video, audio, label          (split='extended')
{_FILES}"""

    def __init__(
        self, *, data_root: str = 'data/VGG-SS', ann_file: str = 'vggss.json', **kwargs: Any
    ) -> None:
        super().__init__(data_root=data_root, ann_file=ann_file, **kwargs)

    def load_data_list(self) -> list[VideoRecord]:
        """Read the boxes of the clips in the list."""
        names = self._names()
        boxes = read_vggss(self.ann_file)
        unknown = [name for name in names if name not in boxes]
        if unknown:
            raise ValueError(
                f'{self.list_file}: {len(unknown)} of {len(names)} clips are not in '
                f'{self.ann_file}, {unknown[0]!r} for example. Fetch both again.'
            )
        chosen = {name: boxes[name] for name in names}
        self._log(chosen)
        records = []
        for name, found in chosen.items():
            record = self._record(name, attributes={'class': (found.classes or [''])[0]})
            record['source_boxes'] = found.boxes
            records.append(record)
        return records + self._silent_records('source_boxes')


@DATASETS.register_module()
class FlickrSoundNet(_BoxSet):
    """Flickr-SoundNet: 250 frames in which several annotators marked the source.

    The ground truth is 1 where two agree, 0.5 where one marked. ``extended`` adds silent pairs.

    Args:
        data_root: Folder of the data set.
        ann_file: Folder of the XML files.
        kwargs: ``split``, 'test' or 'extended', and others as for :class:`VGGSS`.
    """

    SPLITS: ClassVar[tuple[str, ...]] = ('test', 'extended')
    PUBLISHED: ClassVar[dict[str, int]] = {'test': 250, 'extended': 500}
    LISTS: ClassVar[dict[str, str]] = FLICKR_LISTS
    SILENT: ClassVar[str] = FLICKR_SILENT
    LAYOUT: ClassVar[str] = f"""\
  Annotations/<name>.xml                boxes of several annotators, in 0..256
  flickr_test.csv                       names, without a header
  flickr_test_plus_silent.csv           video, audio, label          (split='extended')
{_FILES}"""

    def __init__(
        self,
        *,
        data_root: str = 'data/Flickr-SoundNet',
        ann_file: str = 'Annotations',
        **kwargs: Any,
    ) -> None:
        super().__init__(data_root=data_root, ann_file=ann_file, **kwargs)

    def load_data_list(self) -> list[VideoRecord]:
        """Read the XML file of each frame in the list."""
        names = self._names()
        paths = {name: Path(self.ann_file) / f'{name}.xml' for name in names}
        missing = [str(path) for path in paths.values() if not path.is_file()]
        if missing:
            raise FileNotFoundError(
                f'FlickrSoundNet: {len(missing)} of {len(paths)} annotations of '
                f'{self.list_file} do not exist, {missing[0]} for example. Fetch them again.'
            )
        boxes = {name: read_annotators(path) for name, path in paths.items()}
        self._log(boxes)
        records = []
        for name, found in boxes.items():
            record = self._record(name)
            record['annotator_boxes'] = found.boxes
            records.append(record)
        return records + self._silent_records('annotator_boxes')


@DATASETS.register_module()
class MUSICFrames(_FrameWithAudio):
    """Frames of MUSIC with one box per instrument, x, y, width, height in the file.

    The duets are frames of six videos, nearly all of cello and guitar: ``video`` in ``attributes``
    is for scores per video. VGG-Instruments, whose masks are pickled objects, is not read.

    Args:
        split: 'solo' or 'duet'.
        data_root: Folder of the data set.
        ann_file: Boxes of all frames; by default ``music_<split>.json``.
        kwargs: Arguments of :class:`~avis.datasets.av_dataset.AVDataset`.
    """

    SPLITS: ClassVar[tuple[str, ...]] = ('solo', 'duet')
    PUBLISHED: ClassVar[dict[str, int]] = {'solo': 2124, 'duet': 1020}
    LAYOUT: ClassVar[str] = """\
  music_solo.json, music_duet.json
  frames/<video>_<part>_<frame>.jpg
  audio/<video>.wav"""

    def __init__(
        self,
        *,
        split: str,
        data_root: str = 'data/MUSIC',
        ann_file: str | None = None,
        **kwargs: Any,
    ) -> None:
        path = ann_file or f'music_{split}.json'
        super().__init__(split=split, data_root=data_root, ann_file=path, **kwargs)

    def load_data_list(self) -> list[VideoRecord]:
        """Read the boxes of all frames."""
        self.require('frames', 'audio')
        boxes = read_music(self.ann_file)
        self._log(boxes)
        records = []
        for name, found in boxes.items():
            video = name.rsplit('_', 2)[0]
            attributes = {'video': video, 'classes': found.classes}
            record = self._record(name, attributes=attributes)
            record['audio'] = str(Path(self.data_root) / 'audio' / f'{video}.wav')
            record['source_boxes'] = found.boxes
            records.append(record)
        return records
