"""Names and numbers in result files."""

import unicodedata
from collections.abc import Sequence

from avis.structures.video_result import TrackResult, VideoResult
from avis.utils.file_names import safe_file_name


def file_name(result: VideoResult, suffix: str) -> str:
    """Name of a file of a video."""
    return f'{safe_file_name(result.name)}{suffix}'


def number_text(value: float) -> str:
    """A number with up to six decimals.

    >>> number_text(1 / 30), number_text(2.0)
    ('0.033333', '2')
    """
    return f'{value:.6f}'.rstrip('0').rstrip('.')


def one_line(text: str) -> str:
    r"""Text on one line: white space and control characters become single blanks.

    >>> one_line('Ann\r\n Lee\x00!')
    'Ann Lee !'
    """
    replaced = {'Cc': ' ', 'Cs': '\ufffd'}  # control characters, and bytes that were not UTF-8
    return ' '.join(''.join(replaced.get(unicodedata.category(c), c) for c in text).split())


def speaker_name(track: TrackResult) -> str:
    """Name of a track on one line; ``speaker_<id>`` if it is blank."""
    return one_line(track.name) or f'speaker_{track.id}'


def unique_labels(tracks: Sequence[TrackResult]) -> dict[int, str]:
    """Names without blanks by id: ``_`` replaces a blank, and ``_<id>`` follows a repeated name.

    >>> from avis.structures.mask_track import MaskTrack
    >>> import numpy as np
    >>> names = enumerate(['Ann Lee', 'Ann_Lee', ''], start=1)
    >>> silent = np.zeros(0, bool)
    >>> unique_labels([TrackResult(k, name, MaskTrack(2, 2), silent) for k, name in names])
    {1: 'Ann_Lee', 2: 'Ann_Lee_2', 3: 'speaker_3'}
    """
    labels: dict[int, str] = {}
    for track in tracks:
        label = speaker_name(track).replace(' ', '_')
        if label == '<NA>':
            label = f'speaker_{track.id}'
        while label in labels.values():
            label = f'{label}_{track.id}'
        labels[track.id] = label
    return labels
