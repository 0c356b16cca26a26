"""The decisions in which the corrected and the official behavior of AVTracker differ.

A tracker selects one strategy at construction: :class:`~avis.avtracker.corrected.CorrectedStrategy`
or :class:`~avis.avtracker.official.strategy.OfficialStrategy`. Pipeline and components never ask
which one it is.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from avis.avtracker.asr.segments import Segment
from avis.avtracker.asr.speech_stage import SpeechStage
from avis.avtracker.interfaces import Grounding, IdentityAssociation, LocalAnswer, VideoContext
from avis.avtracker.tracks import Person, SegmentMasks
from avis.avtracker.windows import SpeechWindow
from avis.structures.media import FrameSource, Waveform


@dataclass(frozen=True)
class Components:
    """The components whose behavior depends on the strategy."""

    speech: SpeechStage
    grounding: Grounding
    identity: IdentityAssociation


class TrackingStrategy(Protocol):
    """Decisions of a tracker; ``counts`` collects by kind what was left out or replaced."""

    name: str
    """'corrected' or 'official', for records and cache keys."""

    def adapt(self, components: Components) -> Components:
        """The components with the behavior of this strategy.

        Raises:
            ValueError: A component that the strategy does not support.
        """

    def reason_to_skip(self, *, annotated: bool) -> str | None:
        """Why nobody is tracked in a video with or without annotations; None goes on."""

    def frame_rate(self, frames: FrameSource, audio: Waveform, counts: Counter[str]) -> float:
        """Frames per second by which times of speech become frames."""

    def reason_to_stop(self, segments: Sequence[Segment], audio: Waveform) -> str | None:
        """Why nobody can be tracked after speech recognition; None goes on."""

    def windows(
        self, segments: Sequence[Segment], *, fps: float, num_frames: int, counts: Counter[str]
    ) -> Iterable[SpeechWindow]:
        """The windows that the grounding is asked about."""

    def masks(self, video: VideoContext, window: SpeechWindow, answer: LocalAnswer) -> SegmentMasks:
        """The masks of the speaker in a window."""

    def windows_to_associate(
        self, windows: Sequence[SegmentMasks], counts: Counter[str]
    ) -> list[SegmentMasks]:
        """The windows among which identities are associated."""

    def persons(
        self,
        video: VideoContext,
        grouped: Mapping[Any, Any],
        windows: Sequence[SegmentMasks],
        counts: Counter[str],
    ) -> Iterator[Person]:
        """The persons of a grouping of ``windows``; those before an error are complete."""
