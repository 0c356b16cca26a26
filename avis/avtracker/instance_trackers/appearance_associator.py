"""Association of detections from frame to frame by appearance and position."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.models.trackers.matching import mask_iou, match
from avis.structures.masks import RLE, encode_mask, mask_box
from avis.structures.media import ImageArray

_BINS = (12, 4, 4)  # of hue, saturation, value
_HEAD = 0.45  # height of a head over the width of its person
_MASK_WEIGHT = 0.2  # of the mask overlap; the rest is the weight of the colors
_MIN_SIMILARITY = 0.5  # of two masks of one person: half of the colors and a part of the mask
_OLD_COLORS, _NEW_COLORS = 0.8, 0.2  # weights when the colors of a person are updated


@dataclass
class _Person:
    """A person seen before."""

    id: int
    mask: RLE
    colors: NDArray[np.float32]
    last_frame: int


class AppearanceAssociator:
    """Assigns ids to people by color histograms and mask overlap.

    Most of the similarity is that of the colors of head and body, the rest is the overlap with the
    last mask: people who swap positions between two frames are recognized by hair and clothes, and
    a person who appears at the position of another one after a cut gets a new id.

    Args:
        memory: Number of frames after which an absent person is forgotten.
    """

    def __init__(self, *, memory: int = 30) -> None:
        self.memory = memory
        self._people: list[_Person] = []
        self._count = 0

    def associate(
        self,
        frame: int,
        image: ImageArray,
        masks: Sequence[NDArray[np.bool_]],
        rles: Sequence[RLE] | None = None,
    ) -> list[int]:
        """Ids of the people in a frame; frames must be passed in order.

        Args:
            frame: Index of the frame.
            image: Its image, may be reduced.
            masks: One mask (H, W) per person.
            rles: The same masks, of one size in all frames; None encodes ``masks``.
        """
        self._people = [one for one in self._people if frame - one.last_frame <= self.memory]
        rles = [encode_mask(mask) for mask in masks] if rles is None else rles
        hsv = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2HSV), np.uint8)
        colors = [_colors(hsv, mask) for mask in masks]
        overlap = mask_iou([one.mask for one in self._people], rles)
        color_overlap = np.array(
            [[np.minimum(one.colors, new).sum() for new in colors] for one in self._people]
        ).reshape(overlap.shape)
        similarity = _MASK_WEIGHT * overlap + (1 - _MASK_WEIGHT) * color_overlap
        matched = {column: self._people[row] for row, column in match(similarity, _MIN_SIMILARITY)}
        ids = []
        for column, (rle, histogram) in enumerate(zip(rles, colors, strict=True)):
            person = matched.get(column)
            if person is None:
                person = _Person(self._count, rle, histogram, frame)
                self._people.append(person)
                self._count += 1
            person.mask, person.last_frame = rle, frame
            mean = _OLD_COLORS * person.colors + _NEW_COLORS * histogram
            person.colors = mean.astype(np.float32)
            ids.append(person.id)
        return ids


def _colors(hsv: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Color histograms of the head and the rest of a person, which sum to 1 together.

    Args:
        hsv: Hue, saturation and value (H, W, 3).
        mask: (H, W), of one person.
    """
    left, top, right, _ = mask_box(mask)
    neck = top + round(_HEAD * (right - left + 1))
    parts = np.zeros((2, *mask.shape), np.uint8)
    parts[0, :neck], parts[1, neck:] = mask[:neck], mask[neck:]
    ranges = [0, 180, 0, 256, 0, 256]
    both = [cv2.calcHist([hsv], [0, 1, 2], part, list(_BINS), ranges) for part in parts]
    return np.asarray([part / max(float(part.sum()), 1.0) / 2 for part in both], np.float32)
