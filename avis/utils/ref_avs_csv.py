"""The table of Ref-AVS Bench, ``metadata.csv``: one row per expression.

Its columns are ``vid``, ``uid``, ``split``, ``fid`` and ``exp``. The files of a row are found by
its ``uid``, ``<clip>_<object>_<number>``, as the authors' code does (GeWu-Lab/Ref-AVS): ``vid``
differs from the clip for null references, which have clips of their own.
"""

from pathlib import Path
from typing import NamedTuple

from avis.utils.tables import number_repeats, read_table

# Seen classes, unseen classes, null references.
REF_AVS_TEST_SPLITS = ('test_s', 'test_u', 'test_n')
REF_AVS_SPLITS = ('train', 'val', *REF_AVS_TEST_SPLITS)
UNUSED_SPLITS = ('TODO',)  # rows that belong to no split of the benchmark
NULL_OBJECT = 'null'


class RefAVSRow(NamedTuple):
    """One expression.

    Attributes:
        name: Its uid; ``~2``, ``~3`` and so on is appended to a uid that occurred before.
        clip: Folder of its frames and audio.
        object: Name of the object, ``'null'`` if the expression describes nothing in the clip.
        split: Its split as the file states it.
        fid: Number of the object in its clip.
        expression: The sentence.
    """

    name: str
    clip: str
    object: str
    split: str
    fid: str
    expression: str

    @property
    def is_null(self) -> bool:
        """Whether the expression describes nothing in the clip."""
        return self.object == NULL_OBJECT

    @property
    def mask_folder(self) -> str:
        """Folder of the masks of the object below the data root."""
        return f'gt_mask/{self.clip}/fid_{self.fid}'

    def masks(self, frames: int) -> list[str]:
        """Paths of the masks of the object below the data root, one per frame."""
        return [f'{self.mask_folder}/{frame:05d}.png' for frame in range(frames)]


def read_ref_avs_rows(path: str | Path) -> list[RefAVSRow]:
    """Read all rows, in their order.

    Raises:
        ValueError: A column is missing, a cell such as the expression is empty, or a uid is not
            ``<clip>_<object>_<number>``.
    """
    table = read_table(path, ('uid', 'split', 'fid', 'exp'), by_name=True)
    rows = []
    for name, row in zip(number_repeats(row['uid'] for row in table), table, strict=True):
        uid = row['uid']
        parts = uid.rsplit('_', 2)
        if len(parts) != 3:
            raise ValueError(
                f'{path}: expected uid to be <clip>_<object>_<number>, got {uid!r}. Fetch the file '
                f'again.'
            )
        rows.append(RefAVSRow(name, parts[0], parts[1], row['split'], row['fid'], row['exp']))
    return rows
