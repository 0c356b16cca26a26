"""Report how far a stage is, in frames, so that its end can be estimated."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from avis.structures.media import FrameSource, ImageArray

_Item = TypeVar('_Item')

STAGE_TITLES = {
    'speech': 'recognizing speech',
    'vision': 'tracking people',
    'local': 'finding speakers',
    'global': 'associating speakers',
}
"""Name of each stage for the user."""


class StageProgress:
    """Reports the progress of the stages of one video.

    Args:
        report: Called with title of the stage, frames done, and frames of the video; None for
            nobody.
        total: Number of frames of the video.
    """

    def __init__(self, report: Callable[[str, int, int], None] | None, total: int) -> None:
        self._report = report or (lambda stage, done, total: None)
        self._total = total
        self._title = ''
        self._done = 0

    def start(self, stage: str) -> None:
        """Begin a stage: speech, vision, local or global."""
        self._title, self._done = STAGE_TITLES[stage], 0
        self._report(self._title, 0, self._total)

    def advance(self, done: float) -> None:
        """Report that the stage is done for ``done`` frames; smaller numbers are ignored."""
        frames = min(int(done), self._total)
        if frames > self._done:
            self._done = frames
            self._report(self._title, frames, self._total)

    def finish(self) -> None:
        """Report that the stage is done."""
        self.advance(self._total)

    def over(self, results: Iterable[_Item], count: int) -> Iterator[_Item]:
        """Yield results of which there are ``count``, each of which takes as long as the others."""
        for number, result in enumerate(results, start=1):
            yield result
            self.advance(self._total * number / max(count, 1))


class WatchedFrames:
    """A frame source that reports the last frame read: components may return results at the end.

    Args:
        frames: The source.
        progress: Where progress is reported.
    """

    def __init__(self, frames: FrameSource, progress: StageProgress) -> None:
        self._frames, self._progress = frames, progress

    def __getattr__(self, name: str) -> Any:
        if name.startswith('_'):
            raise AttributeError(name)
        return getattr(self._frames, name)

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> ImageArray:
        image = self._frames[index]
        self._progress.advance(index + 1)
        return image
