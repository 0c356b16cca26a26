"""Boxes of audio sources: files of VGG-SS, Flickr-SoundNet and MUSIC, and lists of clips.

Every reader returns corners x1, y1, x2, y2 relative to the frame, clipped to 0..1. A box that then
has no area is kept: it contributes no pixel, whatever the scorer.
"""

import json
import math
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.utils.tables import read_rows, read_table

# List of the clips of each split; 'extended' adds the silent pairs.
VGGSS_LISTS = {
    'test': 'vggss_test.csv',
    'heard': 'vggss_heard_test.csv',
    'unheard': 'vggss_unheard_test.csv',
    'extended': 'vggss_test.csv',
}
VGGSS_SILENT = 'vggss_test_plus_silent.csv'
FLICKR_LISTS = dict.fromkeys(('test', 'extended'), 'flickr_test.csv')
FLICKR_SILENT = 'flickr_test_plus_silent.csv'

_FLICKR_SIZE = 256  # the scale of the boxes of Flickr-SoundNet
_ROUNDING = 1e-6  # by which a box may exceed the frame without a warning


@dataclass
class SourceBoxes:
    """The boxes of one frame.

    Attributes:
        boxes: Corners, float64 (N, 4).
        classes: Class of each box, as far as it is known.
        problems: What is wrong with the boxes, without the name of the clip.
    """

    boxes: NDArray[np.float64]
    classes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def has_area(self) -> bool:
        """Whether any box has an area."""
        return bool(((self.boxes[:, 2:] - self.boxes[:, :2]) > 0).all(axis=1).any())


def read_vggss(path: str | Path) -> dict[str, SourceBoxes]:
    """Read ``vggss.json``: a list of ``file``, ``class`` and ``bbox``, corners in 0..1.

    Twelve boxes of the official file reach to -2.9e16.

    Raises:
        ValueError: The file is no such list, a clip is there twice, or a box has no four numbers.
    """
    found: dict[str, SourceBoxes] = {}
    for where, row in _entries(Path(path), ('file', 'class', 'bbox')):
        corners = [_numbers(f'{where}.bbox[{n}]', box) for n, box in enumerate(row['bbox'])]
        _add(found, where, row, _clip(corners, [row['class']] * len(corners)))
    return found


def read_music(path: str | Path) -> dict[str, SourceBoxes]:
    """Read ``music_solo.json`` or ``music_duet.json``: one box per source, x, y, width, height.

    The official code reads these numbers as corners, so that half of its boxes are reversed.

    Raises:
        ValueError: The file is no such list, a frame is there twice, or a box has no four numbers.
    """
    found: dict[str, SourceBoxes] = {}
    for where, row in _entries(Path(path), ('file',)):
        ends = ('_src1', '_src2') if 'bbox_src1' in row else ('',)
        boxes, classes = [], []
        for end in ends:
            for key in (f'bbox{end}', f'class{end}'):
                if key not in row:
                    raise ValueError(f'{where}: expected the field {key!r}, got {sorted(row)}')
            x, y, width, height = _numbers(f'{where}.bbox{end}', row[f'bbox{end}'])
            boxes.append([x, y, x + width, y + height])
            classes.append(str(row[f'class{end}']))
        _add(found, where, row, _clip(boxes, classes))
    return found


def read_annotators(path: str | Path) -> SourceBoxes:
    """Read the XML file of one frame of Flickr-SoundNet: one box per annotator.

    Of a ``bbox`` the first child is an id, the next four are corners in 0..256; other elements are
    ignored.

    Raises:
        ValueError: The file is no XML, or a box has no four whole numbers.
    """
    try:
        root = ET.parse(path).getroot()
    except ET.ParseError as error:
        raise ValueError(f'{path}: expected an XML file of boxes, got {error}') from error
    boxes, problems = [], []
    for annotator in root:
        for element in annotator:
            if element.tag != 'bbox':
                problems.append(f'element {element.tag!r}, ignored')
                continue
            corners = [child.text for child in element][1:5]
            try:
                values = [int(text or '') for text in corners]
            except ValueError:
                values = []
            if len(values) != 4:
                raise ValueError(
                    f'{path}: bbox: expected an id and four whole numbers, got {corners}'
                )
            boxes.append([value / _FLICKR_SIZE for value in values])
    read = _clip(boxes, [])
    return SourceBoxes(read.boxes, problems=problems + read.problems)


def read_clip_list(path: str | Path) -> list[str]:
    """Read the names of clips: the first column of a file without a header, in its order.

    Raises:
        ValueError: The file has no names, or one twice.
    """
    names = [row[0].strip() for row in read_rows(path) if row and row[0].strip()]
    if not names:
        raise ValueError(f'{path}: expected one name per line, got none')
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f'{path}: expected each clip once, got {repeated[:3]} several times')
    return names


def read_silent_pairs(path: str | Path) -> list[tuple[str, str]]:
    """Read ``*_test_plus_silent.csv``: frames whose audio has no visible source.

    Returns:
        Name of the frame and name of the audio of each row.

    Raises:
        ValueError: A column is missing, or a row has another label than ``non-sounding``.
    """
    pairs = []
    for row in read_table(path, ('video', 'audio', 'label'), by_name=True):
        if row['label'] != 'non-sounding':
            raise ValueError(f"{path}: expected the label 'non-sounding', got {row['label']!r}")
        pairs.append((row['video'], row['audio']))
    return pairs


def silent_name(frame: str, audio: str) -> str:
    """The name of a pair of a frame and the audio of another clip.

    >>> silent_name('a', 'b'), silent_name('a', 'a')
    ('a+b', 'a')
    """
    return frame if frame == audio else f'{frame}+{audio}'


def _entries(path: Path, fields: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """The entries of a JSON list and where each is."""
    try:
        rows = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f'{path}: expected JSON, got {error}. Fetch it again.') from error
    if not isinstance(rows, list) or not rows:
        raise ValueError(f'{path}: expected a list of clips, got {type(rows).__name__}')
    entries = []
    for number, row in enumerate(rows):
        where = f'{path}: [{number}]'
        if not isinstance(row, dict) or any(name not in row for name in fields):
            raise ValueError(f'{where}: expected the fields {list(fields)}, got {row!r:.80}')
        if 'bbox' in fields and not isinstance(row['bbox'], list):
            raise ValueError(f'{where}.bbox: expected a list of boxes, got {row["bbox"]!r:.80}')
        entries.append((where, row))
    return entries


def _add(
    found: dict[str, SourceBoxes], where: str, row: dict[str, Any], boxes: SourceBoxes
) -> None:
    if found.setdefault(str(row['file']), boxes) is not boxes:
        raise ValueError(f'{where}.file: {row["file"]!r} is there twice')


def _numbers(where: str, box: Any) -> list[float]:
    is_box = isinstance(box, list) and len(box) == 4
    if not is_box or not all(isinstance(x, int | float) and math.isfinite(x) for x in box):
        raise ValueError(f'{where}: expected four numbers, got {box!r:.80}')
    return [float(x) for x in box]


def _clip(boxes: Sequence[Sequence[float]], classes: list[str]) -> SourceBoxes:
    """Clip boxes to the frame, and list those that were outside or have no area."""
    corners = np.asarray(boxes, np.float64).reshape(-1, 4)
    clipped = corners.clip(0, 1)
    problems = []
    for box, kept in zip(corners.tolist(), clipped, strict=True):
        if np.abs(kept - box).max() > _ROUNDING:
            problems.append('box outside of the frame, clipped')
        if not ((kept[2:] - kept[:2]) > 0).all():
            problems.append('box without area')
    return SourceBoxes(clipped, classes, problems)
