"""Everything known of a video while it is tracked, and afterwards."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from avis.avtracker.asr.speech_stage import SpeechRecord
from avis.avtracker.interfaces import GlobalAnswer, LocalAnswer
from avis.avtracker.profiling import StageProfiler
from avis.avtracker.tracks import Person, SegmentMasks
from avis.avtracker.windows import SpeechWindow
from avis.structures.media import FrameDetections


class StageFailure(Exception):
    """A stage ended with an error.

    Args:
        stage: speech, vision, local or global.
        window: The window last asked about, in the local stage.
        cause: The error.
    """

    def __init__(self, stage: str, window: int | None, cause: Exception) -> None:
        where = stage if window is None else f'{stage}, window {window}'
        super().__init__(f'{where}: {type(cause).__name__}: {cause}')
        self.stage, self.window, self.cause = stage, window, cause


@dataclass
class TrackedVideo:
    """Results of a video, filled stage by stage.

    Attributes:
        name: Name of the video.
        num_frames: T.
        size: Height and width.
        fps: Frames per second.
        stage: The stage that is running, or the last one that ran.
        seconds: Length of the audio.
        speech: The recognized speech.
        detections: What the instance tracker found, per frame.
        windows: The windows asked about.
        masks: The windows with their masks, once all are answered.
        answers: Answers of the local stage.
        grouping: Answer of the global stage; None where no window was to be grouped.
        persons: The tracks.
        counts: How often something was left out or decided by a fallback, by kind.
        profiler: Seconds and memory.
        digests: Hash of the result of each finished stage.
        failure: The error that ended it; None if there was none.
    """

    name: str
    num_frames: int
    size: tuple[int, int]
    fps: float
    stage: str = 'speech'
    seconds: float = 0.0
    speech: SpeechRecord = field(default_factory=SpeechRecord)
    detections: Sequence[FrameDetections | None] = ()
    windows: list[SpeechWindow] = field(default_factory=list)
    masks: list[SegmentMasks] = field(default_factory=list)
    answers: list[LocalAnswer] = field(default_factory=list)
    grouping: GlobalAnswer | None = None
    persons: list[Person] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    profiler: StageProfiler = field(default_factory=StageProfiler)
    digests: dict[str, str] = field(default_factory=dict)
    failure: StageFailure | None = None

    def count(self, counts: Mapping[str, int]) -> None:
        """Add to the counts; zeros are left out."""
        self.counts.update({kind: number for kind, number in counts.items() if number})

    def fail(self, error: Exception) -> None:
        """Record the error that ended the running stage."""
        asked = self.stage == 'local' and bool(self.windows)
        window = self.windows[-1].query.window if asked else None
        self.failure = StageFailure(self.stage, window, error)
        self.failure.__cause__ = error

    def transcript(self) -> list[dict[str, Any]]:
        """What is said, and by whom: ``start``, ``end``, ``text``, and ``id`` of the person.

        ``id`` is None for speech of nobody who is visible; times are seconds of the video.
        """
        speakers: dict[int, int] = {}
        for person in self.persons:
            for window in person.windows:
                speakers.setdefault(window, person.number)
        return [
            {
                'start': query.timestamp[0],
                'end': query.timestamp[1],
                'text': query.text.strip(),
                'id': speakers.get(query.window),
            }
            for query in (window.query for window in self.windows)
        ]
