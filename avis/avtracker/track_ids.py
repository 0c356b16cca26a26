"""Who speaks, and which windows show the same person, by the object ids of the tracker."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from avis.avtracker.interfaces import GroundedUtterance, VideoContext
from avis.structures.masks import RLE, decode_rle, rle_area


def main_object(video: VideoContext, utterance: GroundedUtterance) -> int | None:
    """The object that speaks in most frames of an utterance; None if nobody speaks."""
    votes: Counter[int] = Counter()
    for frame, row in zip(utterance.frame_ids, utterance.rows, strict=False):
        if row is not None:
            votes[int(video.found(frame).ids[row])] += 1
    return votes.most_common(1)[0][0] if votes else None


def group_by_objects(
    video: VideoContext, utterances: Sequence[GroundedUtterance]
) -> dict[str, list[int]]:
    """One person per main object, in order of appearance."""
    groups: dict[int | None, list[int]] = {}
    for position, utterance in enumerate(utterances):
        groups.setdefault(main_object(video, utterance), []).append(position)
    return {f'person_{number}': group for number, group in enumerate(groups.values())}


def speaker_rle(video: VideoContext, utterance: GroundedUtterance) -> RLE | None:
    """The speaker's mask in the key frame of an utterance, None if the speaker is not visible."""
    row = utterance.rows[utterance.frame_ids.index(utterance.key_frame)]
    return None if row is None else video.found(utterance.key_frame).masks[row]


def speaker_area(video: VideoContext, utterance: GroundedUtterance) -> int:
    """Area of the speaker in the key frame, in pixels."""
    return rle_area(speaker_rle(video, utterance))


def speaker_mask(video: VideoContext, utterance: GroundedUtterance) -> NDArray[np.bool_] | None:
    """The speaker's mask in the key frame, (H, W)."""
    rle = speaker_rle(video, utterance)
    return None if rle is None else decode_rle(rle)
