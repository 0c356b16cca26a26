"""Segmentation and tracking of people from their faces, with MediaPipe's networks on the CPU."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.avtracker.face_detection.box_detectors import square_around
from avis.avtracker.face_detection.face_detector import DetectedFace, FaceDetector
from avis.avtracker.face_detection.tflite_network import TFLiteNetwork, crop_square
from avis.avtracker.instance_trackers.appearance_associator import AppearanceAssociator
from avis.avtracker.instance_trackers.detections import make_detections
from avis.registry import MODELS
from avis.structures.masks import encode_mask
from avis.structures.media import NO_DETECTIONS, FrameDetections, FrameSource, ImageArray

_SIZE = 256  # input and output of the mask network
# Masks are found in a reduced image: a face keeps twice the width that the mask network reads, and
# the longer side of the image this many pixels.
_FACE_WIDTH, _LONGER_SIDE = 64, 480
# In widths of the face: side of the square crop for the mask network, and how far its center is
# below the center of the face.
_CROP_SIDE, _CROP_OFFSET = 8.0, 2.2
# In widths of the face: half the width of a head and of a trunk, and the range below the center of
# the face in which the width changes from head to trunk.
_HEAD, _TRUNK, _NECK = 0.8, 1.4, (0.5, 1.0)
_MIN_LOGIT = -1.0  # of a pixel of the person: at 0 the masks would be too small at the edges
_OUTSIDE = -20.0  # logit of pixels outside the crop
_GRAY = 128
_PEOPLE_PROMPTS = ('person', 'people', 'man', 'woman', 'speaker')


def check_prompt(prompt: str, *, by: str) -> None:
    """Raise ValueError for a prompt that does not name people."""
    if prompt.strip().lower() not in _PEOPLE_PROMPTS:
        raise ValueError(
            f'{by} detects people only: expected one of {_PEOPLE_PROMPTS} as prompt, got {prompt!r}'
        )


@MODELS.register_module()
class FaceGuidedTracker:
    """Segments and tracks every person whose face is visible.

    BlazeFace detects faces, the mask output of MediaPipe's pose network segments the body below
    each face, and an :class:`AppearanceAssociator` links the frames. The network takes people in
    front of a person for a part of that person. People are therefore segmented from front to back
    (a lower chin is nearer), and each finished mask is painted gray before the next one. Works for
    a few people who are large in the image; people seen from behind and tiny faces are missed.

    Args:
        min_score: Minimum score of a face, see :class:`FaceDetector`.
        tiles: Detect small faces too, in tiles of the image; takes at least a third longer.
        memory: Seconds after which an absent person is forgotten.
        max_fps: Most frames per second that are segmented; a frame between two of them has the
            masks of the one before it.
        search_seconds: Time between two searches of the whole image for faces; in between, faces
            are detected near to where they were.
        folder: Folder of MediaPipe's ``modules``; None uses the installed wheel.
    """

    not_in_cache_key = ('folder',)

    def __init__(
        self,
        *,
        min_score: float = 0.4,
        tiles: bool = True,
        memory: float = 5.0,
        max_fps: float = 8.0,
        search_seconds: float = 0.5,
        folder: str | None = None,
    ) -> None:
        self.min_score, self.tiles, self.memory = min_score, tiles, memory
        self.max_fps, self.search_seconds = max_fps, search_seconds
        self.folder = folder

    def track(self, frames: FrameSource, *, prompt: str) -> Iterator[tuple[int, FrameDetections]]:
        """See :class:`~avis.avtracker.interfaces.InstanceTracker`."""
        check_prompt(prompt, by='FaceGuidedTracker')
        associator = AppearanceAssociator(memory=max(1, round(self.memory * frames.fps)))
        step = max(1, round(frames.fps / self.max_fps))
        everywhere = max(step, round(self.search_seconds * frames.fps))
        searched, faces, found = -everywhere, list[DetectedFace](), NO_DETECTIONS
        for frame in range(len(frames)):
            if frame % step == 0:
                image = frames[frame]
                near = faces if frame - searched < everywhere else None
                faces = self._detect_faces(image, near)
                searched = frame if near is None else searched
                found = self._find_people(frame, image, faces, associator)
            yield frame, found

    def segment(self, image: ImageArray) -> tuple[list[DetectedFace], list[NDArray[np.bool_]]]:
        """The faces in an image, and one body mask (H, W) per face; masks do not overlap."""
        faces = self._face_detector(image)
        masks = self._masks(*_reduce(image, faces))
        return faces, [_enlarge(mask, image.shape) for mask in masks]

    def _find_people(
        self,
        frame: int,
        image: ImageArray,
        faces: Sequence[DetectedFace],
        associator: AppearanceAssociator,
    ) -> FrameDetections:
        """The people with these faces."""
        small, small_faces = _reduce(image, faces)
        small_masks = self._masks(small, small_faces)
        masks = [_enlarge(mask, image.shape) for mask in small_masks]
        people = [row for row, mask in enumerate(masks) if mask.any()]
        masks, small_masks = ([each[row] for row in people] for each in (masks, small_masks))
        rles = [encode_mask(mask) for mask in masks]
        ids = associator.associate(frame, small, small_masks, rles)
        return make_detections(ids, [faces[row].score for row in people], masks, rles=rles)

    def _detect_faces(
        self, image: ImageArray, near: Sequence[DetectedFace] | None
    ) -> list[DetectedFace]:
        """The faces near to those of the last image, if all are there again; else all faces."""
        if near is not None:
            squares = [square_around(face.box) for face in near]
            faces = self._face_detector(image, squares=squares)
            if len(faces) >= len(near):
                return faces
        return self._face_detector(image)

    def _masks(self, image: ImageArray, faces: Sequence[DetectedFace]) -> list[NDArray[np.bool_]]:
        """One body mask (H, W) per face; masks do not overlap."""
        masks: dict[int, NDArray[np.bool_]] = {}
        canvas, free = image.copy(), np.ones(image.shape[:2], np.bool_)
        several = faces if len(faces) > 1 else ()
        distances = np.array([_distance(image.shape[:2], face) for face in several])  # (N, H, W)
        front_to_back = sorted(range(len(faces)), key=lambda i: -faces[i].box[3])
        for position, i in enumerate(front_to_back):
            mask = free & (self._logits(canvas, faces[i]) > _MIN_LOGIT)
            behind = front_to_back[position + 1 :]
            if behind:
                mask &= (distances[i] < 1) | (distances[i] <= distances[behind].min(axis=0))
            masks[i] = _components_at(mask, faces[i])
            free &= ~masks[i]
            canvas[masks[i]] = _GRAY
        return [masks[i] for i in range(len(faces))]

    def _logits(self, image: ImageArray, face: DetectedFace) -> NDArray[np.float32]:
        """Logits (H, W) of the pixels that belong to the person with this face."""
        x, y = face.center
        square, matrix = crop_square(
            image,
            center=(x, y + _CROP_OFFSET * face.width),
            side=_CROP_SIDE * face.width,
            size=_SIZE,
        )
        logits = self._mask_network(square / 255)[2][..., 0]
        size = image.shape[1::-1]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        full = cv2.warpAffine(logits, matrix, size, flags=flags, borderValue=_OUTSIDE)
        return np.asarray(full, np.float32)

    @cached_property
    def _face_detector(self) -> FaceDetector:
        return FaceDetector(threshold=self.min_score, tiles=self.tiles, folder=self.folder)

    @cached_property
    def _mask_network(self) -> TFLiteNetwork:
        return TFLiteNetwork('pose_landmark/pose_landmark_full.tflite', folder=self.folder)


def _reduce(
    image: ImageArray, faces: Sequence[DetectedFace]
) -> tuple[ImageArray, Sequence[DetectedFace]]:
    """Reduce an image, and the faces in it, by as much as the mask network does not read."""
    longer = max(image.shape[:2])
    narrowest = min((face.width for face in faces), default=longer)
    scale = max(_FACE_WIDTH / max(narrowest, 1), _LONGER_SIDE / longer)
    if scale >= 1:
        return image, faces
    full = np.array(image.shape[1::-1])
    size = (full * scale).round().astype(int).clip(1)
    small = np.asarray(cv2.resize(image, size.tolist(), interpolation=cv2.INTER_AREA), np.uint8)
    ratio = size / full
    reduced = [
        replace(face, box=face.box * np.tile(ratio, 2), points=face.points * ratio)
        for face in faces
    ]
    return small, reduced


def _enlarge(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Enlarge a mask to the height and width of a shape, with smooth edges."""
    if mask.shape == shape[:2]:
        return mask
    levels = mask.astype(np.uint8) * 255
    enlarged = cv2.resize(levels, shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(enlarged, np.uint8) > 128  # rounded levels of two masks may be 128


def _distance(shape: tuple[int, ...], face: DetectedFace) -> NDArray[np.float32]:
    """Squared distance of each pixel (H, W) to a person: below 1 inside a simple body shape."""
    height, width = shape
    x = (np.arange(width, dtype=np.float32) - face.center[0]) / face.width
    y = (np.arange(height, dtype=np.float32)[:, None] - face.center[1]) / face.width
    half = np.interp(y, _NECK, (_HEAD, _TRUNK))
    near, far = (1 / half**2).astype(np.float32), ((y.clip(max=0) / half) ** 2).astype(np.float32)
    return np.asarray(x.astype(np.float32) ** 2 * near + far, np.float32)


def _components_at(mask: NDArray[np.bool_], face: DetectedFace) -> NDArray[np.bool_]:
    """The connected components of a mask that touch the face; others are removed."""
    count, parts = cv2.connectedComponents(mask.astype(np.uint8))
    x1, y1, x2, y2 = face.box.round().astype(int).clip(0)
    touching = np.unique(parts[y1 : y2 + 1, x1 : x2 + 1])
    kept = np.zeros(count, np.bool_)
    kept[touching] = True
    kept[0] = False
    return mask & kept[parts]


@MODELS.register_module()
class FaceGuidedBoxes:
    """Detects the bodies of people whose faces are visible, for :class:`SAM2Video`.

    Args:
        min_score: Minimum score of a face.
        folder: Folder of MediaPipe's ``modules``; None uses the installed wheel.
    """

    not_in_cache_key = ('folder',)

    def __init__(self, *, min_score: float = 0.4, folder: str | None = None) -> None:
        self._tracker = FaceGuidedTracker(min_score=min_score, folder=folder)

    def detect(
        self, image: ImageArray, *, prompt: str
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Boxes (N, 4) of the bodies, and the scores of their faces (N,)."""
        check_prompt(prompt, by='FaceGuidedBoxes')
        faces, masks = self._tracker.segment(image)
        found = make_detections(range(len(faces)), [face.score for face in faces], masks)
        return found.boxes, found.scores
