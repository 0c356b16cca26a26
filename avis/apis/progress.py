"""Show how far the prediction of many videos is: stage, frames, and time left."""

from collections.abc import Callable
from types import TracebackType
from typing import TypeAlias

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

OnProgress: TypeAlias = Callable[[str, int, int], None]
"""Called with the name of a stage, the number of frames for which it is done, and of all."""

_WIDEST_NAME = 24


class InferenceProgress:
    """A bar per stage of the current video, and one over the videos if there are several.

    Args:
        videos: Number of videos.
        visible: Show the bars; on a terminal only.
        on_progress: Told about every step too; None for nobody.
    """

    def __init__(
        self, videos: int, *, visible: bool = True, on_progress: OnProgress | None = None
    ) -> None:
        self._on_progress = on_progress or (lambda stage, done, total: None)
        console = Console(stderr=True)
        self._bars = Progress(
            TextColumn('{task.description}', markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn('{task.fields[unit]}'),
            TimeRemainingColumn(),
            console=console,
            disable=not (visible and console.is_terminal),
        )
        self._videos = (
            self._bars.add_task('videos', total=videos, unit='videos') if videos > 1 else None
        )
        self._stage: TaskID | None = None
        self._name, self._stage_name, self._total = '', '', 0

    def __enter__(self) -> 'InferenceProgress':
        self._bars.start()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def start_video(self, name: str, frames: int) -> None:
        """Begin a video.

        Args:
            name: Name to show.
            frames: Number of frames, which may be an estimate until the file is read.
        """
        self._name, self._total = name, max(frames, 1)
        self.start_stage('reading')

    def start_stage(self, stage: str) -> None:
        """Begin a stage, whose frames count from 0."""
        self._stage_name = stage
        self._on_progress(stage, 0, self._total)
        if self._stage is not None:
            self._bars.remove_task(self._stage)
        name = self._name if len(self._name) <= _WIDEST_NAME else f'{self._name[:_WIDEST_NAME]}...'
        self._stage = self._bars.add_task(f'{name}: {stage}', total=self._total, unit='frames')

    def update(self, done: int, total: int) -> None:
        """Show that a stage is done for some of the frames."""
        assert self._stage is not None
        self._total = total
        self._bars.update(self._stage, completed=done, total=total)
        self._on_progress(self._stage_name, done, total)

    def finish_video(self) -> None:
        """End a video."""
        if self._stage is not None:
            self._bars.remove_task(self._stage)
            self._stage = None
        if self._videos is not None:
            self._bars.advance(self._videos)
