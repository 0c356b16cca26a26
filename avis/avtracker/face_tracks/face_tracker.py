"""Face tracks of a video: detect, find shots, link, smooth. Start reading at `FaceTracker.track`.

Boxes are kept, images are not: memory does not grow with the images of a video.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.logging import print_log
from scipy.ndimage import gaussian_filter1d, median_filter

from avis.avtracker.face_detection.box_detectors import FaceBoxDetector
from avis.avtracker.face_tracks.face_track import Boxes, FaceTrack
from avis.avtracker.face_tracks.linking import FaceLinker, LinkedFaces
from avis.avtracker.face_tracks.shots import ShotDetector
from avis.avtracker.loading import build_part
from avis.registry import MODELS
from avis.structures.media import FrameSource, ImageArray

_MEDIAN = 5  # looks: outliers
_SIGMA_SECONDS = 0.15  # jitter


@MODELS.register_module()
class FaceTracker:
    """Follows all faces of a video.

    Faces are detected a few times per second, and in the first and last frame of each shot. Boxes
    in between are interpolated: this costs little, and is smoother than a detection per frame.

    Args:
        detector: Detects faces, as config or built; see
            :mod:`avis.avtracker.face_detection.box_detectors`.
        looks_per_second: Detections per second, at most one per frame.
        search_seconds: Time between two searches of the whole image; between them faces are
            detected near to where they were. A new face starts up to this much later.
        max_gap: Longest time in seconds for which a face may not be detected.
        min_seconds: Shortest track.
        min_size: Least width of a face in pixels; smaller faces are left out.
        cut_threshold: See :class:`~avis.avtracker.face_tracks.shots.ShotDetector`.
    """

    def __init__(
        self,
        *,
        detector: FaceBoxDetector | dict[str, Any],
        looks_per_second: float = 6.0,
        search_seconds: float = 1.0,
        max_gap: float = 0.7,
        min_seconds: float = 0.4,
        min_size: float = 20.0,
        cut_threshold: float = 27.0,
    ) -> None:
        self.detector: FaceBoxDetector = build_part(
            detector, method='detect', where='FaceTracker: detector'
        )
        self.looks_per_second, self.search_seconds = looks_per_second, search_seconds
        self.max_gap = max_gap
        self.min_seconds, self.min_size = min_seconds, min_size
        self.cut_threshold = cut_threshold

    def track(self, frames: FrameSource) -> list[FaceTrack]:
        """Follow the faces of a video, read once and in order.

        Faces that are left out, and a video without faces, are logged.

        Args:
            frames: The frames.

        Returns:
            The tracks by their first frames.
        """
        shortest = max(2, round(self.min_seconds * frames.fps))
        counts = Counter[str]()
        tracks = [
            _smooth(linked, frames.fps)
            for linked in self._link(frames, counts)
            if linked.frames[-1] + 1 - linked.frames[0] >= shortest
        ]
        if counts['small']:
            _warn(
                f'{frames.name}: faces of less than {self.min_size:g} pixels are left out, their '
                f'lips cannot be seen; read a larger video'
            )
        if not tracks:
            _warn(f'{frames.name}: no face is visible for {self.min_seconds:g} s or longer')
        return sorted(tracks, key=lambda track: (track.first, float(track.boxes[0, 0])))

    def _link(self, frames: FrameSource, counts: Counter[str]) -> Iterator[LinkedFaces]:
        """Yield the linked detections of each face."""
        step = max(1, round(frames.fps / self.looks_per_second))
        linker = FaceLinker(max_gap=max(step, round(self.max_gap * frames.fps)))
        shots = ShotDetector(fps=frames.fps, threshold=self.cut_threshold)
        everywhere = round(self.search_seconds * frames.fps)
        looked = searched = -len(frames) - everywhere
        last: ImageArray | None = None
        for frame in range(len(frames)):
            image = frames[frame]
            if shots.starts_shot(frame, image) and last is not None:
                if looked < frame - 1:
                    boxes = self._detect(last, linker.last_boxes(), counts)
                    yield from linker.add(frame - 1, last, boxes)
                yield from linker.finish()
                looked = searched = frame - step - everywhere
            if frame - looked >= step or frame == len(frames) - 1:
                near = None if frame - searched >= everywhere else linker.last_boxes()
                yield from linker.add(frame, image, self._detect(image, near, counts))
                looked, searched = frame, frame if near is None else searched
            last = image
        yield from linker.finish()

    def _detect(self, image: ImageArray, near: Boxes | None, counts: Counter[str]) -> Boxes:
        boxes, _ = self.detector.detect(image, near=near)
        wide = boxes[:, 2] - boxes[:, 0] >= self.min_size
        counts['small'] += int((~wide).sum())
        return boxes[wide]


def _warn(message: str) -> None:
    print_log(message, logger='current', level=logging.WARNING)


def _smooth(linked: LinkedFaces, fps: float) -> FaceTrack:
    """Remove outliers of detected boxes, fill the frames between them, and smooth over time."""
    boxes = median_filter(np.array(linked.boxes), (_MEDIAN, 1), mode='reflect')
    frames = np.arange(linked.frames[0], linked.frames[-1] + 1)
    corners = [np.interp(frames, linked.frames, corner) for corner in boxes.T]
    smooth = gaussian_filter1d(corners, _SIGMA_SECONDS * fps, axis=1, mode='nearest')
    return FaceTrack(linked.frames[0], np.asarray(smooth, np.float64).T)
