"""Ref-AVS Bench: an expression names the object to segment in a clip of ten seconds.

Wang et al., *Ref-AVS: Refer and Segment Objects in Audio-Visual Scenes* (ECCV 2024,
arXiv:2407.10957). One frame per second is annotated. A sample is one expression, so that a clip
occurs several times.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from mmengine.logging import print_log

from avis.datasets.av_dataset import AVDataset
from avis.registry import DATASETS
from avis.structures.labels import REFERRING_METAINFO
from avis.structures.video_record import VideoRecord
from avis.utils import ref_avs_csv
from avis.utils.ref_avs_csv import RefAVSRow, read_ref_avs_rows

_PLACEHOLDER = 'NO.'


@DATASETS.register_module()
class RefAVS(AVDataset):
    """Expressions with the binary masks of the object that each of them names.

    A null reference names nothing in its clip; its masks are empty. ``train`` and ``val`` contain
    some, ``test_n`` nothing else; the classes of the objects of ``test_s`` are seen in training,
    many of those of ``test_u`` are not; ``test`` is all three. ``video_id`` is the uid of a row,
    with ``~2`` and so on if the file repeats it. Rows of the split ``TODO`` are dropped, their
    number is logged.

    Attributes of a record: ``clip``, ``object``, ``split``, ``null`` (bool).

    Args:
        length: Frames of a clip, one per second.
        kwargs: Arguments of :class:`~avis.datasets.av_dataset.AVDataset`.
    """

    METAINFO: ClassVar[dict[str, Any]] = REFERRING_METAINFO
    SPLITS: ClassVar[tuple[str, ...]] = (*ref_avs_csv.REF_AVS_SPLITS, 'test')
    UNUSED_SPLITS: ClassVar[tuple[str, ...]] = ref_avs_csv.UNUSED_SPLITS
    PUBLISHED: ClassVar[dict[str, int]] = {
        'train': 14113,
        'val': 1349,
        'test_s': 2288,
        'test_u': 1656,
        'test_n': 1028,
        'test': 4972,
    }
    PUBLISHED_NOTE: ClassVar[str] = (
        'These are the rows of the published metadata.csv, of 2767, 257, 273, 269 and 257 clips '
        'with objects and, in train and val, 152 and 18 clips with null references.'
    )
    SPLIT_COLUMN: ClassVar[str | int | None] = 'split'
    LAYOUT: ClassVar[str] = """\
  metadata.csv                          columns vid, uid, split, fid, exp
  media/<clip>/audio.wav                <clip> is the uid without its last two parts
  media/<clip>/frames/{0..9}.jpg
  gt_mask/<clip>/fid_<fid>/0000{0..9}.png"""

    def __init__(
        self,
        *,
        data_root: str = 'data/REFAVS',
        ann_file: str = 'metadata.csv',
        length: int = 10,
        **kwargs: Any,
    ) -> None:
        self.length = length
        super().__init__(data_root=data_root, ann_file=ann_file, **kwargs)

    def load_data_list(self) -> list[VideoRecord]:
        """Read the csv by the names of its columns."""
        self.require('media', 'gt_mask')
        rows = read_ref_avs_rows(self.ann_file)
        if unused := self._unused(rows):
            print_log(f'{self.ann_file}: {unused}', logger='current')
        return [self._to_record(row) for row in self.of_split(rows, self._split_of)]

    def notes(self) -> list[str]:
        """Rows of no split, repeated uids, and placeholders instead of sentences."""
        rows = read_ref_avs_rows(self.ann_file)
        own = self.of_split(rows, self._split_of)
        repeated = sum('~' in row.name for row in own)
        empty = sum(row.expression == _PLACEHOLDER and not row.is_null for row in own)
        counts = {
            'Rows that repeat the uid of another one, named <uid>~2': repeated,
            f'Expressions of objects that are {_PLACEHOLDER!r} and describe nothing': empty,
        }
        found = [f'{text}: {count}.' for text, count in counts.items() if count]
        return [note for note in (self._unused(rows), *found) if note]

    def _split_of(self, row: RefAVSRow) -> str:
        is_test = self.split == 'test' and row.split in ref_avs_csv.REF_AVS_TEST_SPLITS
        return 'test' if is_test else row.split

    def _unused(self, rows: Sequence[RefAVSRow]) -> str:
        count = sum(row.split in self.UNUSED_SPLITS for row in rows)
        return f'Rows of split {self.UNUSED_SPLITS[0]!r}, not used: {count}.' if count else ''

    def _to_record(self, row: RefAVSRow) -> VideoRecord:
        root = Path(self.data_root)
        media = root / 'media' / row.clip
        return VideoRecord(
            video_id=row.name,
            video_name=row.name,
            frames=[str(media / 'frames' / f'{i}.jpg') for i in range(self.length)],
            audio=str(media / 'audio.wav'),
            fps=1.0,
            length=self.length,
            height=0,  # the annotations do not state the size
            width=0,
            label_maps=[str(root / mask) for mask in row.masks(self.length)],
            expression=row.expression,
            attributes={
                'clip': row.clip,
                'object': row.object,
                'split': row.split,
                'null': row.is_null,
            },
        )
