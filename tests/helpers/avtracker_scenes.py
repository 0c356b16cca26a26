"""Small scenes for the tests of the local and the global stage."""

import json

import numpy as np

from avis.avtracker.interfaces import GroundedUtterance, LocalQuery, Reply, VideoContext
from avis.structures.masks import encode_mask
from avis.structures.media import FrameDetections, Waveform
from tests.helpers.replay_parts import ReplayFrames, frame_number

SIZE = (40, 100)
LEFT, RIGHT = (10, 5, 30, 35), (60, 5, 80, 35)


def detections(boxes, ids=None):
    """One filled box per object."""
    masks = []
    for left, top, right, bottom in boxes:
        mask = np.zeros(SIZE, bool)
        mask[top:bottom, left:right] = True
        masks.append(encode_mask(mask))
    return FrameDetections(
        ids=np.array(range(len(boxes)) if ids is None else ids, np.int64),
        scores=np.ones(len(boxes), np.float32),
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        masks=masks,
    )


def video(frames, fps=5.0, seconds=None):
    """A silent video with these detections."""
    seconds = len(frames) / fps if seconds is None else seconds
    audio = Waveform(np.zeros(round(16000 * seconds), np.float32), 16000, 'v')
    return VideoContext('v', ReplayFrames('v', len(frames), SIZE, fps), audio, list(frames))


def two_people(count=10, **more):
    """Two people who do not move; object 0 is on the left."""
    return video([detections([LEFT, RIGHT])] * count, **more)


def query(frames, window=0, text='hello'):
    return LocalQuery(window, text, (frames[0] / 5, (frames[-1] + 1) / 5), tuple(frames))


def utterance(frames, rows, window=0, key=None):
    return GroundedUtterance(
        query(frames, window), tuple(frames), rows, frames[0] if key is None else key
    )


def thousandths(box):
    """A box in pixels, in the units of a reply."""
    height, width = SIZE
    sides = (width, height, width, height)
    return [round(1000 * value / side) for value, side in zip(box, sides, strict=True)]


def local_reply(*boxes, rationale='because'):
    """A reply with these boxes in pixels, None for nobody."""
    rows = [
        {'frame_id': n, 'bbox': [0, 0, 0, 0] if box is None else thousandths(box)}
        for n, box in enumerate(boxes)
    ]
    return json.dumps({'rationale': rationale, 'boxes': rows})


def global_reply(**persons):
    return json.dumps({'rationale': 'because', 'persons': persons})


class Model:
    """A chat model that returns texts in turn and records its messages."""

    def __init__(self, *texts):
        self.texts = list(texts)
        self.messages = []

    def chat(self, messages):
        for message in messages:
            self.messages.append(message)
            text = self.texts.pop(0)
            yield Reply(None, text) if isinstance(text, Exception) else Reply(text)

    def frames(self, number=-1):
        """Indices of the frames of a message."""
        return [frame_number(p) for p in self.messages[number].parts if not isinstance(p, str)]
