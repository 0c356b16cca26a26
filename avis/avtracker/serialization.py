"""Results of stages as JSON-ready values, and back."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from avis.avtracker.interfaces import GlobalAnswer
from avis.structures.masks import rle_from_json, rle_to_json
from avis.structures.media import FrameDetections


def detections_to_json(entry: tuple[int, FrameDetections]) -> dict[str, Any]:
    """Index and detections of a frame as JSON-ready value."""
    frame, found = entry
    return {
        'frame': int(frame),
        'ids': found.ids.tolist(),
        'scores': found.scores.tolist(),
        'boxes': found.boxes.tolist(),
        'masks': [rle_to_json(rle) for rle in found.masks],
    }


def detections_from_json(row: Mapping[str, Any]) -> tuple[int, FrameDetections]:
    """Index and detections of a frame."""
    return row['frame'], FrameDetections(
        ids=np.asarray(row['ids'], np.int64),
        scores=np.asarray(row['scores'], np.float32),
        boxes=np.asarray(row['boxes'], np.float32).reshape(-1, 4),
        masks=[rle_from_json(mask) for mask in row['masks']],
    )


def global_answer_to_json(answer: GlobalAnswer) -> dict[str, Any]:
    """An answer as JSON-ready value; persons as pairs, since their names may be numbers."""
    return {**vars(answer), 'persons': list(answer.persons.items())}


def global_answer_from_json(row: Mapping[str, Any]) -> GlobalAnswer:
    """The answer."""
    return GlobalAnswer(**{**row, 'persons': dict(row['persons'])})
