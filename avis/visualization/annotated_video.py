"""Write a video with what a model found in it, frame by frame, for videos of any length."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.structures.video_record import VideoRecord
from avis.structures.video_result import TrackResult, VideoResult
from avis.utils.mp4 import write_mp4
from avis.visualization.captions import BACKGROUND, FOREGROUND, Captions
from avis.visualization.colors import track_colors
from avis.visualization.drawing import Image
from avis.visualization.label_placement import LabelPlacer
from avis.visualization.record_media import AudioBlocks, pixel_aspect, walk_frames, waveform_peaks
from avis.visualization.strip import Lane, Strip, column_count, time_axis
from avis.visualization.text import draw_text, line_height
from avis.visualization.tracks import TrackStyle, check_track_style, draw_tracks, label_size
from avis.visualization.video_writer import frame_repeats

MIN_DISPLAY_SIDE = 240  # pixels of the shorter side, so that text beside frames is readable
_GAP = 4


def write_annotated_video(  # noqa: PLR0913 - one call is the whole video
    path: str | Path,
    record: VideoRecord,
    result: VideoResult,
    *,
    gt: VideoResult | None = None,
    frame_ids: NDArray[np.int64] | None = None,
    style: TrackStyle = 'mask',
    opacity: float = 0.2,
    strip: bool = True,
    captions: bool = True,
) -> None:
    """Write a video that shows who is visible and who sounds, with its audio.

    Frames and audio are read again from the files of the record, block by block. Frames keep their
    aspect ratio, see :func:`display_size`. Sounding instances have a bold outline and a tint,
    silent ones a thin outline. Below are the words of the transcript, if it has any, and a strip
    with the waveform, a lane for each instance, dark where it is visible and bright where it
    sounds, and a cursor.

    Args:
        path: Path of the MP4 file.
        record: Record of the video.
        result: What was found. Masks of another size than the frames are resized.
        gt: Ground truth, shown beside the prediction in the same colors.
        frame_ids: Index in the record of each frame of the result, ascending; None for all. Audio
            is written if they are consecutive.
        style: How masks are drawn, see :func:`~avis.visualization.tracks.draw_tracks`.
        opacity: Strength of the tint, 0 to 1.
        strip: Whether to draw the strip.
        captions: Whether to draw the words of the transcript, if it has any.

    Raises:
        ValueError: ``style`` or ``opacity`` is invalid.
    """
    check_track_style(style, opacity)
    ids = np.arange(result.length) if frame_ids is None else np.asarray(frame_ids)
    sides = {'prediction': result} if gt is None else {'ground truth': gt, 'prediction': result}
    drawing = _Drawing(sides, style, opacity)
    audio = AudioBlocks.of(record, ids)
    repeat = frame_repeats(result.fps)
    write_mp4(
        path,
        _frames(record, ids, drawing, repeat, strip=strip, captions=captions),
        fps=Fraction(result.fps * repeat).limit_denominator(1001),
        audio=audio,
        sample_rate=16000 if audio is None else audio.rate,
    )


def annotated_frames(
    record: VideoRecord, result: VideoResult, *, style: TrackStyle, opacity: float
) -> Iterator[Image]:
    """Yield the frames of :func:`write_annotated_video`, one per frame of the result.

    Args:
        record: Record of the video.
        result: What was found.
        style: How masks are drawn, see :func:`~avis.visualization.tracks.draw_tracks`.
        opacity: Strength of the tint, 0 to 1.
    """
    drawing = _Drawing({'prediction': result}, style, opacity)
    yield from _frames(record, np.arange(result.length), drawing, 1, strip=True, captions=True)


def display_size(height: int, width: int, aspect: Fraction | int = 1) -> tuple[int, int]:
    """Height and width at which frames are shown: in square pixels, and not too small.

    Frames whose shorter side has less than ``MIN_DISPLAY_SIDE`` pixels are enlarged by an integer
    factor.

    Args:
        height: Height of the frames in pixels.
        width: Width of the frames in pixels.
        aspect: Width of a pixel divided by its height.

    >>> display_size(82, 392), display_size(480, 720, Fraction(32, 27))
    ((246, 1176), (480, 853))
    """
    high, wide = (height, width * aspect) if aspect >= 1 else (height / aspect, width)
    factor = max(ceil(MIN_DISPLAY_SIDE / min(high, wide)), 1)
    return max(round(high * factor), 1), max(round(wide * factor), 1)


def _frames(
    record: VideoRecord,
    ids: NDArray[np.int64],
    drawing: '_Drawing',
    repeat: int,
    *,
    strip: bool,
    captions: bool,
) -> Iterator[Image]:
    """Yield the frames of the file, each one ``repeat`` times while the cursor moves on."""
    aspect, result, first = pixel_aspect(record), drawing.sides['prediction'], None
    for t, frame in enumerate(walk_frames(record, ids)):
        if first is None:
            first = frame.shape
            size = display_size(first[0], first[1], aspect)
            width = drawing.width(size)
            text = max(label_size(*size), round(width / 80))
            band = _captions(result, drawing, width, text) if captions else None
            bar = _strip(record, ids, drawing, width, text) if strip else None
        if frame.shape != first:
            raise ValueError(
                f'{record["video_name"]}: expected frames of one size, got {frame.shape} at frame '
                f'{ids[t]}, {first} at frame {ids[0]}'
            )
        top = drawing.draw(_resize(frame, size), t)
        for k in range(repeat):
            time = (t + k / repeat) / result.fps
            below = [part.render(time) for part in (band, bar) if part is not None]
            yield np.concatenate([top, *below]) if below else top


def _resize(frame: Image, size: tuple[int, int]) -> Image:
    if frame.shape[:2] == size:
        return frame
    return np.asarray(cv2.resize(frame, size[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


def _captions(result: VideoResult, drawing: '_Drawing', width: int, size: int) -> Captions | None:
    if not any(utterance.text for utterance in result.utterances):  # speech without words
        return None
    colors = drawing.colors['prediction']
    return Captions(result.utterances, result.tracks, colors, width=width, size=size)


def _strip(
    record: VideoRecord, ids: NDArray[np.int64], drawing: '_Drawing', width: int, size: int
) -> Strip:
    result, lanes = drawing.sides['prediction'], drawing.lanes()
    audio = AudioBlocks.of(record, ids)
    peaks = None
    if audio is not None:
        span = time_axis(lanes, seconds=result.seconds, width=width, size=size)[1]
        peaks = waveform_peaks(audio, result.seconds, column_count(result.seconds, span))
    return Strip(lanes, peaks, fps=result.fps, seconds=result.seconds, width=width, size=size)


@dataclass
class _Drawing:
    """Draws the tracks of the prediction, or of ground truth and prediction side by side."""

    sides: Mapping[str, VideoResult]
    style: TrackStyle
    opacity: float
    colors: dict[str, dict[int, tuple[int, int, int]]] = field(init=False)

    def __post_init__(self) -> None:
        gt = self.sides['ground truth'].tracks if 'ground truth' in self.sides else ()
        self.colors = {'ground truth': track_colors(gt)} if gt else {'ground truth': {}}
        self.colors['prediction'] = track_colors(self.sides['prediction'].tracks, gt)
        self.placers = {name: LabelPlacer() for name in self.sides}

    def width(self, size: tuple[int, int]) -> int:
        """Width of the images for frames of a size (H, W); even, as video encoders require."""
        width = len(self.sides) * (size[1] + _GAP) - _GAP
        return width + width % 2

    def lanes(self) -> list[Lane]:
        """The lanes of the ground truth, then those of the prediction."""
        lanes = []
        for side, result in self.sides.items():
            for track in result.tracks:
                name = f'gt: {track.name}' if side == 'ground truth' else track.name
                color = self.colors[side][track.id]
                lanes.append(Lane(name, color, track.visible, track.sounding))
        return lanes

    def draw(self, frame: Image, t: int) -> Image:
        """Draw frame t of each side, with titles if there are two; see :meth:`width`."""
        height, width = frame.shape[:2]
        images = [self._side(frame, t, side) for side in self.sides]
        if len(images) > 1:
            size = max(label_size(height, width), round(self.width((height, width)) / 80))
            for k, side in enumerate(self.sides):
                title = np.full((line_height(size) + 4, width, 3), BACKGROUND, np.uint8)
                draw_text(title, side, size // 2, 2, size=size, color=FOREGROUND)
                images[k] = np.concatenate([title, images[k]])
            gap = np.full((len(images[0]), _GAP, 3), BACKGROUND, np.uint8)
            images = [images[0], gap, images[1]]
        image = np.concatenate(images, axis=1)
        missing = self.width((height, width)) - image.shape[1]
        return np.pad(image, ((0, 0), (0, missing), (0, 0)), mode='edge') if missing else image

    def _side(self, frame: Image, t: int, side: str) -> Image:
        tracks = [track for track in self.sides[side].tracks if track.masks.rles[t] is not None]
        return draw_tracks(
            frame,
            {track.id: _mask_at(track, t, frame.shape[:2]) for track in tracks},
            {track.id: track.name for track in tracks},
            colors=self.colors[side],
            silent={track.id for track in tracks if not track.sounding[t]},
            style=self.style,
            opacity=self.opacity,
            placer=self.placers[side],
        )


def _mask_at(track: TrackResult, t: int, size: Sequence[int]) -> NDArray[np.bool_]:
    """The mask of a frame, enlarged with smooth outlines to a size (H, W)."""
    mask = track.masks.dense(t)
    if mask.shape == tuple(size):
        return mask
    large = cv2.resize(mask.astype(np.uint8) * 255, (size[1], size[0]))
    enlarged: NDArray[np.bool_] = large > 127
    return enlarged
