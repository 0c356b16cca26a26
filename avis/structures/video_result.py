"""What a model found in one video: the structure that result files, videos and reports show."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.structures.mask_track import MaskTrack
from avis.structures.media_time import frame_time


@dataclass
class TrackResult:
    """One person, sounding object, or class of a semantic model.

    Args:
        id: Identity from 1, unique in the video.
        name: Name to show: a given name, or class and id.
        masks: Masks of the frames in which it is visible, None elsewhere.
        sounding: bool (T,), True where it makes a sound; never where it has no mask.
        label: Class index.
        class_name: Name of the class; None if unknown.
        score: Confidence of the track, 0 to 1.

    Raises:
        ValueError: ``masks`` and ``sounding`` differ in length, or it sounds where it has no mask.
    """

    id: int
    name: str
    masks: MaskTrack
    sounding: NDArray[np.bool_]
    label: int = 0
    class_name: str | None = None
    score: float = 1.0

    def __post_init__(self) -> None:
        if len(self.masks) != len(self.sounding):
            raise ValueError(
                f'track {self.id}: expected one flag per mask, got {len(self.masks)} masks and '
                f'{len(self.sounding)} flags'
            )
        unseen = self.sounding & ~self.visible
        if unseen.any():
            frame = int(np.flatnonzero(unseen)[0])
            raise ValueError(f'track {self.id}: expected a mask in frame {frame}, where it sounds')

    @property
    def visible(self) -> NDArray[np.bool_]:
        """True for the frames with a mask, bool (T,)."""
        return np.array([rle is not None for rle in self.masks.rles], bool)


@dataclass(frozen=True)
class Utterance:
    """Recognized speech.

    Args:
        start: Seconds from the start of the video.
        end: Seconds from the start of the video.
        text: What is said; '' from a model that detects speech, but no words.
        track_id: ``TrackResult.id`` of the speaker; None if unknown.
    """

    start: float
    end: float
    text: str
    track_id: int | None = None


@dataclass
class VideoResult:
    """Tracks and transcript of one video.

    Args:
        name: Name of the video, from which file names are made.
        fps: Predicted frames per second; frame t is at t / fps seconds.
        length: T, the number of frames.
        height: Height of a frame in pixels, upright.
        width: Width of a frame in pixels, upright.
        tracks: In the order of their ids.
        utterances: In the order of their starts; empty if the model recognizes no speech.
        settings: What the result depends on: model, weights, options; JSON values.
        warnings: One sentence for each thing that the user should know.
    """

    name: str
    fps: float
    length: int
    height: int
    width: int
    tracks: list[TrackResult] = field(default_factory=list)
    utterances: list[Utterance] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Duration: the end of the last frame."""
        return float(frame_time(self.length, self.fps))
