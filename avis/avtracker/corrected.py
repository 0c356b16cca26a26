"""The corrected behavior of AVTracker, its default; see docs/avtracker_defects.md."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from avis.avtracker.asr.segments import Segment
from avis.avtracker.interfaces import LocalAnswer, VideoContext
from avis.avtracker.strategy import Components
from avis.avtracker.tracks import (
    Person,
    SegmentMasks,
    merge_windows,
    segment_masks,
    split_by_person,
)
from avis.avtracker.windows import SpeechWindow, fixed_segments, speech_windows
from avis.structures.media import FrameSource, Waveform
from avis.structures.media_time import frame_time

_MAX_LENGTH_DIFFERENCE = 1.0  # seconds between the ends of audio and frames that are not reported


class CorrectedStrategy:
    """See :class:`~avis.avtracker.strategy.TrackingStrategy`.

    Args:
        max_frames: Most frames in one query.
        window_seconds: Length of fixed windows; None for one window per speech segment.
    """

    name = 'corrected'

    def __init__(self, *, max_frames: int, window_seconds: float | None) -> None:
        self.max_frames, self.window_seconds = max_frames, window_seconds

    def adapt(self, components: Components) -> Components:
        """The components as they are."""
        return components

    def reason_to_skip(self, *, annotated: bool) -> None:
        """Every video is tracked."""
        return

    def frame_rate(self, frames: FrameSource, audio: Waveform, counts: Counter[str]) -> float:
        """That of the frames; a mismatch with the audio is counted in seconds."""
        difference = abs(len(frames) / frames.fps - audio.seconds)
        if difference > _MAX_LENGTH_DIFFERENCE:
            counts['seconds_between_ends_of_audio_and_frames'] = round(difference)
        return frames.fps

    def reason_to_stop(self, segments: Sequence[Segment], audio: Waveform) -> str | None:
        """Without speech nobody is a speaker."""
        if segments:
            return None
        is_silent = not any(np.any(block.samples) for block in audio.blocks())
        return 'no_audio' if is_silent else 'no_speech'

    def windows(
        self, segments: Sequence[Segment], *, fps: float, num_frames: int, counts: Counter[str]
    ) -> list[SpeechWindow]:
        """Windows inside the video, of fixed length if wanted."""
        if self.window_seconds is not None:
            total = frame_time(num_frames, fps)
            segments = fixed_segments(segments, seconds=self.window_seconds, total=total)
        return speech_windows(
            segments, fps=fps, max_frames=self.max_frames, num_frames=num_frames, counts=counts
        )

    def masks(self, video: VideoContext, window: SpeechWindow, answer: LocalAnswer) -> SegmentMasks:
        """Masks of all frames of the window, by frame index."""
        return segment_masks(video, window, answer)

    def windows_to_associate(
        self, windows: Sequence[SegmentMasks], counts: Counter[str]
    ) -> list[SegmentMasks]:
        """Those with a mask; one in which people speak in turn becomes one per person."""
        kept = [each for each in windows if any(each.areas)]
        if len(kept) < len(windows):
            counts['windows_without_mask'] = len(windows) - len(kept)
        return [part for each in kept for part in split_by_person(each)]

    def persons(
        self,
        video: VideoContext,
        grouped: Mapping[Any, Any],
        windows: Sequence[SegmentMasks],
        counts: Counter[str],
    ) -> Iterator[Person]:
        """Each window belongs to one person."""
        return merge_windows(video, grouped, windows, counts)
