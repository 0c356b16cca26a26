"""Base of the online trackers, which process one frame after the other."""

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from mmengine.structures import InstanceData
from numpy.typing import NDArray
from torch import Tensor, nn

from avis.models.decode_heads.frame_predictions import FramePredictions
from avis.models.trackers.base import Tracker, TrackerWindow
from avis.models.trackers.detections import Detections, Detector
from avis.models.trackers.track_store import TrackStore
from avis.registry import MODELS


class TrackState(Protocol):
    """State of one track; trackers add what they compare.

    Attributes:
        last_frame: Frame index of its latest detection.
    """

    last_frame: int


StateT = TypeVar('StateT', bound=TrackState)


@dataclass
class TrackMemory(Generic[StateT]):
    """The tracks of a video that new detections are matched with.

    Attributes:
        states: State of each track, by track id.
        next_id: Id of the next new track.
    """

    states: dict[int, StateT] = field(default_factory=dict)
    next_id: int = 0

    def remove_lost(self, before: int) -> None:
        """Remove the tracks whose latest detection is older than frame ``before``."""
        self.states = {i: state for i, state in self.states.items() if state.last_frame >= before}

    def new_id(self) -> int:
        """Return a track id that was not used before in this video."""
        self.next_id += 1
        return self.next_id - 1


@dataclass
class _State:
    store: TrackStore
    gate: nn.Module | None
    memory: Any


class OnlineTracker(Tracker):
    """Base of the trackers that assign a track id to each detection of a frame immediately.

    Args:
        detector: See :class:`~avis.models.trackers.detections.Detector`; None for its defaults.
        min_frames: Tracks with masks in fewer frames are dropped.
        max_tracks: Largest number of tracks per video; those with the best scores are kept.
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
    def init_memory(self) -> Any:
        """Return the memory of :meth:`assign` at the start of a video."""

    @abstractmethod
    def assign(self, memory: Any, detections: Detections) -> NDArray[np.int64]:
        """Assign track ids to the detections of the next frame.

        Args:
            memory: Of :meth:`init_memory`; changed in place.
            detections: N detections.

        Returns:
            Track ids (N,), -1 for a detection that belongs to no track.
        """

    def start(self, gate: nn.Module | None = None) -> _State:
        """Return the state of a new video."""
        store = TrackStore(min_frames=self.min_frames, max_tracks=self.max_tracks)
        return _State(store, gate, self.init_memory())

    def update(
        self, state: _State, frames: FramePredictions, audio: Tensor, window: TrackerWindow
    ) -> None:
        """Process the new frames of a window one by one."""
        skip = state.store.start_window(window)
        for detections in self.detector(frames, audio, window, gate=state.gate, skip=skip):
            state.store.add(detections, self.assign(state.memory, detections))

    def finish(self, state: _State) -> InstanceData:
        """Return the tracks of all frames processed."""
        return state.store.to_instances()
