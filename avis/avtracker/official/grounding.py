"""Grounding by a vision-language model exactly as the official AVTracker does it.

Source: FudanCVL/AVTrack, commit 870bf2a; the numbers of defects (D2, ...) are those of
docs/avtracker_defects.md.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.avtracker.boxes import to_pixels
from avis.avtracker.grounding.vlm_grounding import VLMGrounding
from avis.avtracker.interfaces import LocalAnswer, LocalQuery, Reply, VideoContext
from avis.avtracker.official.replies import boxes_of_window, parse_reply
from avis.avtracker.official.tracks import tracker_entries


class OfficialVLMGrounding(VLMGrounding):
    """Takes the detection with the highest overlap, however low; never asks again (D2, D40)."""

    default_prompt = 'local_official'

    def _answer(self, video: VideoContext, query: LocalQuery, reply: Reply) -> LocalAnswer:
        """The answer; a malformed reply or a window without frames ends the video.

        Raises:
            Exception: Whatever an unexpected reply leads to (D40).
        """
        if reply.error is not None:
            raise reply.error
        parsed = parse_reply(reply.text)
        boxes = boxes_of_window(parsed, len(query.frame_ids))
        if not query.frame_ids:
            raise IndexError(f'window {query.window} has no frame (D33)')
        pixels = [to_pixels(b, scale=self.bbox_scale, size=video.frames.size) for b in boxes]
        entries = tracker_entries(video)
        rows, boxes_px, ious = [], {}, {}
        for frame, box in zip(query.frame_ids, pixels, strict=True):
            number = entries[frame] if any(box) else frame
            found = video.detections[number] if any(box) else None
            row, values = (None, []) if found is None else best_match(box, found.boxes)
            rows.append(row)
            if values:
                boxes_px[number], ious[number] = box, [round(value, 6) for value in values]
        record = {
            **self._record(query, [reply]),
            'parsed': parsed,
            'boxes_px': boxes_px,
            'ious': ious,
        }
        return LocalAnswer(rows, str(parsed['rationale']), record)


def official_iou(box: Sequence[int], other: NDArray[np.float32]) -> float:
    """Intersection over union; NaN or an error for two empty boxes (D38).

    Whether 0 / 0 raises or gives NaN depends on whether a side of the intersection is taken from
    the float32 box (NaN) or from the integers of the reply (an error). Boxes with swapped corners
    have negative sides and arbitrary values.

    Raises:
        ZeroDivisionError: Two empty boxes.
        OverflowError: A side or an area that a tensor cannot be compared with.
    """
    area = (box[2] - box[0]) * (box[3] - box[1])
    if not all(-(2**63) <= value < 2**64 for value in (*box, area)):
        raise OverflowError(f'box {box} is too large (D40)')
    width: Any = max(0, min(box[2], other[2]) - max(box[0], other[0]))
    height: Any = max(0, min(box[3], other[3]) - max(box[1], other[1]))
    inter = width * height
    union = float(area + (other[2] - other[0]) * (other[3] - other[1]) - inter)
    if union == 0.0 and isinstance(inter, np.generic):
        return math.nan
    return float(inter / union)


def best_match(box: Sequence[int], boxes: NDArray[np.float32]) -> tuple[int | None, list[float]]:
    """Row of the best detection, however low its overlap (D2), and all overlaps; NaN wins.

    Args:
        box: Of the reply, in pixels; all zero means nobody.
        boxes: (N, 4) of the frame's detections.
    """
    if not any(box) or not len(boxes):
        return None, []
    ious = [official_iou(box, other) for other in boxes]
    return int(np.argmax(ious)), ious
