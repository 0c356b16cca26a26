"""Distribute videos among processes."""

import heapq
from collections.abc import Sequence


def share_videos(costs: Sequence[int], shares: int) -> list[list[int]]:
    """Distribute videos so that all shares have about the same cost.

    Starting with the most expensive, each video goes to the share with the least cost so far; of
    equal shares, to the first. The result depends on the arguments only, so that processes which
    do not communicate agree about it.

    Args:
        costs: Cost of each video, such as its number of frames.
        shares: Number of shares.

    Returns:
        Indices of the videos of each share, ascending.

    >>> share_videos([3, 9, 4, 2], 2)
    [[1], [0, 2, 3]]
    """
    videos: list[list[int]] = [[] for _ in range(shares)]
    least = [(0, share) for share in range(shares)]
    for video in sorted(range(len(costs)), key=lambda index: -costs[index]):
        cost, share = least[0]
        videos[share].append(video)
        heapq.heapreplace(least, (cost + costs[video], share))
    return [sorted(share) for share in videos]
