"""The result of one video refuses contradictions."""

import numpy as np
import pytest

from avis.structures.mask_track import MaskTrack
from avis.structures.video_result import TrackResult, VideoResult


def masks(*pixels: int) -> MaskTrack:
    return MaskTrack.from_dense(np.array(pixels, bool).reshape(-1, 1, 1))


def test_visible_follows_the_masks() -> None:
    track = TrackResult(1, 'Ann', masks(1, 1, 0), np.array([True, False, False]))
    assert track.visible.tolist() == [True, True, False]


@pytest.mark.parametrize(
    ('sounding', 'message'),
    [([True], 'one flag per mask, got 2 masks and 1'), ([True, True], 'mask in frame 1')],
)
def test_contradictions_are_refused(sounding: list[bool], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrackResult(1, 'Ann', masks(1, 0), np.array(sounding))


def test_duration() -> None:
    assert VideoResult('talk', fps=2.0, length=5, height=1, width=1).seconds == 2.5
