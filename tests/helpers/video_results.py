"""Results of one small video: boxes that move, persons who speak and are silent."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from avis.structures.mask_track import MaskTrack
from avis.structures.video_result import TrackResult, VideoResult

SIZE = (24, 32)
FRAMES = 12
ODD_NAMES = (
    'Ann, "A" Lee',
    'new\r\nline',
    'Zoë 李',
    'a --> b',
    r'<b>{\i1}\N & </b>',
    '',
    'Ann Lee',
)


def make_track(
    number: int, name: str, *, frames: int = FRAMES, seed: int = 0, **kwargs: Any
) -> TrackResult:
    """A rectangle that is visible in most frames, and makes a sound in some of them.

    ``seed`` also moves it to the right.
    """
    rng = np.random.default_rng([seed, number])
    masks = np.zeros((frames, *SIZE), bool)
    for frame in range(frames):
        x, y = 1 + seed + 3 * number % 20 + frame // 4, number % 12
        masks[frame, y : y + 8 + number % 3, x : x + 6] = True
    visible = rng.random(frames) < 0.8
    masks[~visible] = False
    sounding = visible & (rng.random(frames) < 0.7)
    return TrackResult(number, name, MaskTrack.from_dense(masks), sounding, **kwargs)


def make_result(
    names: Sequence[str] = ('Ann', 'Ben'),
    *,
    name: str = 'talk',
    fps: float = 25.0,
    seed: int = 0,
    **kwargs: Any,
) -> VideoResult:
    """A result with one track per name."""
    tracks = [
        make_track(number, text, seed=seed, score=0.5 + number / 100, class_name='person')
        for number, text in enumerate(names, start=1)
    ]
    return VideoResult(name, fps, FRAMES, *SIZE, tracks=tracks, **kwargs)
