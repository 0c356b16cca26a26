"""Face tracks and crops by the rules of the published demos of active speaker detection.

TalkNet (Tao et al., *Is Someone Speaking?*, ACM MM 2021), Light-ASD and LR-ASD (Liao et al., CVPR
2023 and IJCV 2025) share them: ``Columbia_test.py`` of github.com/Junhua-Liao/LR-ASD at 1b6dcd2.
:mod:`avis.avtracker.face_tracks.face_tracker` does better; these functions reproduce published
results.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.signal import medfilt

from avis.avtracker.boxes import iou
from avis.avtracker.face_tracks.face_track import Boxes, FaceTrack

_MIN_IOU = 0.5
_MAX_GAP = 10  # frames after the last face of a track
_MIN_FACES = 11  # of a track
_MEDIAN_LENGTH = 13  # frames
_CROP_SCALE = 0.4
_BORDER = 110  # gray level outside the image
_CROP_SIZE = 224

_Face = tuple[int, NDArray[np.float64]]  # frame and box


def link_faces(boxes: Sequence[Boxes], *, first: int = 0) -> list[FaceTrack]:
    """Link the faces of one shot to tracks.

    A track starts with the first unused face and takes every later face whose IoU with the last one
    is above 0.5 and that follows within 10 frames. A track of more than 10 faces counts; the faces
    of shorter ones are lost. Gaps are filled linearly. After a face is taken, the next one of the
    same frame is passed over, because the published code removes from the list that it reads.

    Args:
        boxes: The faces of each frame, (N, 4).
        first: Index of the first frame.
    """
    unused = [[(first + t, box) for box in of_frame] for t, of_frame in enumerate(boxes)]
    tracks = []
    while faces := _take_track(unused):
        if len(faces) >= _MIN_FACES:
            frames = np.arange(faces[0][0], faces[-1][0] + 1)
            known = [frame for frame, _ in faces]
            corners = np.array([box for _, box in faces], np.float64).T
            filled = np.stack([np.interp(frames, known, corner) for corner in corners], axis=1)
            tracks.append(FaceTrack(int(frames[0]), filled))
    return tracks


def _take_track(unused: list[list[_Face]]) -> list[_Face]:
    """Remove the faces of one track from those of the frames; empty if no face is left."""
    track: list[_Face] = []
    for faces in unused:
        position = 0
        while position < len(faces):
            frame, box = faces[position]
            if track and frame - track[-1][0] > _MAX_GAP:
                return track
            if not track or iou(box.tolist(), track[-1][1][None])[0] > _MIN_IOU:
                track.append(faces.pop(position))
            position += 1
    return track


@dataclass(frozen=True)
class CropWindows:
    """Where a track is cropped.

    Args:
        half_sizes: Half of the longer side of the box per frame, (F,), smoothed.
        x: Center per frame, (F,), smoothed.
        y: Center per frame, (F,), smoothed.
    """

    half_sizes: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]


def crop_windows(track: FaceTrack) -> CropWindows:
    """Smooth a track with a median of 13 frames, with zeros before its start and after its end.

    The zeros pull the crops of the first and last 6 frames to the upper left and shrink them.
    """
    x1, y1, x2, y2 = track.boxes.T
    values = (np.maximum(y2 - y1, x2 - x1) / 2, (x1 + x2) / 2, (y1 + y2) / 2)
    return CropWindows(*(medfilt(each, _MEDIAN_LENGTH) for each in values))


def cut_face(
    image: NDArray[np.uint8], *, half_size: float, x: float, y: float
) -> NDArray[np.uint8]:
    """Cut 2.8 by 2.8 half sizes, from one above to 1.8 below the center; gray 110 outside.

    Args:
        image: (H, W, 3).
        half_size: Half of the longer side of the face.
        x: Center of the face.
        y: Center of the face.
    """
    border = int(half_size * (1 + 2 * _CROP_SCALE))
    sides = ((border, border), (border, border), (0, 0))
    padded = np.pad(image, sides, constant_values=_BORDER)
    x, y = x + border, y + border
    wide = half_size * (1 + _CROP_SCALE)
    rows = slice(int(y - half_size), int(y + half_size * (1 + 2 * _CROP_SCALE)))
    return padded[rows, int(x - wide) : int(x + wide)]


def resize_cut(cut: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Resize a cut to 224 by 224; the network sees the middle 112 by 112 in gray."""
    resized: NDArray[Any] = cv2.resize(cut, (_CROP_SIZE, _CROP_SIZE))
    return np.asarray(resized, np.uint8)
