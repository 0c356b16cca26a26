"""Segments contain exactly the sounding frames."""

import numpy as np
import pytest

from avis.export import sounding_segments, video_segments
from avis.structures.mask_track import MaskTrack
from avis.structures.video_result import TrackResult
from tests.helpers.video_results import make_result


def track_of(sounding: list[int]) -> TrackResult:
    flags = np.array(sounding, bool)
    masks = MaskTrack.from_dense(np.ones((len(flags), 2, 2)))
    return TrackResult(1, 'Ann', masks, flags, score=0.75)


@pytest.mark.parametrize(
    ('sounding', 'expected'),
    [
        ([], []),
        ([0, 0, 0], []),
        ([1, 1, 1], [(0.0, 1.5)]),
        ([0, 1, 0, 1], [(0.5, 1.0), (1.5, 2.0)]),
        ([1, 0, 0], [(0.0, 0.5)]),
    ],
)
def test_segments_are_half_open_and_gaps_are_kept(sounding, expected):
    segments = sounding_segments(track_of(sounding), 2.0)
    assert segments == [(*times, 0.75) for times in expected]


@pytest.mark.parametrize('fps', [1.0, 23.976, 25.0, 30000 / 1001, 240.0])
def test_frames_are_restored_from_the_segments(fps):
    sounding = np.random.default_rng(0).random(500) < 0.5
    restored = np.zeros(500, bool)
    for start, end, _ in sounding_segments(track_of(sounding.tolist()), fps):
        restored[round(start * fps) : round(end * fps)] = True
    np.testing.assert_array_equal(restored, sounding)


def test_segments_of_a_video_are_sorted_by_start_and_id():
    result = make_result(['Ann', 'Ben', 'Cal'])
    found = [(segment.start, track.id) for track, segment in video_segments(result)]
    assert found == sorted(found)
    assert {number for _, number in found} == {1, 2, 3}
