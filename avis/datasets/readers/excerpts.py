"""Read a part of an audio file whose length does not depend on frames."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from avis.datasets.readers.audio import audio_info, read_audio
from avis.datasets.readers.errors import broken_data_error

Position = Literal['start', 'center']


def read_excerpt(
    path: str,
    *,
    seconds: float,
    position: Position = 'center',
    sample_rate: int | None = None,
) -> tuple[NDArray[np.float32], int]:
    """Read an excerpt, mono; a file that is shorter is repeated.

    Args:
        path: Audio file.
        seconds: Its length; S = seconds * rate, rounded down.
        position: The 'center' or the 'start' of the file.
        sample_rate: Samples per second; None keeps that of the file.

    Returns:
        Samples (S,), and their rate.

    Raises:
        BrokenDataError: The file is broken, or contains no samples.
    """
    info = audio_info(path)
    rate = sample_rate or info.sample_rate
    start = max(info.seconds / 2 - seconds / 2, 0) if position == 'center' else 0.0
    count = int(seconds * rate)
    audio = read_audio(path, sample_rate=rate, start=round(start * rate), num_samples=count)
    if not len(audio):
        raise broken_data_error(path, 'contains no audio')
    return np.resize(audio, count), rate
