from hypothesis import given
from hypothesis import strategies as st

from avis.utils.shares import share_videos


@given(st.lists(st.integers(1, 1000), max_size=30), st.integers(1, 5))
def test_share_videos_assigns_each_video_once_and_evenly(costs, shares):
    dealt = share_videos(costs, shares)
    assert sorted(video for share in dealt for video in share) == list(range(len(costs)))
    sums = [sum(costs[video] for video in share) for share in dealt]
    assert max(sums) - min(sums) <= max(costs, default=0)
    assert all(share == sorted(share) for share in dealt)


def test_share_videos_prefers_the_first_of_equal_shares():
    assert share_videos([5, 5, 5, 5], 3) == [[0, 3], [1], [2]]
