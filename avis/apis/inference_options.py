"""Options of an inference, stated once: what is read, in which parts, and what is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avis.apis.inference import DEFAULT_WINDOW_SIZE, check_window_numbers
from avis.apis.video_records import check_fps, check_span
from avis.export import check_formats
from avis.visualization.following import parse_aspect
from avis.visualization.tracks import TrackStyle, check_track_style


@dataclass(frozen=True)
class InferenceOptions:
    """Options of :class:`~avis.apis.AVInferencer` and :func:`~avis.apis.infer`.

    Both take the fields as keyword arguments.

    Attributes:
        audio: Audio of the only input; None for the audio of the video files.
        audio_track: Index among the audio streams of the files; None for the default track.
        fps: Frames per second to predict, see :func:`~avis.apis.video_records.video_record`; None
            for all frames of a video file.
        start: Second at which the prediction starts; None for the beginning.
        end: Second at which it ends; None for the end.
        expression: Sentence that names the object to segment, for models that read text.
        size: Frames of a window, for models with a tracker; None for whole videos.
        overlap: Frames that neighboring windows share; None for a tenth of a window.
        batch_size: Clips that are predicted at once, for semantic models.
        num_workers: Number of processes that decode in advance.
        amp: Predict in mixed precision, with layers in bfloat16.
        video: Write annotated videos and timelines.
        results: Write result files.
        export: Formats of result files besides those that are always written, see
            :func:`avis.export.export_formats`.
        style: How masks are drawn, 'mask', 'outline' or 'box'.
        opacity: Strength of the tint of masks, 0 to 1.
        follow: Aspect of a video that follows the speaker, such as ``'9:16'``; None for no such
            video.

    Raises:
        ValueError: A number is out of range, or a format, the style or the aspect is invalid.
    """

    audio: str | Path | None = None
    audio_track: int | None = None
    fps: float | None = None
    start: float | None = None
    end: float | None = None
    expression: str | None = None
    size: int | None = DEFAULT_WINDOW_SIZE
    overlap: int | None = None
    batch_size: int = 1
    num_workers: int = 0
    amp: bool = False
    video: bool = True
    results: bool = True
    export: Sequence[str] = ()
    style: TrackStyle = 'mask'
    opacity: float = 0.2
    follow: str | None = None

    def __post_init__(self) -> None:
        if self.follow is not None:
            parse_aspect(self.follow)
        check_fps(self.fps)
        check_span(self.start, self.end)
        check_window_numbers(self.size, self.overlap, self.num_workers, self.batch_size)
        check_formats(self.export)
        check_track_style(self.style, self.opacity)

    def reading(self) -> dict[str, Any]:
        """Return the arguments of :func:`~avis.apis.media_inputs.find_inputs`."""
        return {
            'audio': None if self.audio is None else Path(self.audio),
            'audio_track': self.audio_track,
            'fps': self.fps,
            'start': self.start,
            'end': self.end,
            'expression': self.expression,
        }

    def windows(self) -> dict[str, Any]:
        """Return the arguments of :func:`~avis.apis.inference.predict_video` on its parts."""
        return {
            'size': self.size,
            'overlap': self.overlap,
            'batch_size': self.batch_size,
            'num_workers': self.num_workers,
            'amp': self.amp,
        }

    def drawing(self) -> dict[str, Any]:
        """Return how masks are drawn."""
        return {'style': self.style, 'opacity': self.opacity}
