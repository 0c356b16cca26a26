"""What the tracker's own object ids say of who speaks, and who is the same (D31)."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from avis.models.agents.contract import Utterance, Video
from avis.structures.masks import RLE, decode_rle


def main_object(video: Video, utterance: Utterance) -> int | None:
    """The object that speaks in most frames of an utterance; None if nobody does."""
    votes: Counter[int] = Counter()
    for frame, row in zip(utterance.frame_ids, utterance.rows, strict=False):
        found = video.detections[frame]
        if row is not None and found is not None:
            votes[int(found.ids[row])] += 1
    return votes.most_common(1)[0][0] if votes else None


def group_by_objects(video: Video, utterances: Sequence[Utterance]) -> dict[str, list[int]]:
    """One person per main object, in order of appearance."""
    groups: dict[int | None, list[int]] = {}
    for position, utterance in enumerate(utterances):
        groups.setdefault(main_object(video, utterance), []).append(position)
    return {f'person_{number}': group for number, group in enumerate(groups.values())}


def speaker_rle(video: Video, utterance: Utterance) -> RLE | None:
    """The speaker in the key frame of an utterance, None if nobody is seen there."""
    place = utterance.frame_ids.index(utterance.key_frame)
    row, found = utterance.rows[place], video.detections[utterance.key_frame]
    return None if row is None or found is None else found.masks[row]


def speaker_area(video: Video, utterance: Utterance) -> int:
    """Pixels of the speaker in the key frame."""
    rle = speaker_rle(video, utterance)
    return 0 if rle is None else int(coco_mask.area(rle))


def speaker_mask(video: Video, utterance: Utterance) -> NDArray[np.bool_] | None:
    """The same as a mask (H, W)."""
    rle = speaker_rle(video, utterance)
    return None if rle is None else decode_rle(rle)
