from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avis.structures.windows import WindowSpec, check_windows, cut_windows


@pytest.mark.parametrize(('size', 'overlap'), [(0, 0), (3, 3), (3, -1)])
def test_windows_that_do_not_advance_are_an_error(size, overlap):
    problem = f'got overlap={overlap}' if size else 'at least 1 frame, got size=0'
    with pytest.raises(ValueError, match=problem):
        cut_windows(10, size, overlap)
    with pytest.raises(ValueError, match=f'SAM3Video: .*window_frames={size}'):
        check_windows(size, overlap, by='SAM3Video', name='window_frames')


def test_window_of_unlimited_size_is_the_video():
    check_windows(None, 8, by='SAM3Video')
    assert cut_windows(10, None, 8) == [(0, 10)]


def test_video_without_frames_has_no_window():
    assert cut_windows(0, 4, 1) == cut_windows(0, None) == []


@given(st.integers(1, 200), st.integers(1, 40), st.integers(0, 39))
def test_windows_cover_every_frame_and_follow_each_other(length, size, overlap):
    overlap = min(overlap, size - 1)
    windows = cut_windows(length, size, overlap)
    assert windows[0][0] == 0
    assert windows[-1][1] == length
    for (start, stop), (following, end) in pairwise(windows):
        assert start < following <= stop - overlap
        assert stop < end
    # Only the last window may share more than overlap, to keep the full size.
    assert all(a[1] - b[0] == overlap for a, b in pairwise(windows[:-1]))
    if overlap and length >= size:
        assert {stop - start for start, stop in windows} == {size}


def test_last_window_contains_the_last_frame():
    assert [WindowSpec(0, *window, 7).is_last for window in cut_windows(7, 4)] == [False, True]
