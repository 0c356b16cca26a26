"""Identities from frame to frame for detectors that look at single pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.models.agents.contract import Picture
from avis.models.trackers.matching import mask_iou, match
from avis.structures.masks import RLE, encode_mask

_BINS = (12, 4, 4)  # of hue, saturation, value


@dataclass
class _Known:
    """Somebody seen before."""

    number: int
    mask: RLE
    colours: NDArray[np.float32]
    last_seen: int


class FrameLinker:
    """Gives people the ids of those who stood at the same place or wear the same colours.

    Half of the similarity is the overlap with the mask last seen, half that of colour histograms,
    so a person who walks away between two frames is known by the clothes.

    Args:
        min_similarity: 0 to 1, from which two masks are one person.
        memory: Frames after which somebody who is gone is forgotten.
    """

    def __init__(self, *, min_similarity: float = 0.35, memory: int = 30) -> None:
        self.min_similarity, self.memory = min_similarity, memory
        self._known: list[_Known] = []
        self._count = 0

    def link(self, frame: int, picture: Picture, masks: Sequence[NDArray[np.bool_]]) -> list[int]:
        """Ids of the people of a frame; frames come in order."""
        self._known = [one for one in self._known if frame - one.last_seen <= self.memory]
        rles = [encode_mask(mask) for mask in masks]
        shades = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2HSV), np.uint8)
        colours = [_colours(shades, mask) for mask in masks]
        overlap = mask_iou([one.mask for one in self._known], rles)
        alike = np.array(
            [[np.minimum(one.colours, new).sum() for new in colours] for one in self._known]
        ).reshape(overlap.shape)
        pairs = match((overlap + alike) / 2, self.min_similarity)
        owners = {column: self._known[row] for row, column in pairs}
        numbers = []
        for column, (rle, histogram) in enumerate(zip(rles, colours, strict=True)):
            person = owners.get(column)
            if person is None:
                person = _Known(self._count, rle, histogram, frame)
                self._known.append(person)
                self._count += 1
            person.mask, person.last_seen = rle, frame
            person.colours = (0.8 * person.colours + 0.2 * histogram).astype(np.float32)
            numbers.append(person.number)
        return numbers


def _colours(shades: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Histogram inside a mask of hue, saturation and value (H, W, 3), summing to 1."""
    ranges = [0, 180, 0, 256, 0, 256]
    histogram = cv2.calcHist([shades], [0, 1, 2], mask.view(np.uint8), list(_BINS), ranges)
    return np.asarray(histogram / max(float(histogram.sum()), 1.0), np.float32)
