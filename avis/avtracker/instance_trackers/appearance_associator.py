"""Identities from frame to frame for detectors that look at single images."""

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
_PLACE = 0.2  # weight of the place against the colors


@dataclass
class _Known:
    """Somebody seen before."""

    number: int
    mask: RLE
    colors: NDArray[np.float32]
    last_seen: int


class AppearanceAssociator:
    """Gives people the ids of those who look the same and stood at the same place.

    Most of the similarity is that of the colors of head and body, the rest the overlap with the
    mask last seen: people who change places between two frames are known by hair and clothes, and
    who appears after a cut where somebody else stood is somebody new.

    Args:
        min_similarity: 0 to 1, from which two masks are one person.
        memory: Frames after which somebody who is gone is forgotten.
    """

    def __init__(self, *, min_similarity: float = 0.5, memory: int = 30) -> None:
        self.min_similarity, self.memory = min_similarity, memory
        self._known: list[_Known] = []
        self._count = 0

    def link(self, frame: int, image: ImageArray, masks: Sequence[NDArray[np.bool_]]) -> list[int]:
        """Ids of the people of a frame; frames come in order."""
        self._known = [one for one in self._known if frame - one.last_seen <= self.memory]
        rles = [encode_mask(mask) for mask in masks]
        shades = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2HSV), np.uint8)
        colors = [_colors(shades, mask) for mask in masks]
        overlap = mask_iou([one.mask for one in self._known], rles)
        alike = np.array(
            [[np.minimum(one.colors, new).sum() for new in colors] for one in self._known]
        ).reshape(overlap.shape)
        pairs = match(_PLACE * overlap + (1 - _PLACE) * alike, self.min_similarity)
        owners = {column: self._known[row] for row, column in pairs}
        numbers = []
        for column, (rle, histogram) in enumerate(zip(rles, colors, strict=True)):
            person = owners.get(column)
            if person is None:
                person = _Known(self._count, rle, histogram, frame)
                self._known.append(person)
                self._count += 1
            person.mask, person.last_seen = rle, frame
            person.colors = (0.8 * person.colors + 0.2 * histogram).astype(np.float32)
            numbers.append(person.number)
        return numbers


def _colors(shades: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Histograms inside the head and the rest of a mask, summing to 1 together.

    Args:
        shades: Hue, saturation and value (H, W, 3).
        mask: (H, W), of one person.
    """
    left, top, right, _ = mask_box(mask)
    neck = top + round(_HEAD * (right - left + 1))
    parts = np.zeros((2, *mask.shape), np.uint8)
    parts[0, :neck], parts[1, neck:] = mask[:neck], mask[neck:]
    ranges = [0, 180, 0, 256, 0, 256]
    both = [cv2.calcHist([shades], [0, 1, 2], part, list(_BINS), ranges) for part in parts]
    return np.asarray([part / max(float(part.sum()), 1.0) / 2 for part in both], np.float32)
