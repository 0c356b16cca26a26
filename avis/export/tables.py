"""Tables of one video: who speaks when, and boxes."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from avis.export.names import file_name, number_text, one_line, unique_labels
from avis.export.registry import register_export
from avis.export.segments import video_segments
from avis.structures.media_time import frame_time
from avis.structures.video_result import TrackResult, VideoResult
from avis.utils.atomic import atomic_path, write_atomic


@register_export('speakers')
def write_speakers(folder: Path, result: VideoResult) -> Path:
    """Write ``speakers.csv``: one row per sounding segment, by start.

    Returns:
        Path of the file.
    """
    rows = (
        [number_text(start), number_text(end), track.name, number_text(confidence)]
        for track, (start, end, confidence) in video_segments(result)
    )
    header = ['start', 'end', 'speaker', 'confidence']
    return _write_csv(folder / 'speakers.csv', header, rows)


@register_export('rttm')
def write_rttm(folder: Path, result: VideoResult) -> Path:
    """Write ``NAME.rttm``, the diarization format of NIST: one ``SPEAKER`` line per segment.

    The format separates fields by blanks; see :func:`~avis.export.names.unique_labels` for names.

    Returns:
        Path of the file.
    """
    labels = unique_labels(result.tracks)
    recording = one_line(result.name).replace(' ', '_') or 'video'
    lines = []
    for track, (start, end, confidence) in video_segments(result):
        begin, length, score = map(number_text, (start, end - start, confidence))
        lines.append(
            f'SPEAKER {recording} 1 {begin} {length} <NA> <NA> {labels[track.id]} {score} <NA>\n'
        )
    path = folder / file_name(result, '.rttm')
    write_atomic(path, ''.join(lines))
    return path


@register_export('boxes')
def write_boxes(folder: Path, result: VideoResult) -> Path:
    """Write ``boxes.csv``: one row per visible track and frame; frames count from 0.

    ``x`` and ``y`` are the left and upper edge in pixels from 0.

    Returns:
        Path of the file.
    """
    rows = (
        [
            frame,
            number_text(frame_time(frame, result.fps)),
            track.id,
            track.name,
            *box,
            int(track.sounding[frame]),
        ]
        for frame, track, box in _boxes(result)
    )
    header = ['frame', 'time', 'id', 'name', 'x', 'y', 'width', 'height', 'speaking']
    return _write_csv(folder / 'boxes.csv', header, rows)


@register_export('mot')
def write_mot(folder: Path, result: VideoResult) -> Path:
    """Write ``NAME.txt`` in the format of MOTChallenge, one line per visible track and frame.

    ``frame, id, left, top, width, height, confidence, -1, -1, -1``; frames and pixels count from 1,
    as https://motchallenge.net/instructions says.

    Returns:
        Path of the file.
    """
    rows = (
        [frame + 1, track.id, x + 1, y + 1, *size, number_text(track.score), -1, -1, -1]
        for frame, track, (x, y, *size) in _boxes(result)
    )
    return _write_csv(folder / file_name(result, '.txt'), None, rows)


def _boxes(result: VideoResult) -> Iterator[tuple[int, TrackResult, list[int]]]:
    """Frame, track and box of each visible track, by frame and id; boxes have whole numbers."""
    boxes = [(track, track.visible, track.masks.boxes.astype(np.int64)) for track in result.tracks]
    for frame in range(result.length):
        for track, visible, of_track in boxes:
            if visible[frame]:
                yield frame, track, of_track[frame].tolist()


def _write_csv(path: Path, header: Sequence[str] | None, rows: Iterable[Sequence[Any]]) -> Path:
    """Write rows one by one: the boxes of an hour would need much memory."""
    with (
        atomic_path(path) as part,
        part.open('w', encoding='utf-8', errors='replace', newline='') as file,
    ):
        writer = csv.writer(file, lineterminator='\n')
        if header is not None:
            writer.writerow(header)
        writer.writerows(rows)
    return path
