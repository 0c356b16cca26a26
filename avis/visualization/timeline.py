"""Draw a whole video as one image: who is visible and who sounds over time."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.structures.intervals import true_intervals
from avis.structures.masks import mask_box
from avis.structures.media_time import frame_time
from avis.structures.video_record import VideoRecord
from avis.structures.video_result import TrackResult, VideoResult
from avis.utils.atomic import write_atomic
from avis.visualization.annotated_video import display_size
from avis.visualization.colors import track_colors
from avis.visualization.drawing import Image
from avis.visualization.record_media import AudioBlocks, pixel_aspect, walk_frames, waveform_peaks
from avis.visualization.strip import Lane, format_time, select_lanes
from avis.visualization.text import fit_text, font_families, known_characters

WIDTH = 1200  # pixels
MAX_TIMELINE_LANES = 30
_LANE, _WAVE, _TITLE, _AXIS = 64, 90, 40, 56  # heights in pixels
_LEFT, _RIGHT = 250, 34  # margins of the time axis in pixels
_EDGE = 24  # margin of the names
_THUMBNAIL = 56
_DPI = 100
_WAVEFORM, _GRID = '#7a8290', '#d8dade'


def write_timeline(
    path: str | Path,
    record: VideoRecord,
    result: VideoResult,
    *,
    frame_ids: NDArray[np.int64] | None = None,
) -> None:
    """Write a PNG, 1,200 pixels wide, with a lane for each instance below the waveform.

    A lane is pale where its instance is visible and in its full color where it sounds; at the left
    are its name and the part of a frame that shows it largest, if possible while it sounds.

    Args:
        path: Path of the PNG file.
        record: Record of the video.
        result: What was found.
        frame_ids: Index in the record of each frame of the result, ascending; None for all.
    """
    ids = np.arange(result.length) if frame_ids is None else np.asarray(frame_ids)
    colors = track_colors(result.tracks)
    lanes = [Lane(t.name, colors[t.id], t.visible, t.sounding) for t in result.tracks]
    shown, hidden = select_lanes(lanes, MAX_TIMELINE_LANES)
    tracks = [t for t, lane in zip(result.tracks, lanes, strict=True) if lane in shown]
    audio = AudioBlocks.of(record, ids)
    columns = WIDTH - _LEFT - _RIGHT
    peaks = None if audio is None else waveform_peaks(audio, result.seconds, columns)
    figure = _Timeline(result, shown, peaks, hidden)
    for row, thumbnail in enumerate(read_thumbnails(record, ids, tracks)):
        if thumbnail is not None:
            figure.add_thumbnail(row, thumbnail)
    write_atomic(path, figure.png())


def read_thumbnails(
    record: VideoRecord, frame_ids: NDArray[np.int64], tracks: Sequence[TrackResult]
) -> list[Image | None]:
    """Read a square of a frame for each track: the upper part of its largest mask.

    Args:
        record: Record of the video.
        frame_ids: Index in the record of each frame of the tracks, ascending.
        tracks: N tracks; masks of frames in which they sound are preferred.

    Returns:
        N images, RGB; None for a track without masks.
    """
    best: dict[int, list[int]] = {}
    for index, track in enumerate(tracks):
        areas = track.masks.areas
        if areas.any():
            best.setdefault(int((areas * (1 + 9 * track.sounding)).argmax()), []).append(index)
    images: list[Image | None] = [None] * len(tracks)
    times, aspect = sorted(best), pixel_aspect(record)
    frames = walk_frames(record, frame_ids[times]) if times else ()
    for t, frame in zip(times, frames, strict=True):
        height, width = display_size(frame.shape[0], frame.shape[1], aspect)
        for index in best[t]:
            mask = tracks[index].masks.dense(t)
            images[index] = _square(frame, mask, (height, width))
    return images


def _square(frame: Image, mask: NDArray[np.bool_], shown: tuple[int, int]) -> Image:
    """Cut the upper square of a mask out of a frame that is shown at a size (H, W)."""
    left, top, right, bottom = mask_box(mask)
    x, y = shown[1] / mask.shape[1], shown[0] / mask.shape[0]
    side = max(1.15 * min((right + 1 - left) * x, (bottom + 1 - top) * y), 8)
    side = min(side, *shown)
    x1 = float(np.clip((left + right + 1) * x / 2 - side / 2, 0, shown[1] - side))
    y1 = float(np.clip(top * y - 0.08 * side, 0, shown[0] - side))
    x, y = shown[1] / frame.shape[1], shown[0] / frame.shape[0]
    columns = slice(int(x1 / x), max(round((x1 + side) / x), int(x1 / x) + 1))
    rows = slice(int(y1 / y), max(round((y1 + side) / y), int(y1 / y) + 1))
    size = 2 * _THUMBNAIL
    square = cv2.resize(frame[rows, columns], (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(square, np.uint8)


class _Timeline:
    """The figure, drawn with matplotlib's own objects: pyplot keeps state and may open windows."""

    def __init__(
        self,
        result: VideoResult,
        lanes: Sequence[Lane],
        peaks: NDArray[np.float32] | None,
        hidden: int,
    ) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.lanes, self.result = lanes, result
        self.wave = 0 if peaks is None else _WAVE
        self.height = _TITLE + self.wave + _LANE * max(len(lanes), 1) + _AXIS
        self.figure = Figure((WIDTH / _DPI, self.height / _DPI), dpi=_DPI, facecolor='white')
        self.canvas = FigureCanvasAgg(self.figure)
        self._text(_EDGE, _TITLE / 2, fit_text(result.name, 19, 800), size=13, weight='bold')
        self._draw_legend()
        if peaks is not None:
            self._draw_waveform(peaks)
        self._draw_lanes()
        if hidden:
            self._text(_EDGE, self.height - _AXIS / 2, f'and {hidden} more', color='#666666')

    def add_thumbnail(self, row: int, image: Image) -> None:
        """Show an image at the left of a lane, in a frame of its color."""
        top = self._top(row) + (_LANE - _THUMBNAIL) / 2
        axes = self._axes(_LEFT - _THUMBNAIL - 14, top, _THUMBNAIL, _THUMBNAIL)
        axes.imshow(image, interpolation='antialiased', aspect='auto')
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(color=_rgb(self.lanes[row].color), linewidth=2)

    def png(self) -> bytes:
        """The image as a PNG file, without the version of matplotlib."""
        buffer = BytesIO()
        self.figure.savefig(buffer, format='png', metadata={'Software': None})
        return buffer.getvalue()

    def _top(self, row: int) -> float:
        return _TITLE + self.wave + row * _LANE

    def _axes(self, left: float, top: float, width: float, height: float) -> Any:
        """New axes at a place in pixels from the top left."""
        bottom = self.height - top - height
        box = (left / WIDTH, bottom / self.height, width / WIDTH, height / self.height)
        return self.figure.add_axes(box)

    def _text(self, left: float, middle: float, text: str, **options: Any) -> None:
        style: dict[str, Any] = {'size': 11, 'va': 'center', 'family': font_families(text)}
        place = (left / WIDTH, 1 - middle / self.height)
        self.figure.text(*place, _plain(text), **style | options)

    def _draw_legend(self) -> None:
        from matplotlib.patches import Patch

        patches = [
            Patch(color='#595959', label='sounding'),
            Patch(color='#b5b5b5', label='visible'),
        ]
        place = ((WIDTH - _EDGE) / WIDTH, 1 - _TITLE / 2 / self.height)
        self.figure.legend(
            handles=patches,
            loc='center right',
            bbox_to_anchor=place,
            ncols=2,
            frameon=False,
            fontsize=10,
            borderaxespad=0,
        )

    def _draw_waveform(self, peaks: NDArray[np.float32]) -> None:
        axes = self._axes(_LEFT, _TITLE, WIDTH - _LEFT - _RIGHT, _WAVE - 8)
        times = (np.arange(len(peaks)) + 0.5) * self.result.seconds / len(peaks)
        axes.fill_between(times, -peaks, peaks, step='mid', color=_WAVEFORM, linewidth=0)
        loudest = max(float(np.quantile(peaks, 0.98)), 0.02)
        axes.set(xlim=(0, self.result.seconds), ylim=(-loudest, loudest))
        axes.axis('off')
        self._text(_EDGE, _TITLE + _WAVE / 2, 'audio', color='#666666')

    def _draw_lanes(self) -> None:
        height = _LANE * max(len(self.lanes), 1)
        axes = self._axes(_LEFT, self._top(0), WIDTH - _LEFT - _RIGHT, height)
        axes.set(xlim=(0, self.result.seconds), ylim=(height, 0), yticks=[])
        axes.xaxis.grid(True, color=_GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        _format_axis(axes, self.result.seconds)
        for spine in axes.spines.values():
            spine.set_color(_GRID)
        for row, lane in enumerate(self.lanes):
            color = _rgb(lane.color)
            for flags, shade, share in (
                (lane.visible, _pale(color), 0.3),
                (lane.sounding, color, 0.6),
            ):
                top, part = row * _LANE + _LANE * (1 - share) / 2, _LANE * share
                spans = _spans(flags, self.result.fps)
                axes.broken_barh(spans, (top, part), facecolors=[shade], linewidth=0)
            axes.axhline((row + 1) * _LANE, color=_GRID, linewidth=0.8)
            self._name_lane(row, lane)
        if not self.lanes:
            middle = self._top(0) + _LANE / 2
            self._text(_LEFT + 12, middle, 'no instance was found', color='#666666')

    def _name_lane(self, row: int, lane: Lane) -> None:
        """Write the name of an instance and for how long it sounds."""
        middle, seconds = self._top(row) + _LANE / 2, lane.sounding.sum() / self.result.fps
        self._text(_EDGE, middle - 9, fit_text(lane.name, 16, _LEFT - _THUMBNAIL - _EDGE - 24))
        self._text(_EDGE, middle + 11, f'sounds {seconds:.1f} s', size=9, color='#666666')


def _format_axis(axes: Any, seconds: float) -> None:
    """Label the time axis as minutes and seconds."""
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
    step = next((step for step in steps if seconds / step <= 14), seconds / 10)
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda time, _: format_time(time, step)))
    axes.tick_params(axis='x', labelsize=10, color=_GRID)
    axes.set_xlabel('time (minutes:seconds)', fontsize=10)


def _spans(flags: NDArray[np.bool_], fps: float) -> list[tuple[float, float]]:
    """Start and duration in seconds of each run of True."""
    return [
        (frame_time(start, fps), frame_time(stop - start, fps))
        for start, stop in true_intervals(flags)
    ]


def _rgb(color: Sequence[int]) -> tuple[float, ...]:
    return tuple(value / 255 for value in color)


def _pale(color: Sequence[float]) -> tuple[float, ...]:
    return tuple(0.45 * value + 0.55 for value in color)


def _plain(text: str) -> str:
    """A text in which matplotlib finds no formula, and no character that it would warn of."""
    return known_characters(text).replace('$', r'\$')
