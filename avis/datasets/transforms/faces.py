"""Load the faces of a track: gray crops of one size, as active speaker detection expects them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from avis.datasets.readers.errors import broken_data_error
from avis.datasets.readers.images import read_image
from avis.datasets.readers.video import walk_video
from avis.datasets.transforms.clip import clip_name, frame_ids_of
from avis.registry import TRANSFORMS

FACE_SIZE = 112
"""Height and width of the faces in pixels, as TalkNet, Light-ASD and LR-ASD use them."""


@TRANSFORMS.register_module()
class LoadFaces(BaseTransform):
    """Read the faces of the chosen frames, gray and resized to one size.

    Reads ``frames`` (a folder of crops ``<second>.jpg``, or a video file), ``frame_ids``,
    ``frame_times`` and ``face_boxes``. Writes ``faces`` uint8 (T, size, size), ``frame_ids``, and
    of ``frame_times``, ``face_boxes`` and ``speaking`` the rows of the chosen frames. A video is
    decoded frame by frame, so that only the crops are in memory.

    Conversion and resizing are those of OpenCV, in which the published models were trained:
    ``COLOR_BGR2GRAY``, then bilinear without keeping the aspect ratio.

    Args:
        size: Height and width of the faces in pixels.
    """

    def __init__(self, *, size: int = FACE_SIZE) -> None:
        self.size = size

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        frame_ids = frame_ids_of(results)
        for key in ('frame_times', 'face_boxes'):
            if key not in results:
                raise ValueError(
                    f'{clip_name(results)}: LoadFaces expected a face track with {key!r}, got none;'
                    f' use it with a data set of face tracks such as AVAActiveSpeaker'
                )
        times, boxes = results['frame_times'][frame_ids], results['face_boxes'][frame_ids]
        path = Path(results['frames'])
        read = _read_crops(path, times) if path.is_dir() else _cut_faces(path, times, boxes)
        chosen = {'frame_ids': frame_ids, 'frame_times': times, 'face_boxes': boxes}
        if 'speaking' in results:
            chosen['speaking'] = results['speaking'][frame_ids]
        faces = np.empty((len(times), self.size, self.size), np.uint8)
        for row, face in enumerate(read):
            faces[row] = shrink_face(face, self.size)
        return {**results, **chosen, 'faces': faces}


def shrink_face(face: NDArray[np.uint8], size: int = FACE_SIZE) -> NDArray[np.uint8]:
    """Convert an RGB crop (H, W, 3) to gray (size, size)."""
    gray = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(gray, (size, size)), np.uint8)


def _read_crops(folder: Path, times: NDArray[np.float64]) -> Iterator[NDArray[np.uint8]]:
    for time in times:
        yield read_image(folder / f'{time:.2f}.jpg')


def _cut_faces(
    path: Path, times: NDArray[np.float64], boxes: NDArray[np.float64]
) -> Iterator[NDArray[np.uint8]]:
    """Cut the boxes from the frames of a video; times ascend."""
    for time, box, image in zip(times, boxes, walk_video(path, times), strict=True):
        height, width = image.shape[:2]
        scaled = box.clip(0, 1) * (width, height, width, height)
        x1, y1, x2, y2 = scaled.astype(int).tolist()
        if x2 <= x1 or y2 <= y1:
            raise broken_data_error(
                path,
                f'the face at {time:.2f} s has the box {box.tolist()}, which contains no pixel of '
                f'{width}x{height}',
                'Correct the box in the csv, or remove the row; skip_broken=True of the data set '
                'skips the track.',
            )
        yield image[y1:y2, x1:x2]
