"""What the trackers share that look at one frame after the other."""

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from mmengine.structures import InstanceData
from numpy.typing import NDArray
from torch import Tensor, nn

from avis.models.decode_heads.frame_predictions import FramePredictions
from avis.models.trackers.base import Tracker, Window
from avis.models.trackers.detections import Detections, Detector
from avis.models.trackers.track_store import TrackStore
from avis.registry import MODELS


class Remembered(Protocol):
    """What is known of one instance."""

    last_frame: int


One = TypeVar('One', bound=Remembered)


@dataclass
class Memory(Generic[One]):
    """The instances of a video that may come back, by identity."""

    ones: dict[int, One] = field(default_factory=dict)
    next_id: int = 0

    def forget(self, before: int) -> None:
        """Drop those that were last seen before this frame."""
        self.ones = {n: one for n, one in self.ones.items() if one.last_frame >= before}

    def begin(self) -> int:
        """An identity that nobody had."""
        self.next_id += 1
        return self.next_id - 1


@dataclass
class _State:
    store: TrackStore
    gate: nn.Module | None
    memory: Any


class OnlineTracker(Tracker):
    """Base of the trackers that give each detection its identity as soon as its frame is seen.

    Args:
        detector: See :class:`~avis.models.trackers.detections.Detector`; None for its defaults.
        min_frames: Tracks with masks in fewer frames are left out.
        max_tracks: Most tracks of a video.
    """

    def __init__(
        self,
        *,
        detector: dict[str, Any] | None = None,
        min_frames: int = 1,
        max_tracks: int = 100,
    ) -> None:
        super().__init__()
        self.detector = Detector() if detector is None else MODELS.build(detector)
        self.min_frames = min_frames
        self.max_tracks = max_tracks

    @abstractmethod
    def new_memory(self) -> Any:
        """What :meth:`assign` remembers of a video of which nothing was seen."""

    @abstractmethod
    def assign(self, memory: Any, found: Detections) -> NDArray[np.int64]:
        """Identities of the detections of the next frame, -1 for one that belongs to no track.

        Args:
            memory: Of :meth:`new_memory`; changed in place.
            found: N detections.
        """

    def start(self, gate: nn.Module | None = None) -> _State:
        """Nothing seen, nothing remembered."""
        store = TrackStore(min_frames=self.min_frames, max_tracks=self.max_tracks)
        return _State(store, gate, self.new_memory())

    def update(
        self, state: _State, frames: FramePredictions, audio: Tensor, window: Window
    ) -> None:
        """Take in the frames of a window that are new, one by one."""
        skip = state.store.open(window)
        for found in self.detector(frames, audio, window, gate=state.gate, skip=skip):
            state.store.add(found, self.assign(state.memory, found))

    def finish(self, state: _State) -> InstanceData:
        """The tracks."""
        return state.store.to_instances()
