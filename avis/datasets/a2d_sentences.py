"""A2D Sentences: a sentence names one actor of a video; some frames of it are annotated.

Gavrilyuk et al., *Actor and Action Video Segmentation from a Sentence* (CVPR 2018,
arXiv:1803.07485), with videos and masks of the Actor-Action Dataset (Xu et al., CVPR 2015).
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
from mmengine.logging import print_log

from avis.datasets.av_dataset import AVDataset
from avis.datasets.readers.container import main_video, open_container
from avis.datasets.readers.errors import broken_data_error
from avis.registry import DATASETS
from avis.structures.labels import REFERRING_METAINFO
from avis.structures.video_record import H5Mask, VideoRecord
from avis.utils.tables import read_rows, read_table

_TABLE, _CLIPS = 'Release/videoset.csv', 'Release/clips320H'
_MISSED = 'text_annotations/a2d_missed_videos.txt'
_MASKS = 'text_annotations/a2d_annotation_with_instances'
_SPLIT_COLUMN = 8  # of the table of videos, which has no header
_SPLITS = {'0': 'train', '1': 'test'}

_Header: TypeAlias = tuple[float, int, int, int]


@DATASETS.register_module()
class A2DSentences(AVDataset):
    """One sample per sentence and annotated frame: the clip around it and the mask of the actor.

    A frame without the actor has no label, so no metric counts it. Rows whose instance is not a
    number are dropped and counted. Nothing but the headers of the videos is read here.
    ``video_id`` is ``v_<video>_f_<frame>_i_<instance>``.

    Args:
        window: Frames of a clip; the annotated one is at index ``window // 2``. Frames before the
            first and after the last one are copies of these.
        kwargs: Arguments of :class:`~avis.datasets.av_dataset.AVDataset`.
    """

    METAINFO: ClassVar[dict[str, Any]] = REFERRING_METAINFO
    SPLITS: ClassVar[tuple[str, ...]] = ('train', 'test')
    LAYOUT: ClassVar[str] = """\
  Release/videoset.csv                      no header; column 9: 0 train, 1 test
  Release/clips320H/<video>.mp4
  text_annotations/a2d_annotation.txt       columns video_id, instance_id, query
  text_annotations/a2d_missed_videos.txt    videos to leave out
  text_annotations/a2d_annotation_with_instances/<video>/{00001..}.h5"""

    def __init__(
        self,
        *,
        data_root: str = 'data/a2d_sentences',
        ann_file: str = 'text_annotations/a2d_annotation.txt',
        window: int = 8,
        **kwargs: Any,
    ) -> None:
        if window < 1:
            raise ValueError(f'A2DSentences: window must be at least 1, got {window}')
        self.window = window
        super().__init__(data_root=data_root, ann_file=ann_file, **kwargs)

    def load_data_list(self) -> list[VideoRecord]:
        """Read the tables, and list the files of masks."""
        self.require(_TABLE, _CLIPS, _MASKS)
        rows, dropped = self._rows()
        if dropped:
            print_log(f'{self.ann_file}: {self._dropped_note(dropped)}', logger='current')
        header = cache(_header)  # a video has several sentences and annotated frames
        return [
            self._to_record(row, path, header(str(self._video(row))))
            for row in rows
            for path in sorted(Path(self.data_root, _MASKS, row['video_id']).glob('*.h5'))
        ]

    def annotation_files(self) -> list[Path]:
        """Sentences, splits and videos to leave out."""
        return [Path(self.ann_file), *(Path(self.data_root, name) for name in (_TABLE, _MISSED))]

    def notes(self) -> list[str]:
        """The number of sentences, of all splits and dropped ones."""
        rows, dropped = self._rows()
        total = len(read_rows(self.ann_file)) - 1
        counts = f'{len(rows)} sentences of {total} in the file; published are 6655 of all splits.'
        return [counts, *([self._dropped_note(dropped)] if dropped else [])]

    def _rows(self) -> tuple[list[dict[str, str]], int]:
        """Rows of the split, and the number of those that are dropped."""
        table = read_rows(Path(self.data_root) / _TABLE)
        short = [n for n, row in enumerate(table, 1) if 0 < len(row) <= _SPLIT_COLUMN]
        if short:
            raise ValueError(
                f'{Path(self.data_root) / _TABLE}: line {short[0]}: expected 9 columns, got '
                f'{len(table[short[0] - 1])}. Fetch the file again.'
            )
        splits = {row[0]: _SPLITS.get(row[_SPLIT_COLUMN].strip()) for row in table if row}
        missed = Path(self.data_root) / _MISSED
        missing = set(missed.read_text().split()) if missed.is_file() else set()
        rows = [
            row
            for row in read_table(self.ann_file, ('video_id', 'instance_id', 'query'), by_name=True)
            if row['video_id'] not in missing and splits.get(row['video_id']) == self.split
        ]
        kept = [row for row in rows if row['instance_id'].isdigit()]
        if not kept:
            raise ValueError(f'{self.ann_file}: expected rows of split {self.split!r}, got none')
        return kept, len(rows) - len(kept)

    def _dropped_note(self, dropped: int) -> str:
        return f'Rows whose instance is not a number, not used: {dropped}.'

    def _video(self, row: Mapping[str, str]) -> Path:
        return Path(self.data_root, _CLIPS, f'{row["video_id"]}.mp4')

    def _to_record(self, row: Mapping[str, str], masks: Path, header: _Header) -> VideoRecord:
        video, instance, path = row['video_id'], int(row['instance_id']), self._video(row)
        fps, length, height, width = header
        if not masks.stem.isdigit() or not 1 <= int(masks.stem) <= length:
            raise broken_data_error(masks, f'expected a frame from 1 to {length} of {path}')
        frame = int(masks.stem) - 1
        clip = frame - self.window // 2 + np.arange(self.window)
        mask = H5Mask(h5=str(masks), instance=instance)
        return VideoRecord(
            video_id=f'v_{video}_f_{frame + 1}_i_{instance}',
            video_name=video,
            frames=str(path),
            audio=None,
            fps=fps,
            length=length,
            height=height,
            width=width,
            label_maps=[mask if index == frame else None for index in range(length)],
            frame_ids=np.clip(clip, 0, length - 1),
            expression=row['query'],
            attributes={'frame': frame + 1, 'instance': instance},
        )


def _header(path: str) -> _Header:
    """Frame rate, number of frames, height and width as the header states them."""
    with open_container(path) as container:
        stream = main_video(container)
        if stream is None or not stream.average_rate or not stream.frames:
            raise broken_data_error(path, 'its header states no video or no number of frames')
        return float(stream.average_rate), stream.frames, stream.height, stream.width
