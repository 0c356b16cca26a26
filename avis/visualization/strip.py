"""The strip below a video: its waveform, one lane per instance, and a cursor that moves with it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avis.visualization.captions import BACKGROUND, FOREGROUND
from avis.visualization.text import draw_text, fit_text, line_height, text_width

MAX_LANES = 12
WINDOW_SECONDS = 60.0
"""Longer videos are shown in a window of this length, which moves with the cursor."""

_WAVEFORM = (120, 128, 140)
_DIM = (150, 152, 156)
_EMPTY_LANE = (38, 41, 47)
_CURSOR = (255, 255, 255)
_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60)
_QUIET = 0.02  # amplitude below which a waveform is not enlarged to the height of its row


@dataclass(frozen=True)
class Lane:
    """When one instance is visible and sounding.

    Attributes:
        name: Name at the left.
        color: RGB; sounding is shown in it, visible in a darker one.
        visible: bool (T,).
        sounding: bool (T,).
    """

    name: str
    color: Sequence[int]
    visible: NDArray[np.bool_]
    sounding: NDArray[np.bool_]


def select_lanes(lanes: Sequence[Lane], limit: int) -> tuple[list[Lane], int]:
    """The lanes that sound longest, or else are visible longest, in their order; and the rest.

    Returns:
        At most ``limit`` lanes, and the number of the others.
    """
    order = sorted(
        range(len(lanes)),
        key=lambda k: (lanes[k].sounding.sum(), lanes[k].visible.sum()),
        reverse=True,
    )
    return [lanes[k] for k in sorted(order[:limit])], max(len(lanes) - limit, 0)


class Strip:
    """Renders the strip at any time; each image has the same size.

    Args:
        lanes: One per instance; those that sound longest are shown if there are more than
            ``MAX_LANES``.
        peaks: Amplitudes of equal parts of the video, see ``columns_of``; None without audio.
        fps: Frames per second of the lanes.
        seconds: Duration of the video.
        width: Width of the images in pixels.
        size: Font size.

    Attributes:
        height: Height of the images.
        left: Column at which the time axis begins.
        columns: Number of columns of the whole video.
        lane_rows: First row and row after the last of each lane.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        peaks: NDArray[np.float32] | None,
        *,
        fps: float,
        seconds: float,
        width: int,
        size: int,
    ) -> None:
        self.lanes, hidden = select_lanes(lanes, MAX_LANES)
        self.note = f'and {hidden} more' if hidden else ''
        self.fps, self.seconds, self.width, self.size = fps, seconds, width, size
        self.line, self.pad = line_height(size), max(size // 2, 4)
        self.left, self.span = time_axis(lanes, seconds=seconds, width=width, size=size)
        self.pixels_per_second = self.span / min(seconds, WINDOW_SECONDS)
        self.columns = column_count(seconds, self.span)
        self.wave_height = 0 if peaks is None else 2 * self.line + self.line % 2
        top = self.pad + self.wave_height
        step = self.line + 2
        self.lane_rows = [
            (top + k * step + 2, top + (k + 1) * step) for k in range(len(self.lanes))
        ]
        self.axis_top = top + (len(self.lanes) + bool(self.note)) * step + 2
        self.height = self.axis_top + self.line + self.pad // 2
        self.peaks = None if peaks is None else peaks / max(float(np.quantile(peaks, 0.98)), _QUIET)
        self.states = [self._states(lane) for lane in self.lanes]
        self._window: tuple[int, NDArray[np.uint8]] | None = None

    def render(self, time: float) -> NDArray[np.uint8]:
        """Return the strip at a time in seconds, (H, W, 3)."""
        at = int(np.clip(time * self.pixels_per_second, 0, self.columns - 1))
        start = int(np.clip(at - self.span // 2, 0, max(self.columns - self.span, 0)))
        if self._window is None or self._window[0] != start:
            self._window = start, self._background(start)
        image = self._window[1].copy()
        self._mark_sounding(image, int(time * self.fps))
        column = self.left + at - start
        image[self.pad // 2 : self.axis_top, column : column + max(self.size // 10, 1)] = _CURSOR
        text = format_time(time, 0.1)
        draw_text(image, text, self.pad // 2, self.axis_top, size=self.size, color=_CURSOR)
        return image

    def _states(self, lane: Lane) -> NDArray[np.int64]:
        """0 absent, 1 visible, 2 sounding by column of the video; a short sound is not lost."""
        edges = np.arange(self.columns + 1) / self.pixels_per_second * self.fps
        first = np.minimum(edges[:-1].astype(int), len(lane.visible) - 1)
        last = np.clip(np.ceil(edges[1:] - 1e-6).astype(int), first + 1, len(lane.visible))
        state = np.zeros(self.columns, np.int64)
        for flags in (lane.visible, lane.sounding):
            total = np.concatenate([[0], np.cumsum(flags)])
            state += total[last] > total[first]
        return state

    def _background(self, start: int) -> NDArray[np.uint8]:
        """The strip without cursor, from a column of the video on."""
        image = np.full((self.height, self.width, 3), BACKGROUND, np.uint8)
        shown = slice(start, start + self.span)
        if self.peaks is not None:
            peaks = self.peaks[shown]
            middle = (self.wave_height - 1) / 2
            rows = np.abs(np.arange(self.wave_height) - middle)
            inside = rows[:, None] <= peaks * middle
            top = self.pad
            part = image[top : top + self.wave_height, self.left : self.left + len(peaks)]
            part[inside] = _WAVEFORM
        for lane, states, (top, bottom) in zip(
            self.lanes, self.states, self.lane_rows, strict=True
        ):
            colors = np.stack([_EMPTY_LANE, _darker(lane.color), lane.color]).astype(np.uint8)
            part = image[top:bottom, self.left : self.left + self.span]
            part[:] = colors[states[shown]][None, : part.shape[1]]
            name = fit_text(lane.name, self.size, self.left - self._chip() - 2 * self.pad)
            left = self.pad + self._chip()
            draw_text(image, name, left, top - 1, size=self.size, color=FOREGROUND)
        if self.note:
            top = self.axis_top - self.line - 2
            draw_text(image, self.note, self.left, top, size=self.size, color=_DIM)
        self._draw_ticks(image, start)
        return image

    def _draw_ticks(self, image: NDArray[np.uint8], start: int) -> None:
        space = text_width('00:00:00', self.size) * 1.5 / self.pixels_per_second
        step = next((step for step in _TICKS if step >= space), _TICKS[-1] * (1 + space // 60))
        first = int(np.ceil(start / self.pixels_per_second / step))
        while True:
            time = first * step
            column = self.left + round(time * self.pixels_per_second) - start
            text = format_time(time, step)
            if column + text_width(text, self.size) > self.width or time > self.seconds:
                return
            image[self.axis_top - 2 : self.axis_top + 2, column] = _DIM
            draw_text(image, text, column + 3, self.axis_top, size=self.size, color=_DIM)
            first += 1

    def _mark_sounding(self, image: NDArray[np.uint8], frame: int) -> None:
        """Fill the square before the name of what sounds, darker for what is visible."""
        side = self._chip() - 2
        for lane, (top, bottom) in zip(self.lanes, self.lane_rows, strict=True):
            frame = min(frame, len(lane.visible) - 1)
            color: Sequence[int] = _EMPTY_LANE
            if lane.visible[frame]:
                color = lane.color if lane.sounding[frame] else _darker(lane.color)
            middle = (top + bottom) // 2
            rows = slice(middle - side // 2, middle - side // 2 + side)
            image[rows, self.pad // 2 : self.pad // 2 + side] = color

    def _chip(self) -> int:
        return max(2 * self.size // 3, 6) + 2


def time_axis(lanes: Sequence[Lane], *, seconds: float, width: int, size: int) -> tuple[int, int]:
    """Column at which the time axis of a strip begins, and its length in pixels.

    Left of it are the names, cut if they are long, and the time.
    """
    pad = max(size // 2, 4)
    names = max((text_width(lane.name, size) for lane in lanes), default=0)
    left = min(names + 3 * pad + size, round(0.28 * width))
    left = max(left, text_width(format_time(seconds, 0.1), size) + 2 * pad)
    return left, max(width - left - pad, 1)


def column_count(seconds: float, span: int) -> int:
    """Number of columns of a whole video, of which ``span`` are visible at a time."""
    return max(round(span * max(seconds / WINDOW_SECONDS, 1)), 1)


def format_time(seconds: float, step: float) -> str:
    """Minutes and seconds, with a decimal if times differ by less than a second.

    >>> format_time(5, 1), format_time(65.25, 0.1), format_time(3723, 1)
    ('0:05', '1:05.2', '1:02:03')
    """
    digits = 1 if step < 1 else 0
    ticks = int(seconds * 10**digits + 1e-6)
    whole, rest = divmod(ticks, 10**digits)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    text = f'{hours}:{minute:02d}:{second:02d}' if hours else f'{minute}:{second:02d}'
    return f'{text}.{rest}' if digits else text


def _darker(color: Sequence[int]) -> tuple[int, ...]:
    return tuple(
        round(0.4 * value + 0.6 * dark) for value, dark in zip(color, _EMPTY_LANE, strict=True)
    )
