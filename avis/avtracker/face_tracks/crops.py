"""Gray crops of face tracks at the frame rate of active speaker detection, 25 per second."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.avtracker.face_tracks.face_track import FaceTrack
from avis.structures.media import FrameSource, ImageArray
from avis.structures.media_time import TIME_TOLERANCE

FPS = 25.0
"""Crops per second, as the models of active speaker detection were trained."""

_SIZE = 112  # pixels


@dataclass(frozen=True)
class Ticks:
    """The crops of a track: tick k is at k / 25 seconds and shows the frame of that time.

    Frames are dropped if the video has more than 25 per second, and repeated if it has fewer.

    Args:
        first: Index of the first tick.
        frames: Frame of each tick, increasing.
    """

    first: int
    frames: NDArray[np.int64]


def ticks_of(track: FaceTrack, fps: float) -> Ticks:
    """The ticks at which a track is visible.

    Args:
        track: The track.
        fps: Frames per second of the video.

    >>> ticks_of(FaceTrack(1, np.zeros((2, 4))), 12.5).frames.tolist()
    [1, 1, 2, 2]
    """
    first = int(np.ceil(track.first / fps * FPS - TIME_TOLERANCE))
    stop = int(np.ceil(track.stop / fps * FPS - TIME_TOLERANCE))
    frames = np.floor(np.arange(first, stop) / FPS * fps + TIME_TOLERANCE).astype(np.int64)
    return Ticks(first, frames.clip(track.first, track.stop - 1))


def face_crops(
    frames: FrameSource, tracks: Sequence[FaceTrack]
) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
    """Read a video once, in order, and cut out the faces of all tracks.

    Args:
        frames: The frames.
        tracks: The tracks.

    Yields:
        Index of the track, number of ticks that show this crop, and the crop (112, 112).
    """
    shown = [np.bincount(ticks_of(t, frames.fps).frames - t.first, minlength=1) for t in tracks]
    by_start = sorted(range(len(tracks)), key=lambda index: tracks[index].first)
    visible: list[int] = []
    for frame in range(max((track.stop for track in tracks), default=0)):
        while by_start and tracks[by_start[0]].first == frame:
            visible.append(by_start.pop(0))
        visible = [index for index in visible if frame < tracks[index].stop]
        wanted = [
            (index, int(shown[index][frame - tracks[index].first]))
            for index in visible
            if frame - tracks[index].first < len(shown[index])
        ]
        if any(count for _, count in wanted):
            image = frames[frame]
            for index, count in wanted:
                if count:
                    box = tracks[index].boxes[frame - tracks[index].first]
                    yield index, count, crop_face(image, box)


def crop_face(image: ImageArray, box: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Cut out a face, convert it to gray and resize it to 112 by 112 as in training.

    The whole box is taken, without keeping its aspect. Where it extends past the image, the
    outermost pixels are repeated.

    Args:
        image: RGB (H, W, 3).
        box: x1 y1 x2 y2 in pixels.
    """
    height, width = image.shape[:2]
    x1, y1, x2, y2 = (int(value) for value in box.round())
    x2, y2 = max(x2, x1 + 1), max(y2, y1 + 1)
    columns = np.clip((x1, x2), 0, width)
    rows = np.clip((y1, y2), 0, height)
    if columns[0] == columns[1] or rows[0] == rows[1]:  # outside of the image
        return np.zeros((_SIZE, _SIZE), np.uint8)
    gray = cv2.cvtColor(image[slice(*rows), slice(*columns)], cv2.COLOR_RGB2GRAY)
    missing = (rows[0] - y1, y2 - rows[1], columns[0] - x1, x2 - columns[1])
    if any(missing):
        top, bottom, left, right = (int(side) for side in missing)
        gray = cv2.copyMakeBorder(gray, top, bottom, left, right, cv2.BORDER_REPLICATE)
    resized = cv2.resize(gray, (_SIZE, _SIZE), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.uint8)
