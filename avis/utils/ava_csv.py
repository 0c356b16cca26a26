"""Rows of AVA-ActiveSpeaker: one face in one frame per row, in either dialect of the csv files.

Without a header, as published: video, second, x1, y1, x2, y2, label, entity; in files of
predictions a score follows, in those of AVA-AVD a speaker. With a header, as many preprocessing
scripts write them: the same columns by their names, and others in any order.
"""

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avis.utils.tables import read_rows

SPEECH_LABELS = ('NOT_SPEAKING', 'SPEAKING_AUDIBLE', 'SPEAKING_NOT_AUDIBLE')
"""Labels of a face by index; only index 1 counts as speaking."""

_BOX = ('entity_box_x1', 'entity_box_y1', 'entity_box_x2', 'entity_box_y2')
COLUMNS = ('video_id', 'frame_timestamp', *_BOX, 'label', 'entity_id')


@dataclass(frozen=True)
class FaceRows:
    """The rows of one file, N of them, in its order.

    Attributes:
        path: The file.
        lines: Line number of each row.
        videos: Name of the video of each row.
        times: Seconds of the video, float64 (N,).
        boxes: Corners x1 y1 x2 y2 relative to the frame, float64 (N, 4).
        labels: Index into :data:`SPEECH_LABELS`, int8 (N,).
        entities: Id of the face track of each row.
        last: Text of the column after the entity, or of ``extra``; empty if there is none.
    """

    path: Path
    lines: list[int]
    videos: list[str]
    times: NDArray[np.float64]
    boxes: NDArray[np.float64]
    labels: NDArray[np.int8]
    entities: list[str]
    last: list[str]

    def __len__(self) -> int:
        return len(self.videos)

    def tracks(self) -> dict[str, dict[str, list[int]]]:
        """Indices of the rows of each face track, in the order of the file, by video and entity."""
        found: dict[str, dict[str, list[int]]] = {}
        for row, (video, entity) in enumerate(zip(self.videos, self.entities, strict=True)):
            found.setdefault(video, {}).setdefault(entity, []).append(row)
        return found


def read_face_rows(path: str | Path, *, extra: str | None = None) -> FaceRows:
    """Read a csv of AVA-ActiveSpeaker with or without a header.

    Args:
        path: The csv.
        extra: Name of the ninth column in a file with a header: 'score' or 'speaker'. A file
            without a header may have it too.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is no csv, a column is missing, or a value is wrong; with line and column.
    """
    path = Path(path)
    rows = read_rows(path)
    columns, first = _find_columns(path, rows, extra)
    names: dict[str, str] = {}  # one object per name: a data set has millions of rows
    lines: list[int] = []
    videos: list[str] = []
    entities: list[str] = []
    last: list[str] = []
    numbers = np.empty((len(rows), 5))
    labels = np.empty(len(rows), np.int8)
    for number, row in enumerate(rows[first:], start=first + 1):
        if not row:
            continue
        cells = _cells(path, number, row, columns)
        numbers[len(lines)] = _numbers(path, number, cells)
        labels[len(lines)] = _label(path, number, cells[6])
        lines.append(number)
        videos.append(names.setdefault(cells[0], cells[0]))
        entities.append(names.setdefault(cells[7], cells[7]))
        last.append(names.setdefault(cells[8], cells[8]) if len(cells) > 8 else '')
    numbers = numbers[: len(lines)]
    times, boxes = numbers[:, 0].copy(), numbers[:, 1:].copy()
    return FaceRows(path, lines, videos, times, boxes, labels[: len(lines)], entities, last)


def speaker_names(texts: Sequence[str]) -> list[str]:
    """Names of the speakers in a ninth column; empty where it names none.

    AVA-AVD writes ``spk...`` for speakers and something else for all other rows.

    >>> speaker_names(['spk01', 'NA']), speaker_names(['ann', ''])
    (['spk01', ''], ['ann', ''])
    """
    marked = any(text.startswith('spk') for text in texts)
    return [text if not marked or text.startswith('spk') else '' for text in texts]


def write_face_rows(path: str | Path, rows: Iterable[Sequence[object]]) -> None:
    """Write rows without a header: video, second, x1, y1, x2, y2, label, entity[, score]."""
    with Path(path).open('w', newline='', encoding='utf-8') as file:
        csv.writer(file, lineterminator='\n').writerows(rows)


def _find_columns(
    path: Path, rows: list[list[str]], extra: str | None
) -> tuple[list[int] | None, int]:
    """Positions of the columns and index of the first row; no positions without a header."""
    header = [name.strip() for name in rows[0]] if rows else []
    if COLUMNS[0] not in header:
        return None, 0
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise ValueError(
            f'{path}: expected the columns {list(COLUMNS)}, got {header}. Fetch the file again.'
        )
    wanted = [*COLUMNS, extra] if extra in header else COLUMNS
    return [header.index(name) for name in wanted if name is not None], 1


def _cells(path: Path, number: int, row: list[str], columns: list[int] | None) -> list[str]:
    """The eight or nine values of a row, in the order of a file without a header."""
    if columns is None:
        if len(row) in (len(COLUMNS), len(COLUMNS) + 1):
            return [cell.strip() for cell in row]
    elif len(row) > max(columns):
        return [row[position].strip() for position in columns]
    raise ValueError(
        f'{path}: line {number}: expected the columns {list(COLUMNS)}, got {len(row)} values: '
        f'{row}. Correct the row, or fetch the file again.'
    )


def _numbers(path: Path, number: int, cells: list[str]) -> list[float]:
    """Time and corners of a row."""
    values = []
    for name, text in zip(COLUMNS[1:6], cells[1:6], strict=True):
        values.append(parse_number(text, f'{path}: line {number}: {name}'))
    return values


def parse_number(text: str, field: str) -> float:
    """A finite number.

    Raises:
        ValueError: It is none; the message begins with ``field``.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f'{field}: expected a finite number, got {text!r}. Correct the row.')
    return value


def _label(path: Path, number: int, label: str) -> int:
    try:
        return SPEECH_LABELS.index(label)
    except ValueError:
        raise ValueError(
            f'{path}: line {number}: label: expected one of {SPEECH_LABELS}, got {label!r}. '
            f'Correct the row.'
        ) from None
