"""Components of AVTracker that replay a recorded case."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from avis.avtracker.interfaces import Face, Message, Reply, SpeechSegment
from avis.avtracker.official.segments import usable_timestamp
from avis.structures.masks import rle_from_json
from avis.structures.media import FrameDetections, FrameSource, ImageArray, Waveform


class Raised(Exception):
    """A recorded component failed."""


class ReplayFrames:
    """Blank frames whose pixels encode the index of the frame."""

    def __init__(self, name: str, count: int, size: tuple[int, int], fps: float) -> None:
        self.name, self.count, self.size, self.fps = name, count, size, fps

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> ImageArray:
        if not 0 <= index < self.count:
            raise IndexError(f'frame {index} of {self.count}')
        image = np.zeros((*self.size, 3), np.uint8)
        image[..., 1], image[..., 2] = divmod(index, 200)
        return image


def frame_number(image: ImageArray) -> int:
    """Index of an image of ``ReplayFrames``, even with lines drawn on it."""
    _, high, low = np.median(image.reshape(-1, 3), axis=0).astype(int).tolist()
    return int(high) * 200 + int(low)


class ReplayRecognizer:
    """Recognizer of the recorded segments of the whole audio and of each source."""

    sample_rate = 16000
    has_words = True

    def __init__(self, inputs: dict[str, Any], seconds: float) -> None:
        self.whole = inputs['asr']['chunks']
        self.segments = inputs.get('separation') or []
        times = [usable_timestamp(chunk['timestamp'], seconds) for chunk in self.whole]
        self.starts = [time[0] for time in times if time is not None]

    def transcribe(self, waveform: Waveform) -> list[SpeechSegment]:
        """The recorded segments; sources are identified by their name."""
        _, _, source = waveform.name.partition('#')
        if source:
            segment, number = map(int, source.split('.'))
            chunks = self.segments[segment]['sources'][number]
        else:
            chunks = self.whole
        if isinstance(chunks, dict):
            raise Raised(chunks['raises'])
        return [SpeechSegment(chunk['text'], chunk['timestamp']) for chunk in chunks]


class ReplaySeparator:
    """Names the sources of the segment that starts at a recorded time."""

    def __init__(self, recognizer: ReplayRecognizer, sample_rate: int) -> None:
        self.recognizer, self.sample_rate = recognizer, sample_rate
        self.used: set[int] = set()

    def separate(self, waveform: Waveform) -> list[Waveform]:
        """One named waveform per recorded source."""
        starts = self.recognizer.starts
        near = [n for n in range(len(starts)) if n not in self.used]
        segment = min(near, key=lambda n: (abs(starts[n] - waveform.start), n))
        self.used.add(segment)
        entry = self.recognizer.segments[segment]
        if 'raises' in entry:
            raise Raised(entry['raises'])
        return [
            Waveform(waveform.samples, 16000, f'{waveform.name}#{segment}.{number}')
            for number in range(len(entry['sources']))
        ]


class ReplayEncoder:
    """Mean of the recorded vectors; a sample encodes the index of its vector."""

    sample_rate = 16000

    def __init__(self, vectors: list[list[float]], min_samples: int) -> None:
        self.vectors, self.min_samples = np.array(vectors, float), min_samples

    def embed(self, waveform: Waveform) -> Any:
        """``ValueError`` for too few samples."""
        if len(waveform.samples) < max(1, self.min_samples):
            raise ValueError(f'{len(waveform.samples)} samples')
        return self.vectors[np.round(64 * waveform.samples).astype(int) - 1].mean(axis=0)


class ReplayTracker:
    """The recorded detections."""

    def __init__(self, frames: list[Any]) -> None:
        self.frames = frames
        self.call: dict[str, Any] | None = None

    def track(self, frames: FrameSource, *, prompt: str) -> Iterable[tuple[int, FrameDetections]]:
        """Leave out frames without entry in the recording."""
        self.call = {'num_frames': len(frames), 'text': prompt}
        for index, found in enumerate(self.frames):
            if found is not None:
                yield (
                    index,
                    FrameDetections(
                        np.array(found['object_ids'], np.int64),
                        np.array(found['scores'], np.float32),
                        np.array(found['boxes'], np.float32).reshape(-1, 4),
                        [rle_from_json(mask) for mask in found['masks']],
                    ),
                )


class ReplayModel:
    """The vision-language model; records its messages."""

    def __init__(self, vlm: dict[str, Any]) -> None:
        self.vlm = vlm
        self.calls: list[dict[str, Any]] = []
        self.given: list[Any] = []

    def chat(self, messages: Iterable[Message]) -> Iterator[Reply]:
        """One recorded text per message."""
        for message in messages:
            reply = self._record(message)
            if reply is None:
                yield Reply(None, Raised(f'{message.name} was not recorded'))
            else:
                self.given.append(reply)
                yield Reply(reply)

    def _record(self, message: Message) -> Any:
        texts = [part for part in message.parts if isinstance(part, str)]
        frames = [frame_number(part) for part in message.parts if not isinstance(part, str)]
        tokens = {'max_new_tokens': message.max_new_tokens}
        if message.name.endswith('/global'):
            parts = ['instructions', 'frames']
            self.calls.append({'kind': 'global', 'parts': parts, 'frames': frames, **tokens})
            return self.vlm.get('global')
        window = int(message.name.rpartition('/')[2])
        self.calls.append(
            {
                'kind': 'local',
                'window': window,
                'parts': ['instructions', 'speech', 'frames'],
                'speech': texts[1].removeprefix('Speech: '),
                'frames': frames,
                **tokens,
            }
        )
        return self.vlm['local'][window] if window < len(self.vlm['local']) else None


class ReplayFaces:
    """The recorded faces of the k-th key frame, with boxes of the size of the image."""

    threshold = 0.6

    def __init__(self, faces: list[Any]) -> None:
        self.recorded = faces
        self.frames: list[int] = []

    def faces(self, image: ImageArray) -> list[Face]:
        """In order of the calls."""
        number = len(self.frames)
        self.frames.append(frame_number(image))
        height, width = image.shape[:2]
        found = self.recorded[number] if number < len(self.recorded) else []
        return [Face((0, 0, width, height), np.array(values)) for values in found]
