"""Which videos each process of the released AVTracker takes (D4, D6, D10, D11).

Only for comparing with the released code; :class:`~avis.datasets.samplers.cost_sampler.CostSampler`
is what runs use.
"""

from collections.abc import Collection, Sequence


def official_patch(
    videos: Sequence[str],
    *,
    index: int,
    count: int,
    annotated: Collection[str],
    finished: Collection[str] = (),
    subset: Collection[str] | None = None,
) -> list[str]:
    """One part of what is unfinished, in the order of the annotation file.

    Args:
        videos: All videos.
        index: Number of the part.
        count: How many parts.
        annotated: Videos with annotations.
        finished: Folders that exist in the output, named by the sound file up to its first dot.
        subset: Names to choose from; None for all.

    >>> official_patch(['a', 'b', 'c'], index=1, count=2, annotated='abc')
    ['b', 'c']
    """
    left = [
        video
        for video in videos
        if (subset is None or video in subset) and video not in finished and video in annotated
    ]
    return left[len(left) * index // count : len(left) * (index + 1) // count]
