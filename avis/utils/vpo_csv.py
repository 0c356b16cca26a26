"""The tables of VPO, ``VPO-<SET>/vpo_<set>_data_stereo.csv``: one row per sound of an image.

The same table serves mono and stereo. Paths are those of the authors' code (cyh-0/CAVP): images of
VPO-SS lie in a folder per class and have a mask per object; rows of VPO-MSMI whose
``multi_instance`` is 0 take image and mask from VPO-MS.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from avis.utils.tables import number_repeats, read_table

VPOSet: TypeAlias = Literal['ss', 'ms', 'msmi']
# The authors test on both.
VPO_TEST_SPLITS = ('val', 'test')
_COLUMNS = ('img_Id', 'cateName', 'vgg_file', 'split', 'audio_pos')
_FURTHER: Mapping[VPOSet, tuple[str, ...]] = {
    'ss': ('ann_Ids',),
    'ms': (),
    'msmi': ('multi_instance',),
}


@dataclass
class VPOImage:
    """One image with its sounds.

    Attributes:
        name: Id of the image, and of the object in VPO-SS; ``~2`` and so on is appended to a name
            that occurred before.
        image: Path below the folder of all sets.
        mask: Path below the folder of all sets.
        split: 'train' or 'test'.
        sounds: Name of each audio file, without suffix, and its position: 0 left, 1 right.
        categories: Class name of each sound.
    """

    name: str
    image: str
    mask: str
    split: str
    sounds: list[tuple[str, float]] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)


def table_of(subset: VPOSet) -> str:
    """Path of a table below the folder of all sets.

    >>> table_of('ms')
    'VPO-MS/vpo_ms_data_stereo.csv'
    """
    return f'VPO-{subset.upper()}/vpo_{subset}_data_stereo.csv'


def read_vpo_images(path: str | Path, subset: VPOSet) -> list[VPOImage]:
    """Read all images in the order of their first rows; rows of 'val' belong to 'test'.

    Args:
        path: The table.
        subset: In 'ss' every row is an image with one sound; in 'ms' and 'msmi' the rows with one
            image and split belong together.

    Raises:
        ValueError: A column is missing, or a cell is no number of the expected range.
    """
    images: dict[tuple[str, ...], VPOImage] = {}
    for row in read_table(path, (*_COLUMNS, *_FURTHER[subset]), by_name=True):
        image = _locate(path, row, subset)
        key = (str(len(images)),) if subset == 'ss' else (image.mask, image.split)
        image = images.setdefault(key, image)
        position = _number(path, row, 'audio_pos', 0, 1)
        image.sounds.append((row['vgg_file'].removesuffix('.wav'), position))
        image.categories.append(row['cateName'])
    found = list(images.values())
    for image, name in zip(found, number_repeats(image.name for image in found), strict=True):
        image.name = name
    return found


def _locate(path: str | Path, row: Mapping[str, str], subset: VPOSet) -> VPOImage:
    """The image of a row, without sounds."""
    name = _id(path, row, 'img_Id')
    split = 'test' if row['split'] in VPO_TEST_SPLITS else row['split']
    if subset == 'ss':
        category, mask = row['cateName'], f'{name}_{_id(path, row, "ann_Ids")}'
        files = f'VPO-SS/data/{category}/{name}.jpg', f'VPO-SS/mask/{category}/{mask}.png'
        return VPOImage(mask, *files, split)
    several = subset == 'msmi' and _number(path, row, 'multi_instance', 0, 1) == 1
    folder = 'VPO-MSMI' if several else 'VPO-MS'
    return VPOImage(name, f'{folder}/data/{name}.jpg', f'{folder}/mask/{name}.png', split)


def _id(path: str | Path, row: Mapping[str, str], column: str) -> str:
    """An id as in file names, of 12 digits."""
    if not row[column].isdecimal():
        raise ValueError(
            f'{path}: image {row["img_Id"]}: expected {column} to be a number, got '
            f'{row[column]!r}. Fetch the file again.'
        )
    return row[column].zfill(12)


def _number(
    path: str | Path, row: Mapping[str, str], column: str, low: float, high: float
) -> float:
    try:
        value = float(row[column])
    except ValueError:
        value = float('nan')
    if not low <= value <= high:
        raise ValueError(
            f'{path}: image {row["img_Id"]}: expected {column} from {low} to {high}, got '
            f'{row[column]!r}. Correct the row.'
        )
    return value
