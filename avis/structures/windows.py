"""Windows of long videos: where they start and stop, for streaming and for AVTracker.

Everything that reads a video in parts cuts it here: the data sets of test and validation loops,
:func:`~avis.apis.inference.predict_video`, and the instance trackers of AVTracker.
"""

from typing import NamedTuple


class WindowSpec(NamedTuple):
    """One window of a video of a data set: the frames ``start`` to ``stop`` - 1.

    Attributes:
        video: Index of the video in its data set.
        start: Index of the first frame.
        stop: Index after the last frame.
        length: Number of frames of the video.
    """

    video: int
    start: int
    stop: int
    length: int

    @property
    def is_last(self) -> bool:
        """Whether it contains the last frame of the video."""
        return self.stop == self.length


def cut_windows(length: int, size: int | None, overlap: int = 0) -> list[tuple[int, int]]:
    """Cut a video into windows, and return (start, stop) of each.

    If windows overlap, the last one is moved back to its full size, so that every window of a
    video with at least ``size`` frames has ``size`` frames; it then shares more than ``overlap``
    frames with the window before it. Without overlap the last window has the remaining frames.

    Args:
        length: Number of frames of the video.
        size: Number of frames of a window; None returns one window.
        overlap: Least number of frames that a window shares with the window before it.

    Raises:
        ValueError: See :func:`check_windows`.

    >>> cut_windows(10, 4, 1), cut_windows(11, 4, 1)
    ([(0, 4), (3, 7), (6, 10)], [(0, 4), (3, 7), (6, 10), (7, 11)])
    >>> cut_windows(5, 4), cut_windows(3, 4, 1), cut_windows(0, 4)
    ([(0, 4), (4, 5)], [(0, 3)], [])
    """
    check_windows(size, overlap, by='cut_windows')
    if not length:
        return []
    if size is None or length <= size:
        return [(0, length)]
    starts = list(range(0, length - overlap, size - overlap))
    if overlap:
        starts[-1] = min(starts[-1], length - size)
    return [(start, min(start + size, length)) for start in starts]


def check_windows(size: int | None, overlap: int, *, by: str, name: str = 'size') -> None:
    """Check that windows of ``size`` frames can share ``overlap`` frames and still advance.

    Args:
        size: Number of frames of a window; None, one window per video, is always valid.
        overlap: Number of frames that neighboring windows share.
        by: Name of the class or function whose arguments these are, for the error.
        name: Name of its argument for ``size``.

    Raises:
        ValueError: ``size`` is not positive, or ``overlap`` not in [0, size).
    """
    if size is None:
        return
    if size < 1:
        raise ValueError(f'{by}: expected windows of at least 1 frame, got {name}={size}')
    if not 0 <= overlap < size:
        raise ValueError(
            f'{by}: expected windows of {name}={size} to share 0 to {size - 1} frames, got '
            f'overlap={overlap}'
        )
