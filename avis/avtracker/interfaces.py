"""What the parts of AVTracker give each other: start reading here.

    sound --SpeechRecognizer (Separator, SpeakerEncoder)--> SpeechSegments
    frames --InstanceTracker--> FrameDetections              one entry per frame, with object ids
    chunk + its frames --Grounding (ChatModel)--> LocalAnswer   which detection speaks
    windows --Identity (ChatModel, FaceEncoder, SpeakerEncoder)--> GlobalAnswer   who is the same

Rules for every part: keyword-only constructor without work (weights, libraries and connections are
opened on first use, so that a finished stage costs nothing); plain NumPy in and out; bad input is a
``ValueError`` that names it. A part that reads a file per video also has
``content_key(name: str) -> str``, which changes with that file, because the results of a stage are
kept on disk under the part's configuration.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from avis.structures.media import NO_DETECTIONS, FrameDetections, FrameSource, ImageArray, Waveform

Timestamp = tuple[float | None, float | None]


@dataclass(frozen=True)
class SpeechSegment:
    """A stretch of speech as recognized.

    Args:
        text: The words; '' from a part that hears voices but no words.
        timestamp: Start and end in seconds of the waveform given; either may be missing.
        speaker: Label of the voice, from parts that tell (a diarization file).
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
        attempt: 0, then one more each time a reply could not be used: a model whose replies do
            not vary should vary them by it (seed or temperature).
        max_new_tokens: Longest reply.
    """

    parts: tuple[str | ImageArray, ...]
    name: str = ''
    attempt: int = 0
    max_new_tokens: int = 2048


@dataclass(frozen=True)
class Reply:
    """What a chat model made of a message.

    Args:
        text: Its words; None if there is no reply.
        error: Why there is none.
        usage: Anything worth recording: seconds, tokens, tries. Never a key.
    """

    text: str | None
    error: Exception | None = None
    usage: dict[str, Any] = field(default_factory=dict)

    def to_record(self) -> dict[str, Any]:
        """What is written down of it, as JSON has it."""
        error = None if self.error is None else repr(self.error)
        return {'text': self.text, 'error': error, 'usage': self.usage}


@dataclass(frozen=True)
class Face:
    """A face in a image: ``box`` x1 y1 x2 y2 in pixels, ``embedding`` (D,)."""

    box: tuple[float, float, float, float]
    embedding: NDArray[np.float32]


@dataclass(frozen=True)
class VideoContext:
    """What grounding and identity may look at: everything known of one video."""

    name: str
    frames: FrameSource
    audio: Waveform
    detections: Sequence[FrameDetections | None]
    """One per frame; None where the tracker gave no entry."""

    def found(self, frame: int) -> FrameDetections:
        """The detections of a frame; empty where the tracker gave no entry."""
        return self.detections[frame] or NO_DETECTIONS


@dataclass(frozen=True)
class LocalQuery:
    """Who speaks during one window?

    Args:
        window: Number of the window.
        text: What is said.
        timestamp: Start and end of the speech in seconds.
        frame_ids: Frames of the window, increasing.
        speaker: Label of the voice, if the recognizer tells voices apart.
    """

    window: int
    text: str
    timestamp: tuple[float, float]
    frame_ids: tuple[int, ...]
    speaker: str | None = None


@dataclass(frozen=True)
class LocalAnswer:
    """Who speaks: per frame of the window a row of its detections, or None for nobody.

    Args:
        rows: One per frame id of the question.
        reason: Why, for the reader of the record.
        record: What was asked and replied, JSON-ready.
        counts: What had to be left out or decided otherwise, by kind.
    """

    rows: list[int | None]
    reason: str = ''
    record: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Utterance:
    """A window with its answer, as the identity part sees it.

    Args:
        question: What was asked.
        frame_ids: All frames of the window (those asked about may be a sample of them).
        rows: Per frame the row of the speaker's detection, or None.
        key_frame: Frame number of the window's largest mask.
    """

    question: LocalQuery
    frame_ids: tuple[int, ...]
    rows: list[int | None]
    key_frame: int


@dataclass(frozen=True)
class GlobalAnswer:
    """Which utterances are one person.

    Args:
        persons: Positions in the list of utterances, by the name of the person.
        reason: Why, for the reader of the record.
        record: What was asked and replied, JSON-ready.
        counts: What had to be left out or decided otherwise, by kind.
    """

    persons: dict[Any, Any]
    reason: str = ''
    record: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


class ModelUnavailable(RuntimeError):
    """A model or its endpoint answers nothing at all; what is done so far stays valid."""


class SpeechRecognizer(Protocol):
    """Hears speech; `WhisperASR`, `SileroVAD`, `TranscriptFile`."""

    sample_rate: int
    has_words: bool
    """False: texts are always ''. True where missing; then a chunk without text is nothing."""

    def transcribe(self, waveform: Waveform) -> list[SpeechSegment]:
        """Chunks in order of time; times in seconds of this waveform."""


class Separator(Protocol):
    """Takes overlapping voices apart; `MossFormer2`, `SepFormer`, `ConvTasNet`."""

    sample_rate: int

    def separate(self, waveform: Waveform) -> list[Waveform]:
        """One waveform per source, as long as the mixture, given at ``sample_rate``."""


class SpeakerEncoder(Protocol):
    """Describes a voice; `ECAPA`, `XVector`, `Resemblyzer`."""

    sample_rate: int

    def embed(self, waveform: Waveform) -> NDArray[np.float32]:
        """Embedding (D,), compared by cosine; ``ValueError`` for too short a segment."""


class InstanceTracker(Protocol):
    """Finds and follows people; `SAM3Video`, `SAM2Video`, `MaskFolder`, ..."""

    def track(self, frames: FrameSource, *, prompt: str) -> Iterable[tuple[int, FrameDetections]]:
        """Frame number and its detections, frame by frame; memory does not grow with T."""


class ChatModel(Protocol):
    """A vision-language model; `TransformersVLM`, `OpenAICompatibleVLM`."""

    def chat(self, messages: Iterable[Message]) -> Iterator[Reply]:
        """One reply per message, in order.

        Messages are drawn from the iterable when there is room for them, so that only the
        images of those in flight are in memory: batches of a local model, concurrent requests
        of an endpoint. What fails after all retries is a ``Reply`` with its error; it does not
        end the others.

        Raises:
            ModelUnavailable: The model cannot answer anything (the endpoint is gone, the key is
                refused), raised where the first reply is missing. Not the question's fault: the
                video stops here and is resumed later.
        """


class FaceEncoder(Protocol):
    """Finds and describes faces."""

    threshold: float
    """Least cosine similarity of two faces of one person."""

    def faces(self, image: ImageArray) -> list[Face]:
        """All faces; none where there is none."""


class Grounding(Protocol):
    """Local stage; `VLMGrounding`, `MouthMotionGrounding`.

    Answers are kept one by one, and an interrupted run asks only the rest. A part whose answer to
    one question depends on the others says so by ``needs_all_windows = True``: its answers are kept
    together.
    """

    def ground(self, video: VideoContext, questions: Iterable[LocalQuery]) -> Iterator[LocalAnswer]:
        """One answer per question, in order, each as soon as it is known."""


class IdentityAssociation(Protocol):
    """Global stage; `VLMIdentity`, `FaceIdentity`, `SpeakerIdentity`, `JointIdentity`."""

    def group(self, video: VideoContext, utterances: Sequence[Utterance]) -> GlobalAnswer:
        """Who is the same; positions index ``utterances``."""
