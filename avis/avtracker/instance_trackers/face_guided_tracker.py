"""People by their faces, with networks of MediaPipe: runs on a laptop, needs no hub."""

from collections.abc import Iterator
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.avtracker.face_detection.face_detector import DetectedFace, FaceDetector
from avis.avtracker.face_detection.tflite_network import TFLiteNetwork, cut_square
from avis.avtracker.instance_trackers.appearance_associator import AppearanceAssociator
from avis.avtracker.instance_trackers.assembly import assemble
from avis.registry import MODELS
from avis.structures.media import FrameDetections, FrameSource, ImageArray

_SIZE = 256  # input and output of the mask network
# A body below its face, in widths of the face: side of the square shown to the mask network, and
# how far its middle is below the face's.
_SIDE, _BELOW = 8.0, 2.2
# Half the width of a head and of a trunk, in widths of the face, and from where to where below the
# middle of the face one becomes the other.
_HEAD, _TRUNK, _NECK = 0.8, 1.4, (0.5, 1.0)
_LEAST_LOGIT = -1.0  # of a pixel of the person: the network is too careful at the edges
_OUTSIDE = -20.0  # logit of what the network did not see
_GRAY = 128
_PEOPLE = ('person', 'people', 'man', 'woman', 'speaker')


def check_prompt(prompt: str, *, by: str) -> None:
    """Raise ValueError for a prompt that does not ask for people."""
    if prompt.strip().lower() not in _PEOPLE:
        raise ValueError(f'{by} finds people only, got the prompt {prompt!r}')


@MODELS.register_module()
class FaceGuidedTracker:
    """A mask for everybody whose face is seen.

    BlazeFace finds faces, the mask of MediaPipe's pose network is asked for the body below each,
    and place and colors link the frames. The network takes those who stand before somebody for a
    part of him, so people are asked for from front to back, and who is done is painted gray before
    the next: whose chin is lower is nearer. Good for a few people who are large in the image;
    backs and tiny faces are not found.

    Args:
        min_score: Least score of a face, see :class:`FaceDetector`.
        tiles: Look for small faces too, in parts of the image; takes a third longer or more.
        min_similarity: From which people of two frames are one, see :class:`AppearanceAssociator`.
        memory: Seconds after which somebody who is gone is forgotten.
        folder: Where MediaPipe's ``modules`` are; None looks into the installed wheel.
    """

    not_in_cache_key = ('folder',)

    def __init__(
        self,
        *,
        min_score: float = 0.4,
        tiles: bool = True,
        min_similarity: float = 0.5,
        memory: float = 5.0,
        folder: str | None = None,
    ) -> None:
        self.min_score, self.tiles, self.folder = min_score, tiles, folder
        self.min_similarity, self.memory = min_similarity, memory

    def track(self, frames: FrameSource, *, prompt: str) -> Iterator[tuple[int, FrameDetections]]:
        """Every frame in order, with the people in it."""
        check_prompt(prompt, by='FaceGuidedTracker')
        linker = AppearanceAssociator(
            min_similarity=self.min_similarity, memory=max(1, round(self.memory * frames.fps))
        )
        for frame in range(len(frames)):
            image = frames[frame]
            faces = self._finder(image)
            masks = self._masks(image, faces)
            seen = [i for i, mask in enumerate(masks) if mask.any()]
            masks = [masks[i] for i in seen]
            numbers = linker.link(frame, image, masks)
            yield frame, assemble(numbers, [faces[i].score for i in seen], masks)

    def _masks(self, image: ImageArray, faces: list[DetectedFace]) -> list[NDArray[np.bool_]]:
        """One mask (H, W) per face; they do not overlap."""
        masks: dict[int, NDArray[np.bool_]] = {}
        left, free = image.copy(), np.ones(image.shape[:2], np.bool_)
        off = np.array([_distance(image.shape[:2], face) for face in faces])  # (N, H, W)
        order = sorted(range(len(faces)), key=lambda i: -faces[i].box[3])
        for place, i in enumerate(order):
            mask = free & (self._logits(left, faces[i]) > _LEAST_LOGIT)
            behind = order[place + 1 :]
            if behind:
                mask &= (off[i] < 1) | (off[i] <= off[behind].min(axis=0))
            masks[i] = _part_with(mask, faces[i])
            free &= ~masks[i]
            left[masks[i]] = _GRAY
        return [masks[i] for i in range(len(faces))]

    def _logits(self, image: ImageArray, face: DetectedFace) -> NDArray[np.float32]:
        """Whether each pixel (H, W) belongs to the person with a face: yes above 0."""
        x, y = face.center
        square, matrix = cut_square(
            image,
            center=(x, y + _BELOW * face.width),
            side=_SIDE * face.width,
            size=_SIZE,
        )
        logits = self._mask_network(square / 255)[2][..., 0]
        size = image.shape[1::-1]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        spread = cv2.warpAffine(logits, matrix, size, flags=flags, borderValue=_OUTSIDE)
        return np.asarray(spread, np.float32)

    @cached_property
    def _finder(self) -> FaceDetector:
        return FaceDetector(threshold=self.min_score, tiles=self.tiles, folder=self.folder)

    @cached_property
    def _mask_network(self) -> TFLiteNetwork:
        return TFLiteNetwork('pose_landmark/pose_landmark_full.tflite', folder=self.folder)


def _distance(shape: tuple[int, ...], face: DetectedFace) -> NDArray[np.float32]:
    """Squared distance of each pixel (H, W) to a person: below 1 inside a plain head and trunk."""
    height, width = shape
    x = (np.arange(width, dtype=np.float32) - face.center[0]) / face.width
    y = (np.arange(height, dtype=np.float32)[:, None] - face.center[1]) / face.width
    half = np.interp(y, _NECK, (_HEAD, _TRUNK))
    near, far = (1 / half**2).astype(np.float32), ((y.clip(max=0) / half) ** 2).astype(np.float32)
    return np.asarray(x.astype(np.float32) ** 2 * near + far, np.float32)


def _part_with(mask: NDArray[np.bool_], face: DetectedFace) -> NDArray[np.bool_]:
    """The connected parts of a mask that touch the face; crumbs elsewhere are dropped."""
    _, parts = cv2.connectedComponents(mask.astype(np.uint8))
    x1, y1, x2, y2 = face.box.round().astype(int).clip(0)
    touching = np.unique(parts[y1 : y2 + 1, x1 : x2 + 1])
    return mask & np.isin(parts, touching[touching > 0])


@MODELS.register_module()
class FaceGuidedBoxes:
    """Boxes around everybody whose face is seen, for :class:`SAM2Video`.

    Args:
        min_score: Least score of a face.
        folder: Where MediaPipe's ``modules`` are; None looks into the installed wheel.
    """

    not_in_cache_key = ('folder',)

    def __init__(self, *, min_score: float = 0.4, folder: str | None = None) -> None:
        self._people = FaceGuidedTracker(min_score=min_score, folder=folder)

    def detect(
        self, image: ImageArray, *, prompt: str
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Boxes (N, 4) of the bodies, and the scores of their faces (N,)."""
        check_prompt(prompt, by='FaceGuidedBoxes')
        faces = self._people._finder(image)
        masks = self._people._masks(image, faces)
        found = assemble(range(len(faces)), [face.score for face in faces], masks)
        return found.boxes, found.scores
