"""Interfaces between the components of AVTracker: start reading here.

The data flow::

    audio --SpeechRecognizer (Separator, SpeakerEncoder)--> SpeechSegments
    frames --InstanceTracker--> FrameDetections              one entry per frame, with object ids
    segment + its frames --Grounding (ChatModel)--> LocalAnswer   which detection speaks
    windows --IdentityAssociation (ChatModel, FaceEncoder, SpeakerEncoder)--> GlobalAnswer
                                                             which windows show the same person

Rules for every component: keyword-only constructor without work (weights, libraries and connections
are opened on first use, so that a finished stage costs nothing); plain NumPy in and out; bad input
raises a ``ValueError`` that names it. A component that reads a file per video also has
``content_key(name: str) -> str``, which changes with that file, because the results of a stage are
cached under the configuration of its components.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from avis.structures.media import (
    NO_DETECTIONS,
    FrameDetections,
    FrameSource,
    ImageArray,
    Waveform,
)

Timestamp = tuple[float | None, float | None]


@dataclass(frozen=True)
class SpeechSegment:
    """A segment of speech as recognized.

    Args:
        text: The words; '' from a recognizer that detects speech but no words.
        timestamp: Start and end in seconds of the waveform; either may be missing.
        speaker: Label of the speaker, from recognizers that know it (a diarization file).
    """

    text: str
    timestamp: Timestamp | None
    speaker: str | None = None


@dataclass(frozen=True)
class Message:
    """One question to a chat model: a single user message.

    Args:
        parts: Texts and images in order.
        name: What the question is about, such as ``video/local/3``; for logs and replays.
        attempt: 0, then one more each time a reply could not be used: a model with deterministic
            replies should vary them by it (seed or temperature).
        max_new_tokens: Longest reply.
    """

    parts: tuple[str | ImageArray, ...]
    name: str = ''
    attempt: int = 0
    max_new_tokens: int = 2048


@dataclass(frozen=True)
class Reply:
    """Reply of a chat model to a message.

    Args:
        text: The text; None if there is no reply.
        error: Why there is none.
        usage: Anything worth recording: seconds, tokens, tries. Never a key.
    """

    text: str | None
    error: Exception | None = None
    usage: dict[str, Any] = field(default_factory=dict)

    def to_record(self) -> dict[str, Any]:
        """JSON-ready entry of the record."""
        error = None if self.error is None else repr(self.error)
        return {'text': self.text, 'error': error, 'usage': self.usage}


@dataclass(frozen=True)
class Face:
    """A face in an image: ``box`` x1 y1 x2 y2 in pixels, ``embedding`` (D,)."""

    box: tuple[float, float, float, float]
    embedding: NDArray[np.float32]


@dataclass(frozen=True)
class VideoContext:
    """Everything known of one video; the input of grounding and identity association."""

    name: str
    frames: FrameSource
    audio: Waveform
    detections: Sequence[FrameDetections | None]
    """One per frame; None where the tracker returned no entry."""

    def found(self, frame: int) -> FrameDetections:
        """The detections of a frame; empty where the tracker returned no entry."""
        return self.detections[frame] or NO_DETECTIONS


@dataclass(frozen=True)
class LocalQuery:
    """Who speaks during one window?

    Args:
        window: Index of the window.
        text: What is said.
        timestamp: Start and end of the speech in seconds.
        frame_ids: Frames of the window, increasing.
        speaker: Label of the speaker, if the recognizer tells speakers apart.
        max_frames: Most frames in any query of the video, for prompts.
    """

    window: int
    text: str
    timestamp: tuple[float, float]
    frame_ids: tuple[int, ...]
    speaker: str | None = None
    max_frames: int = 30


@dataclass(frozen=True)
class LocalAnswer:
    """Who speaks: per frame of the window a row of its detections, or None for nobody.

    Args:
        rows: One per frame id of the query.
        reason: Why, for the reader of the record.
        record: Query and replies, JSON-ready.
        counts: How often something was left out or decided by a fallback, by kind.
        persons: Per frame a number of the person, None for nobody, if people speak in turn in the
            window; None if it has one speaker.
    """

    rows: list[int | None]
    reason: str = ''
    record: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    persons: list[int | None] | None = None


@dataclass(frozen=True)
class GroundedUtterance:
    """A window with its answer, the input of identity association.

    Args:
        query: What was asked.
        frame_ids: All frames of the window (those of the query may be a sample of them).
        rows: Per frame the row of the speaker's detection, or None.
        key_frame: Index of the frame with the window's largest mask.
    """

    query: LocalQuery
    frame_ids: tuple[int, ...]
    rows: list[int | None]
    key_frame: int


@dataclass(frozen=True)
class GlobalAnswer:
    """Which utterances belong to one person.

    Args:
        persons: Positions in the list of utterances, by the name of the person.
        reason: Why, for the reader of the record.
        record: Query and replies, JSON-ready.
        counts: How often something was left out or decided by a fallback, by kind.
    """

    persons: dict[Any, Any]
    reason: str = ''
    record: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


class ModelUnavailable(RuntimeError):
    """A model or its endpoint does not answer at all; finished results stay valid."""


class SpeechRecognizer(Protocol):
    """Recognizes speech; `WhisperASR`, `SileroVAD`, `TranscriptFile`."""

    sample_rate: int
    has_words: bool
    """False: texts are always ''. A missing attribute means True; then a segment without text is
    dropped."""

    def transcribe(self, waveform: Waveform) -> list[SpeechSegment]:
        """Segments in order of time; times in seconds of this waveform."""


class Separator(Protocol):
    """Separates overlapping speakers; `MossFormer2`, `SepFormer`, `ConvTasNet`."""

    sample_rate: int

    def separate(self, waveform: Waveform) -> list[Waveform]:
        """One waveform per source, as long as the mixture, which has ``sample_rate``."""


class SpeakerEncoder(Protocol):
    """Embeds speech of one speaker; `ECAPA`, `XVector`, `Resemblyzer`."""

    sample_rate: int

    def embed(self, waveform: Waveform) -> NDArray[np.float32]:
        """Embedding (D,), compared by cosine; ``ValueError`` for too short a segment."""


class InstanceTracker(Protocol):
    """Detects and tracks people; `SAM3Video`, `SAM2Video`, `MaskFolder`, ..."""

    def track(self, frames: FrameSource, *, prompt: str) -> Iterable[tuple[int, FrameDetections]]:
        """Frame index and its detections, frame by frame; memory does not grow with T."""


class ChatModel(Protocol):
    """A vision-language model; `TransformersVLM`, `OpenAICompatibleVLM`."""

    def chat(self, messages: Iterable[Message]) -> Iterator[Reply]:
        """One reply per message, in order.

        Messages are taken from the iterable as soon as they can be processed, so that only the
        images of those in flight are in memory: batches of a local model, concurrent requests
        of an endpoint. What fails after all retries is a ``Reply`` with its error; it does not
        end the others.

        Raises:
            ModelUnavailable: The model cannot answer anything (the endpoint is gone, the key is
                refused), raised where the first reply is missing. The message is not the cause: the
                video stops here and is resumed later.
        """


class FaceEncoder(Protocol):
    """Detects and embeds faces."""

    threshold: float
    """Least cosine similarity of two faces of one person."""

    def faces(self, image: ImageArray) -> list[Face]:
        """All faces of an image; the list may be empty."""


class Grounding(Protocol):
    """Local stage; `VLMGrounding`, `MouthMotionGrounding`.

    Answers are stored one by one, and a resumed run asks only the rest. A component whose answer to
    one query depends on the others sets ``needs_all_windows = True``: its answers are stored
    together.
    """

    def ground(self, video: VideoContext, queries: Iterable[LocalQuery]) -> Iterator[LocalAnswer]:
        """One answer per query, in order, each as soon as it is known."""


class IdentityAssociation(Protocol):
    """Global stage; `VLMIdentity`, `FaceIdentity`, `SpeakerIdentity`, `JointIdentity`."""

    def group(self, video: VideoContext, utterances: Sequence[GroundedUtterance]) -> GlobalAnswer:
        """Which utterances belong to the same person; positions index ``utterances``."""
