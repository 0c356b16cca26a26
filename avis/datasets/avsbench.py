"""AVSBench: single sources (S4), multiple sources (MS3) and semantic labels (AVSS).

Zhou et al., *Audio-Visual Segmentation* (ECCV 2022, arXiv:2207.05042) and its extension (IJCV
2025, arXiv:2301.13190). One frame per second is annotated. The classes map the official files to
``VideoRecord`` and open neither images nor audio files.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from avis.datasets.av_dataset import AVDataset
from avis.registry import DATASETS
from avis.structures.labels import AVSBENCH_CATEGORIES, AVSS_CLASSES, voc_palette
from avis.structures.video_record import VideoRecord
from avis.utils.tables import read_table

AudioKind = Literal['log_mel', 'wav']
_AUDIO = {'log_mel': ('audio_log_mel', 'pkl'), 'wav': ('audio_wav', 'wav')}  # folder, suffix


class _AVSBenchObject(AVDataset):
    """Base of S4 and MS3: five frames of five seconds, binary masks, audio in one of two forms.

    Args:
        audio: 'log_mel' reads the official pickles of VGGish examples, 'wav' the waveform.
        kwargs: Arguments of :class:`~avis.datasets.av_dataset.AVDataset`.
    """

    METAINFO: ClassVar[dict[str, Any]] = {
        'classes': ('background', 'sounding_object'),
        'palette': voc_palette(2).tolist(),
    }
    LENGTH: ClassVar[int] = 5
    FILES: ClassVar[str]  # folder of frames, masks and audio below data_root

    def __init__(self, *, audio: AudioKind = 'log_mel', **kwargs: Any) -> None:
        if audio not in get_args(AudioKind):
            raise ValueError(
                f'{type(self).__name__}: expected audio to be one of {get_args(AudioKind)}, got '
                f'{audio!r}'
            )
        self.audio = audio
        super().__init__(**kwargs)

    def _require_files(self) -> None:
        """Check the folders; if only the other form of audio exists, the error names it."""
        self.require(f'{self.FILES}/visual_frames', f'{self.FILES}/gt_masks')
        root = Path(self.data_root) / self.FILES
        other = 'wav' if self.audio == 'log_mel' else 'log_mel'
        if not (root / _AUDIO[self.audio][0]).exists() and (root / _AUDIO[other][0]).exists():
            raise FileNotFoundError(
                f'{type(self).__name__}: {root / _AUDIO[self.audio][0]} does not exist, but '
                f'{_AUDIO[other][0]} does. Set audio={other!r}, or create the missing folder.'
            )
        self.require(f'{self.FILES}/{_AUDIO[self.audio][0]}')

    def _to_record(self, name: str, *, frames: Path, clip: Path, labeled: int) -> VideoRecord:
        """Map one row; ``clip`` is the path of the clip below the folder of each kind of file."""
        root = Path(self.data_root) / self.FILES
        folder, suffix = _AUDIO[self.audio]
        masks: list[str | None] = [
            str(root / 'gt_masks' / clip / f'{name}_{i + 1}.png') if i < labeled else None
            for i in range(self.LENGTH)
        ]
        return VideoRecord(
            video_id=name,
            video_name=name,
            # 1-based on disk.
            frames=[f'{root / "visual_frames" / frames}_{i + 1}.png' for i in range(self.LENGTH)],
            audio=f'{root / folder / clip}.{suffix}',
            fps=1.0,
            length=self.LENGTH,
            height=0,  # 224 in the official files; the annotations do not state it
            width=0,
            label_maps=masks,
        )


@DATASETS.register_module()
class AVSBenchS4(_AVSBenchObject):
    """Single-source clips; of a training clip only the first frame is labeled.

    Args:
        categories: Categories of the clips, by default all.
        excluded_categories: Categories whose clips are left out, to test on them only.
        kwargs: Arguments of :class:`~avis.datasets.av_dataset.AVDataset`, and ``audio``: 'log_mel'
            or 'wav'.
    """

    METAINFO: ClassVar[dict[str, Any]] = {
        **_AVSBenchObject.METAINFO,
        'categories': AVSBENCH_CATEGORIES,
    }
    PUBLISHED: ClassVar[dict[str, int]] = {'train': 3452, 'val': 740, 'test': 740}
    FILES: ClassVar[str] = 's4_data'
    SPLIT_COLUMN: ClassVar[str | int | None] = 3
    LAYOUT: ClassVar[str] = """\
  s4_meta_data.csv                      video name, start time, category, split
  s4_data/visual_frames/<split>/<category>/<video>/<video>_{1..5}.png
  s4_data/gt_masks/<split>/<category>/<video>/<video>_{1..5}.png  (train: only _1)
  s4_data/audio_log_mel/<split>/<category>/<video>.pkl            (audio='log_mel')
  s4_data/audio_wav/<split>/<category>/<video>.wav                (audio='wav')"""

    def __init__(
        self,
        *,
        data_root: str = 'data/avsbench_data/Single-source',
        ann_file: str = 's4_meta_data.csv',
        categories: Sequence[str] | None = None,
        excluded_categories: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        self.categories = None if categories is None else sorted(categories)
        self.excluded_categories = sorted(excluded_categories)
        super().__init__(data_root=data_root, ann_file=ann_file, **kwargs)

    @property
    def published(self) -> int | None:
        """Number of clips as published; None for a part of the categories."""
        return (
            super().published if self.categories is None and not self.excluded_categories else None
        )

    def load_data_list(self) -> list[VideoRecord]:
        """Read the csv by the positions of its columns."""
        self._require_files()
        columns = ('name', 'start', 'category', 'split')
        rows = read_table(self.ann_file, columns, by_name=False)
        chosen = self._chosen_categories({row['category'] for row in rows})
        records = []
        for row in self.of_split([row for row in rows if row['category'] in chosen]):
            clip = Path(self.split, row['category'], row['name'])
            record = self._to_record(
                row['name'],
                frames=clip / row['name'],
                clip=clip,
                labeled=1 if self.split == 'train' else self.LENGTH,
            )
            record['attributes'] = {'category': row['category'], 'start': row['start']}
            records.append(record)
        return records

    def _chosen_categories(self, known: set[str]) -> set[str]:
        """The categories that the arguments leave of those in the file."""
        wanted = known if self.categories is None else set(self.categories)
        unknown = (wanted | set(self.excluded_categories)) - known
        if unknown:
            raise ValueError(
                f'{self.ann_file}: expected categories to be some of {sorted(known)}, got '
                f'{sorted(unknown)}. Use the names of the file.'
            )
        chosen = wanted - set(self.excluded_categories)
        if not chosen:
            raise ValueError(
                f'AVSBenchS4: expected at least one category, got categories={self.categories} '
                f'without {self.excluded_categories}. Name the ones to read.'
            )
        return chosen


@DATASETS.register_module()
class AVSBenchMS3(_AVSBenchObject):
    """Multi-source clips, every frame labeled; officially with log-mel files but no wav."""

    PUBLISHED: ClassVar[dict[str, int]] = {'train': 296, 'val': 64, 'test': 64}
    FILES: ClassVar[str] = 'ms3_data'
    SPLIT_COLUMN: ClassVar[str | int | None] = 1
    LAYOUT: ClassVar[str] = """\
  ms3_meta_data.csv                     video name, split
  ms3_data/visual_frames/<video>/<video>.mp4_{1..5}.png
  ms3_data/gt_masks/<split>/<video>/<video>_{1..5}.png
  ms3_data/audio_log_mel/<split>/<video>.pkl            (audio='log_mel')
  ms3_data/audio_wav/<split>/<video>.wav                (audio='wav', not in the official files)"""

    def __init__(
        self,
        *,
        data_root: str = 'data/avsbench_data/Multi-sources',
        ann_file: str = 'ms3_meta_data.csv',
        **kwargs: Any,
    ) -> None:
        super().__init__(data_root=data_root, ann_file=ann_file, **kwargs)

    def load_data_list(self) -> list[VideoRecord]:
        """Read the csv by the positions of its columns."""
        self._require_files()
        rows = self.of_split(read_table(self.ann_file, ('name', 'split'), by_name=False))
        return [
            self._to_record(
                row['name'],
                frames=Path(row['name'], f'{row["name"]}.mp4'),
                clip=Path(self.split, row['name']),
                labeled=self.LENGTH,
            )
            for row in rows
        ]


@DATASETS.register_module()
class AVSBenchSemantic(AVDataset):
    """Clips of 5 or 10 seconds with one of 71 classes per pixel.

    ``v1s`` has 5 frames (in training only the first is labeled), ``v1m`` 5 and ``v2`` 10. The
    pipeline pads all to 10 frames with ``PadFrames``.
    """

    METAINFO: ClassVar[dict[str, Any]] = {
        'classes': AVSS_CLASSES,
        'palette': voc_palette(len(AVSS_CLASSES)).tolist(),
    }
    PUBLISHED: ClassVar[dict[str, int]] = {'train': 8498, 'val': 1304, 'test': 2554}
    PUBLISHED_NOTE: ClassVar[str] = (
        'These counts follow from the published total of 12,356 and test share of 20.7 %; later '
        'papers state 11,356 videos with 1,554 for testing.'
    )
    SPLIT_COLUMN: ClassVar[str | int | None] = 'split'
    LENGTHS: ClassVar[dict[str, int]] = {'v1s': 5, 'v1m': 5, 'v2': 10}
    LAYOUT: ClassVar[str] = """\
  metadata.csv                          columns uid, label (v1s, v1m or v2) and split
  {v1s,v1m,v2}/<uid>/frames/{0..}.jpg
  {v1s,v1m,v2}/<uid>/labels_rgb/{0..}.png
  {v1s,v1m,v2}/<uid>/audio.wav"""

    def __init__(
        self,
        *,
        data_root: str = 'data/AVSBench_semantic',
        ann_file: str = 'metadata.csv',
        **kwargs: Any,
    ) -> None:
        super().__init__(data_root=data_root, ann_file=ann_file, **kwargs)

    def load_data_list(self) -> list[VideoRecord]:
        """Read the csv by the names of its columns."""
        self.require()
        rows = read_table(self.ann_file, ('uid', 'label', 'split'), by_name=True)
        records = [self._to_record(row['uid'], row['label']) for row in self.of_split(rows)]
        self.require(*sorted({record['attributes']['subset'] for record in records}))
        return records

    def _to_record(self, uid: str, subset: str) -> VideoRecord:
        if subset not in self.LENGTHS:
            raise ValueError(
                f'{self.ann_file}: clip {uid!r} has label {subset!r}, expected one of '
                f'{tuple(self.LENGTHS)}. Fetch the file again.'
            )
        folder, length = Path(self.data_root) / subset / uid, self.LENGTHS[subset]
        labeled = 1 if (subset, self.split) == ('v1s', 'train') else length
        return VideoRecord(
            video_id=uid,
            video_name=uid,
            frames=[str(folder / 'frames' / f'{i}.jpg') for i in range(length)],
            audio=str(folder / 'audio.wav'),
            fps=1.0,
            length=length,
            height=0,  # the original size, which differs from clip to clip
            width=0,
            label_maps=[
                str(folder / 'labels_rgb' / f'{i}.png') if i < labeled else None
                for i in range(length)
            ],
            attributes={'subset': subset},
        )
