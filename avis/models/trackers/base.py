"""Interface of the trackers, which associate the instances of single frames to tracks.

A frame head finds instances in every frame, a tracker decides which of them are the same. Any frame
head works with any tracker. A tracker processes a video as a sequence of windows that may overlap
and encodes the masks of each window as RLE immediately, so that its memory grows with the content
and not with the length of the video::

    state = tracker.start(gate)
    for window, frames, audio in windows:
        tracker.update(state, frames, audio, window)
    tracks = tracker.finish(state)

A clip that fits one window is one ``update``; streaming it returns exactly the same result. Start
reading at :class:`~avis.models.trackers.mask_overlap_tracker.MaskOverlapTracker`; shared parts are
in :mod:`~avis.models.trackers.detections` and :mod:`~avis.models.trackers.track_store`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mmengine.structures import InstanceData
from torch import Tensor, nn

from avis.models.decode_heads.frame_predictions import FramePredictions
from avis.structures.av_data_sample import AVDataSample


@dataclass(frozen=True)
class TrackerWindow:
    """Position of the frames of one :meth:`Tracker.update` in the video, and their sizes (H, W).

    Attributes:
        start: Index of its first frame in the video; the other frames follow.
        input_shape: Padded size of the network input; the mask logits cover it.
        img_shape: Size without the padding.
        ori_shape: Size of the output masks.
    """

    start: int
    input_shape: tuple[int, int]
    img_shape: tuple[int, int]
    ori_shape: tuple[int, int]

    @classmethod
    def from_sample(cls, sample: AVDataSample, start: int = 0) -> 'TrackerWindow':
        """Read the sizes from a preprocessed data sample whose first frame has index ``start``."""
        keys = ('batch_input_shape', 'img_shape', 'ori_shape')
        shapes = ((int(sample.get(key)[0]), int(sample.get(key)[1])) for key in keys)
        return cls(start, *shapes)


class Tracker(nn.Module, ABC):
    """Base of the trackers; one without parameters implements only the three abstract methods."""

    def forward(self, frames: FramePredictions, audio: Tensor) -> dict[str, Tensor]:
        """Return the raw outputs of a batch; empty for a tracker without parameters.

        Args:
            frames: Predictions of B clips of T frames.
            audio: One audio embedding per frame, (B, T, D).

        Returns:
            ``class_logits`` (B, Q, K + 1) and ``mask_embeds`` (B, Q, C) of clip-level queries.
        """
        return {}

    def loss(
        self,
        frames: FramePredictions,
        audio: Tensor,
        data_samples: Sequence[AVDataSample],
        matchings: Any,
    ) -> dict[str, Tensor]:
        """Return the losses of a batch by name; empty for a tracker without parameters.

        Args:
            frames: Predictions of B clips of T frames.
            audio: One audio embedding per frame, (B, T, D).
            data_samples: B samples with ``gt_tracks``.
            matchings: Matched queries of the frame head, see its ``loss``.
        """
        return {}

    @abstractmethod
    def start(self, gate: nn.Module | None = None) -> Any:
        """Return the state of a new video.

        Args:
            gate: Decides in which frames a track is sounding and therefore reported, see
                :class:`~avis.models.trackers.sounding_gate.SoundingGate`; None reports all frames.
        """

    @abstractmethod
    def update(
        self, state: Any, frames: FramePredictions, audio: Tensor, window: TrackerWindow
    ) -> None:
        """Process the next window of a video.

        Args:
            state: Of :meth:`start`; changed in place.
            frames: Predictions of the window, B = 1.
            audio: Audio embeddings of its frames, (1, T, D).
            window: Its position and sizes. It must begin inside or right after the frames processed
                so far. Frames processed twice keep the masks of the earlier window.
        """

    @abstractmethod
    def finish(self, state: Any) -> InstanceData:
        """Return the tracks of all frames processed.

        Returns:
            ``labels`` int (N,), ``scores`` float (N,), ``ids`` int (N,), and ``masks``, a list of N
            :class:`~avis.structures.mask_track.MaskTrack` at ``ori_shape``; on the CPU.
        """
