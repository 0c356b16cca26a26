"""The official behavior of AVTracker, step by step with all its defects.

Source: FudanCVL/AVTrack, commit 870bf2a; the numbers of defects (D1, ...) are those of
docs/avtracker_defects.md. Tested on recordings of the official code, see
tests/data/golden/avtracker.
"""

import inspect
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from mmengine.logging import print_log

from avis.avtracker.asr.segments import Segment
from avis.avtracker.asr.speech_stage import SpeechStage
from avis.avtracker.asr.whisper import WhisperASR
from avis.avtracker.grounding.vlm_grounding import VLMGrounding
from avis.avtracker.identity.embedding_identity import FaceIdentity
from avis.avtracker.identity.vlm_identity import VLMIdentity
from avis.avtracker.interfaces import (
    Grounding,
    IdentityAssociation,
    LocalAnswer,
    VideoContext,
)
from avis.avtracker.official.grounding import OfficialVLMGrounding
from avis.avtracker.official.identity import OfficialFaceIdentity, OfficialVLMIdentity
from avis.avtracker.official.speech import OfficialSpeechStage
from avis.avtracker.official.tracks import official_masks, official_window, overwrite_windows
from avis.avtracker.speaker_encoders.ecapa import ECAPA
from avis.avtracker.strategy import Components
from avis.avtracker.tracks import Person, SegmentMasks
from avis.avtracker.windows import SpeechWindow
from avis.structures.media import FrameSource, Waveform

Part = TypeVar('Part')


class OfficialStrategy:
    """See :class:`~avis.avtracker.strategy.TrackingStrategy`.

    Args:
        max_frames: Most frames in one query.
        window_seconds: Ignored with a warning, as the official code never reads it (D1).
    """

    name = 'official'

    def __init__(self, *, max_frames: int, window_seconds: float | None) -> None:
        self.max_frames = max_frames
        if window_seconds is not None:
            print_log(
                "AVTracker: protocol='official' ignores window_seconds (D1): every speech segment "
                'is a window.',
                logger='current',
                level=logging.WARNING,
            )

    def adapt(self, components: Components) -> Components:
        """Components that behave as the official ones.

        Raises:
            ValueError: A component that the official code does not have; it would silently do
                something else (D3).
        """
        speech = components.speech
        if isinstance(components.identity, FaceIdentity) and speech.separator is not None:
            raise ValueError(
                'AVTracker: the official code never separates where it groups by faces; set '
                "speech.separator=None, or protocol='corrected'"
            )
        return Components(
            _official_speech(speech),
            _official_grounding(components.grounding),
            _official_identity(components.identity),
        )

    def reason_to_skip(self, *, annotated: bool) -> str | None:
        """Videos without annotation are not tracked."""
        return None if annotated else 'no_annotation'

    def frame_rate(self, frames: FrameSource, audio: Waveform, counts: Counter[str]) -> float:
        """Frames over seconds of audio (D29)."""
        return len(frames) / audio.seconds if len(audio.samples) else 1.0

    def reason_to_stop(self, segments: Sequence[Segment], audio: Waveform) -> None:
        """Without speech the other stages run as well."""
        return

    def windows(
        self, segments: Sequence[Segment], *, fps: float, num_frames: int, counts: Counter[str]
    ) -> Iterator[SpeechWindow]:
        """One window per segment; windows before a segment without times are asked about."""
        for number, segment in enumerate(segments):
            yield official_window(
                number, segment, fps=fps, max_frames=self.max_frames, num_frames=num_frames
            )

    def masks(self, video: VideoContext, window: SpeechWindow, answer: LocalAnswer) -> SegmentMasks:
        """Masks by entries of the tracker (D30)."""
        return official_masks(video, window, answer)

    def windows_to_associate(
        self, windows: Sequence[SegmentMasks], counts: Counter[str]
    ) -> list[SegmentMasks]:
        """All windows (D41)."""
        return list(windows)

    def persons(
        self,
        video: VideoContext,
        grouped: Mapping[Any, Any],
        windows: Sequence[SegmentMasks],
        counts: Counter[str],
    ) -> Iterator[Person]:
        """A window may belong to several persons, or to none (D44, D45)."""
        return overwrite_windows(grouped, windows)


def _official_speech(stage: SpeechStage) -> OfficialSpeechStage:
    if not isinstance(stage, SpeechStage):
        raise _not_official(stage)
    return _rebuild(
        stage,
        OfficialSpeechStage,
        recognizer=_without_shortest(stage.recognizer),
        encoder=_without_shortest(stage.encoder),
    )


def _without_shortest(component: Any) -> Any:
    """The official components without a shortest audio, which their code does not check."""
    if type(component) in (ECAPA, WhisperASR):
        return _rebuild(component, type(component), min_seconds=0.0)
    return component


def _official_grounding(grounding: Grounding) -> Grounding:
    if not isinstance(grounding, VLMGrounding):
        raise _not_official(grounding)
    return _rebuild(grounding, OfficialVLMGrounding)


def _official_identity(identity: IdentityAssociation) -> IdentityAssociation:
    if isinstance(identity, FaceIdentity):
        return _rebuild(identity, OfficialFaceIdentity)
    if not isinstance(identity, VLMIdentity):
        raise _not_official(identity)
    return _rebuild(identity, OfficialVLMIdentity)


def _rebuild(component: Any, kind: type[Part], **changes: Any) -> Part:
    """An object of ``kind`` with the arguments of a component, which are attributes of it.

    Args:
        component: An object of ``kind`` or of its parent.
        kind: The class to build.
        changes: Arguments with other values.
    """
    arguments = {name: getattr(component, name) for name in inspect.signature(kind).parameters}
    return kind(**{**arguments, **changes})


def _not_official(component: Any) -> ValueError:
    return ValueError(
        f'AVTracker: the official code has no {type(component).__name__}; set '
        f"protocol='corrected', or use SpeechStage, VLMGrounding, VLMIdentity and FaceIdentity"
    )
